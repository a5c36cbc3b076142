"""OCPP 1.6 §3.5.2, §5.10, §5.15: the local authorization list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import Rig

from evse.types.authorization import AuthorizationStatus
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.records import Verdict
from ocpp_link.rpc.codes import Manners
from ocpp_link.tokens import local_list
from ocpp_link.tokens.local_list import (
    MAX_ENTRIES,
    MAX_UPDATE,
    ListEntry,
    ListStatus,
    ListUpdate,
    updated,
)

CHARS = 20
GOOD = Verdict(AuthorizationStatus.Accepted)


def entry(tag: str, status: str | None = "Accepted", **info: str) -> dict[str, Any]:
    """An AuthorizationData; status None: to be taken off."""
    return {"idTag": tag, **({"idTagInfo": {"status": status, **info}} if status else {})}


def send(rig: Rig, version: int, *entries: dict[str, Any], full: bool = True) -> str:
    """The answer to a SendLocalList."""
    payload = {
        "listVersion": version,
        "updateType": "Full" if full else "Differential",
        "localAuthorizationList": list(entries),
    }
    kind, answer = rig.ask("SendLocalList", payload)
    return str(answer["status"]) if kind == "result" else kind


def version(rig: Rig) -> int:
    return int(rig.ask("GetLocalListVersion", {})[1]["listVersion"])


def status_of(rig: Rig, tag: str) -> str | None:
    found = rig.engine.authorization.known.list.get(tag.casefold())
    return found.status.value if found else None


def test_tc_043_a_full_list_replaces_and_a_differential_one_changes_it(rig: Rig) -> None:
    assert send(rig, 1, entry("A"), entry("B"), entry("C")) == "Accepted"
    assert send(rig, 2, entry("b", "Blocked"), entry("C", None), entry("D"), full=False) == (
        "Accepted"
    )
    assert [status_of(rig, tag) for tag in "ABCD"] == ["Accepted", "Blocked", None, "Accepted"]
    assert send(rig, 1, entry("E")) == "Accepted", "a full list may go back"
    assert [status_of(rig, tag) for tag in "ABE"] == [None, None, "Accepted"]
    assert version(rig) == 1


def test_tc_042_2_an_empty_list_reads_0_whatever_came_with_it(rig: Rig) -> None:
    """OCPP 1.6 §5.10."""
    assert version(rig) == 0
    assert send(rig, 7) == "Accepted"
    assert version(rig) == 0
    assert rig.ask("SendLocalList", {"listVersion": 3, "updateType": "Full"})[1] == {
        "status": "Accepted"
    }
    assert send(rig, 9, entry("A")) == "Accepted"
    assert send(rig, 10, entry("a", None), full=False) == "Accepted"
    assert version(rig) == 0


def test_tc_042_1_a_list_that_is_switched_off_reads_minus_1_and_takes_nothing(rig: Rig) -> None:
    assert send(rig, 4, entry("A")) == "Accepted"
    rig.ask("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
    assert version(rig) == -1
    assert send(rig, 5, entry("B")) == "NotSupported"
    rig.ask("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "true"})
    assert version(rig) == 4
    assert status_of(rig, "A") == "Accepted"


def test_tc_043_2_only_a_differential_update_that_goes_back_mismatches(rig: Rig) -> None:
    """OCPP 1.6 §7.47: less or equal; gaps are fine."""
    assert send(rig, 2, entry("A")) == "Accepted"
    assert send(rig, 5, entry("B"), full=False) == "Accepted"
    for older in (4, 5):
        assert send(rig, older, entry("C"), full=False) == "VersionMismatch"
    assert version(rig) == 5
    assert status_of(rig, "C") is None
    assert send(rig, 6, full=False) == "Accepted", "an empty one changes the version only"
    assert (version(rig), status_of(rig, "A")) == (6, "Accepted")


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([entry("A"), entry("a", "Blocked")], id="the same tag twice"),
        pytest.param([entry("A"), entry("B", None)], id="a full list with nothing to add"),
        pytest.param([entry(f"T{n}") for n in range(MAX_UPDATE + 1)], id="too many"),
        pytest.param([entry("")], id="no tag"),
    ],
)
def test_6_41_what_spoils_an_update_spoils_all_of_it(
    entries: list[dict[str, Any]], rig: Rig
) -> None:
    """Pitfall 44."""
    assert send(rig, 1, entry("OLD")) == "Accepted"
    assert send(rig, 2, *entries) == "Failed"
    assert version(rig) == 1
    assert status_of(rig, "OLD") == "Accepted"
    assert status_of(rig, "A") is None


def test_7_21_a_tag_of_more_than_20_characters_changes_nothing(rig: Rig) -> None:
    """Pitfall 44."""
    assert send(rig, 1, entry("A"), entry("x" * 21)) in ("Failed", "PropertyConstraintViolation")
    assert version(rig) == 0
    assert status_of(rig, "A") is None


@pytest.mark.parametrize("number", [0, -1, -5])
def test_errata_3_52_a_version_that_has_a_meaning_of_its_own_is_refused(
    number: int, rig: Rig
) -> None:
    assert send(rig, number, entry("A")) == "Failed"
    assert status_of(rig, "A") is None


def test_9_2_2_no_more_is_taken_than_is_promised(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    monkeypatch.setattr(local_list, "MAX_ENTRIES", 3)
    assert send(rig, 1, *(entry(f"T{n}") for n in range(3))) == "Accepted"
    assert send(rig, 2, entry("T3"), full=False) == "Failed"
    assert send(rig, 3, entry("T0", None), entry("T3"), full=False) == "Accepted"


def test_9_2_the_limits_are_told(rig: Rig) -> None:
    keys = ["LocalAuthListMaxLength", "SendLocalListMaxLength", "SupportedFeatureProfiles"]
    _, answer = rig.ask("GetConfiguration", {"key": keys})
    told = {row["key"]: row["value"] for row in answer["configurationKey"]}
    assert told["LocalAuthListMaxLength"] == str(MAX_ENTRIES)
    assert told["SendLocalListMaxLength"] == str(MAX_UPDATE)
    assert "LocalAuthListManagement" in told["SupportedFeatureProfiles"].split(",")


def test_pitfall_36_the_longest_update_fits_into_one_frame(rig: Rig) -> None:
    full = [
        entry(
            f"{n:020d}",
            "ConcurrentTx",
            expiryDate="2026-12-31T23:59:59.999999+00:00",
            parentIdTag="P" * 20,
        )
        for n in range(MAX_UPDATE)
    ]
    payload = {"listVersion": 999_999, "updateType": "Differential"}
    frame = [2, "x" * 36, "SendLocalList", {**payload, "localAuthorizationList": full}]
    assert len(msgspec.json.encode(frame)) <= Manners().max_frame_chars
    assert send(rig, 999_999, *full, full=False) == "Accepted"


def test_5_15_the_list_is_on_the_disk_before_it_is_accepted(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "a.db"), latency_ms=700).start()
    payload = {
        "listVersion": 3,
        "updateType": "Full",
        "localAuthorizationList": [entry("A", parentIdTag="P")],
    }
    rig.engine.on_frame(rig.csms.call("SendLocalList", payload))
    rig.flush()
    assert rig.csms.replies == []
    rig.run(1)
    assert rig.csms.replies == [("result", {"status": "Accepted"})]
    rig.database.close()
    again = Rig(database=Database(tmp_path / "a.db")).start()
    assert version(again) == 3
    assert again.engine.authorization.parent_of("a") == "P"


def test_tc_043_3_a_disk_that_refuses_leaves_the_list_as_it_was(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "a.db")).start()
    assert send(rig, 1, entry("OLD")) == "Accepted"
    rig.store.latency_ms = 60_000
    payload = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [entry("NEW")]}
    rig.engine.on_frame(rig.csms.call("SendLocalList", payload))
    rig.run(5)
    assert send(rig, 3, entry("OTHER")) == "Failed", "one at a time"
    rig.run(6)
    assert rig.csms.replies[-1] == ("result", {"status": "Failed"})
    assert version(rig) == 1
    rig.run(120)
    assert (version(rig), status_of(rig, "OLD"), status_of(rig, "NEW")) == (1, "Accepted", None)
    rig.store.latency_ms = 0
    rig.run(1)
    assert send(rig, 2, entry("NEW")) == "Accepted"
    rig.database.close()
    again = Rig(database=Database(tmp_path / "a.db")).start()
    assert (version(again), status_of(again, "NEW")) == (2, "Accepted")


def test_3_5_2_concurrent_tx_marks_a_valid_token_and_an_old_one_is_expired(rig: Rig) -> None:
    busy, old = entry("BUSY", "ConcurrentTx"), entry("OLD", expiryDate="2020-01-01T00:00:00Z")
    assert send(rig, 1, busy, old) == "Accepted"
    assert [status_of(rig, tag) for tag in ("BUSY", "OLD")] == ["Accepted", "Expired"]


def test_3_5_2_a_conflict_with_the_list_is_told_until_the_next_list() -> None:
    """LocalListConflict, of connector 0."""
    rig = Rig(settings=Settings(pre_authorize=True)).start()
    assert send(rig, 1, entry("CARD")) == "Accepted"
    rig.brain.refused["CARD"] = "Blocked"
    rig.plug_in()
    rig.start_transaction()

    def told() -> list[str]:
        sent = rig.brain.sent("StatusNotification")
        return [one["errorCode"] for one in sent if one["connectorId"] == 0]

    assert told()[-1] == "LocalListConflict"
    assert status_of(rig, "CARD") == "Accepted", "nobody else changes the list"
    assert send(rig, 2, entry("CARD", "Blocked"), full=False) == "Accepted"
    assert told()[-1] == "NoError"


@pytest.mark.parametrize("said", ["Accepted", "ConcurrentTx"])
def test_3_5_2_a_token_that_is_busy_elsewhere_is_no_conflict(said: str, rig: Rig) -> None:
    assert send(rig, 1, entry("CARD")) == "Accepted"
    rig.brain.refused["CARD"] = said
    rig.plug_in()
    rig.start_transaction()
    errors = [one["errorCode"] for one in rig.brain.sent("StatusNotification")]
    assert "LocalListConflict" not in errors


verdicts = st.sampled_from([GOOD, Verdict(AuthorizationStatus.Blocked), None])
entries = st.builds(ListEntry, st.text("abAB", max_size=3) | st.just("x" * 21), verdicts)
updates = st.builds(
    ListUpdate, st.integers(-2, 9), st.booleans(), st.lists(entries, max_size=4).map(tuple)
)


@given(st.lists(updates, max_size=8))
def test_an_update_is_taken_whole_or_not_at_all(sent: list[ListUpdate]) -> None:
    listed: dict[str, Verdict] = {}
    number = 0
    for update in sent:
        status, after = updated(listed, number, update, max_chars=CHARS)
        if status is not ListStatus.ACCEPTED:
            assert after == listed
            continue
        named = {one.token.casefold(): one.verdict for one in update.entries}
        assert len(named) == len(update.entries)
        kept = {} if update.full else {k: v for k, v in listed.items() if k not in named}
        assert after == kept | {k: v for k, v in named.items() if v is not None}
        assert update.full or update.version > number
        listed, number = after, update.version if after else 0
