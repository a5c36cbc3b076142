"""The native guard beside two CPU hogs: the first two lines of the budget table.

Set PIEVSE_OPENINGS=10000 for as many openings as the table asks for (a quarter of an hour).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.bench.measure import Line, line

OPENINGS = "PIEVSE_OPENINGS"
FEW = "200"
HOG = "while True: pass"
AT_MOST_S = 3_600


def lines() -> Iterator[Line]:
    with _hogs():
        found = _measured(os.environ.get(OPENINGS, FEW))
    how = "" if not found["refused"] else " (no real-time scheduling here)"
    opened = found["opened_ms"]
    late_ms = sorted(late_us / 1_000 for late_us in found["late_us"])
    yield line(f"pilot leaves C to coil released, 2 hogs{how}", "ms", opened, must=100, of="worst")
    yield line(f"guard loop lateness, 2 hogs{how}", "ms", late_ms, must=0.5, of="p99")
    tail = late_ms[min(len(late_ms) - 1, int(len(late_ms) * 0.999))]
    yield line("guard loop lateness, 99.9 % of the turns", "ms", [tail], must=2)
    yield line(
        "resident memory of the native guard, with its fakes",
        "MB",
        [found["rss_kb"] / 1_024],
        must=32,
    )


def _measured(runs: str) -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-m", "tests.bench.native_guard", "--runs", runs),
        capture_output=True,
        check=True,
        timeout=AT_MOST_S,
    )
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


@contextmanager
def _hogs() -> Iterator[None]:
    hogs = [subprocess.Popen((sys.executable, "-c", HOG)) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
