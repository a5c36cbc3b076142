"""A flight as the lane plot that the bench draws of its runs."""

from __future__ import annotations

from evse.guard.flight_read import Recorded
from evse.guard.replay import Decided
from evse.guard.timeline import timeline
from evse.model import LockState
from hil.plot.plot import lane_plot
from hil.trace import Lane, Trace

QUIET_MV = 100
"""Less than this is noise, and draws no step."""
_BOLT = {LockState.UNLOCKED: "unlocked", LockState.LOCKED: "locked", LockState.MOVING: "moving"}


def page(flight: Recorded, periods: list[Decided]) -> str:
    """HTML that opens without a network. Times on it count from the first period."""
    origin, trigger = flight.header.origin, flight.header.trigger
    return lane_plot(
        trace_of(flight, periods),
        title=f"EVSE {origin.evse} of {origin.station or 'a station'}",
        subtitle=f"{origin.utc}: {trigger.cause.value} {trigger.detail}",
    )


def trace_of(flight: Recorded, periods: list[Decided]) -> Trace:
    """The periods as lanes; the contactor as its mirror shows it."""
    trace, evse = Trace(), flight.header.origin.evse
    level_mv: int | None = None
    for period in periods:
        inputs, at_ms = period.record.inputs, period.record.now_ms
        if inputs.sample is not None and (
            level_mv is None or abs(inputs.sample.hi_mv - level_mv) > QUIET_MV
        ):
            level_mv = inputs.sample.hi_mv
            trace.record(at_ms, evse, Lane.PILOT, level_mv)
        trace.record(at_ms, evse, Lane.DUTY, period.record.outputs.duty_bp)
        mirror = "closed" if inputs.mirror_closed else "open"
        trace.record(at_ms, evse, Lane.CONTACTOR, mirror)
        if (bolt := _BOLT.get(period.seen.lock)) is not None:
            trace.record(at_ms, evse, Lane.LOCK, bolt)
        if inputs.current_ma is not None:
            trace.record(at_ms, evse, Lane.CURRENT, inputs.current_ma)
    for row in timeline(flight, periods):
        for said in row.says:
            trace.record(row.t_ms + flight.header.trigger.at_ms, evse, Lane.MESSAGE, said)
    return trace
