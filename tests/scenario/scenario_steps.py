"""What many scenarios begin or end with, in the words of the standard."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from evse.model import F_BP, X1_BP
from hil.bench.bench import Bench, Heard
from hil.trace import Lane

OFF_BP = (F_BP, X1_BP)


def charging(bench: Bench, **car: Any) -> None:
    """A car is plugged in and draws its full current (state C2, contactor closed)."""
    bench.ev.plug(**car)
    carrying_current(bench)


def carrying_current(bench: Bench) -> None:
    clock, probe = bench.clock, bench.probe
    clock.run_until(lambda: probe.metal().current_a > 1.0, within=20, what="current")
    clock.run_for(6)


def closed(bench: Bench) -> bool:
    return bench.probe.metal().closed


def opens(bench: Bench, within: float) -> float:
    """The contactor opens within so many seconds; returns how long it took by the trace."""
    begin_ms = bench.clock.now_ms()
    bench.clock.run_until(lambda: not closed(bench), within=within, what="contactor open")
    at_ms = bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms)
    assert at_ms is not None
    return (at_ms - begin_ms) / 1000


def stays_open(bench: Bench, span_s: float) -> None:
    """The contactor does not close for so long."""
    begin_ms = bench.clock.now_ms()
    assert not closed(bench)
    bench.clock.run_for(span_s)
    assert bench.probe.first_ms(Lane.CONTACTOR, "closed", begin_ms + 1) is None


def names(bench: Bench, since_seq: int = 0) -> list[str]:
    return [heard.name for heard in bench.probe.events(since_seq)]


def last_seq(bench: Bench) -> int:
    heard = bench.probe.events()
    return heard[-1].seq if heard else 0


def last(bench: Bench, name: str) -> Heard:
    """The newest event of that name."""
    return [heard for heard in bench.probe.events() if heard.name == name][-1]


def billed_wh(bench: Bench) -> float:
    """The sum of all finished transactions, as their events tell it."""
    total_wh, start_wh = 0.0, 0.0
    for heard in bench.probe.events():
        event = heard.event
        if heard.name == "TransactionStarted":
            assert not isinstance(event.transaction_started, type(None))
            start_wh = event.transaction_started.meter_value.energy_Wh_import.total
        elif heard.name == "TransactionFinished":
            total_wh += event.transaction_finished.meter_value.energy_Wh_import.total - start_wh
    return total_wh


def limit(bench: Bench, amps: float, source: str = "test") -> None:
    """An external limit per phase, from now on."""
    schedule = [
        {
            "timestamp": "2020-01-01T00:00:00Z",
            "limits_to_leaves": {"ac_max_current_A": {"value": amps, "source": source}},
            "limits_to_root": {},
        }
    ]
    bench.dut.call(
        "evse_manager.set_external_limits",
        value={"schedule_import": schedule, "schedule_export": [], "schedule_setpoints": []},
    )


def pwm_changes_ms(bench: Bench, since_ms: int) -> list[int]:
    """When one offer followed another, PWM on before and after."""
    entries = bench.probe.trace().changes(Lane.DUTY, bench.evse)
    return [
        now.t_ms
        for before, now in pairwise(entries)
        if now.t_ms > since_ms and before.value not in OFF_BP and now.value not in OFF_BP
    ]
