"""What the core was told last is, at any time, what the profiles allow."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_rig import Rig

from evse.clock import rfc3339
from evse.energy.external import ExternalSchedule
from evse.types.energy import ExternalLimits
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.smart.composite import Supply, composite
from ocpp_link.smart.profiles import STATION, Installed, Purpose

HOUR_S = 3_600
UNLIMITED = 1e9

INSTALLS = st.fixed_dictionaries(
    {
        "connector": st.integers(0, 2),
        "id": st.integers(1, 6),
        "level": st.integers(0, 2),
        "purpose": st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile"]),
        "limits": st.lists(st.integers(0, 32), min_size=1, max_size=5),
        "length_s": st.integers(60, 9 * HOUR_S),
        "daily": st.booleans(),
        "duration_s": st.none() | st.integers(60, 20 * HOUR_S),
    }
)
ACTS = st.one_of(
    INSTALLS, st.integers(1, 6), st.sampled_from(["core restarts", "core is away", "link drops"])
)


def body(of: dict[str, Any], rig: Rig) -> dict[str, Any]:
    periods = [
        {"startPeriod": n * of["length_s"], "limit": limit} for n, limit in enumerate(of["limits"])
    ]
    schedule: dict[str, Any] = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    schedule["startSchedule"] = rfc3339(rig.clock.utc())
    if of["duration_s"]:
        schedule["duration"] = of["duration_s"]
    profile = {
        "chargingProfileId": of["id"],
        "stackLevel": of["level"],
        "chargingProfilePurpose": of["purpose"],
        "chargingProfileKind": "Recurring" if of["daily"] else "Absolute",
        "chargingSchedule": schedule,
    }
    if of["daily"]:
        profile["recurrencyKind"] = "Daily"
    return profile


def act(rig: Rig, what: Any) -> None:
    match what:
        case "core restarts":
            rig.engine.on_core_lost()
            rig.engine.on_core_connected()
        case "core is away":
            rig.engine.on_core_lost()
            rig.run(7)
            rig.engine.on_core_connected()
        case "link drops":
            rig.disconnect()
            rig.run(1)
            rig.connect()
        case int():
            rig.ask("ClearChargingProfile", {"id": what})
        case _:
            connector = 0 if what["purpose"] == "ChargePointMaxProfile" else what["connector"]
            request = {"connectorId": connector, "csChargingProfiles": body(what, rig)}
            rig.ask("SetChargingProfile", request)


def told_a(rig: Rig, evse: int) -> float:
    """What a core that heard everything holds an EVSE to now."""
    last = [p for p in rig.core.called("set_external_limits") if p["evse"] == evse][-1]
    schedule = ExternalSchedule(msgspec.convert(last["value"], ExternalLimits))
    limit = schedule.limit(rig.clock.utc(), nominal_v=230.0, phases=3)
    return UNLIMITED if limit is None else limit.limit_a


def allowed_a(rig: Rig, evse: int) -> float:
    """What the profiles say for this moment."""
    now_ms = rig.engine.station.utc_ms()
    known = [
        entry
        for entry in rig.engine.charging.in_force()
        if (entry.profile.purpose is Purpose.STATION_MAX) == (evse == STATION)
        and entry.evse in (STATION, evse)
    ]
    (segment,) = composite(
        known, start_ms=now_ms, end_ms=now_ms + 1, tx_start_ms=None, supply=Supply()
    )
    return UNLIMITED if segment.limit is None else segment.limit / 10


@given(st.lists(st.tuples(ACTS, st.integers(0, 30 * HOUR_S)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_core_holds_what_the_profiles_allow_whenever_one_looks(
    script: list[tuple[Any, int]],
) -> None:
    rig = Rig(evses=2).start()
    for what, wait_s in script:
        act(rig, what)
        for part_s in (0, wait_s // 3, wait_s - wait_s // 3):
            rig.run(part_s)
            for evse in (STATION, 1, 2):
                assert told_a(rig, evse) == allowed_a(rig, evse)


def test_a_schedule_that_goes_on_as_told_is_not_told_again() -> None:
    rig = Rig(evses=2).start()
    stairs = {
        "chargingRateUnit": "A",
        "startSchedule": rfc3339(rig.clock.utc()),
        "chargingSchedulePeriod": [
            {"startPeriod": hour * HOUR_S, "limit": 6 + hour} for hour in range(10)
        ],
    }
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": stairs,
    }
    rig.ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})
    count = len(rig.core.calls)
    for evse in (1, 2):
        rig.run(5 * HOUR_S)
        uuid = f"s-{evse}"
        rig.plug_in(evse, uuid)
        rig.start_transaction(evse, uuid)
        rig.stop_transaction(evse, uuid)
    assert [m for m, _ in rig.core.calls[count:] if m.endswith("set_external_limits")] == []


# --- a back office that sends faster than anybody takes it ----------------------------------------


def flood(rig: Rig, count: int) -> None:
    for number in range(count):
        what = {
            "connector": 1,
            "id": 1,
            "level": 0,
            "purpose": "TxDefaultProfile",
            "limits": [6 + number % 20],
            "length_s": 60,
            "daily": False,
            "duration_s": None,
        }
        request = {"connectorId": 1, "csChargingProfiles": body(what, rig)}
        assert rig.ask("SetChargingProfile", request)[1] == {"status": "Accepted"}


def test_a_slow_core_is_asked_one_thing_at_a_time_and_ends_with_the_last() -> None:
    rig = Rig().start()
    rig.core.replies["evse_manager.set_external_limits"] = None
    flood(rig, 50)
    assert len(rig.core.pending) == 1
    while rig.core.pending:
        rig.core.pending.pop()(CoreReply(result=None))
    assert told_a(rig, 1) == allowed_a(rig, 1) == 6 + 49 % 20
    assert len(rig.core.called("set_external_limits")) == 2 + 2, "at the start; the first, the last"


def test_a_slow_disk_is_given_one_thing_at_a_time_and_ends_with_the_last() -> None:
    writes: list[bytes] = []

    class Slow(Database):
        def put(self, kind: str, name: str, body: bytes) -> None:
            if kind == "profile":
                writes.append(body)
            super().put(kind, name, body)

    rig = Rig(database=Slow(":memory:"), latency_ms=500).start()
    flood(rig, 50)
    rig.run(5)
    assert len(writes) == 2
    (kept,) = rig.database.load().decoded("profile", Installed).values()
    assert kept.profile.periods[0].limit == 6 + 49 % 20


def test_what_waits_for_the_disk_is_given_to_it_before_the_process_ends() -> None:
    rig = Rig(latency_ms=500).start()
    flood(rig, 3)
    rig.engine.close()
    rig.run(5)
    (kept,) = rig.database.load().decoded("profile", Installed).values()
    assert kept.profile.periods[0].limit == 8
