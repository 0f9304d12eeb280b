"""A terminal as SVG that loads nothing from elsewhere."""

from __future__ import annotations

import re
from io import StringIO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text


def terminal_picture(typed: list[str], output: str, *, title: str, width: int, unique_id: str) -> str:
    """Return a terminal *width* cells wide with what was *typed*, and *output* with its colours."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    for line in typed:
        console.print(Text.assemble(("$ ", "bold green"), line))
    console.print(Text.from_ansi(output.rstrip("\n")))
    format_ = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=title, code_format=format_, unique_id=unique_id) + "\n"
