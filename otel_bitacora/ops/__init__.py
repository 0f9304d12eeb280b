"""Looking after an installation: what is installed, and what of it works here."""
