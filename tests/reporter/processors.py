"""Processors for tests."""


class Function:
    """A processor that is one function."""

    def __init__(self, function) -> None:
        self.process = function
