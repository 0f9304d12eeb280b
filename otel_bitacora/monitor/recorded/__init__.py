"""Hosts whose files were recorded elsewhere, and what stands for the answers that aren't files."""
