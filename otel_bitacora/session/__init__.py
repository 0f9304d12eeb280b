"""Joins the two halves for one work session: what happened in it, and what the machine had to bear meanwhile."""
