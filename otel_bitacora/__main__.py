"""`otel-bitacora` and `python -m otel_bitacora`: runs a command and turns our errors into exit codes."""

from __future__ import annotations

import sys

from otel_bitacora.errors import BitacoraError, SettingsError

FAILED = 1
SETTINGS_INVALID = 3


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 failed, 2 usage, 3 settings invalid, 4 a backend can't be reached.
    """
    from otel_bitacora.cli.app import app  # noqa: PLC0415 - or importing this module would load typer

    try:
        app(prog_name="otel-bitacora")
    except BitacoraError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"otel-bitacora: {line}\n")
        sys.exit(SETTINGS_INVALID if isinstance(error, SettingsError) else FAILED)


if __name__ == "__main__":
    main()
