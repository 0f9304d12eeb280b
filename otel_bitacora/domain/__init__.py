"""Bitacora's own words: projects, topics, sessions, actions, sparks and what happens to them, as it writes them in JSON."""
