"""The simulated meter as a process: Modbus RTU on its own pty, values from the plant.

Clients find the pty by a symbolic link that outlives restarts. The plant is heard over a Unix
socket, one JSON line for each change; without a plant the meter has no supply and keeps silent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from evse.clock import Clock, MonotonicClock
from evse.run.process import die_with_parent
from hil.plant.meter_sim import MeterMode, SimulatedMeter
from hil.plant.model import MeterTruth

RETRY_S = 0.1
"""Between two tries to reach the plant."""
READ_BYTES = 1024


class TruthLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from the plant: volts, amps and watts per phase, imported Wh, and the mode."""

    v: tuple[float, float, float]
    a: tuple[float, float, float]
    w: tuple[float, float, float]
    wh: float
    hz: float = 50.0
    mode: MeterMode = MeterMode.NORMAL
    signs: bool = True
    """Where it is a meter that does."""

    @classmethod
    def of(cls, truth: MeterTruth, mode: MeterMode = MeterMode.NORMAL) -> TruthLine:
        return cls(
            truth.voltage_v,
            truth.current_a,
            truth.power_w,
            truth.energy_import_wh,
            truth.frequency_hz,
            mode,
        )

    def truth(self) -> MeterTruth:
        return MeterTruth(self.v, self.a, self.w, self.wh, self.hz)


class Slave(Protocol):
    """Whatever answers on a serial line."""

    def feed(self, data: bytes, now_ms: int) -> bytes:
        """What is sent on hearing `data` at `now_ms`."""


class MeterPort:
    """Serves `meter` on a new pty that `link` points to; needs the running event loop."""

    def __init__(self, meter: Slave, link: Path, clock: Clock, *, answer_delay_ms: int = 0) -> None:
        self._meter = meter
        self._link = link
        self._clock = clock
        self.answer_delay_ms = answer_delay_ms
        self._loop = asyncio.get_running_loop()
        # The slave stays open here too: else the master reads EIO whenever no client is there.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._device = os.ttyname(self._slave)
        self._point_link()
        self._loop.add_reader(self._master, self._heard)

    def close(self) -> None:
        """Hang up on the client; twice is as good as once."""
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1
        with suppress(OSError):
            if os.readlink(self._link) == self._device:
                self._link.unlink()

    def _point_link(self) -> None:
        """Replaces the link in one step, so that a client never finds it missing."""
        fresh = self._link.with_name(f"{self._link.name}.{os.getpid()}")
        fresh.symlink_to(self._device)
        fresh.replace(self._link)

    def _heard(self) -> None:
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return
        answer = self._meter.feed(data, self._clock.now_ms())
        if answer:
            self._loop.call_later(self.answer_delay_ms / 1000, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._master >= 0:
            with suppress(BlockingIOError):  # nobody reads: a real line would lose it too
                os.write(self._master, answer)


async def follow_plant(path: Path, take: Callable[[TruthLine | None], None]) -> None:
    """Hands every line of the plant at `path` to `take`, None when there is no plant; for ever."""
    while True:
        with suppress(OSError, ValueError):  # no plant, a torn line, or an endless one
            await _follow_once(path, take)
        take(None)
        await asyncio.sleep(RETRY_S)


async def _follow_once(path: Path, take: Callable[[TruthLine | None], None]) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        while line := await reader.readline():
            take(msgspec.json.decode(line, type=TruthLine))
    finally:
        writer.close()


def _made(truth: Callable[[], MeterTruth | None], unit: int, signs: bool) -> SimulatedMeter:
    if not signs:
        return SimulatedMeter(truth, unit=unit)
    from hil.plant.iskra_sim import SimulatedIskra  # and with it cryptography, for this alone

    return SimulatedIskra(truth, unit=unit)


async def serve(
    link: Path, plant: Path, *, unit: int = 1, answer_delay_ms: int = 0, signs: bool = False
) -> None:
    """The process: until SIGTERM or SIGINT."""
    latest: list[TruthLine | None] = [None]
    meter = _made(lambda: latest[0].truth() if latest[0] is not None else None, unit, signs)

    def take(line: TruthLine | None) -> None:
        latest[0] = line
        if line is not None:
            meter.set_mode(line.mode)
            meter.set_signing(line.signs)

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = MeterPort(meter, link, MonotonicClock(), answer_delay_ms=answer_delay_ms)
    follower = asyncio.create_task(follow_plant(plant, take))
    try:
        await stop.wait()
    finally:
        follower.cancel()
        port.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="a simulated SDM630 on a pty")
    parser.add_argument("--link", type=Path, required=True, help="symbolic link to make")
    parser.add_argument("--plant", type=Path, required=True, help="Unix socket of the plant")
    parser.add_argument("--unit", type=int, default=1, help="Modbus address (1)")
    parser.add_argument("--answer-delay-ms", type=int, default=0)
    parser.add_argument("--signs", action="store_true", help="an Iskra WM3M4C instead")
    given = parser.parse_args(arguments)
    die_with_parent()
    asyncio.run(
        serve(
            given.link,
            given.plant,
            unit=given.unit,
            answer_delay_ms=given.answer_delay_ms,
            signs=given.signs,
        )
    )


if __name__ == "__main__":
    main()
