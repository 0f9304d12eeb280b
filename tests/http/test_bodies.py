import asyncio
import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from otel_bitacora.http.bodies import _CODINGS, BodyReader, BodyRefused

MIB = 1024 * 1024
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


def read(chunks: Iterable[bytes], encoding: str = "", reader: BodyReader | None = None) -> bytes:
    """Return what is read of a body that arrives in *chunks*."""
    arriving = iter(chunks)

    async def receive() -> dict[str, object]:
        chunk = next(arriving, None)
        if chunk is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": chunk, "more_body": True}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-encoding", encoding.encode())]}
    return asyncio.run((reader or BodyReader(limit_bytes=MIB)).read(Request(scope, receive)))


def status(chunks: Iterable[bytes], encoding: str = "", reader: BodyReader | None = None) -> int:
    with pytest.raises(BodyRefused) as caught:
        read(chunks, encoding, reader)
    assert caught.value.headers["Connection"] == "close"  # type: ignore[index]
    return caught.value.status_code


@given(st.binary(max_size=5000), st.lists(st.sampled_from(list(PACK)), max_size=2), st.integers(1, 5000))
def test_a_body_comes_out_as_it_went_in(body: bytes, encodings: list[str], cut: int) -> None:
    packed = body
    for encoding in encodings:
        packed = PACK[encoding](packed)
    chunks = [packed[at : at + cut] for at in range(0, len(packed), cut)]

    assert read(chunks, ", ".join(encodings)) == body


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_large_body_is_unpacked_beside_the_event_loop_just_the_same(encoding: str) -> None:
    body = os.urandom(900_000)

    assert read([PACK[encoding](body)], encoding) == body


@pytest.mark.parametrize("encoding", list(PACK))
@pytest.mark.parametrize(("size", "is_taken"), [(MIB, True), (MIB + 1, False)])
def test_the_bound_is_exact(encoding: str, size: int, is_taken: bool) -> None:
    packed = PACK[encoding](bytes(size))

    if is_taken:
        assert len(read([packed], encoding)) == size
    else:
        assert status([packed], encoding) == 413


def bomb(*encodings: str) -> bytes:
    packed = bytes(64 * MIB)
    for encoding in encodings:
        packed = PACK[encoding](packed)
    return packed


@pytest.mark.parametrize(
    "encodings",
    [("gzip",), ("deflate",), ("zstd",), ("gzip", "gzip"), ("zstd", "gzip"), ("gzip", "zstd"), ("zstd", "zstd")],
)
def test_a_bomb_is_refused_and_costs_no_memory(encodings: tuple[str, ...]) -> None:
    packed = bomb(*encodings)
    tracemalloc.start()

    refused = status([packed], ", ".join(encodings), BodyReader(limit_bytes=MIB))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused == 413
    assert peak < 16 * MIB


@pytest.mark.parametrize("inner", ["gzip", "deflate"])
def test_an_inner_encoding_that_makes_nothing_of_much_is_refused_too(inner: str) -> None:
    nothing = {"gzip": gzip.compress(b"")[:10], "deflate": zlib.compress(b"")[:2]}[inner]
    packed = gzip.compress(nothing + b"\x00\x00\x00\xff\xff" * (2 * MIB // 5))  # empty blocks

    assert status([packed], f"{inner}, gzip") == 413


def test_a_body_without_an_end_is_refused_at_the_bound() -> None:
    def endless() -> Iterable[bytes]:
        while True:
            yield bytes(100_000)

    assert status(endless()) == 413


def test_a_declared_length_is_refused_before_a_byte_is_read() -> None:
    async def receive() -> dict[str, object]:
        raise AssertionError("read")

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", str(MIB + 1).encode())]}

    with pytest.raises(BodyRefused) as caught:
        asyncio.run(BodyReader(limit_bytes=MIB).read(Request(scope, receive)))
    assert caught.value.status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@given(data=st.data())
def test_what_is_cut_off_or_continued_is_damaged(encoding: str, data: st.DataObject) -> None:
    packed = PACK[encoding](b"some text, some text, some text" * 9)
    cut = data.draw(st.integers(0, len(packed) - 1))

    assert status([packed[:cut]], encoding) == 400
    assert status([packed + b"x"], encoding) == 400
    assert status([packed, b"x" * 300], encoding) == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("more", [b"x", b"x" * 300])
def test_a_piece_behind_the_end_is_damage_too(encoding: str, more: bytes) -> None:
    packed = PACK[encoding](b"some text")

    with pytest.raises(EOFError, match="more behind its end"):
        list(_CODINGS[encoding]([packed, more]))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@given(noise=st.binary(max_size=300))
def test_any_bytes_are_a_body_or_damaged(encoding: str, noise: bytes) -> None:
    found = 400
    try:
        read([noise], encoding)
    except BodyRefused as error:
        found = error.status_code

    assert found == 400


@pytest.mark.parametrize("encoding", ["br", "gzip, br", "gzip, gzip, gzip", "gzip;q=1"])
def test_other_encodings_are_not_taken(encoding: str) -> None:
    assert status([b""], encoding) == 415


def test_a_zstd_window_that_only_an_attacker_asks_for_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"x" * 100) + packer.flush()

    assert status([packed], "zstd") == 400


def test_who_comes_when_the_budget_is_spent_is_told_to_come_again_and_it_is_given_back() -> None:
    reader = BodyReader(limit_bytes=MIB, budget_bytes=MIB // 2)

    assert status([bytes(MIB)], "", reader) == 503
    assert status([gzip.compress(bytes(MIB))], "gzip", reader) == 503
    assert len(read([bytes(MIB // 2)], "", reader)) == MIB // 2
    assert len(read([bytes(MIB // 2)], "", reader)) == MIB // 2


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    reader = BodyReader(deadline_seconds=0.01)
    with pytest.raises(BodyRefused) as caught:
        asyncio.run(reader.read(Request({"type": "http", "method": "POST", "headers": []}, receive)))

    assert caught.value.status_code == 408


def test_a_sender_who_goes_away_is_a_body_cut_off() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with pytest.raises(BodyRefused, match="cut off"):
        asyncio.run(BodyReader().read(Request({"type": "http", "method": "POST", "headers": []}, receive)))


def test_a_refusal_is_an_answer_of_the_app() -> None:
    async def take(request: Request) -> Response:
        return Response(await BodyReader(limit_bytes=10).read(request))

    client = TestClient(Starlette(routes=[Route("/", take, methods=["POST"])]))

    taken, refused = client.post("/", content=b"1234567890"), client.post("/", content=b"12345678901")

    assert (taken.status_code, taken.content) == (200, b"1234567890")
    assert refused.status_code == 413
