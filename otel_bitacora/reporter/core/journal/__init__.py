"""The crash-safe journal: what `Writer` appended survives its process, and `Reader` finds it."""
