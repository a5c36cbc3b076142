"""Taking times: many runs, medians and tails, beside a yardstick of this machine."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured line of the budget table."""

    name: str
    unit: str
    median: float
    p99: float
    worst: float
    runs: int
    must: float | None = None
    """The budget for a Pi, where there is one (DESIGN "Budgets")."""
    of: str = "median"
    """Which of the figures the budget is about."""

    @property
    def verdict(self) -> str:
        if self.must is None:
            return ""
        return "ok" if getattr(self, self.of) <= self.must else "OVER"


def line(
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    must: float | None = None,
    of: str = "median",
) -> Line:
    ordered = sorted(values)
    count = len(ordered)
    return Line(
        name,
        unit,
        ordered[count // 2],
        ordered[min(count - 1, int(count * 0.99))],
        ordered[-1],
        count,
        must,
        of,
    )


def cpu_s() -> float:
    """CPU time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def wall_ms(act: Callable[[], object], runs: int) -> list[float]:
    """How long each of `runs` calls took."""
    found = []
    for _ in range(runs):
        begin_ns = time.perf_counter_ns()
        act()
        found.append((time.perf_counter_ns() - begin_ns) / 1e6)
    return found


def cpu_us_each(act: Callable[[], object], calls: int, rounds: int = 7) -> list[float]:
    """CPU microseconds a call, once per round of `calls` calls."""
    found = []
    for _ in range(rounds):
        begin_s = time.process_time()
        for _ in range(calls):
            act()
        found.append((time.process_time() - begin_s) / calls * 1e6)
    return found


def rss_mb(pid: int | str = "self") -> float:
    """Resident memory of a process."""
    for row in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    return 0.0


def process_cpu_s(pid: int) -> float:
    """CPU time that another process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def yardstick_us() -> list[float]:
    """A fixed piece of Python: the ratio of a figure to this carries over to other machines."""
    table = {str(i): i for i in range(100)}

    def work() -> int:
        return sum(value for key, value in table.items() if key != "7")

    return cpu_us_each(work, 2_000)
