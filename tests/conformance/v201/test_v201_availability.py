"""Availability."""

from __future__ import annotations

from typing import Any

from conformance_v201 import TAG, Bench201

CONNECTOR: dict[str, Any] = {"evse": {"id": 1, "connectorId": 1}}
EVSE: dict[str, Any] = {"evse": {"id": 1}}
STATION: dict[str, Any] = {}


def change(bench: Bench201, wanted: str, where: dict[str, Any], answer: str = "Accepted") -> None:
    bench.answered(answer, "ChangeAvailability", operationalStatus=wanted, **where)


def off_and_on(bench: Bench201, where: dict[str, Any], *, on: bool) -> None:
    evses = bench.evses if where is STATION else [1]
    change(bench, "Inoperative", where)
    for evse in evses:
        bench.status("Unavailable", evse)
    if on:
        change(bench, "Operative", where)
        for evse in evses:
            bench.status("Available", evse)


def test_TC_G_01_CS(bench: Bench201) -> None:
    """Available to occupied."""
    bench.connected()


def test_TC_G_02_CS(bench: Bench201) -> None:
    """Occupied to available."""
    bench.connected()
    bench.station.unplug_at_station()
    bench.status("Available")


def test_TC_G_03_CS(bench: Bench201) -> None:
    """An EVSE is switched off."""
    off_and_on(bench, EVSE, on=False)


def test_TC_G_04_CS(bench: Bench201) -> None:
    """An EVSE is switched on."""
    off_and_on(bench, EVSE, on=True)


def test_TC_G_05_CS(bench: Bench201) -> None:
    """The station is switched off."""
    off_and_on(bench, STATION, on=False)


def test_TC_G_06_CS(bench: Bench201) -> None:
    """The station is switched on."""
    off_and_on(bench, STATION, on=True)


def test_TC_G_07_CS(bench: Bench201) -> None:
    """A connector is switched off."""
    off_and_on(bench, CONNECTOR, on=False)


def test_TC_G_08_CS(bench: Bench201) -> None:
    """A connector is switched on."""
    off_and_on(bench, CONNECTOR, on=True)


def test_TC_G_09_CS(bench: Bench201) -> None:
    """An EVSE that is on is switched on."""
    change(bench, "Operative", EVSE)


def test_TC_G_10_CS(bench: Bench201) -> None:
    """An EVSE that is off is switched off."""
    off_and_on(bench, EVSE, on=False)
    change(bench, "Inoperative", EVSE)


def test_TC_G_12_CS(bench: Bench201) -> None:
    """A station that is on is switched on."""
    change(bench, "Operative", STATION)


def test_TC_G_13_CS(bench: Bench201) -> None:
    """A station that is off is switched off."""
    off_and_on(bench, STATION, on=False)
    change(bench, "Inoperative", STATION)


def test_TC_G_15_CS(bench: Bench201) -> None:
    """A connector that is on is switched on."""
    change(bench, "Operative", CONNECTOR)


def test_TC_G_16_CS(bench: Bench201) -> None:
    """A connector that is off is switched off."""
    off_and_on(bench, CONNECTOR, on=False)
    change(bench, "Inoperative", CONNECTOR)


def off_after_the_transaction(bench: Bench201, where: dict[str, Any]) -> None:
    """It goes on, and what it ran on is off once it has ended."""
    id_ = bench.charging()
    change(bench, "Inoperative", where, "Scheduled")
    if where is STATION:
        for evse in bench.evses[1:]:
            bench.status("Unavailable", evse)
    bench.quiet(30)
    bench.station.swipe(TAG)
    bench.stopped("StopAuthorized", "Local", id_)
    bench.status("Unavailable")


def test_TC_G_11_CS(bench: Bench201) -> None:
    """An EVSE is switched off during a transaction."""
    off_after_the_transaction(bench, EVSE)


def test_TC_G_14_CS(bench: Bench201) -> None:
    """The station is switched off during a transaction."""
    off_after_the_transaction(bench, STATION)


def test_TC_G_17_CS(bench: Bench201) -> None:
    """A connector is switched off during a transaction."""
    off_after_the_transaction(bench, CONNECTOR)


def off_over_a_reboot(bench: Bench201, where: dict[str, Any]) -> None:
    off_and_on(bench, where, on=False)
    bench.power_cycle()
    evses = bench.evses if where is STATION else [1]
    bench.reported(bench.boot(), dict.fromkeys(evses, "Unavailable"))


def test_TC_G_18_CS(bench: Bench201) -> None:
    """An EVSE that is off stays so over a reboot."""
    off_over_a_reboot(bench, EVSE)


def test_TC_G_19_CS(bench: Bench201) -> None:
    """A connector that is off stays so over a reboot."""
    off_over_a_reboot(bench, CONNECTOR)


def test_TC_G_21_CS(bench: Bench201) -> None:
    """A station that is off stays so over a reboot."""
    off_over_a_reboot(bench, STATION)
