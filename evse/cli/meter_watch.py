"""`evse meter watch`: a meter's readings as they come. A terminal is redrawn; anything else gets
one line for each reading."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from datetime import datetime

from drivers.errors import MeterError, MeterUnreachable
from drivers.metering.meter import MeterPoller, ModbusMeter
from evse.cli.bounds import number, whole
from evse.cli.meter_table import line, table
from evse.cli.meter_target import Target, add_target, advice, target_of
from evse.clock import MonotonicClock
from evse.model import MeterReading

HOME_AND_CLEAR = "\x1b[H\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def add(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "--every", type=number(0.1, 3_600), default=1.0, metavar="S", help="seconds (1)"
    )
    parser.add_argument(
        "--count", type=whole(0, 10**9), default=0, metavar="N", help="end after N (never)"
    )


def run(arguments: argparse.Namespace) -> int:
    target = target_of(arguments)
    if target is None:
        return 2
    redrawn = sys.stdout.isatty()
    if redrawn:
        print(HIDE_CURSOR, end="")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_watch(target, arguments.every, arguments.count, redrawn=redrawn))
    finally:
        if redrawn:
            print(SHOW_CURSOR, end="")
    return 0


class Screen:
    """Shows what a poller tells, and counts it."""

    def __init__(self, target: Target, meter: ModbusMeter, *, redrawn: bool) -> None:
        self._target = target
        self._meter = meter
        self._redrawn = redrawn
        self._failures = 0
        self.shown = asyncio.Semaphore(0)

    def take(self, reading: MeterReading) -> None:
        self._show(table(reading), line(reading))

    def fail(self, error: MeterError) -> None:
        self._failures += 1
        words = advice(self._meter.diagnosis())
        # a port that can not be used is told by its remedy alone, which names it
        told = [words] if isinstance(error, MeterUnreachable) and words else [str(error), words]
        self._show(told, ": ".join(one for one in told if one))

    def _show(self, rows: list[str], one: str) -> None:
        now = datetime.now().strftime("%H:%M:%S")
        if self._redrawn:
            head = f"{self._target.words}   {now}   {self._failures} failed   Ctrl-C ends"
            print(HOME_AND_CLEAR + "\n".join([head, "", *rows]), flush=True)
        else:
            print(f"{now}  {one}", flush=True)
        self.shown.release()


async def _watch(target: Target, every_s: float, count: int, *, redrawn: bool) -> None:
    clock, bus = MonotonicClock(), target.bus()
    meter = ModbusMeter(bus, target.meter_map, target.unit, clock)
    screen = Screen(target, meter, redrawn=redrawn)
    poller = MeterPoller(
        meter,
        clock,
        poll_ms=max(100, round(1000 * every_s)),
        on_reading=screen.take,
        on_failure=screen.fail,
    )
    polling = asyncio.create_task(poller.run())
    try:
        if not count:
            await polling
        for _ in range(count):
            await screen.shown.acquire()
    finally:
        polling.cancel()
        await asyncio.wait([polling])
        await bus.aclose()
