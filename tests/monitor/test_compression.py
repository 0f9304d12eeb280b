"""Text that is compressed in parts is read by whoever reads gzip."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.monitor import compression
from otel_bitacora.monitor.compression import Compressor

PARTS = st.lists(st.sampled_from([b"", b"small\n", b"x" * 9000, bytes(range(256)) * 50, b"a 1\n" * 4000]), max_size=8)


@given(st.lists(PARTS, max_size=4))
def test_every_reader_of_gzip_gets_all_parts_in_order(rounds: list[list[bytes]]) -> None:
    compressor = Compressor()

    for parts in rounds:
        body = compressor.compress(parts)

        assert gzip.decompress(body) == b"".join(parts)
        # One member, which also readers take that stop behind the first.
        reader = zlib.decompressobj(wbits=31)
        assert reader.decompress(body) == b"".join(parts)
        assert (reader.eof, reader.unused_data) == (True, b"")


def test_a_large_part_that_is_the_same_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, compressed = compression._deflated, list[bytes]()

    def noted(content: bytes) -> bytes:
        compressed.append(content)
        return real(content)

    monkeypatch.setattr(compression, "_deflated", noted)
    compressor, large, small = Compressor(), b"large" * 4000, b"small"

    compressor.compress([large, small])
    compressor.compress([small, large, b"other" * 4000])

    assert compressed.count(large) == 1
    assert compressed.count(small) == 2


def test_what_is_not_given_again_is_forgotten() -> None:
    compressor = Compressor()

    for number in range(100):
        compressor.compress([bytes([number]) * 9000])

    assert len(compressor._known) == 1
