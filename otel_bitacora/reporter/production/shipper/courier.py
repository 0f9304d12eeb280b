"""Brings one batch to its destination, whatever it takes: retries, halving, and the verdict on each record."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otel_bitacora.errors import BatchRejected, DestinationError
from otel_bitacora.reporter.core.contract import Accepted, Exporter, Outcome, Rejected, Retry, StoredRecord

from .backoff import Backoff
from .condition import State
from .failpoints import AFTER_EXPORT, Failpoint, nowhere
from .pace import Pace

_POISON_WINDOW = 10  # batches in which more than half of the records were refused pause the exporter
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Efforts:
    """What it took, since the process began."""

    requests: int = 0
    retries: int = 0
    failures: int = 0
    bisected: int = 0


@dataclass(slots=True)
class _Trouble:
    state: State
    reason: str
    after_seconds: float | None = None


class Courier:
    """*tell* hears how the destination fares, after each attempt. *patience_seconds* is how long it may fare badly before a
    batch is given back; None is for ever.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        pace: Pace,
        tell: Callable[[State, str], None],
        cap_seconds: float,
        patience_seconds: float | None = None,
        failpoint: Failpoint = nowhere,
    ) -> None:
        self.efforts = Efforts()
        self.is_batch_too_large = False
        """Whether the last batch was refused as a whole and its parts were not."""
        self._exporter = exporter
        self._is_ordered = bool(getattr(exporter, "ordered", False))
        self._pace = pace
        self._tell = tell
        self._failpoint = failpoint
        self._backoff = Backoff(random=pace.random, cap_seconds=cap_seconds)
        self._poison: deque[tuple[int, int]] = deque(maxlen=_POISON_WINDOW)
        self._is_paused = False
        self._patience = float("inf") if patience_seconds is None else patience_seconds

    def deliver(self, records: Sequence[StoredRecord]) -> list[Outcome] | None:
        """Return what became of each record, when it is final for all; None when it was told to end before, or gave up."""
        outcomes: list[Outcome | None] = [None] * len(records)
        begun = self._pace.monotonic()
        self.is_batch_too_large = False
        while True:
            trouble = self._attempt(records, outcomes)
            if trouble is None:
                trouble = self._too_much_poison(outcomes)
            if trouble is None:
                self._backoff.succeeded()
                self._tell(State.OK, "")
                return [outcome for outcome in outcomes if outcome is not None]
            self.efforts.failures += 1
            self._tell(trouble.state, trouble.reason)
            seconds = self._backoff.failed(trouble.after_seconds)
            if self._pace.monotonic() - begun >= self._patience or not self._rest(seconds):
                return None
            self.efforts.retries += 1

    def _rest(self, seconds: float) -> bool:
        """Wait, and return whether to go on."""
        until = self._pace.monotonic() + seconds
        was_stopping = self._pace.is_stopping
        while (left := until - self._pace.monotonic()) > 0 and not self._pace.is_over:
            self._pace.wait(left)
            if self._pace.is_stopping and not was_stopping:
                break  # one attempt at once: there may be no other
        return not self._pace.is_over

    def _attempt(self, records: Sequence[StoredRecord], outcomes: list[Outcome | None]) -> _Trouble | None:
        """Send what isn't settled yet; return what stands in the way of the rest."""
        todo = [index for index, outcome in enumerate(outcomes) if outcome is None]
        parts = [todo] if todo else []
        trouble: _Trouble | None = None
        is_whole_refused = False
        while parts:
            part = parts.pop()
            try:
                found = self._export([records[index] for index in part])
            except BatchRejected as error:
                if len(part) == 1:
                    outcomes[part[0]] = Rejected(str(error))
                    continue
                self.efforts.bisected += 1
                is_whole_refused = True
                middle = len(part) // 2
                parts += (part[middle:], part[:middle])
                if self._pace.is_over:
                    return _Trouble(State.DOWN, str(error))
            except DestinationError as error:
                state = State.MISCONFIGURED if error.misconfigured else State.DOWN
                return _Trouble(state, str(error), error.retry_after_seconds)
            except Exception as error:  # noqa: BLE001  # a mistake in an exporter costs no record
                _log.exception("the exporter %s failed", self._exporter.name)
                return _Trouble(State.DOWN, f"{type(error).__name__}: {error}")
            else:
                trouble = self._note(part, found, outcomes) or trouble
                if trouble is not None and self._is_ordered:
                    return trouble
        self.is_batch_too_large = is_whole_refused and not any(isinstance(each, Rejected) for each in outcomes)
        return trouble

    def _export(self, part: list[StoredRecord]) -> Sequence[Outcome]:
        self.efforts.requests += 1
        found = self._exporter.export(part)
        self._failpoint(AFTER_EXPORT)
        if len(found) != len(part):
            raise DestinationError(
                f"{self._exporter.name} returned {len(found)} outcomes for {len(part)} records: a mistake in the exporter"
            )
        return found

    def _note(self, part: list[int], found: Sequence[Outcome], outcomes: list[Outcome | None]) -> _Trouble | None:
        if len(found) == len(outcomes) and all(type(outcome) is Accepted for outcome in found):
            outcomes[:] = found
            return None
        trouble: _Trouble | None = None
        for index, outcome in zip(part, found, strict=True):
            if not isinstance(outcome, Retry):
                outcomes[index] = outcome
                continue
            after = max(outcome.after_seconds or 0.0, (trouble and trouble.after_seconds) or 0.0)
            trouble = _Trouble(State.DOWN, outcome.reason or "asked to send again", after)
            if self._is_ordered:  # what came after it is to come after it again
                break
        return trouble

    def _too_much_poison(self, outcomes: list[Outcome | None]) -> _Trouble | None:
        """Return why the exporter pauses, and take back the verdict on what was refused; None where it goes on."""
        refused = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Rejected)]
        if self._is_paused:
            is_too_much = 2 * len(refused) > len(outcomes)
        else:
            window = [*self._poison, (len(outcomes), len(refused))][-_POISON_WINDOW:]
            sent, poison = (sum(column) for column in zip(*window, strict=True))
            is_too_much = len(window) == _POISON_WINDOW and bool(refused) and 2 * poison > sent
        if not is_too_much:
            if self._is_paused:
                self._is_paused = False
                self._poison.clear()
            self._poison.append((len(outcomes), len(refused)))
            return None
        self._is_paused = True
        last = outcomes[refused[-1]]
        reason = last.reason if isinstance(last, Rejected) else ""
        for index in refused:
            outcomes[index] = None
        return _Trouble(State.PAUSED, f"more than half of the records are refused, none is given up any more: {reason}")
