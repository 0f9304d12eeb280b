"""What a developer reaches for all day: records made readable, stand-ins for what is far away, and believable data."""
