"""Goal 15, series: rendering grows no faster than the number of series, from 300 to 30,000."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

from contest import contender, contest, report

SIZES = (300, 3000, 30_000)


def main() -> None:
    render = Path(__file__).parent / "render.py"
    found = contest({str(size): [sys.executable, render, "ours", size] for size in SIZES})
    for size, milliseconds in found.items():
        contender(f"{size} series", cpu_ms=milliseconds, us_per_series=milliseconds * 1000 / int(size))
    steps = [
        math.log(found[str(big)] / found[str(small)]) / math.log(big / small)
        for small, big in itertools.pairwise(SIZES)
    ]
    report("15 slope of rendering, series 300 to 30,000", max(steps), 1.1)


if __name__ == "__main__":
    main()
