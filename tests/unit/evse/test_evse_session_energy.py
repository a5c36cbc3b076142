"""Limits as a session lives with them: the random delay, pausing with hysteresis, grants, heat."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from session_rig import PLUG_FIRST, Rig, limit_of, socket_evse, token

from evse.config.energy import LimitsTable, RandomDelayTable
from evse.limits import Limit
from evse.model import X1_BP, BoardAnalog, Capability, PilotState, Reason
from evse.pilot import amps_to_duty_bp, duty_bp_to_amps
from evse.session.external_limits import MAX_SOURCES, Lifetime
from evse.session.record import Snapshot
from evse.types.energy import ExternalLimits

NOTHING = ExternalLimits(schedule_import=())
B, C = PilotState.B, PilotState.C
DELAYED = LimitsTable(random_delay=RandomDelayTable(enabled=True, max_s=600))


def grant(amps: float) -> Limit:
    return Limit(source="station fuse", limit_a=amps, safety=True)


# --- SI 2021/1467 regulation 11 -------------------------------------------------------------------


def test_a_person_who_plugs_in_waits_for_no_random_delay() -> None:
    rig = Rig(limits=DELAYED).charging()
    assert rig.board.duty_bp == amps_to_duty_bp(32)


def test_a_schedule_s_change_waits_a_random_time_and_a_person_may_end_it() -> None:
    rig = Rig(limits=DELAYED).charging()
    rig.session.set_external_limits(limit_of(10))
    rig.run(20_000)
    assert rig.board.duty_bp == amps_to_duty_bp(32), "the old value stays while it waits"
    ends_ms = rig.session.offer.delay.ends_ms
    assert ends_ms is not None
    assert ends_ms - rig.clock.now_ms() <= 600_000
    rig.session.cancel_random_delay()
    rig.run(6_000)
    assert rig.board.duty_bp == amps_to_duty_bp(10)


def test_the_delay_ends_by_itself_within_its_greatest_length() -> None:
    rig = Rig(limits=DELAYED).charging()
    rig.session.set_external_limits(limit_of(10))
    rig.run(610_000)
    assert rig.board.duty_bp == amps_to_duty_bp(10)


def shared_and_delayed(granted_a: float) -> Rig:
    """A car charges with a grant of a shared fuse, where changes from outside are delayed."""
    rig = Rig(limits=DELAYED, shared=True)
    rig.session.set_grant(grant(granted_a))
    return rig.charging()


@pytest.mark.parametrize("amps", [10.0, 0.0])
def test_a_change_from_outside_is_delayed_where_a_fuse_is_shared_too(amps: float) -> None:
    """Until it is over the session claims what it may still take: a claim of less would be
    granted less at once, and the pilot would follow."""
    rig = shared_and_delayed(16)
    rig.session.set_external_limits(limit_of(amps))
    rig.run(1_000)
    assert rig.session.offer.delay.ends_ms is not None
    assert rig.session.claim().limit_a == 32.0
    assert rig.board.duty_bp == amps_to_duty_bp(16)
    rig.session.cancel_random_delay()
    rig.run(6_000)
    assert rig.session.claim().limit_a == amps
    assert rig.board.duty_bp == (amps_to_duty_bp(amps) if amps else X1_BP)


def test_what_is_allowed_after_a_delay_is_not_claimed_before() -> None:
    rig = shared_and_delayed(16)
    rig.session.set_external_limits(limit_of(8))
    rig.run(1_000)
    rig.session.cancel_random_delay()
    rig.run(6_000)
    rig.session.set_external_limits(limit_of(16))
    rig.run(1_000)
    assert rig.session.claim().limit_a == 8.0
    rig.run(610_000)
    assert rig.session.claim().limit_a == 16.0


@pytest.mark.parametrize("amps", [12.0, 0.0])
def test_a_grant_waits_for_no_random_delay(amps: float) -> None:
    rig = shared_and_delayed(16)
    rig.session.set_external_limits(limit_of(14))
    rig.run(1_000)
    rig.session.set_grant(grant(amps))
    rig.run(200)
    assert rig.session.offer.delay.ends_ms is not None
    assert rig.board.duty_bp == (amps_to_duty_bp(amps) if amps else X1_BP)


def test_safety_never_waits_for_a_delay_in_a_claim_either() -> None:
    rig = shared_and_delayed(16)
    rig.session.set_external_limits(limit_of(10))
    rig.run(1_000)
    rig.board.cable_a = 13
    rig.run(200)
    assert rig.session.claim().limit_a == 13.0


def test_who_has_less_than_6_a_of_his_own_is_not_told_that_the_fuse_limits_him() -> None:
    rig = Rig(shared=True)
    rig.session.set_grant(grant(16))
    rig.charging()
    rig.session.set_external_limits(limit_of(4))
    rig.session.set_grant(grant(0))
    rig.run(1_000)
    assert rig.session.limit().limit_a == 4.0
    assert rig.session.limit().source != "station fuse"
    assert rig.board.duty_bp == X1_BP


def test_safety_never_waits_for_it() -> None:
    rig = Rig(limits=DELAYED).charging()
    rig.session.set_external_limits(limit_of(10))
    rig.run(1_000)
    rig.board.cable_a = 13
    rig.run(200)
    assert duty_bp_to_amps(rig.board.duty_bp) <= 13


def test_two_stations_do_not_wait_the_same_time() -> None:
    waits = set()
    for number in range(4):
        config = replace(socket_evse(), evse_id=f"DE*PNX*E000000{number}*1")
        rig = Rig(config, limits=DELAYED).charging()
        rig.session.set_external_limits(limit_of(10))
        rig.tick()
        waits.add(rig.session.offer.delay.ends_ms)
    assert len(waits) > 1


# --- grants ---------------------------------------------------------------------------------------


def test_without_a_grant_nothing_is_offered_where_a_fuse_is_shared() -> None:
    rig = Rig(shared=True)
    rig.tick()
    rig.car(B)
    rig.session.authorize(token())
    rig.car(C)
    rig.run(30_000)
    assert rig.session.state == "preparing"
    assert rig.board.duty_bp == X1_BP
    assert not rig.board.coil
    rig.session.set_grant(grant(10))
    rig.run(500)
    assert rig.session.state == "charging"
    assert rig.board.duty_bp == amps_to_duty_bp(10)


def test_a_lower_grant_is_kept_at_once_and_none_pauses() -> None:
    rig = Rig(shared=True)
    rig.session.set_grant(grant(32))
    rig.charging()
    rig.session.set_grant(grant(7))
    rig.tick()
    assert rig.board.duty_bp == amps_to_duty_bp(7)
    rig.session.set_grant(grant(0))
    rig.run(500)
    assert rig.names[len(PLUG_FIRST) :] == ["StoppingCharging", "ChargingPausedEVSE(NoEnergy)"]


def test_a_session_claims_from_its_authorization_to_its_end_and_not_while_it_may_not_charge() -> (
    None
):
    rig = Rig(shared=True)
    rig.tick()
    assert not rig.session.claim().wants
    rig.car(B)
    assert not rig.session.claim().wants
    rig.session.authorize(token())
    rig.tick()
    assert rig.session.claim().wants
    rig.session.set_grant(grant(16))
    rig.car(C)
    rig.session.pause_charging()
    rig.tick()
    assert not rig.session.claim().wants
    rig.session.resume_charging()
    rig.tick()
    assert rig.session.claim().wants
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.tick()
    assert not rig.session.claim().wants


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 6.0, 9.5, 32.0])), max_size=12))
def test_whatever_is_granted_the_pilot_never_offers_more(script: list[tuple[int, float]]) -> None:
    rig = Rig(shared=True)
    rig.session.set_grant(grant(16))
    rig.charging()
    for ticks, amps in script:
        rig.session.set_grant(grant(amps))
        for _ in range(ticks):
            rig.tick()
            assert duty_bp_to_amps(rig.board.duty_bp) <= amps


# --- heat -----------------------------------------------------------------------------------------


def hot(rig: Rig, temperature_dc: int | None) -> None:
    rig.session.on_analog(BoardAnalog(temperature_dc=temperature_dc))


@pytest.mark.parametrize(("temperature_dc", "amps"), [(649, 32), (650, 16), (680, 8), (710, 0)])
def test_the_derating_curve_reaches_the_pilot(temperature_dc: int, amps: float) -> None:
    rig = Rig()
    rig.session.on_capabilities(Capability.TEMPERATURE)
    hot(rig, 300)
    rig.charging()
    hot(rig, temperature_dc)
    rig.tick()
    assert rig.board.duty_bp == amps_to_duty_bp(amps)


def test_a_silent_sensor_counts_as_hot_but_a_silent_board_does_not() -> None:
    rig = Rig()
    rig.session.on_capabilities(Capability.TEMPERATURE)
    hot(rig, 300)
    rig.charging()
    rig.run(6_000)
    assert rig.board.duty_bp == X1_BP
    hot(rig, 300)
    rig.run(1_000)
    assert rig.session.state == "charging"
    rig.board_answers = False
    rig.session.on_board_lost()
    rig.run(20_000)
    rig.board_answers = True
    rig.session.on_capabilities(Capability.TEMPERATURE)
    rig.run(1_000)
    assert rig.session.state == "charging"


def test_a_board_without_a_sensor_is_never_hot() -> None:
    rig = Rig()
    rig.session.on_capabilities(Capability(0))
    rig.charging()
    hot(rig, None)
    rig.run(60_000)
    assert rig.session.state == "charging"


# --- limits from outside --------------------------------------------------------------------------


def test_each_named_source_has_its_own_limit_and_the_lowest_holds() -> None:
    rig = Rig()
    session = rig.session
    session.set_external_limits(limit_of(20), "grid")
    session.set_external_limits(limit_of(10), "app")
    session.set_external_limits(limit_of(16))
    assert session.limit().limit_a == 10
    session.set_external_limits(NOTHING, "app")
    assert session.limit().limit_a == 16
    session.set_external_limits(NOTHING)
    assert session.limit().limit_a == 20
    session.set_external_limits(NOTHING, "grid")
    assert session.limit().limit_a == 32


def test_past_its_lifetime_a_limit_leaves_its_fall_back_or_nothing() -> None:
    rig = Rig().charging()
    rig.session.set_external_limits(limit_of(20), "grid", Lifetime(60, fallback_a=8))
    rig.session.set_external_limits(limit_of(16), "app", Lifetime(30))
    rig.run(10_000)
    assert rig.board.duty_bp == amps_to_duty_bp(16)
    rig.run(26_000)
    assert rig.board.duty_bp == amps_to_duty_bp(20)
    rig.run(35_000)
    assert rig.board.duty_bp == amps_to_duty_bp(8)
    assert rig.session.limit().source == "grid, expired"


def test_a_limit_that_ends_by_itself_is_a_deadline() -> None:
    rig = Rig().charging()
    rig.run(10_000)
    now_ms = rig.clock.now_ms()
    rig.session.set_external_limits(limit_of(32), "grid", Lifetime(60, fallback_a=8))
    due_ms = rig.session.next_deadline_ms(now_ms)
    while due_ms is not None and rig.session.limit().limit_a > 8:
        rig.clock.advance_to(due_ms)
        rig.session.poll()
        due_ms = rig.session.next_deadline_ms(due_ms)
    assert rig.clock.now_ms() - now_ms == 60_000


def test_the_number_of_sources_is_bounded() -> None:
    rig = Rig()
    for number in range(MAX_SOURCES):
        rig.session.set_external_limits(limit_of(10 + number), f"source {number}")
    with pytest.raises(ValueError, match="16 sources"):
        rig.session.set_external_limits(limit_of(6), "one more")
    assert rig.session.limit().limit_a == 10


def test_sources_whose_limits_are_over_make_room_for_others() -> None:
    rig = Rig()
    for number in range(MAX_SOURCES):
        fallback_a = 9.0 if number == 0 else None
        life = Lifetime(30, fallback_a=fallback_a)
        rig.session.set_external_limits(limit_of(10), f"source {number}", life)
    rig.run(31_000)
    rig.session.set_external_limits(limit_of(12), "one more")
    assert rig.session.limit().source == "source 0, expired"


# --- what a start may believe of the meter --------------------------------------------------------


def test_behind_a_hung_disk_cars_may_have_taken_current_since_the_last_stored_value() -> None:
    rig = Rig().charging()
    stored = Snapshot.decode(rig.snapshots[-1])
    again = Rig(snapshot=stored)
    again.clock.advance_to(rig.clock.now_ms() + 7_200_000)
    assert again.session.unseen_ms == pytest.approx(7_200_000, abs=2_000)
    again.clock.advance_to(rig.clock.now_ms() + 40 * 86_400_000)
    assert again.session.unseen_ms == 86_400_000
