"""A day of mixed sessions with outages: what was billed is what flowed, and nothing else."""

from __future__ import annotations

import pytest
from scenario_ocpp_day import EVSES, OcppDay

SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 12)))
EACH_WH = 1.0
"""Registers are told in whole Wh, rounded down (OCPP 1.6 §6.45: meterStart is an integer)."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_watt_hour_of_a_day_with_outages_is_billed_once(seed: int) -> None:
    day = OcppDay(seed)
    day.live()
    day.rest()
    print(f"seed {seed}: {day.counts}, {len(day.brain.bill)} transactions")
    assert day.brain.complaints == []
    assert day.undelivered == 0
    assert day.brain.open_transactions() == []
    assert day.brain.orphan_stops == 0
    assert [plant.violations for plant in day.sim.plants.values()] == [[], []]
    for evse in EVSES:
        bill = day.billed(evse)
        billed_wh = sum(line.energy_wh or 0 for line in bill)
        assert billed_wh == pytest.approx(day.metered_wh(evse), abs=EACH_WH * len(bill) + EACH_WH)
    assert len(day.brain.bill) >= 10
    assert day.counts["outages"] >= 5
