"""What a developer reaches for: records made readable, fakes, and days that never were."""
