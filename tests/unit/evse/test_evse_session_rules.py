"""The session chart against its reviewed table, the rules against every combination of facts."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import pytest

from evse.session.chart import SessionChart
from evse.session.machine import MAX_SETTLE_STEPS
from evse.session.rules import RULES, Facts, next_event
from evse.types.session import PauseReason

EVENTS = [
    "boot",
    "boot_disabled",
    "enable",
    "disable",
    "plug",
    "grant",
    "abandon",
    "unplug",
    "wake",
    "woken",
    "switch_phases",
    "switched",
    "car_ready",
    "car_waits",
    "suspend",
    "resume",
    "halt",
    "finish",
    "halted_by_evse",
    "halted_by_ev",
]

TABLE = {
    "booting": {"boot": "idle", "boot_disabled": "disabled"},
    "disabled": {"enable": "idle"},
    "idle": {"disable": "disabled", "plug": "waiting_auth"},
    "waiting_auth": {"grant": "preparing", "abandon": "finished"},
    "preparing": {
        "car_ready": "charging",
        "car_waits": "paused_ev",
        "suspend": "paused_evse",
        "wake": "waking",
        "halt": "stopping",
    },
    "charging": {"switch_phases": "switching", "car_waits": "paused_ev", "halt": "stopping"},
    "paused_ev": {"car_ready": "preparing", "suspend": "paused_evse", "halt": "stopping"},
    "paused_evse": {"suspend": "paused_evse", "resume": "preparing", "halt": "stopping"},
    "waking": {"woken": "preparing", "halt": "stopping"},
    "switching": {"switched": "preparing", "halt": "stopping"},
    "stopping": {
        "finish": "finished",
        "halted_by_evse": "paused_evse",
        "halted_by_ev": "paused_ev",
    },
    "finished": {"disable": "disabled", "unplug": "idle"},
}
"""Reviewed: where each event leads from each state; every cell that is not here is refused."""

REACH = {
    "booting": [],
    "disabled": ["boot_disabled"],
    "idle": ["boot"],
    "waiting_auth": ["boot", "plug"],
    "preparing": ["boot", "plug", "grant"],
    "charging": ["boot", "plug", "grant", "car_ready"],
    "paused_ev": ["boot", "plug", "grant", "car_waits"],
    "paused_evse": ["boot", "plug", "grant", "suspend"],
    "waking": ["boot", "plug", "grant", "wake"],
    "switching": ["boot", "plug", "grant", "car_ready", "switch_phases"],
    "stopping": ["boot", "plug", "grant", "halt"],
    "finished": ["boot", "plug", "abandon"],
}


def chart_in(state: str) -> SessionChart:
    chart = SessionChart()
    for event in REACH[state]:
        chart.dispatch(event)
    assert chart.state == state
    return chart


@pytest.mark.parametrize("state", TABLE)
def test_every_cell_of_states_and_events(state: str) -> None:
    chart = chart_in(state)
    for event in EVENTS:
        if event not in TABLE[state]:
            assert not chart.accepts(event), f"{state} takes {event}"
            with pytest.raises(SessionChart.TransitionNotAllowed):
                chart.dispatch(event)
            assert chart.state == state
        else:
            fresh = chart_in(state)
            assert fresh.accepts(event)
            fresh.dispatch(event)
            assert fresh.state == TABLE[state][event]


def test_the_table_names_every_state_and_event_of_the_chart() -> None:
    assert {s.id for s in SessionChart.states_map.values()} == set(TABLE) == set(RULES)
    assert set(SessionChart.event_ids()) == set(EVENTS)


def test_every_transition_of_the_chart_has_a_rule_and_the_other_way_round() -> None:
    ruled = {state: {rule.event for rule in rules} for state, rules in RULES.items()}
    assert ruled == {state: set(row) for state, row in TABLE.items()}


# --- every state × every combination of facts -----------------------------------------------------

TOGETHER = (("cable_known", "metered", "locked"), ("ready", "kept"), ("pulse_over", "switch_over"))
"""Facts that no rule reads beside one another: one bit stands for all of a group."""
FLAGS = (
    *((name,) for name in Facts._fields if name not in {"announced", *sum(TOGETHER, ())}),
    *TOGETHER,
)
SETS = (frozenset[PauseReason](), frozenset(PauseReason))


@functools.cache
def all_facts() -> tuple[Facts, ...]:
    """Each combination of flags, nothing announced."""
    found = []
    for flags in itertools.product((False, True), repeat=len(FLAGS)):
        named = {n: flag for group, flag in zip(FLAGS, flags, strict=True) for n in group}
        found.append(Facts(**named))
    return tuple(found)


def steps(state: str, facts: Facts) -> Iterator[str]:
    """The states gone through from `state`, as the machine's acts change the facts on the way."""
    while (event := next_event(state, facts)) is not None:
        assert event in TABLE[state], f"{state} does not take {event}: {facts}"
        state = TABLE[state][event]
        if facts.gave_up_opening or facts.pulse_over or facts.switch_over:
            facts = facts._replace(gave_up_opening=False, pulse_over=False, switch_over=False)
        if event == "wake":
            facts = facts._replace(may_wake=False)
        if event == "switched":
            facts = facts._replace(switch_due=False)
        if state in ("charging", "stopping") and not facts.may_wake:
            facts = facts._replace(may_wake=True)
        if state == "paused_evse":
            facts = facts._replace(announced=facts.reasons)
        if state in ("idle", "disabled"):
            facts = facts._replace(authorized=False, stop_wanted=False, user_pause=False)
        yield state


@pytest.mark.parametrize("state", TABLE)
def test_settling_ends_from_every_state_and_combination(state: str) -> None:
    longest = 0
    for facts in all_facts():
        for announced in SETS if state == "paused_evse" else SETS[:1]:
            path = itertools.islice(
                steps(state, facts._replace(announced=announced)), MAX_SETTLE_STEPS + 1
            )
            longest = max(longest, sum(1 for _ in path))
    assert longest < MAX_SETTLE_STEPS


def test_charging_is_left_whenever_a_reason_to_stop_holds_and_only_then() -> None:
    for facts in all_facts():
        must = (
            not facts.plugged  # also where its transaction goes on
            or facts.stop_wanted
            or facts.disable_wanted
            or facts.blocked
            or facts.user_pause
            or not facts.energy
            or not facts.wants_power
            or facts.switch_due
        )
        assert (next_event("charging", facts) is not None) == must, facts


def test_charging_is_entered_with_a_plugged_car_in_c_and_energy_only() -> None:
    for facts in all_facts():
        for state, row in TABLE.items():
            event = next_event(state, facts)
            if event is not None and row[event] == "charging":
                assert facts.plugged
                assert facts.wants_power
                assert facts.energy
                assert not (facts.stop_wanted)
                assert not (facts.disable_wanted)
                assert not (facts.blocked)
                assert not (facts.user_pause)


def test_a_transaction_begins_authorized_rated_and_metered_only() -> None:
    for facts in all_facts():
        if next_event("waiting_auth", facts) == "grant":
            assert facts.authorized
            assert facts.cable_known
            assert facts.metered
            assert facts.locked
            assert facts.plugged
            assert not (facts.over)
            assert not (facts.blocked)


def test_stopping_is_not_left_before_the_contactor_opened_or_was_given_up() -> None:
    for facts in all_facts():
        if facts.energised and not facts.gave_up_opening:
            assert next_event("stopping", facts) is None


def test_4_10_a_transaction_without_its_car_pauses_and_offers_nothing() -> None:
    for facts in all_facts():
        ends = facts.stop_wanted or facts.disable_wanted or facts.blocked
        if facts.kept and not (facts.plugged or ends or facts.reasons):
            assert next_event("charging", facts) in ("car_waits", "switch_phases")
            assert next_event("preparing", facts) == "car_waits"
            assert next_event("paused_ev", facts) is None


def test_a_finished_session_waits_for_the_plug_or_a_disablement() -> None:
    for facts in all_facts():
        leaves = next_event("finished", facts) is not None
        assert leaves == (facts.disable_wanted or not (facts.plugged or facts.kept))
