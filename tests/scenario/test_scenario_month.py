"""A month of two EVSEs at one fuse: random cars, people, faults and power cuts. In the end plant,
journal and session history agree to the watt-hour, and what was not billed has a name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scenario_ledger import Ledger
from scenario_month import Neighbourhood

from hil.bench.plugin import SIMULATED

pytestmark = [pytest.mark.needs("virtual_time", "disk_stall")]

SEED = 20_261_121
MONTH_DAYS = 30
WATT_HOUR = 1.0


def balanced(ledger: Ledger) -> None:
    """The three books of one EVSE at rest."""
    assert ledger.history_wh == pytest.approx(ledger.billed_wh, abs=1e-6)
    told = {
        charge.uuid: charge.energy_wh for charge in ledger.history if charge.energy_wh is not None
    }
    assert told == pytest.approx(ledger.by_session(), abs=1e-6)
    assert abs(ledger.plant_wh - ledger.billed_wh - ledger.gaps_wh) < WATT_HOUR
    assert not [gap for gap in ledger.gaps if not gap.because], ledger.gaps


def lived(days: float, seed: int) -> Neighbourhood:
    """So many days, then rest; nothing was broken on any of them."""
    life = Neighbourhood(seed)
    for _ in range(int(days)):
        life.live(1)
        assert not life.broken, life.broken
    life.live(days % 1)
    life.rest()
    assert not life.broken, life.broken
    return life


def closed_books(life: Neighbourhood, record_property: Callable[[str, object], None]) -> None:
    heard = life.bench.rig.heard
    for evse in life.bench.evses:
        ledger = Ledger(life, evse)
        print(
            f"evse {evse}: {ledger.plant_wh:.1f} Wh flowed, {ledger.billed_wh:.1f} Wh billed in "
            f"{len(ledger.bills)} transactions of {len(ledger.history)} sessions, "
            f"{ledger.gaps_wh:.1f} Wh outside: {ledger.gaps}"
        )
        assert life.bench.at(evse).probe.state() == "idle"
        assert [h.event for h in heard if h.evse == evse] == ledger.events
        assert not [charge for charge in ledger.history if charge.running]
        balanced(ledger)
    print(life.counts)
    hours = (life.bench.clock.now_ms() - life.begin_ms) / 3_600_000
    record_property(SIMULATED, hours)


@pytest.mark.timeout(300)
def test_a_day_of_two_evses_balances_to_the_watt_hour(
    record_property: Callable[[str, object], None],
) -> None:
    closed_books(lived(1.0, SEED), record_property)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_a_month_of_two_evses_balances_to_the_watt_hour(
    record_property: Callable[[str, object], None],
) -> None:
    closed_books(lived(MONTH_DAYS, SEED), record_property)
