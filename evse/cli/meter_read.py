"""`evse meter read`: one reading of one meter, as a table, raw, or as JSON."""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from drivers.errors import MeterError
from drivers.metering.decode import decode
from drivers.metering.map import requests_for
from drivers.metering.meter import ModbusMeter
from evse.cli.meter_table import raw, table
from evse.cli.meter_target import Target, add_target, explain, target_of
from evse.clock import MonotonicClock


def add(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--raw", action="store_true", help="the registers, too")
    parser.add_argument("--json", action="store_true", help="the reading as JSON")


def run(arguments: argparse.Namespace) -> int:
    target = target_of(arguments)
    if target is None:
        return 2
    return asyncio.run(_read(target, with_raw=arguments.raw, as_json=arguments.json))


async def _read(target: Target, *, with_raw: bool, as_json: bool) -> int:
    clock = MonotonicClock()
    bus = target.bus()
    meter = ModbusMeter(bus, target.meter_map, target.unit, clock)
    began_ms = clock.now_ms()
    try:
        answers = await meter.registers()
        requests = requests_for(target.meter_map)
        reading = decode(target.meter_map, requests, answers, began_ms)
    except MeterError as error:
        explain(error, meter.diagnosis())
        return 1
    finally:
        await bus.aclose()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(reading), indent=2).decode())
        return 0
    print(f"{target.words}, in {(clock.now_ms() - began_ms) / 1000:.2f} s")
    print("\n".join(table(reading)))
    if with_raw:
        print("\n" + "\n".join(raw(target.meter_map, requests, answers)))
    if target.meter_map.doubts:
        print(f"\nnot sure of this model: {target.meter_map.doubts}")
    if (found := meter.diagnosis()) is not None:
        print(f"\n{found.words}")
    return 0
