"""What decides: guard, frames, session, composite schedule."""

from __future__ import annotations

from collections.abc import Iterator

from evse.guard.guard import Guard, Hardware, Inputs, Timing
from evse.model import BoardStatus, LockTarget, Permit, PilotState
from evse.pilot import PilotSample
from firmware_bridge.codec import pack, unpack
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.messages import PermitMessage, StatusMessage
from tests.bench.measure import Line, cpu_us_each, line


def lines() -> Iterator[Line]:
    yield line("guard step, nothing changed", "us CPU", cpu_us_each(_quiet_step(), 5_000))
    yield line("guard step, a permit came", "us CPU", cpu_us_each(_permit_step(), 2_000))
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


def _permit_frame() -> None:
    permit = Permit(7, True, 2_666, LockTarget.LOCK)
    encode(pack(PermitMessage(1, 5, 1_000, 3, permit)))


_decoder = Decoder()


def _status_frame() -> None:
    status = BoardStatus(pilot=PilotState.C, duty_bp=2_666, coil=True, mirror_closed=True)
    for payload in _decoder.feed(encode(pack(StatusMessage(1, 5, 9, 1_000, status)))):
        unpack(payload)
