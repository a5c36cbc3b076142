"""The phase contact: moves only over an open contactor, and nothing closes before it has come."""

from __future__ import annotations

import pytest
from guard_rig import GuardRig
from hypothesis import given
from hypothesis import strategies as st

from evse.guard.guard import Guard, Hardware, Outputs, Timing
from evse.guard.host import SAFE
from evse.guard.phase_contact import PhaseContact, look, send
from evse.model import X1_BP, CommandStatus, CommandVerb, Permit, Reason

ACK = CommandVerb.ACKNOWLEDGE
BLIND = Hardware(phase_switch=True)
READ_BACK = Hardware(phase_switch=True, phase_feedback=True)
TIMING = Timing()


@pytest.fixture(params=[BLIND, READ_BACK], ids=["without feedback", "with feedback"])
def rig(request: pytest.FixtureRequest) -> GuardRig:
    return GuardRig(request.param)


def open_and_switch(rig: GuardRig, phases: int) -> None:
    """As a core does it: first the contactor, then the contact, then on again."""
    rig.close, rig.duty_bp = False, X1_BP
    rig.run(100)
    rig.level = "B"
    rig.until_open(1_000)
    rig.phases = phases
    rig.run(3_000)
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(2_000)


def test_a_switch_goes_there_and_back(rig: GuardRig) -> None:
    rig.charge()
    assert (rig.status.coil, rig.status.phases, rig.outputs.phases) == (True, 3, 3)
    open_and_switch(rig, 1)
    assert (rig.status.coil, rig.status.phases, rig.outputs.phases) == (True, 1, 1)
    open_and_switch(rig, 3)
    assert (rig.status.coil, rig.status.phases, rig.outputs.phases) == (True, 3, 3)


def test_a_wish_while_closed_moves_nothing_and_opens_nothing(rig: GuardRig) -> None:
    rig.charge()
    rig.phases = 1
    rig.run(20_000)
    assert (rig.status.coil, rig.status.phases, rig.outputs.phases) == (True, 3, 3)
    assert rig.status.reason is Reason.NONE


def test_the_contact_waits_until_the_contactor_is_confirmed_open_for_its_release_time(
    rig: GuardRig,
) -> None:
    rig.charge()
    rig.phases = 1
    rig.run(100)
    rig.level = "B"
    rig.until_open(1_000)
    rig.mirror = True
    rig.run(100)
    rig.mirror = None
    rig.run(TIMING.mirror_release_ms)
    assert (rig.outputs.phases, rig.status.phases) == (3, 3)
    rig.step()
    assert (rig.outputs.phases, rig.status.phases) == (1, 0)


def test_nothing_closes_while_the_contact_moves() -> None:
    rig = GuardRig(BLIND, Timing(phase_ms=5_000))
    rig.plug_in()
    rig.close, rig.duty_bp = True, 2_666
    rig.phases = 1
    rig.run(100)
    rig.level = "C"
    sent_ms = rig.now_ms
    while not rig.step().coil:
        assert rig.now_ms - sent_ms <= 5_200
    assert rig.now_ms - sent_ms > 4_500
    assert rig.status.phases == 1


def test_a_weld_keeps_the_contact_where_it_is(rig: GuardRig) -> None:
    rig.charge()
    rig.mirror, rig.level, rig.phases = True, "B", 1
    rig.run(10_000)
    assert (rig.status.reason, rig.outputs.phases) == (Reason.WELD, 3)
    rig.mirror = None
    rig.run(10_000)
    assert rig.outputs.phases == 3
    assert rig.command(ACK) is CommandStatus.DONE
    rig.run(1_000)
    assert rig.status.phases == 1


def test_a_mirror_that_did_not_follow_is_not_believed_open(rig: GuardRig) -> None:
    rig.charge()
    rig.mirror, rig.phases = False, 1
    rig.run(10_000)
    assert (rig.status.reason, rig.outputs.phases) == (Reason.MIRROR, 3)


def test_after_a_start_the_contact_is_left_alone_until_a_permit_says_where_it_belongs(
    rig: GuardRig,
) -> None:
    rig.alive = False
    rig.run(5_000)
    assert (rig.outputs.phases, rig.status.phases) == (0, 0)
    rig.alive, rig.phases = True, 1
    rig.run(100 + TIMING.phase_ms + 20)
    assert (rig.outputs.phases, rig.status.phases) == (1, 1)


def test_a_lost_lease_moves_nothing(rig: GuardRig) -> None:
    rig.phases = 1
    rig.charge()
    rig.alive = False
    rig.run(20_000)
    assert (rig.status.coil, rig.outputs.phases, rig.status.phases) == (False, 1, 1)


def test_safe_leaves_the_contact_where_it_is() -> None:
    assert SAFE.phases == 0


@pytest.mark.parametrize("phases", [0, 2, 4, 255])
def test_a_wish_for_other_phases_than_1_or_3_moves_and_closes_nothing(
    rig: GuardRig, phases: int
) -> None:
    rig.run(3_000)
    rig.phases = phases
    rig.level, rig.close, rig.duty_bp = "C", True, 2_666
    rig.run(5_000)
    assert (rig.status.coil, rig.outputs.phases) == (False, 3)


def test_a_second_wish_on_the_way_turns_the_contact_round(rig: GuardRig) -> None:
    rig.run(3_000)
    rig.phases = 1
    rig.run(200)
    assert (rig.outputs.phases, rig.status.phases) == (1, 0)
    rig.phases = 3
    rig.run(200)
    assert (rig.outputs.phases, rig.status.phases) == (3, 0)
    rig.run(TIMING.phase_ms)
    assert rig.status.phases == 3


def test_a_board_without_the_contact_ignores_the_wish() -> None:
    rig = GuardRig()
    rig.phases = 1
    rig.charge()
    assert (rig.status.coil, rig.status.phases, rig.outputs.phases) == (True, 3, 0)


def test_a_contact_that_does_not_follow_is_told_and_can_be_taken_back() -> None:
    rig = GuardRig(READ_BACK)
    rig.run(3_000)
    rig.readings["phase_feedback"] = True
    rig.phases = 1
    rig.run(100 + TIMING.phase_ms + 50)
    assert (rig.status.reason, rig.status.phases) == (Reason.PHASE_CONTACT, 3)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.phases = 3
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.run(TIMING.phase_ms)
    assert rig.command(ACK) is CommandStatus.DONE
    rig.charge()
    assert (rig.status.coil, rig.status.phases) == (True, 3)


@pytest.mark.parametrize("feedback", [False, None])
def test_a_contact_that_leaves_its_place_by_itself_opens(feedback: bool | None) -> None:
    rig = GuardRig(READ_BACK)
    rig.charge()
    rig.readings["phase_feedback"] = feedback
    assert rig.until_open(100) == TIMING.mirror_glitch_ms
    assert rig.status.reason is Reason.PHASE_CONTACT


def test_a_bouncing_feedback_is_forgiven() -> None:
    rig = GuardRig(READ_BACK)
    rig.charge()
    for shown in (False, True, None, True):
        rig.readings["phase_feedback"] = shown
        rig.step()
    assert rig.outputs.coil


def test_without_a_feedback_what_it_would_say_is_not_believed() -> None:
    rig = GuardRig(BLIND)
    rig.charge()
    rig.readings["phase_feedback"] = False
    rig.run(1_000)
    assert (rig.status.coil, rig.status.phases) == (True, 3)


def test_a_restarted_guard_asks_for_a_permit_before_it_trusts_the_contact() -> None:
    guard = Guard(BLIND, TIMING)
    rig = GuardRig(BLIND)
    rig.charge()
    rig.guard = guard
    guard.permit(Permit(1, True, 2_666), rig.now_ms)
    rig.outputs = Outputs()
    rig.step()
    assert (rig.status.coil, rig.status.phases) == (False, 0)


@given(st.lists(st.sampled_from((0, 1, 3)), max_size=30))
def test_a_feedback_is_wrong_since_it_was_first_wrong(shown: list[int]) -> None:
    contact, expected = send(PhaseContact(3), 1, 3, 0), None
    for step_number, feedback in enumerate(shown, start=1):
        contact = look(contact, feedback, 10 * step_number)
        expected = None if feedback == 1 else (expected or 10 * step_number)
        assert contact == PhaseContact(1, 0, expected)
        assert look(contact, feedback, 10 * step_number + 5) is contact


def test_only_a_start_believes_that_the_contact_is_there_already() -> None:
    assert send(PhaseContact(), 3, 3, 50) == PhaseContact(3)
    assert send(PhaseContact(), 3, 1, 50) == PhaseContact(3, 50)
    assert send(PhaseContact(), 3, 0, 50) == PhaseContact(3, 50)
    assert send(PhaseContact(1, 10), 3, 3, 50) == PhaseContact(3, 50)


def test_a_restart_with_a_feedback_is_never_on_its_way() -> None:
    rig = GuardRig(READ_BACK)
    rig.readings["phase_feedback"] = True
    seen = set()
    for _ in range(200):
        rig.step()
        seen.add(rig.status.phases)
    assert (seen, rig.outputs.phases) == ({3}, 3)


@pytest.mark.parametrize("feedback", [0, 1, 3])
def test_a_contact_that_was_never_driven_is_nowhere_wrong(feedback: int) -> None:
    assert look(PhaseContact(), feedback, 10) == PhaseContact()
