"""The bytes themselves, and finding frames again after damage."""

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bitacora.reporter.core.journal.frame import (
    FRAME_BYTES,
    SYNC,
    VERSION,
    HeaderError,
    Kind,
    SegmentHeader,
    VersionError,
    decode_drops,
    decode_header,
    decode_sources,
    encode_drops,
    encode_frame,
    encode_sources,
    seed_of,
)
from otel_bitacora.reporter.core.journal.index import Block, SealIndex, decode_seal, encode_seal
from otel_bitacora.reporter.core.journal.runs import Runs
from otel_bitacora.reporter.core.journal.scan import Frame, Region, Scanner, SegmentRef

INSTANCE = bytes(range(16))
numbers = st.integers(0, 2**64 - 1)
payloads = st.one_of(st.binary(max_size=300), st.just(SYNC * 20), st.binary(max_size=40).map(lambda b: b + SYNC + b))


def frame(payload: bytes, sequence: int) -> bytes:
    return encode_frame(
        payload, kind=Kind.RECORD, sequence=sequence, seed=seed_of(INSTANCE), severity=9, scope_length=len(payload)
    )


def scan(data: bytes, *, pieces: int | None = None) -> list[Frame | Region]:
    scanner = Scanner(SegmentRef("path", INSTANCE, 0), lambda: data)
    found = []
    for end in range(pieces, len(data), pieces) if pieces else ():
        start = scanner.offset
        found += scanner.scan(data[start:end], base=start, is_final=False)
    found += scanner.scan(data[scanner.offset :], base=scanner.offset, is_final=True)
    return found


headers = st.builds(
    SegmentHeader,
    st.just(INSTANCE),
    numbers,
    numbers,
    numbers,
    st.binary(max_size=400),
    numbers,
    numbers,
    st.integers(0, 0xFFFF),
)


@given(headers)
def test_a_header_says_what_was_put_into_it(header: SegmentHeader) -> None:
    encoded = header.encode()

    assert decode_header(encoded + b"frames") == (header, len(encoded))


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_in_a_header_is_found(offset: int, bit: int) -> None:
    data = bytearray(SegmentHeader(INSTANCE, 3, 4, 5, b"resource").encode())
    data[offset % len(data)] ^= 1 << bit

    with pytest.raises(HeaderError):
        decode_header(bytes(data))


def test_a_newer_version_is_told_from_damage() -> None:
    import zlib

    data = bytearray(SegmentHeader(INSTANCE, 3, 4, 5).encode())
    data[8] = VERSION + 1
    flipped = bytes(data)
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")

    with pytest.raises(VersionError, match="version 2"):
        decode_header(bytes(data))
    with pytest.raises(HeaderError, match="checksum"):
        decode_header(flipped)


@given(st.lists(payloads, max_size=20), st.integers(1, 400))
@settings(deadline=None)
def test_frames_are_found_whole_however_the_bytes_arrive(contents: list[bytes], pieces: int) -> None:
    data = b"".join(frame(payload, n) for n, payload in enumerate(contents))

    found = scan(data, pieces=pieces)

    assert [bytes(each.payload) for each in found] == contents
    assert [each.sequence for each in found] == list(range(len(contents)))


@given(st.lists(payloads, min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_after_damage_anywhere_at_most_the_frames_it_touches_are_lost(
    contents: list[bytes], data: st.DataObject
) -> None:
    frames = [frame(payload, n) for n, payload in enumerate(contents)]
    whole = b"".join(frames)
    start = data.draw(st.integers(0, len(whole) - 1))
    garbage = data.draw(st.binary(min_size=1, max_size=min(60, len(whole) - start)))
    broken = whole[:start] + garbage + whole[start + len(garbage) :]

    found = scan(broken, pieces=data.draw(st.sampled_from([None, 64])))

    good = {each.sequence: bytes(each.payload) for each in found if isinstance(each, Frame)}
    at = 0
    for n, each in enumerate(frames):
        is_touched = broken[at : at + len(each)] != each
        assert is_touched or good[n] == contents[n]
        assert n not in good or good[n] == contents[n]
        at += len(each)
    covered = sum(each.end - each.start for each in found if isinstance(each, Region))
    assert covered + sum(FRAME_BYTES + len(each) for each in good.values()) == len(broken)


def test_a_frame_of_another_instance_never_passes() -> None:
    foreign = encode_frame(b"payload", kind=1, sequence=1, seed=seed_of(b"another instance"))

    assert scan(foreign) == [Region(0, len(foreign), is_at_end=True)]


runs = st.lists(st.tuples(st.integers(0, 2**63), st.integers(1, 2**40)), max_size=5)


@given(st.dictionaries(st.text(min_size=1, max_size=20), runs, max_size=4))
def test_a_tombstone_says_what_was_put_into_it(drops) -> None:
    assert decode_drops(encode_drops(drops)) == drops


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), numbers), max_size=10))
def test_sources_are_what_was_put_into_them(sources) -> None:
    assert decode_sources(encode_sources(sources)) == sources


keys = st.sets(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6)
blocks = st.builds(
    Block,
    numbers,
    keys,
    levels=st.integers(0, 2**25 - 1),
    first_ns=numbers,
    last_ns=numbers,
    records=st.integers(0, 2**32 - 1),
)


def told(seal: SealIndex) -> object:
    """Return all that a seal says, to compare it by."""
    said = operator.attrgetter("offset", "keys", "is_any", "levels", "first_ns", "last_ns", "records")
    return seal[:3], [said(block) for block in seal.blocks]


@given(numbers, numbers, numbers, st.lists(blocks, max_size=5))
def test_a_seal_says_what_was_put_into_it(last: int, records: int, end: int, found: list[Block]) -> None:
    seal = SealIndex(last, records, end, found)

    assert told(decode_seal(encode_seal(seal))) == told(seal)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 10)), max_size=30))
def test_runs_are_a_set_of_numbers(steps: list[tuple[bool, int, int]]) -> None:
    subject, model = Runs(), set()

    for is_added, first, count in steps:
        span = set(range(first, first + count))
        if is_added:
            subject.add(first, count)
            model |= span
        else:
            assert subject.discard(first, count) == len(model & span)
            model -= span

    assert {n for first, count in subject for n in range(first, first + count)} == model
    assert len(subject) == len(model)
    assert subject.run_count == sum(n - 1 not in model for n in model)
    assert all((n in subject) == (n in model) for n in range(80))
