"""What decides: guard, frames, session, composite schedule."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from evse.guard.flight_file import FlightEncoder, Origin
from evse.guard.guard import Guard, Hardware, Inputs, Timing
from evse.guard.recorder import MAX_RECORDS, Cause, FlightRecorder
from evse.model import BoardStatus, LockTarget, Permit, PilotState
from evse.pilot import PilotSample
from firmware_bridge.codec import pack, unpack
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.messages import PermitMessage, StatusMessage
from tests.bench.measure import Line, cpu_us_each, line


def lines() -> Iterator[Line]:
    yield line("guard step, nothing changed", "us CPU", cpu_us_each(_quiet_step(), 5_000))
    yield line("guard step, a permit came", "us CPU", cpu_us_each(_permit_step(), 2_000))
    yield line("flight recorder, a noisy step", "us CPU", cpu_us_each(_recorded_step(), 5_000))
    yield line("flight encoded, a period of it", "us CPU", cpu_us_each(_encoded_period(), 800))
    yield line("permit frame, there", "us CPU", cpu_us_each(_permit_frame, 2_000))
    yield line("status frame, there and back", "us CPU", cpu_us_each(_status_frame, 2_000))


_QUIET = Inputs(
    PilotSample(12_000, 12_000), lock_unlocked=True, pp_ohm=None, temperature_dc=250, current_ma=0
)


def _guard() -> Guard:
    guard = Guard(Hardware(lock=True, socket=True, rcd=True, rcd_self_test=True), Timing())
    for tick in range(100):
        guard.step(tick * 10, _QUIET)
    return guard


def _quiet_step() -> object:
    guard = _guard()
    return lambda: guard.step(2_000, _QUIET)


def _permit_step() -> object:
    guard = _guard()
    state = {"seq": 0, "now_ms": 2_000}

    def act() -> None:
        state["seq"] += 1
        state["now_ms"] += 10
        guard.permit(Permit(state["seq"], False, 10_000), state["now_ms"])
        guard.step(state["now_ms"], _QUIET)
        guard.status()

    return act


_NOISY = [
    Inputs(
        PilotSample(8_990 + n, -11_990 - n), lock_locked=True, pp_ohm=220 + n, temperature_dc=250
    )
    for n in range(20)
]


def _recorded_step() -> object:
    """A minute is in the ring, and no reading is like the one before."""
    guard = _guard()
    recorder = FlightRecorder(guard.hardware, guard.timing)
    outputs = guard.step(2_000, _QUIET)
    ticks = itertools.count(201)

    def act() -> None:
        tick = next(ticks)
        recorder.step(tick * 10, _NOISY[tick % 20], guard.state, outputs)

    for _ in range(MAX_RECORDS):
        act()
    return act


def _encoded_period() -> object:
    guard = _guard()
    recorder = FlightRecorder(guard.hardware, guard.timing)
    outputs = guard.step(2_000, _QUIET)
    for tick in range(6_000):
        recorder.step(tick * 10, _NOISY[tick % 20], guard.state, outputs)
    recorder.trigger(Cause.ASKED, "", 60_000)
    flight = recorder.collect(60_000, at_once=True)
    assert flight is not None
    origin = Origin(evse=1, boot="", version="", kernel="", utc="", utc_at_ms=0)
    lines = FlightEncoder(flight, origin).lines()
    return lambda: next(lines)


def _permit_frame() -> None:
    permit = Permit(7, True, 2_666, LockTarget.LOCK)
    encode(pack(PermitMessage(1, 5, 1_000, 3, permit)))


_decoder = Decoder()


def _status_frame() -> None:
    status = BoardStatus(pilot=PilotState.C, duty_bp=2_666, coil=True, mirror_closed=True)
    for payload in _decoder.feed(encode(pack(StatusMessage(1, 5, 9, 1_000, status)))):
        unpack(payload)
