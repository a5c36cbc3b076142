"""The guard in every reachable state: all inputs free, small times, every rule needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evse.guard.guard import RULES
from hil.explore.invariants import INVARIANTS
from hil.explore.world import World
from hil.explore.worlds import WIDE_WORLDS, WORLDS

Record = Callable[[str, object], None]

REACHED = {
    "contactor": {"closed", "MIRROR", "WELD", "SAMPLES_STALLED", "LEASE_LOST", "OFFER_WITHDRAWN"},
    "lease": {"closed", "LEASE_LOST", "OFFER_WITHDRAWN", "PILOT_LEFT_CD"},
    "levels": {"closed", "PILOT_FAULT"},
    "unavailable": {"closed", "PILOT_FAULT", "OFFER_WITHDRAWN"},
    "unventilated": {"closed", "VENTILATION", "PILOT_FAULT"},
    "ventilated": {"closed", "PILOT_LEFT_CD"},
    "diode": {"closed", "DIODE"},
    "residual": {"closed", "RCD", "RCD_SELF_TEST"},
    "stops": {"closed", "EMERGENCY_STOP", "OVER_TEMPERATURE", "BOARD_FAULT"},
    "socket": {"closed", "PROXIMITY"},
    "lock": {"closed", "LOCK", "jammed", "forced_unlock"},
    "veto": {"closed", "LOCK", "WELD", "jammed", "forced_unlock"},
    "power loss": {"closed", "BOARD_FAULT", "LOCK"},
    "phases": {"closed on 1", "closed on 3", "MIRROR", "WELD"},
    "phases read back": {"closed on 1", "closed on 3", "PHASE_CONTACT"},
    "swap": {"PROXIMITY", "PILOT_FAULT"},
}
"""What each world must come to, so that no invariant holds for want of anything to judge."""

NEEDED = {
    "EMERGENCY_STOP": ("stops", "emergency_stop_opens_at_once"),
    "RCD": ("residual", "rcd_is_latched"),
    "WELD": ("veto", "weld_is_latched"),
    "MIRROR": ("veto", "mirror_disagreement_opens"),
    "DIODE": ("diode", "bad_diode_opens"),
    "PILOT_FAULT": ("levels", "pilot_fault_is_latched"),
    "SAMPLES_STALLED": ("levels", "closed_only_with_recent_proof"),
    "LOCK": ("veto", "lost_lock_opens"),
    "PROXIMITY": ("socket", "lost_coding_opens"),
    "OVER_TEMPERATURE": ("stops", "hot_is_latched"),
    "VENTILATION": ("unventilated", "ventilation_is_latched"),
    "PHASE_CONTACT": ("phases read back", "phase_contact_is_latched"),
    "BOARD_FAULT": ("stops", "a_board_fault_opens_at_once"),
    "RCD_SELF_TEST": ("residual", "failed_self_test_is_latched"),
    "left_cd": ("levels", "leaving_cd_opens_within_debounce_out"),
    "soft_time_over": ("levels", "energised_without_leave_at_most_c1_open"),
    "soft_low_current": ("lease", "opens_under_one_amp_when_leave_is_gone"),
    "permit": ("lease", "closes_only_under_a_live_permit"),
    "offer": ("lease", "closes_only_under_a_live_permit"),
    "car_ready": ("levels", "coil_rises_only_in_confirmed_c"),
    "certain": ("levels", "coil_rises_only_in_confirmed_c"),
    "diode_proven": ("levels", "diode_seen_before_closing"),
    "self_test": ("residual", "self_test_before_closing"),
    "no_trip": ("levels", "coil_rises_only_beside_pwm"),
    "mirror_open": ("veto", "never_closes_on_a_closed_mirror"),
    "rested": ("levels", "off_for_the_minimum_time"),
    "locked": ("veto", "closes_only_locked"),
    "stays_locked": ("veto", "never_closes_while_unlocking_is_wanted"),
    "cable_rated": ("socket", "closes_only_on_a_rated_cable"),
    "not_forced": ("veto", "forced_unlock_forbids_closing"),
    "temperature_known": ("stops", "closes_only_at_a_known_temperature"),
    "phases_placed": ("phases", "closes_only_with_the_phase_contact_at_rest"),
    "phase_wished": ("phases", "phase_contact_moves_only_where_a_live_permit_wants_it"),
    "confirmed_open": ("phases", "phase_contact_moves_only_with_the_contactor_open"),
    "mirror_trusted": ("phases", "phase_contact_stays_while_the_mirror_is_doubted"),
    "coil_on": ("veto", "no_unlock_while_coil_or_mirror_is_closed"),
    "mirror_closed": ("veto", "no_unlock_while_coil_or_mirror_is_closed"),
    "releasing": ("veto", "no_unlock_while_the_contactor_travels"),
}
"""Rule -> the world in which taking it out breaks this invariant first."""


def walk(world: World, record_property: Record) -> frozenset[str]:
    result, reached = world.explore()
    assert not result.violations, str(result.violations[0])
    assert result.complete
    line = f"{world.name}: {result.states} states, {result.transitions} transitions"
    record_property("guard states walked", line)
    return reached


@pytest.mark.parametrize("name", WORLDS)
def test_every_state_keeps_every_invariant(name: str, record_property: Record) -> None:
    assert walk(WORLDS[name], record_property) >= REACHED[name]


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", WIDE_WORLDS)
def test_every_state_of_a_wide_world_keeps_every_invariant(
    name: str, record_property: Record
) -> None:
    assert "closed" in walk(WIDE_WORLDS[name], record_property)


@pytest.mark.parametrize("rule", RULES.names)
def test_a_guard_without_the_rule_breaks_a_promise(rule: str) -> None:
    world, invariant = NEEDED[rule]
    result, _ = WORLDS[world].explore(RULES.without(rule))
    assert [v.invariant for v in result.violations] == [invariant]


def test_each_rule_has_a_world_that_needs_it_and_none_is_missing() -> None:
    assert sorted(RULES.names) == sorted(NEEDED)


def test_taking_out_a_rule_takes_out_that_one_alone() -> None:
    for name in NEEDED:
        assert [other for other in RULES.names if other != name] == [*RULES.without(name).names]


def test_every_invariant_is_judged_in_some_world() -> None:
    judged = {invariant.name for world in WORLDS.values() for invariant in world.invariants}
    assert judged == {invariant.name for invariant in INVARIANTS}


def test_taking_out_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(KeyError, match="no rule is called hope"):
        RULES.without("hope")
