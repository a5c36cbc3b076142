"""OCPP 1.6 §3.5, §4.1: whether a token is good, with the back office and without."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import Rig, token

from evse.authorization.validators import VALIDATION_TIMEOUT_MS
from evse.clock import VirtualClock, rfc3339
from evse.types.authorization import AuthorizationStatus
from hil.csms.brain import CsmsBrain, Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.records import BootAnswer, BootStatus, Verdict
from ocpp_link.tokens import cache

ACCEPTED = Verdict(AuthorizationStatus.Accepted)
BLOCKED = Verdict(AuthorizationStatus.Blocked)


def verdict(replies: list[CoreReply]) -> str:
    """The status, or the words where there is none."""
    (reply,) = replies
    return reply.error or str(reply.result["authorization_status"])


def test_4_1_a_token_is_asked_about_and_its_verdict_told_to_the_core(rig: Rig) -> None:
    rig.brain.parents["CARD"] = "FLEET"
    (reply,) = rig.validate()
    assert rig.brain.sent("Authorize") == [{"idTag": "CARD"}]
    assert reply.error == ""
    assert reply.result == {
        "authorization_status": "Accepted",
        "tariff_messages": [],
        "parent_id_token": {"value": "FLEET", "type": "Central"},
    }


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_4_1_a_refusal_is_told_too(status: str, rig: Rig) -> None:
    rig.brain.refused["CARD"] = status
    assert verdict(rig.validate()) == status


def test_a_token_asked_about_twice_at_once_costs_one_question_and_both_are_answered(
    rig: Rig,
) -> None:
    replies: list[CoreReply] = []
    rig.engine.validate(token("CARD"), replies.append)
    rig.engine.validate(token("card"), replies.append)
    assert replies == []
    rig.flush()
    assert len(rig.brain.sent("Authorize")) == 1
    assert [reply.result["authorization_status"] for reply in replies] == ["Accepted"] * 2


@pytest.mark.parametrize("value", ["x" * 21, ""])
def test_a_token_that_is_no_id_tag_is_refused_here(value: str, rig: Rig) -> None:
    assert verdict(rig.validate(value)) == "Invalid"
    assert rig.brain.sent("Authorize") == []


@pytest.mark.parametrize("sent", [{}, None, {"id_token": "CARD"}])
def test_a_token_that_can_not_be_read_is_answered_in_words(sent: Any, rig: Rig) -> None:
    replies: list[CoreReply] = []
    rig.engine.validate(sent, replies.append)
    assert "can not be read" in replies[0].error
    assert rig.engine.rejected_inputs == 1


def test_3_4_offline_what_was_said_here_before_holds(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.brain.refused["BAD"] = "Blocked"
    for value in ("GOOD", "BAD"):
        rig.validate(value)
    rig.database.close()
    again = Rig(database=Database(path))
    again.engine.on_core_connected()
    assert [verdict(again.validate(value)) for value in ("good", "BAD")] == ["Accepted", "Blocked"]
    unknown = verdict(again.validate("UNKNOWN"))
    assert unknown == "the back office is out of reach, and the token is not known here"


@pytest.mark.parametrize("how", [Misbehaviour.CALLERROR, Misbehaviour.NO_ANSWER, Misbehaviour.DROP])
def test_no_usable_answer_counts_as_offline(how: Misbehaviour, rig: Rig) -> None:
    rig.brain.misbehave("Authorize", how)
    replies = rig.validate()
    rig.run(30)
    expected = "the back office gave no answer, and the token is not known here"
    assert verdict(replies) == expected


def test_the_core_waits_longer_for_a_verdict_than_the_back_office_may_take(rig: Rig) -> None:
    rig.brain.misbehave("Authorize", Misbehaviour.NO_ANSWER)
    replies = rig.validate()
    asked_ms = rig.clock.now_ms()
    while not replies:
        rig.run(1)
    assert rig.clock.now_ms() - asked_ms < VALIDATION_TIMEOUT_MS


def listed(rig: Rig, *entries: tuple[str, str]) -> None:
    """A full local list of tags and their statuses."""
    payload = {
        "listVersion": 1,
        "updateType": "Full",
        "localAuthorizationList": [
            {"idTag": tag, "idTagInfo": {"status": status}} for tag, status in entries
        ],
    }
    assert rig.ask("SendLocalList", payload) == ("result", {"status": "Accepted"})


def key(rig: Rig, name: str, value: str) -> None:
    answer = rig.ask("ChangeConfiguration", {"key": name, "value": value})
    assert answer == ("result", {"status": "Accepted"})


def asked(rig: Rig) -> list[str]:
    return [payload["idTag"] for payload in rig.brain.sent("Authorize")]


# --- pre-authorization (LocalPreAuthorize) -------------------------------------------------------


@pytest.mark.parametrize("where", ["cache", "list"])
def test_3_5_with_local_pre_authorize_a_known_token_starts_unasked(where: str, rig: Rig) -> None:
    """TC_007_1_CS, TC_008_1_CS."""
    key(rig, "LocalPreAuthorize", "true")
    if where == "list":
        key(rig, "AuthorizationCacheEnabled", "false")
        listed(rig, ("card", "Accepted"))
    else:
        rig.engine.authorization.known.remember("card", ACCEPTED)
    assert verdict(rig.validate("CARD")) == "Accepted"
    assert asked(rig) == []


def test_9_1_without_local_pre_authorize_a_known_token_is_asked_about(rig: Rig) -> None:
    listed(rig, ("CARD", "Accepted"))
    rig.brain.refused["CARD"] = "Blocked"
    assert verdict(rig.validate()) == "Blocked"
    assert asked(rig) == ["CARD"]


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid"])
def test_3_5_1_what_is_known_to_be_bad_is_asked_about_while_online(status: str, rig: Rig) -> None:
    key(rig, "LocalPreAuthorize", "true")
    rig.engine.authorization.known.remember("CARD", Verdict(AuthorizationStatus(status)))
    assert verdict(rig.validate()) == "Accepted"
    assert asked(rig) == ["CARD"]
    assert verdict(rig.validate()) == "Accepted"
    assert asked(rig) == ["CARD"], "by now it is known to be good"


def test_3_5_1_a_token_whose_time_is_over_is_asked_about(rig: Rig) -> None:
    key(rig, "LocalPreAuthorize", "true")
    soon = rfc3339(rig.clock.utc() + timedelta(minutes=1))
    rig.engine.authorization.known.remember("CARD", Verdict(AuthorizationStatus.Accepted, "", soon))
    assert verdict(rig.validate()) == "Accepted"
    rig.run(61)
    assert asked(rig) == []
    rig.validate()
    assert asked(rig) == ["CARD"]


def test_3_5_3_the_list_goes_before_the_cache_and_its_tokens_are_not_cached(rig: Rig) -> None:
    known = rig.engine.authorization.known
    known.remember("CARD", ACCEPTED)
    listed(rig, ("CARD", "Blocked"))
    assert len(known.cache) == 0
    rig.validate()
    assert len(known.cache) == 0
    rig.disconnect()
    assert verdict(rig.validate()) == "Blocked"


# --- offline --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "known", "expected"),
    [
        ({}, None, "is not known here"),
        ({}, "Accepted", "Accepted"),
        ({}, "Blocked", "Blocked"),
        ({}, "old", "Expired"),
        ({"authorize_offline": False}, None, "nobody starts without it"),
        ({"authorize_offline": False}, "Accepted", "nobody starts without it"),
        ({"authorize_offline": False}, "Blocked", "Blocked"),
        ({"allow_unknown_offline": True}, None, "Accepted"),
        ({"allow_unknown_offline": True}, "Invalid", "Invalid"),
        ({"allow_unknown_offline": True}, "old", "Expired"),
        ({"allow_unknown_offline": True, "authorize_offline": False}, None, "Accepted"),
        ({"allow_unknown_offline": True, "authorize_offline": False}, "Accepted", "Accepted"),
        ({"allow_unknown_offline": True, "authorize_offline": False}, "Blocked", "Blocked"),
    ],
)
@pytest.mark.parametrize("where", ["cache", "list"])
def test_3_5_4_who_may_start_while_the_back_office_is_away(
    settings: dict[str, bool], known: str | None, expected: str, where: str
) -> None:
    """TC_037_1_CS; LocalAuthorizeOffline and AllowOfflineTxForUnknownId (§9.1)."""
    rig = Rig(settings=Settings(**settings)).start()  # type: ignore[arg-type]  # names of bools
    if known is not None:
        status = "Accepted" if known == "old" else known
        expiry = "2020-01-01T00:00:00Z" if known == "old" else ""
        info = {"status": status, **({"expiryDate": expiry} if expiry else {})}
        if where == "list":
            entry = {"idTag": "CARD", "idTagInfo": info}
            update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
            rig.ask("SendLocalList", update)
        else:
            known_verdict = Verdict(AuthorizationStatus(status), "", expiry)
            rig.engine.authorization.known.remember("CARD", known_verdict)
    rig.disconnect()
    assert verdict(rig.validate()).endswith(expected)
    assert asked(rig) == []


def test_9_1_a_list_that_is_switched_off_is_not_looked_at(rig: Rig) -> None:
    listed(rig, ("CARD", "Accepted"))
    key(rig, "LocalAuthListEnabled", "false")
    rig.disconnect()
    assert "not known here" in verdict(rig.validate())


def test_9_1_a_cache_that_is_switched_off_neither_learns_nor_tells(rig: Rig) -> None:
    rig.validate("OLD")
    key(rig, "AuthorizationCacheEnabled", "false")
    rig.validate("NEW")
    assert rig.ask("ClearCache", {}) == ("result", {"status": "Rejected"}), "errata 3.23"
    rig.disconnect()
    assert "not known here" in verdict(rig.validate("OLD"))
    rig.connect()
    key(rig, "AuthorizationCacheEnabled", "true")
    rig.disconnect()
    assert "not known here" in verdict(rig.validate("NEW"))
    assert verdict(rig.validate("OLD")) == "Accepted"


def test_c15_a_token_that_started_unknown_is_not_cached_by_that() -> None:
    """2.0.1 C15.FR.01; the same holds for 1.6 §3.5.1: a cache of answers."""
    rig = Rig(settings=Settings(allow_unknown_offline=True)).start()
    rig.disconnect()
    assert verdict(rig.validate()) == "Accepted"
    assert len(rig.engine.authorization.known.cache) == 0


# --- the cache ------------------------------------------------------------------------------------


def test_tc_061_a_cleared_cache_asks_again(rig: Rig) -> None:
    key(rig, "LocalPreAuthorize", "true")
    rig.validate()
    assert rig.ask("ClearCache", {}) == ("result", {"status": "Accepted"})
    rig.validate()
    assert asked(rig) == ["CARD", "CARD"]


def test_5_4_a_cleared_cache_is_empty_on_the_disk_before_it_is_accepted(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "a.db"), latency_ms=500).start()
    rig.validate()
    rig.run(1)
    rig.engine.on_frame(rig.csms.call("ClearCache", {}))
    rig.flush()
    assert rig.csms.replies == []
    rig.run(1)
    assert rig.csms.replies == [("result", {"status": "Accepted"})]
    assert rig.database.load().items.get(cache.KIND, {}) == {}


def test_3_5_1_a_full_cache_gives_up_what_is_not_valid_first(
    monkeypatch: pytest.MonkeyPatch, rig: Rig
) -> None:
    monkeypatch.setattr(cache, "MAX_CACHED", 3)
    known = rig.engine.authorization.known
    known.remember("A", ACCEPTED)
    known.remember("B", ACCEPTED)
    known.remember("BAD", BLOCKED)
    known.remember("C", ACCEPTED)
    assert known.find("BAD") is None
    known.remember("a", ACCEPTED)  # the latest by now
    known.remember("D", ACCEPTED)
    assert [known.find(name) is not None for name in "ABCD"] == [True, False, True, True]
    assert len(rig.database.load().items[cache.KIND]) == 3


def test_the_age_of_what_is_cached_survives_a_restart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "MAX_CACHED", 3)
    rig = Rig(database=Database(tmp_path / "a.db")).start()
    for name in ("Z", "A", "M"):
        rig.engine.authorization.known.remember(name, ACCEPTED)
        rig.run(2)
    again = Rig(database=Database(tmp_path / "a.db"))
    again.engine.authorization.known.remember("NEW", ACCEPTED)
    assert again.engine.authorization.known.find("Z") is None


def test_a_card_that_is_used_all_day_is_written_once(rig: Rig) -> None:
    """DESIGN: flash wear; pitfall 37 in spirit."""
    known = rig.engine.authorization.known
    known.remember("CARD", ACCEPTED)
    written = rig.database.load().items[cache.KIND]["card"]
    rig.run(86_000)
    known.remember("CARD", ACCEPTED)
    assert rig.database.load().items[cache.KIND]["card"] == written
    rig.run(500)
    known.remember("CARD", ACCEPTED)
    assert rig.database.load().items[cache.KIND]["card"] != written


def test_3_5_1_a_date_that_can_not_be_read_opens_nothing(rig: Rig) -> None:
    rig.engine.authorization.known.remember("ODD", Verdict(ACCEPTED.status, expiry="soon"))
    rig.disconnect()
    assert verdict(rig.validate("ODD")) == "Expired"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "A", "b", "c", "d"]),
            st.sampled_from(["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]),
        ),
        max_size=30,
    )
)
def test_the_last_word_of_the_back_office_counts(told: list[tuple[str, str]]) -> None:
    known = Rig().engine.authorization.known
    last: dict[str, str] = {}
    for name, status in told:
        known.remember(name, Verdict(AuthorizationStatus(status)))
        last[name.casefold()] = status
    found = {name: known.find(name.upper()) for name in last}
    assert {name: one.status.value for name, one in found.items() if one} == last


def test_errata_3_84_without_a_lock_there_is_nothing_to_unlock() -> None:
    """UnlockConnectorOnEVSideDisconnect of a fixed cable."""
    rig, name = Rig(has_lock=False).start(), "UnlockConnectorOnEVSideDisconnect"

    def told() -> dict[str, Any]:
        _, answer = rig.ask("GetConfiguration", {"key": [name]})
        return dict(answer["configurationKey"][0])

    assert told() == {"key": name, "readonly": True, "value": "false"}
    rejected = ("result", {"status": "Rejected"})
    for value in ("true", "false"):
        assert rig.ask("ChangeConfiguration", {"key": name, "value": value}) == rejected
    assert told()["value"] == "false"


class Careless(CsmsBrain):
    """Fills what it does not know with null, and adds what nobody asked for."""

    def _tag_info(self, id_tag: str) -> dict[str, Any]:
        return {**super()._tag_info(id_tag), "parentIdTag": None, "expiryDate": None, "note": 7}


def test_pitfall_42_null_and_unknown_fields_are_taken_for_absent() -> None:
    clock = VirtualClock()
    rig = Rig(clock=clock, brain=Careless(clock)).start()
    assert verdict(rig.validate()) == "Accepted"
    rig.session()
    assert rig.brain.complaints == []
    entry = {"idTag": "A", "idTagInfo": {"status": "Accepted", "parentIdTag": None}, "note": 1}
    update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    assert rig.ask("SendLocalList", update) == ("result", {"status": "Accepted"})


@pytest.mark.parametrize("parent", ["x" * 21, "x" * 5_000, 7, []])
def test_pitfall_42_a_parent_that_is_none_starts_nothing_and_breaks_nothing(
    parent: Any, rig: Rig
) -> None:
    rig.brain.parents["CARD"] = parent
    assert "gave no answer" in verdict(rig.validate())
    rig.brain.parents.clear()
    assert verdict(rig.validate()) == "Accepted"


def test_pitfall_12_a_card_that_came_to_nothing_leaves_nothing_behind(rig: Rig) -> None:
    """Also offline, and after a restart of the core: the core's events rule the status."""
    rig.disconnect()
    rig.event(
        "SessionStarted", session_started={"reason": "Authorized", "meter_value": rig.meter()}
    )
    rig.event("Authorized")
    rig.event("Deauthorized")
    rig.plug_out()
    state = rig.engine.station.states[1]
    assert (state.session, state.authorized, state.plugged) == ("", False, False)
    rig.session(uuid="s-2", seconds=5)
    rig.connect()
    assert rig.brain.statuses[1] == "Available"
    assert len(rig.brain.sent("StartTransaction")) == 1


@pytest.mark.parametrize(("version", "asks"), [("1.6", False), ("2.0.1", True)])
def test_c01_fr_02_the_version_says_whether_foreign_tokens_are_asked_about(
    version: str, asks: bool
) -> None:
    rig = Rig(versions=(version,))
    rig.engine.on_core_connected()
    rig.engine.on_connected()
    told = [p for name, p in rig.core.calls if name == "authorization.set_foreign_tokens"]
    assert told == [{"ask": asks}] * 2, "whoever comes last"


@pytest.mark.parametrize(("version", "asked"), [("1.6", True), ("2.0.1", False)])
@pytest.mark.parametrize("group", ["FLEET", "ELSEWHERE"])
def test_c01_fr_03_a_known_token_of_the_group_ends_a_transaction_unasked(
    version: str, asked: bool, group: str
) -> None:
    rig = Rig(versions=(version,))
    rig.engine.on_core_connected()
    known = rig.engine.authorization.known
    known.remember("CARD", Verdict(AuthorizationStatus.Accepted, "fleet"))
    known.remember("TWO", Verdict(AuthorizationStatus.Accepted, group))
    rig.plug_in()
    rig.start_transaction(tag="CARD")
    rig.engine.on_connected()
    rig.engine.station.boot.answered(BootAnswer(BootStatus.ACCEPTED, 300), rig.clock.now_ms())
    replies: list[CoreReply] = []
    rig.engine.validate(token("TWO"), replies.append)
    assert bool(replies) == (not asked and group == "FLEET")
