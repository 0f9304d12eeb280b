"""What a collector is: the one file that every collector imports."""

from __future__ import annotations

import importlib
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

AttributeValue = str | int | bool
Attributes = Mapping[str, AttributeValue]
NO_ATTRIBUTES: Attributes = MappingProxyType({})

FAST_SECONDS = 5.0
"""How often a cheap collector is read, unless the user says otherwise."""
SLOW_SECONDS = 30.0
"""How often one is read whose values hardly move, or cost more than they say."""

_OWN_ROOT = Path("/")  # made once: it is compared with for every file

T = TypeVar("T")


class Kind(Enum):
    """OpenTelemetry's asynchronous instruments, and histograms that somebody else has summed."""

    COUNTER = "counter"
    UP_DOWN_COUNTER = "updowncounter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Group(Enum):
    """The four models that readings are gathered into."""

    HARDWARE = "hardware"
    SYSTEM = "system"
    NETWORK = "network"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Metric:
    """The identity of a stream: an OpenTelemetry name with its UCUM unit.

    *attributes* are the keys that its readings may carry; a key that isn't listed is a defect.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    group: Group
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One measurement behind a histogram, with the trace it was made in."""

    value: float
    time_unix_nano: int
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution: *counts* has one more item than *bounds*, is not cumulative, and ends with the open bucket."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float
    exemplar: Exemplar | None = None

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.bounds) + 1:
            raise ValueError(f"{len(self.bounds)} bounds need {len(self.bounds) + 1} counts, got {len(self.counts)}")
        if any(low >= high for low, high in zip(self.bounds, self.bounds[1:], strict=False)):
            raise ValueError(f"bounds must ascend: {self.bounds}")


class Reading(NamedTuple):
    """One value of a metric, read now. A named tuple, since thousands are made in every tick."""

    metric: Metric
    value: float | Histogram
    attributes: Attributes = NO_ATTRIBUTES


class Unavailable(Exception):
    """The thing isn't on this host; not a failure unless the collector was asked for by name."""


class Collector(Protocol):
    """Reads one subject of the host; measured, timed out and scheduled by the sampler, never by itself.

    Built as `factory(host)`; a package registers its factory under the entry point group
    `bitacora_collectors`, the entry's name being the collector's.
    """

    @property
    def name(self) -> str: ...

    @property
    def group(self) -> Group: ...

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    @property
    def interval_seconds(self) -> float: ...

    def collect(self) -> Iterable[Reading]:
        """Return the readings of this moment.

        Raises:
            Unavailable: what it reads isn't on this host.
            Exception: anything else is a failure: `success 0`, and no readings until it works again.
        """
        ...


class Entity(Protocol):
    """Something on the host with an identity and values of its own: a process, a service, a listening port.

    It is a Resource of its own in OTLP and a row in the JSON models, which read the fields of its class; in
    Prometheus it is nothing, since identities make no labels there. Immutable.
    """

    @property
    def attributes(self) -> Attributes:
        """What identifies and describes it, by the semantic conventions' names."""
        ...

    def readings(self) -> Iterable[Reading]:
        """Return its values, made when they are asked for; none for what only JSON shows."""
        ...


@runtime_checkable
class EntityCollector(Protocol):
    """A collector that finds entities beside its readings."""

    def entities(self) -> Iterable[Entity]:
        """Return what the last `collect` found; called right after it, in the same thread."""
        ...


@runtime_checkable
class Closeable(Protocol):
    """A collector that holds something open: the sampler closes it when it is replaced or stopped."""

    def close(self) -> None: ...


def _psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except (ImportError, NotImplementedError) as error:  # the second: of a system that psutil doesn't know
        raise Unavailable("this system is read through psutil: pip install 'otel-bitacora[monitor]'") from error


@dataclass(frozen=True, slots=True)
class Host:
    """Where the host's files are: `/` itself, or its root mounted elsewhere (in a container, or a recorded host).

    A system that isn't Linux has no such files; there psutil is asked instead, by whoever it can answer.
    """

    root: Path = _OWN_ROOT
    platform: str = sys.platform
    load_psutil: Callable[[], Any] = _psutil

    def path(self, path: str) -> str:
        """Return where the host's *path* is to be found from here."""
        return path if self.is_own else f"{self.root}{path}"

    def seen_path(self, path: str) -> str:
        """Return what the host itself calls *path*: without the root that it is mounted under here."""
        if self.is_own:
            return path
        root = str(self.root)
        if path == root:
            return "/"
        return path[len(root) :] if path.startswith(root + "/") else path

    @property
    def is_own(self) -> bool:
        """Whether the files are those of the system that this program runs on."""
        return self.root == _OWN_ROOT

    @property
    def is_linux(self) -> bool:
        """Whether it is read from /proc and /sys; a root that is elsewhere is always Linux's."""
        return self.platform == "linux" or not self.is_own

    @property
    def net_directory(self) -> str:
        """The directory of the files about the host's network."""
        # /proc/net is a link to self/net: another root's has to be asked of that host's first process, or it would
        # show the network of the container that this program runs in.
        return "/proc/net" if self.is_own else "/proc/1/net"

    def psutil(self) -> Any:
        """Return the module psutil, which alone knows a system that isn't Linux.

        Raises:
            Unavailable: it isn't installed.
        """
        return self.load_psutil()

    def read_bytes(self, path: str) -> bytes:
        """Return the content of the host's *path*.

        Raises:
            Unavailable: there is no such file.
            OSError: it is there and can't be read.
        """
        try:
            # Unbuffered: files of /proc and /sys have no size to allocate for, and are read once.
            with open(self.path(path), "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than the read
                return file.readall()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Unavailable(f"{path} is not on this host") from error

    def read_text(self, path: str) -> str:
        """Return the text of the host's *path*, with U+FFFD for what isn't UTF-8; raises as `read_bytes`."""
        return self.read_bytes(path).decode("utf-8", "replace")

    def read_optional(self, path: str) -> bytes | None:
        """Return the content of the host's *path*; None where it isn't, or can't be read."""
        try:
            return self.read_bytes(path)
        except (Unavailable, OSError):
            return None


@dataclass(slots=True, eq=False)
class Call(Generic[T]):
    """One call that a `Guard` made, which may outlive the patience of its caller."""

    function: Callable[[], T]
    finished: threading.Event = field(default_factory=threading.Event)
    result: T | None = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            self.error = error
        finally:
            self.finished.set()


class Hung(Exception):
    """A guarded call did not return in time; `call.finished` is set if it ever does."""

    def __init__(self, call: Call[Any], seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.call = call


class Guard:
    """Makes calls that may never return, in a daemon thread that is left behind when one doesn't.

    Not an executor: the interpreter waits for an executor's threads when it exits. The thread is
    reused from call to call, as starting one costs more than most collectors do.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Call[Any] | None] | None = None

    def call(self, function: Callable[[], T], seconds: float) -> T:
        """Return what *function* returns, or raise what it raises.

        Raises:
            Hung: it took longer than *seconds*; its answer, if it comes, is dropped.
        """
        call = self.begin(function)
        if not call.finished.wait(seconds):
            self.close()
            raise Hung(call, seconds)
        if call.error is not None:
            raise call.error
        return call.result  # type: ignore[return-value]  # set by run(), as no error was

    def begin(self, function: Callable[[], T]) -> Call[T]:
        """Have *function* called, and return at once; whoever waits in vain for it calls `close`."""
        call = Call(function)
        if self._calls is None:
            self._calls = self._start()
        self._calls.put(call)
        return call

    def close(self) -> None:
        """Let the thread end once it has nothing to do; a later call starts another."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    def _start(self) -> queue.SimpleQueue[Call[Any] | None]:
        calls: queue.SimpleQueue[Call[Any] | None] = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(calls,), name=self._name, daemon=True).start()
        weakref.finalize(self, calls.put, None)
        return calls


def _serve(calls: queue.SimpleQueue[Call[Any] | None]) -> None:
    while (call := calls.get()) is not None:
        call.run()
        del call  # or the last result would live until the next call
