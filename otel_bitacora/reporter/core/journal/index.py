"""What a seal knows of its segment: which sessions, loggers, levels and times lie in which block of it.

A query reads the seal, and of the segment only the blocks that can hold an answer.
"""

from dataclasses import dataclass, field
from struct import Struct

BLOCK_BYTES = 128 << 10
_MAX_KEYS = 4096  # of one segment; above it a block says "any"
_ANY = 0xFFFFFFFF
_TOP = Struct("<QQQIII")
_BLOCK = Struct("<QIQQI")
_KEY = Struct("<II")
_NEVER = 2**64 - 1


@dataclass(slots=True)
class Block:
    """The records from *offset* up to the next block's."""

    offset: int
    keys: set[tuple[str, str]] | None = field(default_factory=set)  # (session, logger); None: any
    levels: int = 0  # bit n: a record of severity number n
    first_ns: int = _NEVER
    last_ns: int = 0


@dataclass(slots=True)
class SealIndex:
    last_sequence: int
    records: int
    data_end: int  # where the seal's own frame starts
    blocks: list[Block]


def encode_seal(seal: SealIndex) -> bytes:
    keys = sorted(set().union(*(block.keys or () for block in seal.blocks)))
    if len(keys) > _MAX_KEYS:
        keys = []
    names = sorted({name for key in keys for name in key})
    name_ids = {name: number for number, name in enumerate(names)}
    key_ids = {key: number for number, key in enumerate(keys)}
    parts = [_TOP.pack(seal.last_sequence, seal.records, seal.data_end, len(names), len(keys), len(seal.blocks))]
    for name in names:
        data = name.encode(errors="replace")[:0xFFFF]
        parts += (len(data).to_bytes(2, "little"), data)
    parts += (_KEY.pack(name_ids[session], name_ids[logger]) for session, logger in keys)
    for block in seal.blocks:
        ids = None if block.keys is None else [key_ids.get(key, _ANY) for key in block.keys]
        known = ids is not None and _ANY not in ids
        count = len(ids) if known and ids is not None else _ANY
        parts.append(_BLOCK.pack(block.offset, block.levels, block.first_ns, block.last_ns, count))
        parts += (number.to_bytes(4, "little") for number in (ids or ()) if known)
    return b"".join(parts)


def decode_seal(payload: bytes | memoryview) -> SealIndex:
    """Return the index; a block whose keys weren't kept has None there."""
    data = bytes(payload)
    last, records, data_end, name_count, key_count, block_count = _TOP.unpack_from(data)
    at = _TOP.size
    names: list[str] = []
    for _ in range(name_count):
        size = int.from_bytes(data[at : at + 2], "little")
        names.append(data[at + 2 : at + 2 + size].decode(errors="replace"))
        at += 2 + size
    keys: list[tuple[str, str]] = []
    for session, logger in _KEY.iter_unpack(data[at : at + _KEY.size * key_count]):
        keys.append((names[session], names[logger]))
    at += _KEY.size * key_count
    blocks: list[Block] = []
    for _ in range(block_count):
        offset, levels, first, end, count = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        found: set[tuple[str, str]] | None = None
        if count != _ANY:
            found = {keys[int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "little")] for n in range(count)}
            at += 4 * count
        blocks.append(Block(offset, found, levels, first, end))
    return SealIndex(last, records, data_end, blocks)
