"""Who says whether a token is good: the list, then the door; silence and nonsense accept nobody."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from auth_rig import AuthRig, bad, good
from hypothesis import example, given
from hypothesis import strategies as st
from session_rig import token

from evse.authorization.validators import VALIDATION_TIMEOUT_MS, Answer, Validation
from evse.door.jsonrpc import NOT_AVAILABLE, RpcError


def at_a_car(**config: Any) -> AuthRig:
    rig = AuthRig(**config)
    rig.plug(1)
    return rig


def test_the_list_answers_without_regard_to_case_and_nobody_is_asked() -> None:
    rig = at_a_car(tokens=("Listed",))
    assert rig.swipe("LISTED") == "Accepted"
    assert rig.door.asked == []
    assert rig.running() == {1: "LISTED"}


def test_what_the_list_does_not_know_the_door_is_asked() -> None:
    rig = at_a_car(tokens=("Listed",))
    assert rig.swipe() == "Processing"
    assert [asked.id_token.value for asked, _ in rig.door.asked] == ["CARD"]
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}


def test_mode_list_asks_nobody_else() -> None:
    rig = at_a_car(mode="list", tokens=("Listed",))
    assert rig.swipe() == "Rejected"
    assert rig.door.asked == []
    assert rig.says() == "it is not in the configured list"


def test_a_listed_token_charges_while_no_validator_is_there() -> None:
    rig = at_a_car(tokens=("Listed",))
    rig.door.there = False
    assert rig.broker.lacks_validator
    assert rig.swipe() == "Rejected"
    assert rig.says() == "it could not be checked: nobody provides auth_token_validator.* now"
    assert rig.swipe("LISTED") == "Accepted"


def test_a_refusal_names_the_status() -> None:
    rig = at_a_car()
    rig.swipe()
    rig.door.answer(bad("Expired"))
    assert rig.statuses == ["CARD Processing", "CARD Rejected"]
    assert rig.says() == "it was refused (Expired)"
    assert rig.running() == {}


def test_a_validator_that_is_silent_has_refused_and_its_late_answer_starts_nothing() -> None:
    rig = at_a_car()
    rig.swipe()
    rig.run(VALIDATION_TIMEOUT_MS - 1)
    assert rig.statuses == ["CARD Processing"]
    rig.run(1)
    assert rig.statuses == ["CARD Processing", "CARD Rejected"]
    assert rig.says() == "no validator answered within 40 s"
    rig.door.answer(good())
    assert rig.authorized() == {}
    assert rig.swipe() == "Processing", "and it may be tried again"


def test_a_validator_that_leaves_has_refused() -> None:
    rig = at_a_car()
    rig.swipe()
    rig.door.say(RpcError(NOT_AVAILABLE, "the provider left before it answered"))
    assert rig.says() == "it could not be checked: the provider left before it answered"


def test_a_validator_that_answers_twice_is_heard_once() -> None:
    rig = AuthRig(2)
    rig.plug(1, 2)
    rig.swipe()
    _, reply = rig.door.asked[0]
    reply([{"authorization_status": "Accepted", "tariff_messages": []}])
    reply([{"authorization_status": "Accepted", "tariff_messages": []}])
    assert rig.authorized() == {1: "CARD"}


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        True,
        "Accepted",
        7,
        [],
        {},
        [None],
        {"authorization_status": "Yes"},
        [{"authorization_status": "Accepted"}, {"authorization_status": "Perhaps"}],
        {"authorization_status": "Accepted", "free": True},
        {"authorization_status": "Accepted", "evse_ids": [0]},
    ],
)
def test_an_answer_that_can_not_be_read_has_refused(nonsense: Any) -> None:
    rig = at_a_car()
    rig.swipe()
    rig.door.say(nonsense)
    assert rig.statuses[-1] == "CARD Rejected"
    assert "validator" in rig.says()
    assert rig.authorized() == {}


def test_one_result_or_a_list_in_the_present_spelling_or_that_of_2023() -> None:
    older = {"authorization_status": "Accepted", "reason": "known here"}
    for said in (older, [older], msgspec.to_builtins(good()), [msgspec.to_builtins(good())]):
        rig = at_a_car()
        rig.swipe()
        rig.door.say(said)
        assert rig.running() == {1: "CARD"}


def test_of_several_results_the_first_that_finds_an_evse_counts() -> None:
    rig = AuthRig(2)
    rig.swipe()
    rig.door.answer(bad(), good(evse_ids=(9,)), good(evse_ids=(2,)))
    assert rig.authorized() == {2: "CARD"}


class Script:
    """A validator that answers when told."""

    def __init__(self) -> None:
        self.answered: list[Any] = []

    def validate(self, _token: Any, answered: Any) -> None:
        self.answered.append(answered)


ACTS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["accept", "refuse", "silence", "abandon"])),
    max_size=12,
)


@given(st.integers(1, 3), ACTS)
@example(3, [(0, "refuse"), (0, "refuse")])
def test_whatever_order_answers_come_in_there_is_at_most_one_verdict(
    count: int, acts: list[tuple[int, str]]
) -> None:
    scripts = [Script() for _ in range(count)]
    verdicts: list[Answer] = []
    validation = Validation(token(), scripts, verdicts.append)
    validation.begin()
    refused: set[int] = set()
    for number, act in acts:
        script = scripts[number % count]
        if act == "abandon":
            validation.abandon()
        elif act == "silence":
            validation.give_up("silence")
        elif script.answered:
            refused |= {number % count} if act == "refuse" else set()
            script.answered[-1](Answer((good() if act == "accept" else bad(),)))
    assert len(verdicts) <= 1
    for number, (earlier, later) in enumerate(itertools.pairwise(scripts)):
        assert len(later.answered) <= len(earlier.answered) <= 1, "in order, and each once"
        assert not later.answered or number in refused, "only after the one before has refused"
