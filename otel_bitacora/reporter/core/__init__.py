"""What the handler needs and nothing more: encoding and the journal."""
