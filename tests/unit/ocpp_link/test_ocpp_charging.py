"""OCPP 1.6 §5.4, §5.7, §5.16: profiles installed, replaced, cleared, and pushed to the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from ocpp_rig import Rig

from evse.types.energy import ExternalLimits
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.smart.profiles import MAX_INSTALLED, Installed
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


def pushed(rig: Rig, evse: int = 1) -> list[list[tuple[str, float | None]]]:
    """Each push to an EVSE: (time of day, limit)."""
    pushes = []
    for params in rig.core.called("set_external_limits"):
        value = msgspec.convert(params["value"], ExternalLimits)  # the core takes it
        if params["evse"] == evse:
            pushes.append(
                [
                    (
                        entry.timestamp[11:19],
                        entry.limits_to_leaves.ac_max_current_A.value
                        if entry.limits_to_leaves.ac_max_current_A
                        else None,
                    )
                    for entry in value.schedule_import
                ]
            )
    return pushes


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


def test_5_4_clearing_removes_the_limit(rig: Rig) -> None:
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
def test_5_4_criteria_join_and_an_id_overrides_them(
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
    assert install(rig, tx, 2) == "Rejected"


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
        level, connector = number % 11, number // 11
        body = profile(chargingProfileId=number, stackLevel=level)
        table.install(Installed(connector, profile_of(body, 0)))
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
    assert 9 <= writes <= 10
    assert len(pushed(rig)) == 60


def test_5_7_the_composite_schedule_is_told_in_amperes_and_is_never_empty(rig: Rig) -> None:
    _, payload = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 0})
    assert payload["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 32.0}
    ]
    install(
        rig,
        profile(
            periods=[
                {"startPeriod": 0, "limit": 6, "numberPhases": 1},
                {"startPeriod": 60, "limit": 99},
            ]
        ),
    )
    _, payload = rig.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 600})
    assert payload["scheduleStart"] == "2026-01-01T00:00:00.000Z"
    assert payload["chargingSchedule"]["duration"] == 600
    assert payload["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 6.0, "numberPhases": 1},
        {"startPeriod": 60, "limit": 32.0},
    ]


def test_two_evses_share_the_stations_maximum() -> None:
    rig = Rig(evses=2).start()
    install(rig, profile(32, chargingProfilePurpose="ChargePointMaxProfile"))
    assert pushed(rig, 1) == pushed(rig, 2) == [[("00:00:00", 16.0)]]
