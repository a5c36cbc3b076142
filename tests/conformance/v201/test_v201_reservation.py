"""Reservation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conformance_v201 import OTHER_TAG, TAG, Bench201, id_token

from evse.clock import rfc3339

ID = 7


def wanted(
    bench: Bench201, tag: str = TAG, evse: int | None = 1, id_: int = ID, **more: Any
) -> dict[str, Any]:
    expiry = bench.station.clock.utc() + timedelta(seconds=more.pop("for_s", 3600))
    where = {} if evse is None else {"evseId": evse}
    return {
        "id": id_,
        "expiryDateTime": rfc3339(expiry),
        "idToken": id_token(tag),
        **where,
        **more,
    }


def reserve(bench: Bench201, status: str, *args: Any, **more: Any) -> None:
    bench.answered(status, "ReserveNow", **wanted(bench, *args, **more))


@pytest.fixture
def reserved(bench: Bench201) -> Bench201:
    """*Reserved*: EVSE 1, for one token and an hour."""
    reserve(bench, "Accepted")
    bench.status("Reserved")
    return bench


def used(bench: Bench201, tag: str, id_: int | None = ID) -> None:
    """A session with this token, whose first event names the reservation."""
    bench.station.swipe(tag)
    bench.wait(5)
    assert len(bench.take("Authorize")) <= 1
    bench.station.plug()
    first = bench.started(tag)
    assert first.payload.get("reservationId") == id_
    bench.take("StatusNotification")


def test_TC_H_01_CS(reserved: Bench201) -> None:
    """A reserved EVSE is used with its token, and is not reserved any more once that is there."""
    reserved.station.swipe(TAG)
    reserved.status("Available")
    assert len(reserved.take("Authorize")) <= 1
    reserved.station.plug()
    reserved.status("Occupied")
    assert reserved.started(TAG)["reservationId"] == ID


def test_TC_H_02_CS(reserved: Bench201) -> None:
    """A reserved EVSE is not used with another token."""
    reserved.station.swipe(OTHER_TAG)
    reserved.quiet(20, "Authorize")
    reserved.take("Authorize")
    reserved.answered(
        "Rejected",
        "RequestStartTransaction",
        idToken=id_token(OTHER_TAG),
        evseId=1,
        remoteStartId=1,
    )


def test_TC_H_03_CS(reserved: Bench201) -> None:
    """A reserved EVSE is not reserved for another."""
    reserve(reserved, "Occupied", OTHER_TAG, id_=8)


def test_TC_H_04_CS(bench: Bench201) -> None:
    """An EVSE in use is not reserved."""
    bench.charging()
    reserve(bench, "Occupied", OTHER_TAG)


def test_TC_H_06_CS(bench: Bench201) -> None:
    """An EVSE that is off is not reserved."""
    bench.inoperative()
    reserve(bench, "Unavailable")


def test_TC_H_07_CS(bench: Bench201) -> None:
    """A reservation ends by itself, and says so."""
    reserve(bench, "Accepted", for_s=60)
    bench.status("Reserved")
    bench.status("Available", within_s=75)
    bench.expect("ReservationStatusUpdate", reservationId=ID, reservationUpdateStatus="Expired")
    used(bench, OTHER_TAG, None)


def test_TC_H_08_CS(bench: Bench201) -> None:
    """Any EVSE is reserved: one stays free."""
    reserve(bench, "Accepted", evse=None)
    bench.wait(5)
    bench.take("StatusNotification")
    used(bench, TAG)


def test_TC_H_09_CS(bench: Bench201) -> None:
    """All EVSEs are reserved: there is none left to reserve."""
    for evse in bench.evses:
        reserve(bench, "Accepted", evse=evse, id_=evse)
        bench.status("Reserved", evse)
    reserve(bench, "Occupied", OTHER_TAG, None, id_=9)


def test_TC_H_10_CS(bench: Bench201) -> None:
    """All EVSEs are occupied: there is none left to reserve."""
    for evse in bench.evses:
        bench.connected(evse)
    reserve(bench, "Occupied", TAG, None)


def test_TC_H_12_CS(bench: Bench201) -> None:
    """A station that is off reserves nothing."""
    bench.accepted("ChangeAvailability", operationalStatus="Inoperative")
    for evse in bench.evses:
        bench.status("Unavailable", evse)
    reserve(bench, "Unavailable", TAG, None)


def test_TC_H_14_CS(bench: Bench201) -> None:
    """As many reservations as EVSEs: each of them is reserved."""
    for evse in bench.evses:
        reserve(bench, "Accepted", f"0400000{evse}", None, id_=evse)
    for evse in bench.evses:
        bench.status("Reserved", evse)


def test_TC_H_17_CS(reserved: Bench201) -> None:
    """Cancel a reservation."""
    reserved.accepted("CancelReservation", reservationId=ID)
    reserved.status("Available")


def test_TC_H_18_CS(bench: Bench201) -> None:
    """Cancel what was never reserved."""
    bench.answered("Rejected", "CancelReservation", reservationId=1)


def test_TC_H_19_CS(bench: Bench201) -> None:
    """A reserved EVSE is used with a token of its group."""
    bench.office.groups = {OTHER_TAG: "FAMILY"}
    group = {"idToken": "FAMILY", "type": "Central"}
    reserve(bench, "Accepted", groupIdToken=group)
    bench.status("Reserved")
    used(bench, OTHER_TAG)


def test_TC_H_21_CS(reserved: Bench201) -> None:
    """An EVSE that is switched off loses its reservation, and says so."""
    reserved.accepted("ChangeAvailability", operationalStatus="Inoperative", evse={"id": 1})
    reserved.expect("ReservationStatusUpdate", reservationId=ID, reservationUpdateStatus="Removed")
    reserved.status("Unavailable")


def test_TC_H_23_CS(reserved: Bench201) -> None:
    """The same reservation again takes the place of the first."""
    reserve(reserved, "Accepted", OTHER_TAG)
    reserved.station.swipe(TAG)
    reserved.quiet(20, "Authorize")
    reserved.take("Authorize")
    used(reserved, OTHER_TAG)
