"""`make bench`: the lines of the budget table that exist so far, as a table and as JSON.

Figures are of this machine; a Pi Zero 2 W is about ten times slower. The last column sets each
figure against the budget where there is one; nothing here is a test.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.bench import kernel, link, native, processes, side_by_side, station
from tests.bench.measure import Line, line, yardstick_us

PARTS = {
    "kernel": kernel.lines,
    "native": native.lines,
    "link": link.lines,
    "station": station.lines,
    "processes": processes.lines,
    "side_by_side": side_by_side.lines,
}


def table(lines: Iterable[Line]) -> str:
    head = f"{'what':<58}{'median':>11}{'p99':>11}{'worst':>11}  {'unit':<7}{'must':>8}  "
    rows = [head, "-" * len(head)]
    for row in lines:
        must = "" if row.must is None else f"{row.must:g}"
        figures = f"{row.median:>11.3f}{row.p99:>11.3f}{row.worst:>11.3f}"
        rows.append(f"{row.name:<58}{figures}  {row.unit:<7}{must:>8}  {row.verdict}")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="speed and memory")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts (all)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    given = parser.parse_args()
    found = [line("yardstick: 100 dictionary items summed", "us CPU", yardstick_us())]
    for name in given.parts or PARTS:
        found += PARTS[name]()
    print(table(found))
    given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    print(f"\nas JSON: {given.json}")


if __name__ == "__main__":
    main()
