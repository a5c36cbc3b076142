"""OCPP 1.6 §3.13, §5.5, §5.7, §5.16: profiles installed, replaced, cleared, pushed to the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from ocpp_rig import Rig

from evse.types.energy import ExternalLimits
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.smart.profiles import MAX_INSTALLED, MAX_PERIODS, Installed
from ocpp_link.v16.charging_profiles import profile_of


def profile(limit: float = 10.0, **fields: Any) -> dict[str, Any]:
    """A csChargingProfiles; `schedule` and `periods` override parts of its schedule."""
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": fields.pop("periods", [{"startPeriod": 0, "limit": limit}]),
        **fields.pop("schedule", {}),
    }
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **fields,
    }


def install(rig: Rig, body: dict[str, Any], connector: int = 0) -> str:
    status, payload = rig.ask(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": body}
    )
    assert status == "result", status
    return str(payload["status"])


def limits_of(value: dict[str, Any]) -> list[tuple[str, float | None]]:
    """(time of day, limit) of each entry of a push."""
    limits = msgspec.convert(value, ExternalLimits)  # the core takes it
    return [
        (
            entry.timestamp[11:19],
            entry.limits_to_leaves.ac_max_current_A.value
            if entry.limits_to_leaves.ac_max_current_A
            else None,
        )
        for entry in limits.schedule_import
    ]


def pushed(rig: Rig, evse: int = 1) -> list[list[tuple[str, float | None]]]:
    """Each push to an EVSE (0: the station), but for the empty one to a core that has just come."""
    found = [
        limits_of(params["value"])
        for params in rig.core.called("set_external_limits")
        if params["evse"] == evse
    ]
    return found[1:] if found[:1] == [[]] else found


def composite(
    rig: Rig, connector: int = 1, duration: int = 600, **more: Any
) -> list[tuple[int, float]]:
    """(start, limit) of each period of GetCompositeSchedule, which is accepted and echoes."""
    status, payload = rig.ask(
        "GetCompositeSchedule", {"connectorId": connector, "duration": duration, **more}
    )
    assert (status, payload["status"], payload["connectorId"]) == ("result", "Accepted", connector)
    schedule = payload["chargingSchedule"]
    assert "startSchedule" not in schedule, "errata 3.57"
    assert schedule["duration"] == duration
    assert schedule["chargingRateUnit"] == more.get("chargingRateUnit", "A")
    return [(p["startPeriod"], p["limit"]) for p in schedule["chargingSchedulePeriod"]]


def kept(rig: Rig) -> list[int]:
    """Ids on disk."""
    return sorted(int(name) for name in rig.database.load().items.get("profile", {}))


def test_5_16_a_profile_is_pushed_as_soon_as_it_is_installed(rig: Rig) -> None:
    assert install(rig, profile(10.3)) == "Accepted"
    assert pushed(rig) == [[("00:00:00", 10.3)]]


def test_a_limit_of_zero_is_pushed_and_ends_no_transaction(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    assert install(rig, profile(0, chargingProfilePurpose="TxProfile"), 1) == "Accepted"
    assert pushed(rig) == [[("00:00:00", 0.0)]]
    assert rig.core.called("stop_transaction") == []


def test_nothing_is_pushed_twice(rig: Rig) -> None:
    install(rig, profile(10))
    rig.run(13 * 3_600)
    install(rig, profile(10, chargingProfileId=2, stackLevel=1))
    assert len(pushed(rig)) == 1


def test_a_schedule_is_pushed_ahead_and_again_before_it_runs_out(rig: Rig) -> None:
    daily = profile(
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        periods=[{"startPeriod": 0, "limit": 6}, {"startPeriod": 28_800, "limit": 16}],
        schedule={"startSchedule": "2025-12-01T22:00:00Z"},
    )
    install(rig, daily)
    first = [("00:00:00", 6.0), ("06:00:00", 16.0), ("22:00:00", 6.0)]
    assert pushed(rig) == [first]
    rig.run(13 * 3_600)
    assert pushed(rig)[-1] == [("12:00:00", 16.0), ("22:00:00", 6.0), ("06:00:00", 16.0)]


def test_a_push_that_the_core_refused_is_tried_again(rig: Rig) -> None:
    rig.core.replies["evse_manager.set_external_limits"] = CoreReply(error="busy")
    install(rig, profile(10))
    rig.core.replies.clear()
    rig.run(5)
    assert len(pushed(rig)) == 2
    rig.run(60)
    assert len(pushed(rig)) == 2


def test_a_core_that_restarted_is_told_again(rig: Rig) -> None:
    install(rig, profile(10))
    rig.engine.on_core_lost()
    rig.engine.on_core_connected()
    assert pushed(rig) == [[("00:00:00", 10.0)]] * 2


def test_5_5_clearing_removes_the_limit(rig: Rig) -> None:
    install(rig, profile(10))
    assert rig.ask("ClearChargingProfile", {"id": 7})[1] == {"status": "Unknown"}
    assert rig.ask("ClearChargingProfile", {"id": 1})[1] == {"status": "Accepted"}
    assert pushed(rig)[-1] == []


@pytest.mark.parametrize(
    ("criteria", "status"),
    [
        ({"connectorId": 0}, "Accepted"),
        ({"connectorId": 1}, "Unknown"),
        ({"stackLevel": 0}, "Accepted"),
        ({"stackLevel": 1}, "Unknown"),
        ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}, "Accepted"),
        ({"chargingProfilePurpose": "TxProfile"}, "Unknown"),
        ({"id": 1, "stackLevel": 9}, "Accepted"),
        ({}, "Accepted"),
    ],
)
def test_5_5_criteria_join_and_an_id_overrides_them(
    criteria: dict[str, Any], status: str, rig: Rig
) -> None:
    install(rig, profile(10))
    assert rig.ask("ClearChargingProfile", criteria)[1] == {"status": status}


@pytest.mark.parametrize(
    "body",
    [
        profile(stackLevel=11),
        profile(stackLevel=-1),
        profile(periods=[{"startPeriod": 1, "limit": 6}]),
        profile(periods=[{"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 7}]),
        profile(periods=[{"startPeriod": 0, "limit": -1}]),
        profile(periods=[{"startPeriod": 0, "limit": 6, "numberPhases": 4}]),
        profile(periods=[]),
        profile(schedule={"duration": 0}),
        profile(schedule={"startSchedule": "yesterday"}),
        profile(chargingProfileKind="Recurring"),
        profile(recurrencyKind="Daily"),
        profile(chargingProfileKind="Relative", schedule={"startSchedule": "2026-01-01T00:00:00Z"}),
        profile(validFrom="2026-01-02T00:00:00Z", validTo="2026-01-02T00:00:00Z"),
        profile(chargingProfilePurpose="TxProfile"),
    ],
)
def test_5_16_what_may_not_be_installed_is_rejected_and_changes_nothing(
    body: dict[str, Any], rig: Rig
) -> None:
    assert install(rig, body) == "Rejected"
    assert pushed(rig) == []


def test_5_16_a_maximum_is_for_connector_0_only(rig: Rig) -> None:
    assert install(rig, profile(chargingProfilePurpose="ChargePointMaxProfile"), 1) == "Rejected"
    assert install(rig, profile(chargingProfilePurpose="ChargePointMaxProfile"), 0) == "Accepted"


def test_5_16_a_tx_profile_needs_its_running_transaction(rig: Rig) -> None:
    tx = profile(chargingProfilePurpose="TxProfile")
    assert install(rig, tx, 1) == "Rejected"
    rig.plug_in()
    rig.start_transaction()
    assert install(rig, {**tx, "transactionId": 99}, 1) == "Rejected"
    assert install(rig, {**tx, "transactionId": 1}, 1) == "Accepted"
    assert install(rig, tx, 0) == "Rejected"


def test_3_13_1_a_tx_profile_ends_with_its_transaction(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    install(rig, profile(8, chargingProfilePurpose="TxProfile"), 1)
    rig.stop_transaction()
    assert pushed(rig)[-1] == []
    assert rig.ask("ClearChargingProfile", {})[1] == {"status": "Unknown"}


def test_5_16_the_same_id_or_the_same_level_replaces(rig: Rig) -> None:
    install(rig, profile(8))
    install(rig, profile(9, stackLevel=3))
    install(rig, profile(10, stackLevel=3, chargingProfileId=2))
    assert rig.ask("ClearChargingProfile", {"id": 1})[1] == {"status": "Unknown"}
    assert pushed(rig)[-1] == [("00:00:00", 10.0)]


def test_the_table_is_bounded(rig: Rig) -> None:
    table = rig.engine.charging._table
    for number in range(MAX_INSTALLED):
        body = profile(chargingProfileId=number, stackLevel=number % 11)
        table.install(Installed(number // 11, profile_of(body, 0)))
    newcomer = profile(chargingProfileId=1_000, chargingProfilePurpose="ChargePointMaxProfile")
    assert install(rig, newcomer) == "Rejected"


def test_a_relative_profile_starts_with_the_transaction(rig: Rig) -> None:
    relative = profile(
        chargingProfileKind="Relative",
        periods=[{"startPeriod": 0, "limit": 6}, {"startPeriod": 600, "limit": 16}],
    )
    install(rig, relative)
    rig.run(60)
    rig.plug_in()
    rig.start_transaction()
    assert pushed(rig) == [[("00:00:00", 6.0)], [("00:01:00", 6.0), ("00:11:00", 16.0)]]


def test_profiles_survive_a_restart_the_transactions_own_too(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    install(rig, profile(16))
    rig.plug_in()
    rig.start_transaction()
    install(rig, profile(8, chargingProfilePurpose="TxProfile", chargingProfileId=2), 1)
    rig.engine.close()
    rig.database.close()
    again = Rig(database=Database(path), clock=rig.clock).start()
    assert pushed(again) == [[("00:00:00", 8.0)]]


def test_profiles_of_a_transaction_wear_the_disk_at_most_once_a_minute(tmp_path: Path) -> None:
    writes = 0

    class Counting(Database):
        def put(self, kind: str, name: str, body: bytes) -> None:
            nonlocal writes
            writes += kind == "profile"
            super().put(kind, name, body)

    rig = Rig(database=Counting(":memory:")).start()
    rig.plug_in()
    rig.start_transaction()
    for second in range(0, 600, 10):
        install(rig, profile(6 + second / 100, chargingProfilePurpose="TxProfile"), 1)
        rig.run(10)
    assert 10 <= writes <= 11
    assert len(pushed(rig)) == 60


# --- purposes -------------------------------------------------------------------------------------


def test_3_13_3_the_stations_maximum_goes_to_the_core_as_that() -> None:
    """Divided by two, a lone car would get half."""
    rig = Rig(evses=2).start()
    body = profile(32, chargingProfilePurpose="ChargePointMaxProfile")
    assert install(rig, body) == "Accepted"
    assert pushed(rig, 0) == [[("00:00:00", 32.0)]]
    assert pushed(rig, 1) == pushed(rig, 2) == []


def test_3_13_3_a_maximum_in_watts_is_spread_over_the_lines_of_the_supply(rig: Rig) -> None:
    body = profile(
        13_800, chargingProfilePurpose="ChargePointMaxProfile", schedule={"chargingRateUnit": "W"}
    )
    install(rig, body)
    assert pushed(rig, 0) == [[("00:00:00", 20.0)]]


def test_phases_of_the_stations_maximum_go_to_each_evse(rig: Rig) -> None:
    one_phase = [{"startPeriod": 0, "limit": 16, "numberPhases": 1}]
    install(rig, profile(periods=one_phase, chargingProfilePurpose="ChargePointMaxProfile"))
    (value,) = [
        params["value"]["schedule_import"]
        for params in rig.core.called("set_external_limits")
        if params["evse"] == 1 and params["value"]["schedule_import"]
    ]
    assert value[0]["limits_to_leaves"] == {"ac_max_phase_count": {"value": 1, "source": "OCPP"}}
    assert pushed(rig, 0) == [[("00:00:00", 16.0)]]


def test_what_was_cleared_while_the_core_was_away_does_not_hold_when_it_comes(rig: Rig) -> None:
    """The core keeps limits of the station over its restarts."""
    install(rig, profile(16, chargingProfilePurpose="ChargePointMaxProfile"))
    rig.engine.on_core_lost()
    rig.ask("ClearChargingProfile", {})
    rig.engine.on_core_connected()
    assert pushed(rig, 0) == [[("00:00:00", 16.0)], []]


def test_3_13_1_errata_3_8_a_new_default_rules_the_running_transaction(rig: Rig) -> None:
    """TC_082_CS."""
    rig.plug_in()
    rig.start_transaction()
    install(rig, profile(9))
    assert composite(rig) == [(0, 9.0)]
    install(rig, profile(7, chargingProfileId=2))
    assert composite(rig) == [(0, 7.0)]
    rig.ask("ClearChargingProfile", {"id": 2})
    assert composite(rig) == [(0, 32.0)]
    assert pushed(rig) == [[("00:00:00", 9.0)], [("00:00:00", 7.0)], []]


def test_3_13_1_errata_3_8_a_new_default_leaves_a_tx_profile_alone(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    install(rig, profile(9, chargingProfilePurpose="TxProfile"), 1)
    install(rig, profile(7, chargingProfileId=2, stackLevel=5))
    assert composite(rig) == [(0, 9.0)]


def test_3_13_1_a_default_of_one_connector_replaces_that_of_all_only_there() -> None:
    rig = Rig(evses=2).start()
    install(rig, profile(9), 0)
    install(rig, profile(7, chargingProfileId=2), 2)
    assert (composite(rig, 1), composite(rig, 2)) == ([(0, 9.0)], [(0, 7.0)])


def test_an_id_that_moves_to_another_connector_leaves_the_first_one() -> None:
    rig = Rig(evses=2).start()
    install(rig, profile(9), 1)
    install(rig, profile(7), 2)
    assert pushed(rig, 1) == [[("00:00:00", 9.0)], []]
    assert pushed(rig, 2) == [[("00:00:00", 7.0)]]
    install(rig, profile(8), 0)
    assert pushed(rig, 1)[-1] == pushed(rig, 2)[-1] == [("00:00:00", 8.0)]


def test_errata_3_39_a_connector_that_is_not_here_is_a_callerror(rig: Rig) -> None:
    for connector in (2, -1, 10**9):
        request = {"connectorId": connector, "csChargingProfiles": profile()}
        assert rig.ask("SetChargingProfile", request)[0] == "PropertyConstraintViolation"


def test_errata_3_38_a_unit_that_is_none_is_a_callerror(rig: Rig) -> None:
    body = profile(schedule={"chargingRateUnit": "kW"})
    status, _ = rig.ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": body})
    assert status == "PropertyConstraintViolation"
    request = {"connectorId": 1, "duration": 60, "chargingRateUnit": "kW"}
    assert rig.ask("GetCompositeSchedule", request)[0] == "PropertyConstraintViolation"


def test_3_15_times_with_a_zone_and_fractions_are_understood(rig: Rig) -> None:
    body = profile(
        10, validFrom="2026-01-01T01:00:10.500+01:00", validTo="2025-12-31T23:00:20-01:00"
    )
    install(rig, body)
    assert composite(rig) == [(0, 32.0), (11, 10.0), (20, 32.0)]


# --- remote starts --------------------------------------------------------------------------------


def remote_start(rig: Rig, body: dict[str, Any], tag: str = "CARD", **more: Any) -> str:
    request = {"idTag": tag, "connectorId": 1, "chargingProfile": body, **more}
    return str(rig.ask("RemoteStartTransaction", request)[1]["status"])


def tx_profile(limit: float = 8.0, **fields: Any) -> dict[str, Any]:
    return profile(limit, **{"chargingProfilePurpose": "TxProfile", **fields})


def test_5_16_2_a_remote_starts_profile_is_for_the_transaction_that_follows(rig: Rig) -> None:
    """TC_059_CS."""
    rig.plug_in()
    assert remote_start(rig, tx_profile()) == "Accepted"
    rig.start_transaction()
    assert composite(rig) == [(0, 8.0)]
    rig.stop_transaction()
    assert composite(rig) == [(0, 32.0)]
    assert kept(rig) == []


def test_5_16_2_a_profile_for_the_same_level_replaces_that_of_the_remote_start(rig: Rig) -> None:
    rig.plug_in()
    remote_start(rig, tx_profile())
    rig.start_transaction()
    install(rig, {**tx_profile(9, chargingProfileId=2), "transactionId": 1}, 1)
    assert composite(rig) == [(0, 9.0)]
    assert rig.ask("ClearChargingProfile", {"id": 1})[1]["status"] == "Unknown"
    install(rig, tx_profile(7, chargingProfileId=3, stackLevel=1), 1)
    assert rig.ask("ClearChargingProfile", {"id": 2})[1]["status"] == "Accepted"


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "ChargePointMaxProfile"])
def test_5_16_2_a_remote_start_with_another_purpose_starts_nothing(rig: Rig, purpose: str) -> None:
    """TC_060_CS."""
    assert remote_start(rig, profile(8, chargingProfilePurpose=purpose)) == "Rejected"
    assert rig.core.presented() == []
    assert composite(rig) == [(0, 32.0)]


def test_errata_3_41_a_remote_starts_profile_names_no_transaction(rig: Rig) -> None:
    assert remote_start(rig, {**tx_profile(), "transactionId": 1}) == "Rejected"
    assert rig.core.presented() == []


def test_a_remote_start_that_the_core_rejects_leaves_no_profile(rig: Rig) -> None:
    for reply in (CoreReply(result="Rejected"), CoreReply(error="the core is away")):
        rig.core.replies["auth_token_provider.present"] = reply
        remote_start(rig, tx_profile())
        assert composite(rig) == [(0, 32.0)]
        assert kept(rig) == []


def test_a_remote_start_that_nobody_plugs_in_for_leaves_no_profile(rig: Rig) -> None:
    """TC_011_2_CS with a profile."""
    assert remote_start(rig, tx_profile()) == "Accepted"
    started = {"reason": "Authorized", "meter_value": rig.meter()}
    rig.event("SessionStarted", session_started=started)
    rig.event("Authorized")
    rig.run(rig.engine.station.settings.connection_timeout_s)
    assert composite(rig) == [(0, 8.0)]
    rig.event("Deauthorized")
    assert composite(rig) == [(0, 32.0)]
    assert kept(rig) == []


def test_a_remote_start_of_which_nothing_is_heard_leaves_no_profile(rig: Rig) -> None:
    rig.plug_in()
    assert remote_start(rig, tx_profile()) == "Accepted"
    rig.run(179)
    assert composite(rig) == [(0, 8.0)]
    rig.run(2)
    assert composite(rig) == [(0, 32.0)]


def test_somebody_else_who_starts_first_does_so_without_the_profile(rig: Rig) -> None:
    rig.plug_in()
    remote_start(rig, tx_profile(), tag="FLEET-7")
    rig.start_transaction(tag="CARD")
    assert composite(rig) == [(0, 32.0)]
    assert kept(rig) == []


def test_the_tag_of_a_remote_start_is_compared_without_regard_to_case(rig: Rig) -> None:
    """OCPP 1.6 §7.15: an idTag is a CiString."""
    rig.plug_in()
    remote_start(rig, tx_profile(), tag="card")
    rig.start_transaction(tag="CARD")
    assert composite(rig) == [(0, 8.0)]


# --- over restarts --------------------------------------------------------------------------------


def restarted(rig: Rig, path: Path) -> Rig:
    """The link's process was killed and begins again."""
    rig.database.close()
    return Rig(database=Database(path), clock=rig.clock).start()


def test_errata_3_37_a_profile_is_on_disk_when_it_is_accepted(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    install(rig, profile(16))
    install(rig, profile(20, chargingProfileId=2, chargingProfilePurpose="ChargePointMaxProfile"))
    again = restarted(rig, tmp_path / "link.db")
    assert composite(again) == [(0, 16.0)]
    assert pushed(again, 0) == [[("00:00:00", 20.0)]]


def test_the_first_profile_of_a_transaction_survives_a_kill(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    rig.plug_in()
    rig.start_transaction()
    install(rig, tx_profile(), 1)
    again = restarted(rig, tmp_path / "link.db")
    assert composite(again) == [(0, 8.0)]


def test_a_remote_starts_profile_survives_a_kill_and_finds_its_transaction(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    rig.plug_in()
    remote_start(rig, tx_profile())
    again = restarted(rig, tmp_path / "link.db")
    again.seq = rig.seq
    assert composite(again) == [(0, 8.0)]
    again.start_transaction()
    assert composite(again) == [(0, 8.0)]
    again.stop_transaction()
    assert composite(again) == [(0, 32.0)]


def test_a_tx_profile_whose_transaction_is_over_does_not_come_back(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    body = profile_of(tx_profile(), 0)
    stale = Installed(1, body, "a session of long ago")
    rig.database.put("profile", "1", msgspec.json.encode(stale))
    again = restarted(rig, tmp_path / "link.db")
    assert composite(again) == [(0, 32.0)]
    assert kept(again) == []


# --- offline --------------------------------------------------------------------------------------


def test_3_13_6_profiles_hold_while_the_back_office_is_away(rig: Rig) -> None:
    install(rig, profile(8))
    rig.disconnect()
    rig.run(60)
    assert pushed(rig) == [[("00:00:00", 8.0)]]


def test_purposes_may_be_ignored_while_the_back_office_is_away(rig: Rig) -> None:
    """IgnoredProfilePurposesOffline."""
    install(rig, profile(8))
    install(rig, profile(20, chargingProfileId=2, chargingProfilePurpose="ChargePointMaxProfile"))
    key = {"key": "IgnoredProfilePurposesOffline", "value": "ChargePointMaxProfile"}
    assert rig.ask("ChangeConfiguration", key)[1]["status"] == "Accepted"
    assert pushed(rig, 0) == [[("00:00:00", 20.0)]]
    rig.disconnect()
    assert pushed(rig, 0)[-1] == []
    assert pushed(rig, 1) == [[("00:00:00", 8.0)]]
    rig.connect()
    assert pushed(rig, 0)[-1] == [("00:00:00", 20.0)]


# --- GetCompositeSchedule -------------------------------------------------------------------------


def test_5_7_the_composite_schedule_is_never_empty(rig: Rig) -> None:
    """Pitfalls 15 and 27."""
    for duration in (0, 1, 86_400):
        assert composite(rig, 1, duration) == [(0, 32.0)]
        assert composite(rig, 0, duration) == [(0, 32.0)]


def test_5_7_the_schedule_starts_now_and_names_phases(rig: Rig) -> None:
    periods = [
        {"startPeriod": 0, "limit": 6, "numberPhases": 1},
        {"startPeriod": 60, "limit": 99},
    ]
    install(rig, profile(periods=periods))
    rig.run(10.4)
    _, payload = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 600})
    assert payload["scheduleStart"] == "2026-01-01T00:00:10.000Z"
    assert payload["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 6.0, "numberPhases": 1},
        {"startPeriod": 50, "limit": 32.0},
    ]


@pytest.mark.parametrize(("connector", "duration"), [(2, 60), (-1, 60), (1, -1), (0, -1)])
def test_5_7_what_can_not_be_told_is_rejected(rig: Rig, connector: int, duration: int) -> None:
    request = {"connectorId": connector, "duration": duration}
    assert rig.ask("GetCompositeSchedule", request)[1] == {"status": "Rejected"}


def test_a_huge_duration_is_told_up_to_the_configured_one(rig: Rig) -> None:
    key = {"key": "MaxCompositeScheduleDuration", "value": "3600"}
    assert rig.ask("ChangeConfiguration", key)[1]["status"] == "Accepted"
    _, payload = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 2**31 - 1})
    assert payload["chargingSchedule"]["duration"] == 3_600


def test_the_default_of_the_composite_schedule_is_configured(rig: Rig) -> None:
    for name, value in (("LimitAmps", 20), ("LimitWatts", 9_000), ("NumberPhases", 1)):
        key = {"key": f"CompositeScheduleDefault{name}", "value": str(value)}
        assert rig.ask("ChangeConfiguration", key)[1]["status"] == "Accepted"
    assert composite(rig) == [(0, 20.0)]
    assert composite(rig, chargingRateUnit="W") == [(0, 9_000.0)]
    _, payload = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert payload["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] == 1


@pytest.mark.parametrize("unit", ["A", "W"])
def test_tc_056_a_default_shows_in_the_unit_that_is_asked_for(rig: Rig, unit: str) -> None:
    limit = {"A": 6.0, "W": 6_000.0}[unit]
    install(rig, profile(limit, schedule={"chargingRateUnit": unit}), 1)
    rig.plug_in()
    rig.start_transaction()
    assert composite(rig, duration=300, chargingRateUnit=unit) == [(0, limit)]


def test_tc_058_a_tx_profile_without_its_transaction_leaves_the_session_alone(rig: Rig) -> None:
    assert install(rig, tx_profile(), 1) == "Rejected"
    rig.plug_in()
    rig.start_transaction()
    assert install(rig, {**tx_profile(), "transactionId": 99}, 1) == "Rejected"
    assert composite(rig) == [(0, 32.0)]
    assert rig.core.called("stop_transaction") == []


@pytest.mark.parametrize(("unit", "factor"), [("A", 1.0), ("W", 1_000.0)])
def test_tc_066_the_stations_maximum_caps_a_tx_profile_over_a_default(
    unit: str, factor: float
) -> None:
    """On a station of two EVSEs, where the other one is idle. 32 A of three phases are 22 kW, so
    that the hardware does not show in the figures of the case."""
    rig = Rig(evses=2).start()
    rig.plug_in()
    rig.start_transaction()

    def body(limits: list[tuple[int, float]], **fields: Any) -> dict[str, Any]:
        schedule = {
            "chargingRateUnit": unit,
            "startSchedule": "2025-12-31T23:59:50Z",
            "duration": 86_400,
        }
        periods = [{"startPeriod": at, "limit": limit * factor} for at, limit in limits]
        return profile(periods=periods, schedule=schedule, **fields)

    most = body([(0, 10)], chargingProfilePurpose="ChargePointMaxProfile")
    default = body([(0, 6), (300, 8)], chargingProfileId=2)
    tx = body(
        [(0, 8), (110, 12), (260, 9)], chargingProfileId=3, chargingProfilePurpose="TxProfile"
    )
    assert [install(rig, most), install(rig, default, 1), install(rig, tx, 1)] == ["Accepted"] * 3
    assert composite(rig, 1, 400, chargingRateUnit=unit) == [
        (0, 8 * factor),
        (100, 10 * factor),
        (250, 9 * factor),
    ]


def test_tc_067_each_clear_leaves_what_is_left(rig: Rig) -> None:
    staircase = [
        {"startPeriod": 0, "limit": 6},
        {"startPeriod": 60, "limit": 8},
        {"startPeriod": 200, "limit": 10},
    ]
    install(rig, profile(periods=staircase, stackLevel=1, chargingProfileId=1), 1)
    install(rig, profile(7, stackLevel=2, chargingProfileId=2), 1)
    install(rig, profile(9, chargingProfileId=3, chargingProfilePurpose="ChargePointMaxProfile"))
    assert composite(rig, duration=350) == [(0, 7.0)]
    assert rig.ask("ClearChargingProfile", {"id": 2})[1]["status"] == "Accepted"
    assert composite(rig, duration=350) == [(0, 6.0), (60, 8.0), (200, 9.0)]
    criteria = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    assert rig.ask("ClearChargingProfile", criteria)[1]["status"] == "Accepted"
    assert composite(rig, duration=350) == [(0, 9.0)]
    assert rig.ask("ClearChargingProfile", {})[1]["status"] == "Accepted"
    assert composite(rig, duration=350) == [(0, 32.0)]


def test_tc_072_the_lower_level_resumes_where_it_would_be(rig: Rig) -> None:
    stairs = [
        {"startPeriod": 0, "limit": 6},
        {"startPeriod": 100, "limit": 8},
        {"startPeriod": 200, "limit": 10},
    ]
    start = "2026-01-01T00:00:00Z"
    install(rig, profile(periods=stairs, schedule={"duration": 400, "startSchedule": start}), 1)
    higher = {"duration": 150, "startSchedule": start}
    install(rig, profile(12, chargingProfileId=2, stackLevel=1, schedule=higher), 1)
    assert composite(rig, duration=350) == [(0, 12.0), (150, 8.0), (200, 10.0)]


# --- capabilities ---------------------------------------------------------------------------------


def read(rig: Rig, key: str) -> str:
    (found,) = rig.ask("GetConfiguration", {"key": [key]})[1]["configurationKey"]
    assert found["readonly"] is True
    return str(found["value"])


def test_9_4_what_the_station_can_do_is_told(rig: Rig) -> None:
    """Pitfall 29: words of their own for the units."""
    assert read(rig, "ChargingScheduleAllowedChargingRateUnit") == "Current,Power"
    assert read(rig, "ChargingScheduleMaxPeriods") == str(MAX_PERIODS)
    assert read(rig, "ConnectorSwitch3to1PhaseSupported") == "false"


def test_pitfall_30_the_numbers_told_serve_as_stack_level_and_id(rig: Rig) -> None:
    level = int(read(rig, "ChargeProfileMaxStackLevel"))
    number = int(read(rig, "MaxChargingProfilesInstalled"))
    assert install(rig, profile(8, stackLevel=level, chargingProfileId=number)) == "Accepted"
    assert composite(rig) == [(0, 8.0)]


def test_as_many_periods_as_are_told_are_taken(rig: Rig) -> None:
    most = int(read(rig, "ChargingScheduleMaxPeriods"))
    periods = [{"startPeriod": n, "limit": 6 + n % 10} for n in range(most + 1)]
    assert install(rig, profile(periods=periods[:-1])) == "Accepted"
    assert install(rig, profile(periods=periods)) == "Rejected"


# --- the interface --------------------------------------------------------------------------------


def test_the_schedules_of_all_evses_are_told_whenever_they_change() -> None:
    rig = Rig(evses=2).start()
    seen = []
    rig.engine.charging.on_change.append(
        lambda: seen.append(rig.engine.charging.schedules().schedules)
    )
    install(rig, profile(8), 2)
    assert [schedule.evse for schedule in seen[-1]] == [0, 1, 2]
    limits = [schedule.charging_schedule_period[0].limit for schedule in seen[-1]]
    assert limits == [40.0, 32.0, 8.0]
    rig.plug_in(2)
    count = len(seen)
    rig.start_transaction(2)
    assert len(seen) > count
