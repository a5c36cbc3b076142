"""Cards at a whole station with its OCPP link and back office."""

from __future__ import annotations

from typing import Any

import pytest
from test_ocpp_session import Station

from hil.csms.brain import Misbehaviour

CHANGE = "ChangeConfiguration"


def why(station: Station, evse: int = 1) -> str:
    return str(station.sim.peer().ask("sys.why", {"evse": evse}))


def follow(station: Station) -> list[str]:
    """What a display shows from now on."""
    shown: list[str] = []
    peer = station.sim.peer()

    def told(_variable: str, params: dict[str, Any]) -> None:
        value = params["value"]
        shown.append(f"{value['token']['id_token']['value']} {value['status']}")

    peer.on_notification = told
    peer.ask("subscribe", {"variable": "auth_token_provider.token_validation_status"})
    return shown


def configured(station: Station, key: str, value: str) -> None:
    assert station.ocpp.ask(CHANGE, {"key": key, "value": value})[1] == {"status": "Accepted"}


def authorized(station: Station, evse: int = 1) -> bool:
    assert station.sim.station is not None
    return station.sim.station.core.sessions[evse].authorized


def test_a_display_follows_a_card_from_the_reader_to_the_bill() -> None:
    station = Station()
    shown = follow(station)
    station.charging()
    station.run(30)
    station.swipe()
    assert shown == [
        f"04A1B2C3 {s}" for s in ("Processing", "Accepted", "UsedToStart", "UsedToStop")
    ]
    (line,) = station.billed()
    assert line.reason == "Local"


def test_a_refused_card_is_named_by_why() -> None:
    station = Station()
    station.brain.refused["NOBODY"] = "Blocked"
    station.plug()
    station.swipe("NOBODY")
    station.run(3)
    assert "came to nothing: it was refused (Blocked)" in why(station)


def test_an_unreachable_back_office_is_named_by_why() -> None:
    station = Station()
    station.ocpp.cut_network()
    station.plug()
    station.swipe("NEW")
    station.run(3)
    assert "the back office is out of reach, and the token is not known here" in why(station)
    assert not authorized(station)


def test_a_back_office_that_never_answers_ends_the_wait_before_the_core_gives_up() -> None:
    station = Station()
    shown = follow(station)
    station.brain.misbehave("Authorize", Misbehaviour.NO_ANSWER)
    station.plug()
    station.swipe("NEW")
    station.run(39)
    assert shown == ["NEW Processing", "NEW Rejected"]
    assert "the back office gave no answer" in why(station)


def test_3_5_a_card_of_the_group_ends_the_transaction() -> None:
    station = Station()
    station.brain.parents.update({"04A1B2C3": "FLEET", "SECOND": "fleet", "STRANGER": "OTHER"})
    station.charging()
    station.swipe("STRANGER")
    station.run(5)
    assert station.state() == "charging"
    station.swipe("SECOND")
    (line,) = station.billed()
    assert line.reason == "Local"


def test_9_1_connection_timeout_of_the_back_office_ends_the_wait_for_a_car() -> None:
    station = Station()
    shown = follow(station)
    configured(station, "ConnectionTimeOut", "20")
    started = station.ocpp.ask("RemoteStartTransaction", {"idTag": "APP-7"})
    assert started[1] == {"status": "Accepted"}
    station.until(lambda: authorized(station), 1)
    station.run(19)
    assert authorized(station)
    station.run(2)
    assert not authorized(station)
    assert shown == ["APP-7 Accepted", "APP-7 TimedOut"]
    station.until(lambda: station.brain.statuses[1] == "Available", 5)


def test_9_1_the_timeout_holds_while_the_link_is_dead_and_after_the_core_restarted() -> None:
    station = Station()
    configured(station, "ConnectionTimeOut", "20")
    station.sim.kill_core()
    station.run(1)
    station.sim.start_core()
    station.run(5)
    station.ocpp.ask("RemoteStartTransaction", {"idTag": "APP-7"})
    station.until(lambda: authorized(station), 1)
    station.ocpp.kill()
    station.run(21)
    assert not authorized(station)


def test_5_11_a_remote_start_without_a_connector_goes_to_the_waiting_car() -> None:
    station = Station(evses=2)
    station.plug(2)
    station.ocpp.ask("RemoteStartTransaction", {"idTag": "APP-7"})
    station.until(lambda: station.sim.plants[2].current_a > 10, 20)
    station.unplug(2)
    (line,) = station.billed()
    assert (line.connector, line.id_tag) == (2, "APP-7")


@pytest.mark.parametrize("verdict", ["Accepted", "Blocked"])
def test_5_11_with_authorize_remote_the_core_asks_after_the_answer(verdict: str) -> None:
    station = Station()
    configured(station, "AuthorizeRemoteTxRequests", "true")
    if verdict != "Accepted":
        station.brain.refused["APP-7"] = verdict
    station.plug()
    assert station.ocpp.ask("RemoteStartTransaction", {"idTag": "APP-7"})[1]["status"] == "Accepted"
    station.run(10)
    assert [p["idTag"] for p in station.brain.sent("Authorize")] == ["APP-7"]
    assert (station.state() == "charging") == (verdict == "Accepted")


@pytest.mark.parametrize("who", ["link", "core"])
def test_a_death_while_a_card_is_asked_about_starts_nothing_and_the_card_works_again(
    who: str,
) -> None:
    station = Station()
    station.ocpp.latency_ms = 2_000
    station.plug()
    station.swipe()
    station.run(0.5)
    if who == "link":
        station.ocpp.kill()
        station.run(10)
        assert "the provider left before it answered" in why(station)
        station.ocpp.start()
    else:
        station.sim.kill_core()
        station.run(10)
        station.sim.start_core()
    station.run(10)
    assert not authorized(station)
    station.swipe()
    station.until(lambda: station.sim.plants[1].current_a > 10, 30)
    station.unplug()
    assert len(station.billed()) == 1
