"""Files that come with the program: from inside the wheel, else from the checkout beside the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped(name: str) -> Traversable:
    """Return what is called *name*, such as `rules`, in the folder config/.

    Raises:
        FileNotFoundError: this installation is incomplete.
    """
    for folder in (files("otel_bitacora") / "config", Path(__file__).parents[2] / "config"):
        if (found := folder / name).is_dir() or found.is_file():
            return found
    raise FileNotFoundError(
        f"config/{name} is in neither the installed package nor a checkout: install otel-bitacora again"
    )


def rule_files() -> dict[str, str]:
    """Return the rule files by name, each in Prometheus's format."""
    return {
        one.name: one.read_text(encoding="utf-8") for one in shipped("rules").iterdir() if one.name.endswith(".yaml")
    }
