"""A whole station: the car's end of the cable, reservations and the list, from the back office's
word to the bolt and the bill (OCPP 1.6 §4.10, §5.13, §5.15)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from test_ocpp_session import Station

from evse.clock import rfc3339
from evse.model import LockState

ACCEPTED = ("result", {"status": "Accepted"})


def departing(*, stops: bool, unlocks: bool) -> Station:
    station = Station()
    for key, value in (
        ("StopTransactionOnEVSideDisconnect", stops),
        ("UnlockConnectorOnEVSideDisconnect", unlocks),
    ):
        answer = station.ocpp.ask("ChangeConfiguration", {"key": key, "value": str(value).lower()})
        assert answer == ACCEPTED
    station.charging()
    station.run(300)
    return station


def leave(station: Station) -> None:
    """The car goes; its cable stays in the socket."""
    station.sim.plants[1].car.unplug_at_ev()
    station.sim.wake()
    station.run(5)


def lock(station: Station) -> LockState:
    assert station.sim.station is not None
    return station.sim.station.core.sessions[1].status.lock


def told(station: Station) -> str:
    station.run(1)
    return str(station.brain.statuses[1])


def test_4_10_a_cable_that_is_left_is_free_and_keeps_the_session_open() -> None:
    station = departing(stops=True, unlocks=True)
    leave(station)
    assert told(station) == "Finishing"
    assert lock(station) is LockState.UNLOCKED
    station.sim.plants[1].car.unplug()
    station.sim.wake()
    assert told(station) == "Available"
    (line,) = station.billed()
    assert line.reason == "EVDisconnected"


@pytest.mark.parametrize("how", ["card", "back office"])
def test_4_10_a_locked_cable_waits_for_its_card_or_the_back_office(how: str) -> None:
    station = departing(stops=True, unlocks=False)
    leave(station)
    station.sim.plants[1].car.unplug()  # pulls in vain
    station.sim.wake()
    station.run(60)
    assert (told(station), lock(station)) == ("Finishing", LockState.LOCKED)
    station.swipe("SOMEBODY")
    station.run(5)
    assert lock(station) is LockState.LOCKED
    if how == "card":
        station.swipe()
    else:
        answer = station.ocpp.ask("UnlockConnector", {"connectorId": 1})
        assert answer == ("result", {"status": "Unlocked"})
    station.run(5)
    assert told(station) == "Available"
    (line,) = station.billed()
    assert line.reason == "EVDisconnected"


def test_4_10_a_transaction_goes_on_with_the_next_car_and_is_billed_as_one() -> None:
    station = departing(stops=False, unlocks=False)
    first_wh = station.energy_wh()
    leave(station)
    assert told(station) == "SuspendedEV"
    assert station.duty_bp() == 10_000
    station.run(600)
    assert lock(station) is LockState.LOCKED
    assert station.energy_wh() == pytest.approx(first_wh, abs=20)
    station.sim.plants[1].car.plug()
    station.sim.wake()
    station.until(lambda: station.sim.plants[1].current_a > 10, 60)
    station.run(300)
    transaction = {"transactionId": next(iter(station.brain.bill))}
    assert station.ocpp.ask("RemoteStopTransaction", transaction) == ACCEPTED
    (line,) = station.billed()
    assert line.reason == "Remote"
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=1)
    assert station.energy_wh() > 1.8 * first_wh


@pytest.mark.parametrize("who", ["link", "core"])
def test_a_death_keeps_what_unplugging_does(who: str) -> None:
    """The link says it again to a core that starts anew; a link that is dead changes nothing."""
    station = departing(stops=False, unlocks=False)
    if who == "link":
        station.ocpp.kill()
        leave(station)
        assert station.state() == "paused_ev"
        station.ocpp.start()
        station.run(30)
        assert told(station) == "SuspendedEV"
        return
    station.sim.kill_core()
    station.run(5)
    station.sim.start_core()
    station.run(60)
    assert station.sim.station is not None
    assert not station.sim.station.core.sessions[1].departure.ends_transaction


def booking(station: Station, **more: Any) -> dict[str, Any]:
    expiry = rfc3339(station.sim.clock.utc() + timedelta(minutes=10))
    return {
        "connectorId": 1,
        "expiryDate": expiry,
        "idTag": "HOLDER",
        "reservationId": 7,
        **more,
    }


def test_5_13_a_reserved_connector_is_for_its_holder_and_billed_under_its_id() -> None:
    station = Station()
    assert station.ocpp.ask("ReserveNow", booking(station)) == ACCEPTED
    assert told(station) == "Reserved"
    station.plug()
    station.swipe("OTHER")
    station.run(10)
    assert station.brain.sent("Authorize") == []
    station.swipe("HOLDER")
    station.until(lambda: station.sim.plants[1].current_a > 10, 30)
    (start,) = station.brain.sent("StartTransaction")
    assert (start["idTag"], start["reservationId"]) == ("HOLDER", 7)
    assert station.ocpp.ask("CancelReservation", {"reservationId": 7}) == (
        "result",
        {"status": "Rejected"},
    )


def test_5_13_a_reservation_survives_both_and_ends_in_its_time() -> None:
    station = Station()
    assert station.ocpp.ask("ReserveNow", booking(station, connectorId=0)) == ACCEPTED
    assert told(station) == "Reserved", "it is the last one"
    station.ocpp.kill()
    station.sim.kill_core()
    station.run(5)
    station.sim.start_core()
    station.ocpp.start()
    station.run(60)
    assert told(station) == "Reserved"
    station.run(600)
    assert told(station) == "Available"


def test_5_15_offline_a_listed_card_charges_and_one_that_is_barred_does_not() -> None:
    station = Station()
    entries = [
        {"idTag": "GOOD", "idTagInfo": {"status": "Accepted"}},
        {"idTag": "BAD", "idTagInfo": {"status": "Blocked"}},
    ]
    update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    assert station.ocpp.ask("SendLocalList", update) == ACCEPTED
    station.ocpp.kill()
    station.ocpp.cut_network()
    station.ocpp.start()
    station.run(30)
    station.plug()
    station.swipe("BAD")
    station.run(10)
    assert station.state() == "waiting_auth"
    station.swipe("good")
    station.until(lambda: station.sim.plants[1].current_a > 10, 30)
