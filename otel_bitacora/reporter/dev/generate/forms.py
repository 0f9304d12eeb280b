"""The three forms that records are written in. Each encodes a shape once, and from then on only fills in what differs.

A shape is encoded by the project's own encoder with marks in the places of time, ids, number and duration; the bytes are cut
at the marks. What comes out is what the encoder makes of each record by itself, which the tests compare.
"""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from struct import Struct
from typing import Any, AnyStr
from zlib import crc32

from otel_bitacora.reporter.core import otlp
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.frame import FRAME_HEAD, SYNC, UID_BYTES, Kind, encode_frame, seed_of
from otel_bitacora.reporter.core.plain import plain_line
from otel_bitacora.reporter.core.protobuf import attribute, varint
from otel_bitacora.reporter.core.record_json import RecordJson, dumped

from .bound import Bound, Item, Setting
from .plan import Developer
from .shapes import DURATION, Shape

OBSERVED_AFTER_NS = 21_000
"""How long after its making a record is seen by the handler."""

_TIME, _OBSERVED = 0x1111_2222_3333_4444, 0x1222_3333_4444_5555
_NUMBER = "@nnnn@"
_TRACE, _SPAN = "a1b2" * 8, "c3d4" * 4
_SEQUENCE = "e5f6" * 4
_CONTEXT = "@context@"
_SECONDS = 7654321.25
_SECOND_NS = 10**9
_quad = Struct("<Q").pack
_double = Struct("<d").pack


def _cut(text: AnyStr, marks: Sequence[AnyStr]) -> list[AnyStr]:
    """Return what stands before each mark, and the rest; nothing before a mark that isn't there."""
    pieces: list[AnyStr] = []
    for mark in marks:
        before, found, after = text.partition(mark)
        pieces.append(before if found else text[:0])
        text = after if found else text
    pieces.append(text)
    return pieces


@functools.lru_cache(maxsize=256)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _text(moment_ns: int) -> str:
    return f"{_second(moment_ns // _SECOND_NS)}.{moment_ns % _SECOND_NS:09d}"


class Form(ABC):
    """Writes the records of one developer."""

    def __init__(self, developer: Developer) -> None:
        self._uid = developer.instance.hex() + "-"
        self._resource = developer.resource
        self._pieces: dict[Shape, Any] = {}

    def bound(self, shape: Shape, setting: Setting) -> Bound:
        """Return *shape* in *setting*, which no other form is used with, ready to be written."""
        found = setting.bounds.get(shape)
        if found is None:
            cut = self._pieces.get(shape)
            if cut is None:
                cut = self._pieces[shape] = self._cut_up(self._marked(shape))
            if setting.fragment is None:
                setting.fragment = self._fragment(setting)
            pieces = self._bind(cut, setting.fragment)
            found = setting.bounds[shape] = Bound(shape, setting.facts(shape), pieces)
        return found

    def _marked(self, shape: Shape) -> LogEntry:
        entry = shape.entry(_NUMBER)
        duration = {DURATION: _SECONDS} if shape.least_us else {}
        return replace(
            entry,
            timestamp_unix_nano=_TIME,
            observed_unix_nano=_OBSERVED,
            attributes={**entry.attributes, _CONTEXT: 0, **duration},
            trace_id=_TRACE if shape.is_traced else "",
            span_id=_SPAN if shape.is_traced else "",
            uid=self._uid + _SEQUENCE,
            resource=self._resource,
        )

    @abstractmethod
    def _cut_up(self, entry: LogEntry) -> Any:
        """Return the pieces of *entry* between its marks."""

    @abstractmethod
    def _fragment(self, setting: Setting) -> Any:
        """Return the attributes of *setting* as they stand among others."""

    @abstractmethod
    def _bind(self, cut: Any, fragment: Any) -> tuple[Any, ...]:
        """Return the pieces with *fragment* in its place."""


class JournalForm(Form):
    """Frames of a journal."""

    def __init__(self, developer: Developer) -> None:
        super().__init__(developer)
        self._seed = seed_of(developer.instance)
        self._uid_raw = self._uid.encode()

    def _cut_up(self, entry: LogEntry) -> tuple[int, bytes, list[bytes], list[bytes]]:
        head, tail = otlp.record_halves(replace(entry, uid=""))
        marks = (_quad(_TIME), _NUMBER.encode())
        more = (
            attribute(_CONTEXT, 0),
            _double(_SECONDS),
            bytes.fromhex(_TRACE),
            bytes.fromhex(_SPAN),
            _quad(_OBSERVED),
        )
        return entry.severity_number, otlp.scope_field(entry), _cut(head, marks), _cut(tail, more)

    def _fragment(self, setting: Setting) -> bytes:
        return b"".join([attribute(key, value) for key, value in setting.attributes.items()])

    def _bind(self, cut: tuple[int, bytes, list[bytes], list[bytes]], fragment: bytes) -> tuple[bytes, ...]:
        severity, scope, (time_tag, before_number, after_number), tail = cut
        attributes, seconds_tag, trace_tag, span_tag, observed_tag, rest = tail
        is_timed, is_traced = bool(seconds_tag), bool(span_tag)
        size = sum(map(len, (time_tag, before_number, after_number, *tail, fragment))) + 16
        size += len(otlp.UID_PREFIX) + UID_BYTES + 8 * is_timed + 24 * is_traced + len(_NUMBER)
        record_head = scope + b"\x12" + varint(size)
        head = FRAME_HEAD.pack(SYNC, Kind.RECORD, severity, len(scope), 0, len(record_head) + size, 0)[:-8]
        return (
            head,
            record_head + time_tag,
            before_number,
            after_number + otlp.UID_PREFIX + self._uid_raw,
            attributes + fragment + seconds_tag,
            trace_tag,
            span_tag,
            observed_tag,
            rest,
        )

    def encode(self, items: Sequence[Item], last_sequence: int) -> bytes:
        """Return the frames of *items*, numbered from *last_sequence* + 1 on."""
        frames: list[bytes] = []
        append, join, seed, sequence = frames.append, b"".join, self._seed, last_sequence
        for moment, what, duration_us, trace, span, number in items:
            sequence += 1
            if what.pieces is None:
                append(self._frame(what.entry, sequence))
                continue
            head, record, before, after, attributes, trace_tag, span_tag, observed, rest = what.pieces
            frame = join(
                (
                    head,
                    _quad(sequence),
                    record,
                    _quad(moment),
                    before,
                    b"%d" % number,
                    after,
                    b"%016x" % sequence,
                    attributes,
                    _double(duration_us / 1e6) if duration_us else b"",
                    trace_tag,
                    trace,
                    span_tag,
                    span,
                    observed,
                    _quad(moment + OBSERVED_AFTER_NS),
                    rest,
                )
            )
            append(frame)
            append(crc32(frame, seed).to_bytes(4, "little"))
        return join(frames)

    def _frame(self, entry: LogEntry, sequence: int) -> bytes:
        before, after, scope_length = otlp.split(entry)
        return encode_frame(
            b"%b%b%016x%b" % (before, self._uid_raw, sequence, after),
            kind=Kind.RECORD,
            sequence=sequence,
            seed=self._seed,
            severity=min(max(entry.severity_number, 0), 24),
            scope_length=scope_length,
        )


class LineForm(Form):
    """Lines of text, without their ends."""

    def encode(self, items: Sequence[Item], last_sequence: int) -> list[str]:
        """Return a line for each of *items*, numbered from *last_sequence* + 1 on."""
        return [
            self._line(item, sequence) if item[1].pieces is not None else self._whole(item[1].entry, sequence)
            for sequence, item in enumerate(items, last_sequence + 1)
        ]

    @abstractmethod
    def _line(self, item: Item, sequence: int) -> str: ...

    @abstractmethod
    def _whole(self, entry: LogEntry, sequence: int) -> str: ...


class JsonForm(LineForm):
    """What `logs cat --json` prints."""

    def __init__(self, developer: Developer) -> None:
        super().__init__(developer)
        self._json = RecordJson()

    def _cut_up(self, entry: LogEntry) -> list[str]:
        marks = (
            _SEQUENCE,
            _text(_TIME),
            _text(_OBSERVED),
            _NUMBER,
            f'"{_CONTEXT}":0',
            str(_SECONDS),
            _TRACE,
            _SPAN,
        )
        return _cut(self._json.line(entry).decode(), marks)

    def _fragment(self, setting: Setting) -> str:
        return dumped(dict(setting.attributes)).decode()[1:-1]

    def _bind(self, cut: list[str], fragment: str) -> tuple[str, ...]:
        uid, made, observed, before, after, attributes, *rest = cut
        return (uid, made, observed, before, after + fragment + attributes, *rest)

    def _line(self, item: Item, sequence: int) -> str:
        moment, what, duration_us, trace, span, number = item
        uid, made, observed, before, after, trace_tag, span_tag, rest = what.pieces
        return (
            f"{uid}{sequence:016x}{made}{_text(moment)}{observed}{_text(moment + OBSERVED_AFTER_NS)}{before}"
            f"{number}{after}{duration_us / 1e6 if duration_us else ''}{trace_tag}{trace.hex()}"
            f"{span_tag}{span.hex()}{rest}"
        )

    def _whole(self, entry: LogEntry, sequence: int) -> str:
        complete = replace(entry, uid=f"{self._uid}{sequence:016x}", resource=self._resource)
        return self._json.line(complete).decode()


class PlainForm(LineForm):
    """What `logs cat` prints."""

    def _cut_up(self, entry: LogEntry) -> list[str]:
        marks = (_text(_TIME)[:-3], _NUMBER, f"{_CONTEXT}=0", str(_SECONDS))
        return _cut(plain_line(entry), marks)

    def _fragment(self, setting: Setting) -> str:
        bare = len(plain_line(LogEntry())) + 1
        return plain_line(LogEntry(attributes=setting.attributes))[bare:]

    def _bind(self, cut: list[str], fragment: str) -> tuple[str, ...]:
        begin, before, after, attributes, rest = cut
        return (begin, before, after + fragment + attributes, rest)

    def _line(self, item: Item, _: int) -> str:
        moment, what, duration_us, _trace, _span, number = item
        begin, before, after, rest = what.pieces
        return f"{begin}{_text(moment)[:-3]}{before}{number}{after}{duration_us / 1e6 if duration_us else ''}{rest}"

    def _whole(self, entry: LogEntry, _: int) -> str:
        return plain_line(entry)
