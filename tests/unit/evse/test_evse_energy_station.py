"""A station's energy as one: what a reading of the mains is worth, and how it all stands."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evse.config.load import parse
from evse.energy.claims import Claim
from evse.energy.mains import Mode, Phase
from evse.energy.standing import Mains, Part, standing
from evse.energy.station import StationEnergy, needed
from evse.model import MeterReading

Amps = tuple[float | None, float | None, float | None]

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
mode = "{mode}"
max_mains_a = 25
fallback_a = 7
[mains.meter]
kind = "modbus"
"""
LOST_MS = 10_000


def energy(
    fuse_a: float | None = None, *, mains: str = "smart", kind: type[StationEnergy] = StationEnergy
) -> StationEnergy:
    fuse = "" if fuse_a is None else f"fuse_a = {fuse_a}"
    head = f'[station]\nidentity = "E-1"\n{fuse}\n[board]\nkind = "simulated"\n'
    evses = EVSE.format(n=1) + EVSE.format(n=2)
    tail = '[authorization]\nmode = "free"\n' + (MAINS.format(mode=mains) if mains else "")
    config = parse(head + evses + tail)
    assert needed(config)
    return kind(config)


def claims(*evses: int) -> list[Claim]:
    return [
        Claim(evse=n, wants=n in evses, limit_a=32.0, lines=(0, 1, 2), draw_a=(0.0, 0.0, 0.0))
        for n in (1, 2)
    ]


def reading(at_ms: int, amps: Amps, watts: Amps = (1_000.0, 1_000.0, 1_000.0)) -> MeterReading:
    return MeterReading(taken_ms=at_ms, energy_import_wh=0.0, current_a=amps, power_phase_w=watts)


def seen(of: StationEnergy) -> tuple[float, float, float] | None:
    return None if of.reading is None else of.reading.mains_a


# --- what a reading is worth ----------------------------------------------------------------------


def test_a_current_without_a_sign_takes_that_of_its_power() -> None:
    one = energy()
    one.heard(reading(0, (5.0, 3.0, 8.0), (1_150.0, None, -1_840.0)), claims())
    assert seen(one) == (5.0, 3.0, -8.0)


def test_a_current_that_has_its_sign_keeps_it() -> None:
    one = energy()
    one.heard(reading(0, (5.0, -3.0, -8.0), (1_150.0, None, -1_840.0)), claims())
    assert seen(one) == (5.0, -3.0, -8.0)


def test_a_meter_of_one_phase_is_believed() -> None:
    one = energy()
    one.heard(reading(0, (9.0, None, None)), claims())
    assert seen(one) == (9.0, 0.0, 0.0)


def test_a_line_that_falls_silent_is_not_taken_for_one_without_load() -> None:
    """The other lines go on: the reading is no reading, and the meter is lost in time."""
    one = energy()
    one.heard(reading(0, (9.0, 20.0, 9.0)), claims(1))
    one.step(claims(1), 0)
    for at_ms in range(1_000, LOST_MS + 1_000, 1_000):
        one.heard(reading(at_ms, (9.0, None, 9.0)), claims(1))
        one.step(claims(1), at_ms)
    assert seen(one) == (9.0, 20.0, 9.0)
    assert one.balance.phase is Phase.FALLBACK


def test_a_reading_without_any_current_is_none() -> None:
    one = energy()
    one.heard(reading(0, (None, None, None)), claims())
    assert one.reading is None


# --- how it stands --------------------------------------------------------------------------------


def test_before_the_first_step_nothing_is_granted_and_nothing_known() -> None:
    found = standing(energy(40.0), 0)
    assert (found.fuse_a, found.budget_a, found.turn_left_ms, found.evses) == (40.0, 0.0, None, ())
    assert found.mains == Mains(
        mode=Mode.SMART,
        phase=Phase.IDLE,
        limit_a=25.0,
        sum_limit_a=None,
        fallback_a=7.0,
        current_a=None,
        age_ms=None,
        lost=False,
        solar_stop_left_ms=None,
        blocked_left_ms=None,
    )


def test_a_fuse_without_a_meter_is_its_own_budget() -> None:
    one = energy(40.0, mains="")
    one.step(claims(1, 2), 0)
    found = standing(one, 0)
    assert (found.mains, found.budget_a) == (None, 40.0)
    assert found.evses == (Part(1, 20.0, True, False, None), Part(2, 20.0, True, False, None))


def test_turns_are_told_with_their_end() -> None:
    one = energy(8.0, mains="")
    one.step(claims(1, 2), 1_000)
    found = standing(one, 61_000)
    assert found.turn_left_ms == 900_000 - 60_000
    assert found.evses == (Part(1, 8.0, True, False, None), Part(2, 0.0, False, True, None))


def test_a_running_meter_is_told_with_its_age_and_a_lost_one_with_what_it_said_last() -> None:
    one = energy()
    one.heard(reading(0, (5.0, 5.0, 5.0)), claims(1))
    one.step(claims(1), 100)
    found = standing(one, 600).mains
    assert found is not None
    assert (found.phase, found.lost, found.age_ms) == (Phase.RUNNING, False, 600)
    one.step(claims(1), LOST_MS)
    found = standing(one, LOST_MS).mains
    assert found is not None
    assert (found.lost, found.age_ms, found.current_a) == (True, LOST_MS, (5.0, 5.0, 5.0))
    assert standing(one, LOST_MS).budget_a == 7.0


def test_an_overloaded_mains_is_told_with_the_time_that_nobody_starts() -> None:
    one = energy()
    one.heard(reading(0, (5.0, 5.0, 5.0)), claims(1))
    one.step(claims(1), 0)
    one.heard(reading(1_000, (60.0, 5.0, 5.0)), claims(1))
    one.step(claims(1), 1_000)
    found = standing(one, 31_000).mains
    assert found is not None
    assert (found.phase, found.blocked_left_ms) == (Phase.HARD_SHORTAGE, 30_000)
    over = standing(one, 61_000).mains
    assert over is not None
    assert over.blocked_left_ms is None


def test_too_little_sun_is_told_with_the_time_that_is_bridged() -> None:
    one = energy(mains="solar")
    out = (-2_000.0, -2_000.0, -2_000.0)
    one.heard(reading(0, (8.0, 8.0, 8.0), out), claims(1))
    one.step(claims(1), 0)
    for at_ms in (1_000, 2_000, 3_000):
        one.heard(reading(at_ms, (8.0, 8.0, 8.0)), claims(1))
        one.step(claims(1), at_ms)
    found = standing(one, 3_000).mains
    assert found is not None
    assert found.phase is Phase.SOFT_SHORTAGE
    assert found.solar_stop_left_ms == 600_000 - 2_000


def test_an_evse_that_had_to_stop_is_told_with_the_time_that_it_rests() -> None:
    """Both charge; the meter falls silent, and the 7 A that are left are for the less served."""
    one = energy()
    for at_ms in range(0, 6_000, 1_000):
        one.heard(reading(at_ms, (0.0, 0.0, 0.0)), claims(1, 2))
        one.step(claims(1, 2), at_ms)
    assert [part.admitted for part in standing(one, 6_000).evses] == [True, True]
    one.step(claims(1, 2), 15_000)
    parts = standing(one, 25_000).evses
    assert [part.admitted for part in parts] == [False, True]
    assert [part.rests_left_ms for part in parts] == [50_000, None]
    assert standing(one, 75_000).evses[0].rests_left_ms is None


# --- a step that would change nothing -------------------------------------------------------------


class Untiring(StationEnergy):
    """Takes every step."""

    def _rest(self, unchanged: bool, asked: object, now_ms: int) -> None: ...


moments = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([(), (1,), (2,), (1, 2)]),
        st.sampled_from([0.0, 5.0, 9.0, 16.0]),
        st.sampled_from([None, -9.0, 3.0, 14.0, 24.0, 60.0]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(moments, st.sampled_from(["", "smart", "solar"]), st.sampled_from([8.0, 13.0, 20.0, 60.0]))
def test_leaving_out_the_steps_that_change_nothing_changes_no_grant_at_any_moment(
    script: list[tuple[int, tuple[int, ...], float, float | None]], mains: str, fuse_a: float
) -> None:
    """Against one that takes each of them, tick by tick."""
    lazy, busy = energy(fuse_a, mains=mains), energy(fuse_a, mains=mains, kind=Untiring)
    now_ms = 0
    for ticks, wanting, draw_a, house_a in script:
        asked = [replace(claim, draw_a=(draw_a,) * 3) for claim in claims(*wanting)]
        for _ in range(ticks):
            now_ms += 700
            if house_a is not None and now_ms % 4 == 0:
                for one in (lazy, busy):
                    watts = (230.0 * house_a,) * 3
                    one.heard(reading(now_ms, (abs(house_a),) * 3, watts), asked)
            assert lazy.step(asked, now_ms) == busy.step(asked, now_ms)
            assert lazy.next_deadline_ms(now_ms) == busy.next_deadline_ms(now_ms)


def test_a_quiet_station_takes_no_steps() -> None:
    one = energy(40.0, mains="")
    for now_ms in range(0, 1_000, 100):
        one.step(claims(1, 2), now_ms)
    resting = one.sharing
    one.step(claims(1, 2), 1_000)
    assert one.sharing is resting
    one.step(claims(1), 1_000)
    assert one.sharing is not resting
