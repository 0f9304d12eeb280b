"""The half that keeps log records: from a logging call to disk, and from disk to wherever they are wanted."""
