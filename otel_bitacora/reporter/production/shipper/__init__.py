"""Brings what the journal holds to its destinations, at least once, and keeps count."""
