import subprocess
import sys
from pathlib import Path

import pytest

import otel_bitacora

HEAVY = ("pydantic", "opentelemetry.sdk", "psutil", "grpc", "starlette", "uvicorn", "typer", "orjson", "zstandard")


def loaded_after(code: str) -> set[str]:
    listing = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    modules = loaded_after("import otel_bitacora")

    assert not modules & set(HEAVY)
    assert not {name for name in modules if name.startswith(("opentelemetry", "google.protobuf"))}


def test_every_public_name_can_be_had_and_says_where_it_lives() -> None:
    for name in otel_bitacora.__all__:
        assert getattr(otel_bitacora, name).__module__.startswith("otel_bitacora.")


def test_every_public_name_is_listed() -> None:
    assert set(otel_bitacora.__all__) <= set(dir(otel_bitacora))
    assert set(otel_bitacora.__all__) == set(otel_bitacora._HOMES)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'BitacoraHandlr'"):
        _ = otel_bitacora.BitacoraHandlr


def test_the_models_are_light_too() -> None:
    modules = loaded_after("from otel_bitacora import SystemMetrics")

    assert not modules & set(HEAVY)


def test_where_files_cannot_be_locked_the_handler_says_so() -> None:
    code = "import sys; sys.modules['fcntl'] = None\nfrom otel_bitacora import BitacoraHandler"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "JournalUnavailable: the journal needs file locks" in result.stderr


def test_the_handler_is_light_enough_for_every_application(tmp_path: Path) -> None:
    modules = loaded_after(
        f"from otel_bitacora import BitacoraHandler; BitacoraHandler(journal={str(tmp_path / 'j')!r})"
    )

    assert not modules & set(HEAVY)
    assert not {name for name in modules if name.startswith(("opentelemetry", "google.protobuf", "asyncio"))}
