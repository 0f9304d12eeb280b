"""Sends snapshots to a receiver of OTLP: what is sent, where to, by which exporter, and what came of it."""
