"""What a log record is, how it becomes bytes, and what must never be in it."""
