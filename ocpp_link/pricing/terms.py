"""A RunningCost of the back office, in the terms of a display, of the tally and of the triggers.

`wall_ms` reads a time as the display's local time where it names no offset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from evse.clock import rfc3339
from ocpp_link.pricing.messages import Idle, Period, Prices, Running, Trigger
from ocpp_link.pricing.tally import Tally, Tariff
from ocpp_link.pricing.triggers import Triggers, renewed
from ocpp_link.pricing.types import CostState, RunningCost
from ocpp_link.records import EvseState
from ocpp_link.station import EPOCH

WallMs = Callable[[str], int]


class Underway:
    """A transaction whose running cost was told; the owner moves it on."""

    def __init__(
        self, state: EvseState, told: RunningCost, tally: Tally, triggers: Triggers
    ) -> None:
        self.session = state.session
        self.status = state.status
        self.told = told
        self.tally = tally
        self.triggers = triggers


def underway(said: Running, state: EvseState, wall_ms: WallMs, before: Underway | None) -> Underway:
    """In place of what was said before of the same transaction, some of which goes on. Raises
    ValueError for a time that is none."""
    tally, triggers = tally_of(said, wall_ms), triggers_of(said.trigger_meter_value, wall_ms)
    if before is not None and before.session == state.session:
        triggers = renewed(before.triggers, triggers)
        if tally.idle_since_ms is not None and before.tally.idle_since_ms is not None:
            since_ms = before.tally.idle_since_ms  # the grace is not given twice
            tally = msgspec.structs.replace(tally, idle_since_ms=since_ms)
    return Underway(state, running_cost(said, state, wall_ms), tally, triggers)


def running_cost(said: Running, state: EvseState, wall_ms: WallMs) -> RunningCost:
    """For a display. Raises ValueError for a time that is none."""
    idle, period = said.idle_price, said.next_period
    return RunningCost(
        evse=state.evse,
        session_id=state.session,
        transaction_id=str(said.transaction_id),
        timestamp=_shown(wall_ms(said.timestamp)),
        meter_value=int(said.meter_value),
        cost=said.cost,
        state=said.state,
        charging_price=said.charging_price.told(),
        idle_price=UNSET if isinstance(idle, UnsetType) else idle.told(),
        next_period=UNSET
        if isinstance(period, UnsetType)
        else period.told(_shown(wall_ms(period.at_time))),
    )


def tally_of(said: Running, wall_ms: WallMs) -> Tally:
    """From where an estimate goes on. Raises ValueError for a time that is none."""
    at_ms, period = wall_ms(said.timestamp), said.next_period
    begun = Tally(
        cost=said.cost,
        at_ms=at_ms,
        wh=int(said.meter_value),
        tariff=_tariff(said.charging_price, said.idle_price),
        idle_since_ms=at_ms if said.state is CostState.Idle else None,
    )
    if isinstance(period, UnsetType):
        return begun
    return msgspec.structs.replace(
        begun,
        following=_following(period, begun.tariff),
        following_at_ms=wall_ms(period.at_time),
    )


def triggers_of(wanted: Trigger | UnsetType, wall_ms: WallMs) -> Triggers:
    """Raises ValueError for a time that is none."""
    if isinstance(wanted, UnsetType):
        return Triggers()
    at, kwh, kw = wanted.at_time, wanted.at_energy_kwh, wanted.at_power_kw
    return Triggers(
        at_ms=None if isinstance(at, UnsetType) else wall_ms(at),
        at_wh=None if isinstance(kwh, UnsetType) else kwh * 1_000,
        at_w=None if isinstance(kw, UnsetType) else kw * 1_000,
        at_status=frozenset(wanted.at_status),
    )


def _shown(wall_ms: int) -> str:
    return rfc3339(EPOCH + timedelta(milliseconds=wall_ms))


def _tariff(prices: Prices, idle: Idle | UnsetType) -> Tariff:
    tariff = Tariff(kwh=_amount(prices.kwh), hour=_amount(prices.hour))
    return tariff if isinstance(idle, UnsetType) else _with_idle(tariff, idle)


def _with_idle(tariff: Tariff, idle: Idle) -> Tariff:
    """An idle price that names no grace keeps the one that there is."""
    grace = idle.grace_minutes
    return msgspec.structs.replace(
        tariff,
        idle_hour=_amount(idle.hour),
        grace_ms=tariff.grace_ms if isinstance(grace, UnsetType) else grace * 60_000,
    )


def _following(period: Period, now: Tariff) -> Tariff:
    """What a period does not name goes on."""
    charging, idle = period.charging_price, period.idle_price
    if not isinstance(charging, UnsetType):
        now = msgspec.structs.replace(now, kwh=_amount(charging.kwh), hour=_amount(charging.hour))
    return now if isinstance(idle, UnsetType) else _with_idle(now, idle)


def _amount(value: Decimal | UnsetType) -> Decimal:
    return Decimal(0) if isinstance(value, UnsetType) else value
