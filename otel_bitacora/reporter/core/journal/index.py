"""What a seal knows of its segment: which sessions, loggers, levels and times lie in which block of it.

A query reads the seal, and of the segment only the blocks that can hold an answer.
"""

from struct import Struct
from typing import NamedTuple

from .frame import MAX_SEVERITY

BLOCK_BYTES = 128 << 10
_MAX_KEYS = 4096  # of one segment; above it a block says "any"
_ANY = 0xFFFFFFFF
_TOP = Struct("<QQQIII")
_BLOCK = Struct("<QIIQQI")
_KEY = Struct("<II")
_NEVER = 2**64 - 1

ALL_LEVELS = (1 << (MAX_SEVERITY + 1)) - 1

IndexKey = tuple[str, str]  # session, logger


class Block:
    """The records from *offset* up to the next block's."""

    __slots__ = (
        "first_ns",
        "is_any",
        "keys",
        "last_ns",
        "latest_key",
        "latest_severity",
        "levels",
        "offset",
        "records",
    )

    def __init__(
        self,
        offset: int,
        keys: set[IndexKey] | None = None,
        *,
        is_any: bool = False,
        levels: int = 0,
        first_ns: int = _NEVER,
        last_ns: int = 0,
        records: int = 0,
    ) -> None:
        self.offset = offset
        self.keys = set() if keys is None else keys
        self.is_any = is_any  # there were too many keys to keep
        self.levels = levels  # bit n: a record of severity number n
        self.first_ns = first_ns
        self.last_ns = last_ns
        self.records = records
        # Noted last: those of the next record are mostly the same.
        self.latest_key: IndexKey | None = None
        self.latest_severity = -1

    def be_any(self) -> None:
        """Say nothing about what lies in the block."""
        self.is_any, self.levels, self.first_ns, self.last_ns = True, ALL_LEVELS, 0, _NEVER

    def note(self, severity: int, key: IndexKey, time_ns: int) -> None:
        self.records += 1
        self.levels |= 1 << severity
        self.keys.add(key)
        self.first_ns = min(self.first_ns, time_ns)
        self.last_ns = max(self.last_ns, time_ns)


class SealIndex(NamedTuple):
    last_sequence: int
    records: int
    data_end: int  # where the seal's own frame starts
    blocks: list[Block]


def encode_seal(seal: SealIndex) -> bytes:
    keys = sorted(set().union(*(block.keys for block in seal.blocks)))
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
        is_any = block.is_any or not block.keys <= key_ids.keys()
        ids = [] if is_any else [key_ids[key] for key in block.keys]
        count = _ANY if is_any else len(ids)
        parts.append(
            _BLOCK.pack(block.offset, block.records, block.levels & ALL_LEVELS, block.first_ns, block.last_ns, count)
        )
        parts += (number.to_bytes(4, "little") for number in ids)
    return b"".join(parts)


def decode_seal(payload: bytes | memoryview) -> SealIndex:
    data = bytes(payload)
    last, record_count, data_end, name_count, key_count, block_count = _TOP.unpack_from(data)
    at = _TOP.size
    names: list[str] = []
    for _ in range(name_count):
        size = int.from_bytes(data[at : at + 2], "little")
        names.append(data[at + 2 : at + 2 + size].decode(errors="replace"))
        at += 2 + size
    end = at + _KEY.size * key_count
    keys = [(names[session], names[logger]) for session, logger in _KEY.iter_unpack(data[at:end])]
    blocks: list[Block] = []
    at = end
    for _ in range(block_count):
        offset, records, levels, first_ns, last_ns, count = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        numbers = () if count == _ANY else range(at, at + 4 * count, 4)
        found = {keys[int.from_bytes(data[number : number + 4], "little")] for number in numbers}
        blocks.append(
            Block(
                offset,
                found,
                is_any=count == _ANY,
                levels=levels,
                first_ns=first_ns,
                last_ns=last_ns,
                records=records,
            )
        )
        at += 4 * len(found)
    return SealIndex(last, record_count, data_end, blocks)
