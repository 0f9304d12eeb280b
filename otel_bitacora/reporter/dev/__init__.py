"""For developers: what a Reporter is tested with, and what shows records to people."""
