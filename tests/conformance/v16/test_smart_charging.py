"""Smart charging."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from conformance_v16 import TAG, Bench16, refused, time_of

Periods = list[tuple[int, float]]


def profile(
    bench: Bench16, purpose: str, periods: Periods, *, id_: int = 1, level: int = 0, **more: Any
) -> dict[str, Any]:
    """Absolute, from now on; `duration` and `transactionId` where they are given."""
    schedule: dict[str, Any] = {
        "startSchedule": bench.after(0),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": a} for at_s, a in periods],
    }
    if (duration_s := more.pop("duration", None)) is not None:
        schedule["duration"] = duration_s
    return {
        "chargingProfileId": id_,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **more,
    }


def install(bench: Bench16, wanted: dict[str, Any], connector: int = 1) -> None:
    bench.accepted("SetChargingProfile", connectorId=connector, csChargingProfiles=wanted)


def composite(bench: Bench16, duration_s: int, unit: str = "A") -> dict[str, Any]:
    """The schedule of connector 1, whose echo of the request is right."""
    asked = bench.station.clock.utc()
    answer = bench.accepted(
        "GetCompositeSchedule", connectorId=1, duration=duration_s, chargingRateUnit=unit
    )
    schedule: dict[str, Any] = answer["chargingSchedule"]
    assert answer["connectorId"] == 1
    assert schedule["duration"] == duration_s
    assert schedule["chargingRateUnit"] == unit
    assert abs(time_of(answer["scheduleStart"]) - asked) <= timedelta(seconds=2)
    assert schedule["chargingSchedulePeriod"][0]["startPeriod"] == 0
    return schedule


def rules(schedule: dict[str, Any], expected: Periods, slack_s: int = 3) -> None:
    """Shortly after each moment of `expected` its limit is in force, and until the next one."""
    told = [(p["startPeriod"], p["limit"]) for p in schedule["chargingSchedulePeriod"]]
    ends = [at_s for at_s, _ in expected[1:]] + [schedule["duration"]]
    for (at_s, limit), end_s in zip(expected, ends, strict=True):
        for moment_s in (at_s + slack_s, end_s - slack_s):
            in_force = [a for begin_s, a in told if begin_s <= moment_s][-1]
            assert in_force == limit, f"{in_force} A after {moment_s} s of {told}"


def test_TC_056_CS(bench: Bench16) -> None:
    """TxDefaultProfile."""
    install(bench, profile(bench, "TxDefaultProfile", [(0, 6.0)]))
    bench.charging()
    rules(composite(bench, 300), [(0, 6.0)])


def test_TC_057_CS(bench: Bench16) -> None:
    """TxProfile."""
    started = bench.charging()
    wanted = profile(
        bench,
        "TxProfile",
        [(0, 6.0), (100, 8.0)],
        transactionId=started["transactionId"],
    )
    install(bench, wanted)
    rules(composite(bench, 300), [(0, 6.0), (100, 8.0)])


def test_TC_058_1_CS(bench: Bench16) -> None:
    """TxProfile without a transaction."""
    wanted = profile(bench, "TxProfile", [(0, 6.0)])
    reply = bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=wanted)
    refused(reply, "Rejected", "PropertyConstraintViolation")


def test_TC_058_2_CS(bench: Bench16) -> None:
    """TxProfile with a wrong transactionId."""
    started = bench.charging()
    wrong = started["transactionId"] + 1
    wanted = profile(bench, "TxProfile", [(0, 6.0)], transactionId=wrong)
    reply = bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=wanted)
    refused(reply, "Rejected")
    bench.quiet(30)


def test_TC_059_CS(bench: Bench16) -> None:
    """Remote start with a profile."""
    wanted = profile(bench, "TxProfile", [(0, 6.0), (200, 8.0)], duration=400)
    bench.remote_start(TAG, chargingProfile=wanted)
    bench.status("Preparing")
    bench.station.plug()
    bench.started(TAG)
    schedule = composite(bench, 300)
    assert [p["limit"] for p in schedule["chargingSchedulePeriod"]] == [6.0, 8.0]


def test_TC_060_CS(bench: Bench16) -> None:
    """Remote start with a wrong profile: nothing starts."""
    wanted = profile(bench, "TxDefaultProfile", [(0, 6.0)])
    bench.plugged()
    reply = bench.ask("RemoteStartTransaction", idTag=TAG, connectorId=1, chargingProfile=wanted)
    refused(reply, "Rejected", "PropertyConstraintViolation")
    bench.quiet(30)


def test_TC_066_CS(bench: Bench16) -> None:
    """Composite schedule: the transaction's over the default, capped by the station's."""
    started = bench.charging()
    most = profile(bench, "ChargePointMaxProfile", [(0, 10.0)], id_=1, duration=86_400)
    install(bench, most, 0)
    default = [(0, 6.0), (50, 8.0), (120, 9.0), (200, 12.0), (260, 7.0)]
    install(bench, profile(bench, "TxDefaultProfile", default, id_=2, duration=300))
    own = [(0, 8.0), (60, 11.0), (120, 16.0), (180, 6.0), (260, 10.0)]
    wanted = profile(
        bench, "TxProfile", own, id_=3, duration=260, transactionId=started["transactionId"]
    )
    install(bench, wanted)
    schedule = composite(bench, 400)
    rules(schedule, [(0, 8.0), (60, 10.0), (180, 6.0), (260, 7.0), (300, 10.0)])


def test_TC_067_CS(bench: Bench16) -> None:
    """Clear charging profiles: by id, by criteria, and the rest."""
    most = profile(bench, "ChargePointMaxProfile", [(0, 10.0)], id_=1, duration=86_400)
    install(bench, most, 0)
    steps = [(0, 6.0), (60, 8.0), (200, 10.0)]
    install(bench, profile(bench, "TxDefaultProfile", steps, id_=2, level=1))
    install(bench, profile(bench, "TxDefaultProfile", [(0, 7.0)], id_=3, level=2))
    bench.charging()
    bench.accepted("ClearChargingProfile", id=3)
    lived_s = 20
    schedule = composite(bench, 300)
    rules(schedule, [(0, 6.0), (60, 8.0), (200, 10.0)], slack_s=lived_s)
    bench.accepted(
        "ClearChargingProfile",
        connectorId=1,
        chargingProfilePurpose="TxDefaultProfile",
        stackLevel=1,
    )
    rules(composite(bench, 300), [(0, 10.0)])
    bench.accepted("ClearChargingProfile")
    (rest,) = {p["limit"] for p in composite(bench, 300)["chargingSchedulePeriod"]}
    assert rest > 10.0


def test_TC_072_CS(bench: Bench16) -> None:
    """Stacking profiles: the lower level resumes at the value that it has by then."""
    lower = [(0, 6.0), (100, 8.0), (200, 10.0)]
    install(bench, profile(bench, "TxDefaultProfile", lower, id_=1, level=0, duration=400))
    upper = [(0, 7.0), (50, 9.0), (100, 11.0)]
    install(bench, profile(bench, "TxDefaultProfile", upper, id_=2, level=1, duration=150))
    schedule = composite(bench, 350)
    rules(schedule, [(0, 7.0), (50, 9.0), (100, 11.0), (150, 8.0), (200, 10.0)])


def test_TC_082_CS(bench: Bench16) -> None:
    """TxDefaultProfile during a transaction: in force at once, and the transaction goes on."""
    bench.charging()
    install(bench, profile(bench, "TxDefaultProfile", [(0, 6.0)]))
    rules(composite(bench, 300), [(0, 6.0)])
    bench.quiet(60)
