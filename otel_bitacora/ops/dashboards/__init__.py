"""Dashboards, made from the catalogue of metrics: what they ask for is what is published, and is called what it is called."""
