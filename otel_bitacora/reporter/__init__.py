"""Keeps log records and brings them to where they are read."""
