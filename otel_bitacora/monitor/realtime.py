"""Who wants to see some groups more often than they are read anyway, and what that makes of the periods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bitacora_collectors.contract import FAST_SECONDS, Collector, Group

FASTEST_SECONDS: Mapping[Group, float] = {
    Group.SYSTEM: 0.1,
    Group.HARDWARE: 0.1,
    Group.NETWORK: 0.1,
    Group.PROCESS: 1.0,  # a walk through every process costs a hundred times what any other collector does
}
"""How often each group can be had at the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """A wish for fresh readings, in force until it is closed; made by `Sampler.subscribe`."""

    groups: frozenset[Group]
    interval_seconds: float
    _end: Callable[[Subscription], None]

    def close(self) -> None:
        """Let its groups be read as seldom as before, unless somebody else wants them; twice does no harm."""
        self._end(self)


def fast_periods(subscriptions: Iterable[Subscription], collectors: Iterable[Collector]) -> dict[str, float]:
    """Return how often each collector that *subscriptions* speed up is wanted, in seconds.

    A collector that is slow by itself stays so: its values hardly move, or cost more than they say.
    """
    wanted: dict[Group, float] = {}
    for subscription in subscriptions:
        for group in subscription.groups:
            seconds = max(subscription.interval_seconds, FASTEST_SECONDS[group])
            wanted[group] = min(seconds, wanted.get(group, seconds))
    return {
        one.name: wanted[one.group]
        for one in collectors
        if one.group in wanted and one.interval_seconds <= FAST_SECONDS
    }
