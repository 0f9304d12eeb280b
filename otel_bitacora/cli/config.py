"""`otel-bitacora config`: write, show and check settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from otel_bitacora.errors import BitacoraError

from .options import ConfigFile, Json
from .table import print_table

app = typer.Typer(help="Write, show and check settings.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def init(
    file: Annotated[Path | None, typer.Argument(help="Where to; default: where it is looked for.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write a settings file that shows every setting with its default."""
    from otel_bitacora.settings import default_config_path, sample_toml

    path = file or default_config_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as out:
            out.write(sample_toml())
    except FileExistsError as error:
        raise BitacoraError(f"{path} is there already; --force overwrites it") from error
    except OSError as error:
        raise BitacoraError(f"{path}: can't be written: {error.strerror}") from error
    typer.echo(path)


@app.command()
def show(
    config: ConfigFile = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    json: Json = False,
) -> None:
    """Show the settings in force."""
    from otel_bitacora.settings import load_settings, shown_values

    loaded = load_settings(config=config)
    values = _flat(shown_values(loaded.settings))
    if json:
        import orjson

        shown = [{"key": key, "value": value, "origin": loaded.origin(key)} for key, value in values.items()]
        ignored = list(loaded.ignored_environment)
        typer.echo(orjson.dumps({"settings": shown, "ignored_environment": ignored}))
        return
    rows = [(key, _text(value), loaded.origin(key) if origin else "") for key, value in values.items()]
    print_table(("SETTING", "VALUE", "FROM" if origin else ""), rows)
    for name in loaded.ignored_environment:
        typer.echo(f"ignored: {name} is not a setting of otel-bitacora", err=True)


@app.command()
def validate(file: Annotated[Path | None, typer.Argument(help="The file; default: the one in force.")] = None) -> None:
    """Check the settings; exit 3 with what is wrong."""
    from otel_bitacora.http.exposure import open_web_files
    from otel_bitacora.settings import load_settings
    from otel_bitacora.sidecar.sampling import select_with_own

    loaded = load_settings(config=file)
    select_with_own(loaded.settings)
    open_web_files(loaded.settings)
    typer.echo(f"valid: {loaded.config_file or 'no settings file; environment and defaults'}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    import orjson

    from otel_bitacora.settings import json_schema

    typer.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    return "(not set)" if value is None else str(value)
