"""Request bodies, bounded in size, time and number: what a sender packs into few bytes is counted unpacked."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Self

import zstandard
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

_PIECE_BYTES = 64 * 1024
_MOST_CODINGS = 2
_ZSTD_PIECE_BYTES = 256
"""A block of zstd is at least 4 bytes and holds at most 128 KiB: so much of it unpacks to 8 MiB at most."""
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024  # what every decoder has to support (RFC 8878, 3.1.1.1.2)

Unpack = Callable[[Iterable[bytes]], Iterator[bytes]]


class BodyRefused(HTTPException):
    """The body can't be taken; answered as a problem, after which the connection is closed."""

    def __init__(self, status: HTTPStatus, detail: str, *, retry_after_seconds: int | None = None) -> None:
        headers = {"Connection": "close"}
        if retry_after_seconds is not None:
            headers["Retry-After"] = str(retry_after_seconds)
        super().__init__(status, detail, headers)


class BodyReader:
    """Reads bodies of at most *limit_bytes* each, before and after every Content-Encoding.

    All bodies that are being read or unpacked have *budget_bytes* together; who comes when they are spent is told to
    come again. Each must be here within *deadline_seconds*.
    """

    def __init__(
        self,
        *,
        limit_bytes: int = 16 * 1024 * 1024,
        budget_bytes: int = 48 * 1024 * 1024,
        deadline_seconds: float = 30.0,
    ) -> None:
        self._limit = limit_bytes
        self._budget = _Budget(budget_bytes)
        self._deadline_seconds = deadline_seconds

    async def read(self, request: Request) -> bytes:
        """Return the body without its encodings: gzip, deflate and zstd, at most two of them.

        Raises:
            BodyRefused: 400 damaged or cut off, 408 too slow, 413 too large, 415 unknown encoding, 503 too many at once.
        """
        unpackers = _unpackers(request.headers.getlist("content-encoding"))
        declared = request.headers.get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared) > self._limit:
            raise self._too_large()
        with _Share(self._budget) as share:
            packed = await self._receive(request, share)
            if not unpackers:
                return packed
            if len(packed) <= _PIECE_BYTES:
                return self._unpack(packed, unpackers, share)
            return await asyncio.to_thread(self._unpack, packed, unpackers, share)

    async def _receive(self, request: Request, share: _Share) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > self._limit:
                        raise self._too_large()
                    share.take(len(chunk))
                    body += chunk
        except TimeoutError as error:
            detail = f"the body took longer than {self._deadline_seconds:g} seconds"
            raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, detail) from error
        except ClientDisconnect as error:
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "the body was cut off") from error
        return bytes(body)

    def _unpack(self, packed: bytes, unpackers: Iterable[Unpack], share: _Share) -> bytes:
        pieces: Iterable[bytes] = (packed[at : at + _PIECE_BYTES] for at in range(0, len(packed), _PIECE_BYTES))
        for unpack in unpackers:
            pieces = self._capped(unpack(pieces))
        body = bytearray()
        try:
            for piece in pieces:
                share.take(len(piece))
                body += piece
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise BodyRefused(
                HTTPStatus.BAD_REQUEST, f"the body isn't what its Content-Encoding says: {error}"
            ) from error
        return bytes(body)

    def _capped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass on at most so much: what an inner encoding makes nothing of costs time all the same."""
        count = 0
        for piece in pieces:
            count += len(piece)
            if count > self._limit:
                raise self._too_large()
            yield piece

    def _too_large(self) -> BodyRefused:
        detail = f"a body may have {self._limit} bytes, before and after decompression; send it in parts"
        return BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


class _Budget:
    """Bytes that may be held at once."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.lock = threading.Lock()  # bodies are unpacked in threads


class _Share:
    """What one body has taken of the budget; given back at the end."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._budget.lock:
            self._budget.left += self._taken

    def take(self, count: int) -> None:
        with self._budget.lock:
            if count > self._budget.left:
                detail = "too many bodies are being read at once; send it again"
                raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry_after_seconds=1)
            self._budget.left -= count
            self._taken += count


def _unpackers(headers: Iterable[str]) -> list[Unpack]:
    """Return what undoes each coding, the last one first."""
    names = [name.strip().lower() for header in headers for name in header.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if unknown := [name for name in names if name not in _CODINGS]:
        known = ", ".join(name for name in _CODINGS if not name.startswith("x-"))
        detail = f"Content-Encoding {unknown[0][:40]!r} is not taken; there are {known}"
        raise BodyRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    if len(names) > _MOST_CODINGS:
        raise BodyRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"at most {_MOST_CODINGS} Content-Encodings are taken")
    return [_CODINGS[name] for name in reversed(names)]


def _inflate(window_bits: int) -> Unpack:
    def unpack(pieces: Iterable[bytes]) -> Iterator[bytes]:
        inflater = zlib.decompressobj(window_bits)
        for piece in pieces:
            left = piece
            while left and not inflater.eof:
                yield inflater.decompress(left, _PIECE_BYTES)
                left = inflater.unconsumed_tail
            if inflater.unused_data or (inflater.eof and left):
                raise EOFError("there is more behind its end")
        while not inflater.eof and (rest := inflater.decompress(b"", _PIECE_BYTES)):
            yield rest
        if not inflater.eof:
            raise EOFError("it ends too soon")

    return unpack


def _unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
    for piece in pieces:
        for start in range(0, len(piece), _ZSTD_PIECE_BYTES):
            if unpacker.eof:
                raise EOFError("there is more behind its end")
            yield unpacker.decompress(piece[start : start + _ZSTD_PIECE_BYTES])
    if not unpacker.eof:
        raise EOFError("it ends too soon")
    if unpacker.unused_data:
        raise EOFError("there is more behind its end")


_CODINGS: dict[str, Unpack] = {
    "gzip": _inflate(31),
    "x-gzip": _inflate(31),
    "deflate": _inflate(15),
    "zstd": _unzstd,
}
