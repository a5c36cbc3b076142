"""The session chart against its reviewed table, the rules against every combination of facts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

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

SETS = (frozenset[PauseReason](), frozenset(PauseReason))


class Undecided(Exception):
    """Somebody looks at a flag that is neither True nor False yet."""

    def __init__(self, flag: str) -> None:
        super().__init__(flag)
        self.flag = flag


class OpenFacts:
    """Facts of which a flag is decided once somebody looks at it."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known

    def __getattr__(self, name: str) -> Any:
        if name in self.known:
            return self.known[name]
        if name in Facts._fields:
            raise Undecided(name)
        return getattr(Facts, name).fget(self)

    def _replace(self, **changed: Any) -> OpenFacts:
        return OpenFacts({**self.known, **changed})


def for_all_facts(
    judge: Callable[[Facts], None], announced: frozenset[PauseReason] = frozenset()
) -> int:
    """Judge every combination of flags; those that differ in flags alone at which `judge` does not
    look are one. How many there were."""
    judged, open_ways = 0, [{}]
    while open_ways:
        known = open_ways.pop()
        try:
            judge(cast(Facts, OpenFacts({"announced": announced, **known})))
            judged += 1
        except Undecided as way:
            open_ways += [{**known, way.flag: False}, {**known, way.flag: True}]
    return judged


def test_every_combination_is_judged() -> None:
    flags = [name for name in Facts._fields if name != "announced"]
    seen = set()

    def judge(facts: Facts) -> None:
        seen.add(tuple(getattr(facts, name) for name in flags[:6]))
        assert facts.over == (facts.gone or facts.stop_wanted or facts.disable_wanted)

    assert for_all_facts(judge) >= len(seen) == 2**6


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
    def judge(facts: Facts) -> None:
        path = itertools.islice(steps(state, facts), MAX_SETTLE_STEPS + 1)
        assert sum(1 for _ in path) < MAX_SETTLE_STEPS

    for announced in SETS if state == "paused_evse" else SETS[:1]:
        for_all_facts(judge, announced)


def test_charging_is_left_whenever_a_reason_to_stop_holds_and_only_then() -> None:
    def judge(facts: Facts) -> None:
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

    for_all_facts(judge)


@pytest.mark.parametrize("state", TABLE)
def test_charging_is_entered_with_a_plugged_car_in_c_and_energy_only(state: str) -> None:
    def judge(facts: Facts) -> None:
        event = next_event(state, facts)
        if event is not None and TABLE[state][event] == "charging":
            assert facts.plugged
            assert facts.wants_power
            assert facts.energy
            assert not (facts.stop_wanted)
            assert not (facts.disable_wanted)
            assert not (facts.blocked)
            assert not (facts.user_pause)

    for_all_facts(judge)


def test_a_transaction_begins_authorized_rated_and_metered_only() -> None:
    def judge(facts: Facts) -> None:
        if next_event("waiting_auth", facts) == "grant":
            assert facts.authorized
            assert facts.cable_known
            assert facts.metered
            assert facts.locked
            assert facts.plugged
            assert not (facts.over)
            assert not (facts.blocked)

    for_all_facts(judge)


def test_stopping_is_not_left_before_the_contactor_opened_or_was_given_up() -> None:
    def judge(facts: Facts) -> None:
        if facts.energised and not facts.gave_up_opening:
            assert next_event("stopping", facts) is None

    for_all_facts(judge)


def test_4_10_a_transaction_without_its_car_pauses_and_offers_nothing() -> None:
    def judge(facts: Facts) -> None:
        ends = facts.stop_wanted or facts.disable_wanted or facts.blocked
        if facts.kept and not (facts.plugged or ends or facts.reasons):
            assert next_event("charging", facts) in ("car_waits", "switch_phases")
            assert next_event("preparing", facts) == "car_waits"
            assert next_event("paused_ev", facts) is None

    for_all_facts(judge)


def test_a_finished_session_waits_for_the_plug_or_a_disablement() -> None:
    def judge(facts: Facts) -> None:
        leaves = next_event("finished", facts) is not None
        assert leaves == (facts.disable_wanted or not (facts.plugged or facts.kept))

    for_all_facts(judge)
