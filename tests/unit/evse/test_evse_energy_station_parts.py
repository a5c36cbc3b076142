"""What a configuration makes of a station's energy, and what its parts are told."""

from __future__ import annotations

import pytest

from evse.config.load import parse
from evse.config.station import StationConfig
from evse.energy.claims import Claim
from evse.energy.mains import Mode, Site
from evse.energy.sharing import Fuse
from evse.energy.station import StationEnergy, needed
from evse.model import MeterReading

EVSE = """
[[evse]]
id = {n}
evse_id = "DE*PNX*E{n}*1"
connector = "cable"
max_current_a = 32.0
phase_rotation = "RST"
"""
MAINS = """
[mains]
mode = "solar"
max_mains_a = 25
max_sum_a = 60
fallback_a = 7
solar_import_a = 1.5
solar_start_a = 3.5
solar_stop_s = 300
[mains.meter]
kind = "modbus"
"""


def station(fuse: str = "", mains: str = "") -> StationConfig:
    head = f'[station]\nidentity = "E-1"\n{fuse}\n[board]\nkind = "simulated"\n'
    tail = '[authorization]\nmode = "free"\n'
    return parse(head + EVSE.format(n=1) + EVSE.format(n=2) + tail + mains)


def claim(evse: int, draw_a: tuple[float, float, float] | None, *, wants: bool = True) -> Claim:
    return Claim(evse=evse, wants=wants, limit_a=32, draw_a=draw_a)


def reading(at_ms: int, watts: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> MeterReading:
    return MeterReading(
        taken_ms=at_ms, energy_import_wh=0.0, current_a=(5.0, 3.0, 8.0), power_phase_w=watts
    )


@pytest.mark.parametrize(
    ("fuse", "mains", "expected"),
    [
        ("", "", False),
        ("fuse_a = 63.9", "", True),
        ("fuse_a = 64", "", False),
        ("fuse_a = 80", "", False),
        ("fuse_a = 80", MAINS, True),
    ],
)
def test_sharing_is_needed_where_the_evses_may_want_more_than_there_is(
    fuse: str, mains: str, expected: bool
) -> None:
    assert needed(station(fuse, mains)) is expected


def test_each_configured_number_reaches_its_part() -> None:
    energy = StationEnergy(station("fuse_a = 40\nfuse_turn_s = 1_200", MAINS))
    assert energy.fuse == Fuse(limit_a=40, safe_a=7, slice_ms=1_200_000)
    assert energy.mode is Mode.SOLAR
    assert energy.site == Site(
        max_mains_a=25,
        max_circuit_a=40,
        max_sum_a=60,
        fallback_a=7,
        mains_lost_ms=10_000,
        solar_import_a=1.5,
        solar_start_a=3.5,
        solar_stop_ms=300_000,
    )


def test_without_a_meter_at_the_mains_the_fuse_is_the_budget_and_what_is_safe() -> None:
    energy = StationEnergy(station("fuse_a = 40"))
    assert (energy.site, energy.mode, energy.budget_a) == (None, Mode.NORMAL, 40)
    assert (energy.fuse.limit_a, energy.fuse.safe_a) == (40, 40)
    assert StationEnergy(station("fuse_a = 80")).fuse.limit_a == 64, "more than all is no budget"


def test_a_reading_goes_with_what_all_evses_took_at_that_time() -> None:
    energy = StationEnergy(station(mains=MAINS))
    energy.heard(reading(1_000), [claim(1, (6.0, 0.0, 0.5)), claim(2, (6.0, 1.0, 2.0))])
    assert energy.reading is not None
    assert energy.reading.evse_a == (12.0, 1.0, 2.5)
    energy.heard(reading(2_000), [claim(1, (6.0, 0.0, 0.5)), claim(2, None)])
    assert energy.reading.evse_a is None


def test_only_a_power_below_0_turns_a_current_round() -> None:
    energy = StationEnergy(station(mains=MAINS))
    energy.heard(reading(1_000, (0.0, 0.5, -0.5)), [])
    assert energy.reading is not None
    assert energy.reading.mains_a == (5.0, 3.0, -8.0)


def test_only_the_evses_that_want_to_charge_are_counted() -> None:
    energy = StationEnergy(station(mains=MAINS.replace("solar", "smart", 1)))
    claims = [claim(1, (0.0, 0.0, 0.0)), claim(2, (0.0, 0.0, 0.0), wants=False)]
    for at_ms in (1_000, 2_000):
        energy.heard(reading(at_ms), claims)
        energy.step(claims, at_ms)
    assert energy.balance.admitted == 1


def test_the_loss_of_the_mains_meter_is_a_deadline_and_so_is_the_end_of_a_turn() -> None:
    claims = [claim(1, (0.0, 0.0, 0.0)), claim(2, (0.0, 0.0, 0.0))]
    energy = StationEnergy(station(mains=MAINS.replace("solar", "smart", 1)))
    energy.heard(reading(1_000), claims)
    energy.step(claims, 1_000)
    assert energy.next_deadline_ms(1_000) == 11_000
    alone = StationEnergy(station("fuse_a = 6\nfuse_turn_s = 1_200"))
    alone.step([claim(1, None), claim(2, None)], 1_000)
    assert alone.next_deadline_ms(1_000) == 1_201_000


def test_each_evse_is_granted_its_part_and_the_last_step_is_one_that_changed_nothing() -> None:
    energy = StationEnergy(station("fuse_a = 40"))
    claims = [claim(1, None), claim(2, None)]
    taken = []
    for now_ms in (0, 100, 200, 300):
        before = energy.sharing
        grants = energy.step(claims, now_ms)
        taken.append(energy.sharing is not before)
        assert {evse: limit.limit_a for evse, limit in grants.items()} == {1: 20, 2: 20}
    assert taken == [True, True, False, False]


def test_while_they_take_turns_every_step_is_taken_since_the_time_counts() -> None:
    energy = StationEnergy(station("fuse_a = 6"))
    for now_ms in (0, 100, 200, 300):
        before = energy.sharing
        energy.step([claim(1, None), claim(2, None)], now_ms)
        assert energy.sharing is not before
    assert energy.sharing.shares[1].turn.served_ms == 300
