import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.production.sources.files import lines
from otel_bitacora.reporter.production.sources.files.lines import Line, LineReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.log"
    made.touch()
    return made


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    opened = os.open(path, os.O_RDONLY)
    yield opened
    os.close(opened)


def test_a_line_without_its_end_is_waited_for(path: Path, fd: int) -> None:
    reader = LineReader(fd)
    path.write_bytes(b"one\r\ntw")
    assert list(reader.lines()) == [Line(b"one", 0, 5)]

    with path.open("ab") as file:
        file.write(b"o\n")

    assert list(reader.lines()) == [Line(b"two", 5, 9)]
    assert reader.offset == 9


def test_the_end_of_a_finished_file_is_a_line_without_its_end(path: Path, fd: int) -> None:
    reader = LineReader(fd)
    path.write_bytes(b"one\ntwo")
    list(reader.lines())

    assert reader.last_line() == Line(b"two", 4, 7)
    assert reader.last_line() is None


def test_of_an_endless_line_a_bounded_part_is_kept(path: Path, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(lines, "_PIECE_BYTES", 4)
    path.write_bytes(b"x" * 25 + b"\nnext\n")

    assert list(LineReader(fd).lines()) == [Line(b"x" * 10, 0, 26, 15), Line(b"next", 26, 31)]


@given(st.lists(st.binary(max_size=30), max_size=10), st.integers(1, 7))
def test_however_it_is_written_every_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.log"
    path.touch()
    opened = os.open(path, os.O_RDONLY)
    try:
        reader, found = LineReader(opened), []
        for chunk in chunks:
            with path.open("ab") as file:
                file.write(chunk)
            found += reader.lines()
        last = reader.last_line()
    finally:
        os.close(opened)

    content = b"".join(chunks)
    expected = [each.removesuffix(b"\r") for each in content.split(b"\n")]
    assert [each.data for each in found] == expected[:-1]
    assert (last.data if last else b"") == expected[-1]
    assert all(content[each.offset : each.end].rstrip(b"\r\n") == each.data.rstrip(b"\r") for each in found)
