"""The journal's bytes: segment headers and frames, encoded and decoded. docs/journal.md describes them for other readers."""

from enum import IntEnum
from struct import Struct, error
from zlib import crc32

MAGIC = b"\x89BITJ\r\n\x1a"  # a text-mode copy breaks it, as in PNG
VERSION = 1
SYNC = b"\xb1\x7a\xc0\x9a"  # never valid UTF-8, so no text in a payload looks like a frame
NO_INDEX = 2**64 - 1  # the first segment of an instance has no previous one
FLAG_MERGED = 1
MAX_PAYLOAD_BYTES = 4 << 20
MAX_SCOPE_BYTES = 0xFFFF
MAX_SEVERITY = 24
UID_BYTES = 49  # 32 hex digits of the instance, "-", 16 hex digits of the sequence

_HEADER = Struct("<8sHHI16sQQQQQI")
_CRC = Struct("<I")
FRAME_HEAD = Struct("<4sBBHHIQ")
_SIZE_AND_SEQUENCE = Struct("<IQ")  # what it ends with
CRC_BYTES = _CRC.size  # after the payload, so that one call computes it over all the rest
FRAME_BYTES = FRAME_HEAD.size + CRC_BYTES  # of a frame without payload
_RUN = Struct("<QQ")


class Kind(IntEnum):
    """What a frame holds. A reader skips kinds that it doesn't know."""

    RECORD = 1
    RESOURCE = 2
    TOMBSTONE = 3
    SEAL = 4
    SOURCES = 5


class SegmentHeader:
    __slots__ = (
        "created_ns",
        "first_sequence",
        "flags",
        "index",
        "instance",
        "previous_index",
        "previous_length",
        "resource",
    )

    def __init__(
        self,
        instance: bytes,
        index: int,
        first_sequence: int,
        created_ns: int,
        resource: bytes = b"",
        *,
        previous_index: int = NO_INDEX,
        previous_length: int = 0,
        flags: int = 0,
    ) -> None:
        self.instance = instance
        self.index = index
        self.first_sequence = first_sequence
        self.created_ns = created_ns
        self.resource = resource
        self.previous_index = previous_index
        self.previous_length = previous_length
        self.flags = flags

    @property
    def is_merged(self) -> bool:
        return bool(self.flags & FLAG_MERGED)

    def encode(self) -> bytes:
        size = _HEADER.size + len(self.resource) + _CRC.size
        fixed = _HEADER.pack(
            MAGIC,
            VERSION,
            self.flags,
            size,
            self.instance,
            self.index,
            self.previous_index,
            self.previous_length,
            self.first_sequence,
            self.created_ns,
            len(self.resource),
        )
        return fixed + self.resource + _CRC.pack(crc32(self.resource, crc32(fixed)))


class HeaderError(ValueError):
    """The bytes are no segment header of a version known here; the message is the reason."""


class VersionError(HeaderError):
    """A whole header of a format that this release can't read."""


def decode_header(data: bytes) -> tuple[SegmentHeader, int]:
    """Return the header that *data* starts with, and its length in bytes.

    Raises:
        HeaderError: too short, another format, a newer version, or a wrong checksum.
    """
    try:
        magic, version, flags, size, instance, *numbers, resource_bytes = _HEADER.unpack_from(data)
    except error as exc:
        raise HeaderError("the header is cut off") from exc
    if magic != MAGIC:
        raise HeaderError("the header doesn't start with the journal's magic")
    end = size - _CRC.size
    if not _HEADER.size + resource_bytes <= end <= len(data) - _CRC.size:
        raise HeaderError("the header is cut off")
    if _CRC.unpack_from(data, end)[0] != crc32(data[:end]):
        raise HeaderError("the header's checksum is wrong")
    if version != VERSION:  # only now: a flipped bit in the number is damage, not a newer format
        raise VersionError(f"version {version} isn't known here, only {VERSION}")
    index, previous_index, previous_length, first_sequence, created_ns = numbers
    resource = bytes(data[_HEADER.size : _HEADER.size + resource_bytes])
    header = SegmentHeader(
        instance,
        index,
        first_sequence,
        created_ns,
        resource,
        previous_index=previous_index,
        previous_length=previous_length,
        flags=flags,
    )
    return header, size


def seed_of(instance: bytes) -> int:
    """Return what the checksums of the instance's frames start from, so that a frame never passes for another's."""
    return crc32(instance)


def encode_frame(
    payload: bytes,
    *,
    kind: int,
    sequence: int,
    seed: int,
    severity: int = 0,
    scope_length: int = 0,
    resource: int = 0,
) -> bytes:
    data = FRAME_HEAD.pack(SYNC, kind, severity, scope_length, resource, len(payload), sequence) + payload
    return data + _CRC.pack(crc32(data, seed))


def record_frame_start(scope_length: int, severity: int) -> bytes:
    """Return what a record's frame starts with: all before the length of its payload and its sequence number."""
    return FRAME_HEAD.pack(SYNC, Kind.RECORD, severity, scope_length, 0, 0, 0)[: -_SIZE_AND_SEQUENCE.size]


def encode_resource(resource: bytes, *, instance: bytes, number: int, sequence: int, seed: int) -> bytes:
    """Return the frame that gives *number* its meaning for the frames of its segment."""
    return encode_frame(instance + resource, kind=Kind.RESOURCE, sequence=sequence, seed=seed, resource=number)


def encode_drops(drops: dict[str, list[tuple[int, int]]]) -> bytes:
    """Return a tombstone's payload: for each reason the runs (first sequence, count) that were dropped."""
    parts = [len(drops).to_bytes(2, "little")]
    for reason, runs in drops.items():
        name = reason.encode()[:255]
        parts += (len(name).to_bytes(1, "little"), name, len(runs).to_bytes(4, "little"))
        parts += (_RUN.pack(first, count) for first, count in runs)
    return b"".join(parts)


def decode_drops(payload: bytes | memoryview) -> dict[str, list[tuple[int, int]]]:
    data = bytes(payload)
    drops: dict[str, list[tuple[int, int]]] = {}
    at = 2
    for _ in range(int.from_bytes(data[:2], "little")):
        start = at + 1
        name = data[start : start + data[at]]
        at = start + len(name) + 4
        end = at + _RUN.size * int.from_bytes(data[at - 4 : at], "little")
        runs = [run for run in _RUN.iter_unpack(data[at:end])]  # noqa: C416 - a list of tuples for the checker
        drops.setdefault(name.decode(errors="replace"), []).extend((run[0], run[1]) for run in runs)
        at = end
    return drops


def encode_sources(sources: list[tuple[bytes, int]]) -> bytes:
    """Return the payload that says which segments a merged one stands for."""
    return b"".join(instance + index.to_bytes(8, "little") for instance, index in sources)


def decode_sources(payload: bytes | memoryview) -> list[tuple[bytes, int]]:
    data = bytes(payload)
    return [(data[at : at + 16], int.from_bytes(data[at + 16 : at + 24], "little")) for at in range(0, len(data), 24)]
