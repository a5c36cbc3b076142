"""`evse meter doctor`: asks a meter again and again, shows what crossed the line, and says what is
likely wrong."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from drivers.errors import MeterError
from drivers.metering.bus import ModbusBus
from drivers.metering.exchange import Exchange, Outcome
from drivers.metering.map import requests_for
from evse.cli.bounds import whole
from evse.cli.meter_target import Target, add_target, advice, target_of

TIMES = 10
SHOWN_BYTES = 24


def add(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "--times", type=whole(1, 10_000), default=TIMES, help=f"how often it is asked ({TIMES})"
    )


def run(arguments: argparse.Namespace) -> int:
    target = target_of(arguments)
    if target is None:
        return 2
    return asyncio.run(_examine(target, arguments.times))


async def _examine(target: Target, times: int) -> int:
    print(f"asking {target.words} {times} times")
    bus = target.bus()
    try:
        sound = sum([await _asked(bus, target, number) for number in range(times)])
    finally:
        await bus.aclose()
    print(f"{sound} of {times} answers were sound")
    if bus.echoes:
        print("the adapter hears what it sends; that is skipped, and no fault")
    found = bus.diagnosis(target.unit)
    if found is None:
        print("all is well on this line")
        return 0
    print(f"-> {advice(found)}")
    return 1


async def _asked(bus: ModbusBus, target: Target, number: int) -> bool:
    """One request of the map, each in its turn."""
    requests = requests_for(target.meter_map)
    with contextlib.suppress(MeterError):
        await bus.read(
            target.unit, target.meter_map.function_code, requests[number % len(requests)]
        )
    last = bus.seen.last
    print(_told(last), flush=True)
    return last.outcome is Outcome.ANSWERED


def _told(last: Exchange) -> str:
    if last.outcome is Outcome.REJECTED:
        return f"  {last.sent.hex(' ')} -> exception {last.exception_code}"
    if last.outcome in (Outcome.SILENT, Outcome.GARBLED) and last.heard:
        heard = last.heard[:SHOWN_BYTES].hex(" ")
        more = f" ... {len(last.heard)} bytes" if len(last.heard) > SHOWN_BYTES else ""
        return f"  {last.sent.hex(' ')} -> {last.outcome.value}: {heard}{more}"
    return f"  {last.sent.hex(' ')} -> {last.outcome.value}"
