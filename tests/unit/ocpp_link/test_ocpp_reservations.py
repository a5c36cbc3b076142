"""OCPP 1.6 §5.1, §5.13: reservations, kept by the core and told in the back office's terms."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import Rig, token

from evse.clock import rfc3339
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.records import EvseStatus

RESERVE = "reservation.reserve_now"
CANCEL = "reservation.cancel_reservation"
CHECK = "reservation.check"


def booking(rig: Rig, connector: int = 1, id_: int = 7, *, minutes: int = 10, **more: Any) -> Any:
    expiry = rfc3339(rig.clock.utc() + timedelta(minutes=minutes))
    return {
        "connectorId": connector,
        "expiryDate": expiry,
        "idTag": "HOLDER",
        "reservationId": id_,
        **more,
    }


def reserve(rig: Rig, answer: Any = "Accepted", **more: Any) -> str:
    """What the back office is answered where the core answers so."""
    rig.core.replies[RESERVE] = answer if isinstance(answer, CoreReply) else CoreReply(answer)
    return str(rig.ask("ReserveNow", booking(rig, **more))[1]["status"])


def wanted(rig: Rig) -> list[dict[str, Any]]:
    return [params["reservation"] for name, params in rig.core.calls if name == RESERVE]


def update(rig: Rig, status: str, id_: int = 7) -> None:
    rig.engine.on_reservation({"reservation_id": id_, "reservation_status": status})
    rig.flush()


def test_5_13_a_connector_is_reserved_at_the_core(rig: Rig) -> None:
    assert reserve(rig, parentIdTag="FLEET") == "Accepted"
    assert wanted(rig) == [
        {
            "reservation_id": 7,
            "id_token": "HOLDER",
            "expiry_time": "2026-01-01T00:10:00.000Z",
            "evse_id": 1,
            "parent_id_token": "FLEET",
        }
    ]


def test_5_13_connector_0_is_any(rig: Rig) -> None:
    assert reserve(rig, connector=0) == "Accepted"
    assert "evse_id" not in wanted(rig)[0]
    _, answer = rig.ask("GetConfiguration", {"key": ["ReserveConnectorZeroSupported"]})
    assert answer["configurationKey"][0]["value"] == "true"


@pytest.mark.parametrize("status", ["Faulted", "Occupied", "Rejected", "Unavailable"])
def test_tc_048_050_the_core_says_why_not(status: str, rig: Rig) -> None:
    assert reserve(rig, status) == status
    assert rig.database.load().items.get("reservation", {}) == {}


@pytest.mark.parametrize("reply", [CoreReply(error="the core is away"), CoreReply(result="Maybe")])
def test_without_a_word_of_the_core_nothing_is_reserved(reply: CoreReply, rig: Rig) -> None:
    assert reserve(rig, reply) == "Rejected"


@pytest.mark.parametrize(
    "more",
    [
        {"connectorId": 2},
        {"connectorId": -1},
        {"idTag": "x" * 21},
        {"idTag": ""},
        {"parentIdTag": "x" * 21},
        {"expiryDate": "soon"},
        {"expiryDate": "2026-02-31T00:00:00Z"},
    ],
)
def test_5_13_what_makes_no_sense_is_not_asked_of_the_core(more: dict[str, Any], rig: Rig) -> None:
    kind, answer = rig.ask("ReserveNow", {**booking(rig), **more})
    assert kind == "PropertyConstraintViolation" or answer == {"status": "Rejected"}
    assert wanted(rig) == []


def test_a_time_with_another_offset_is_understood(rig: Rig) -> None:
    rig.core.replies[RESERVE] = CoreReply("Accepted")
    rig.ask("ReserveNow", {**booking(rig), "expiryDate": "2026-01-01T02:00:00+02:00"})
    assert wanted(rig)[0]["expiry_time"] == "2026-01-01T00:00:00.000Z"


def test_4_2_before_the_station_is_accepted_nothing_is_reserved() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 60))
    rig.start()
    assert reserve(rig) == "Rejected"
    assert wanted(rig) == []


@pytest.mark.parametrize(("stood", "answer"), [(True, "Accepted"), (False, "Rejected")])
def test_tc_051_052_cancelled_is_what_stood(stood: bool, answer: str, rig: Rig) -> None:
    reserve(rig)
    rig.core.replies[CANCEL] = CoreReply(stood)
    assert rig.ask("CancelReservation", {"reservationId": 7})[1] == {"status": answer}
    rig.core.replies[CANCEL] = CoreReply(error="away")
    assert rig.ask("CancelReservation", {"reservationId": 7})[1] == {"status": "Rejected"}


def test_4_8_the_start_names_the_reservation_that_it_ends(rig: Rig) -> None:
    """TC_046: StartTransaction.reservationId."""
    reserve(rig)
    rig.event("ReservationStart", uuid="")
    assert rig.brain.statuses[1] == "Reserved"
    rig.plug_in()
    rig.event("Authorized")
    started = {"id_tag": token("HOLDER"), "meter_value": rig.meter(), "reservation_id": 7}
    rig.event("TransactionStarted", transaction_started=started)
    assert rig.brain.sent("StartTransaction")[0]["reservationId"] == 7


# --- connector 0 ----------------------------------------------------------------------------------


def test_tc_049_the_last_free_connector_shows_that_it_is_kept() -> None:
    """OCPP 1.6 §4.9: connector 0 itself is never Reserved."""
    rig = Rig(evses=2).start()
    for evse in (1, 2):
        rig.event("Enabled", evse=evse, uuid="")
    reserve(rig, connector=0)
    assert (rig.brain.statuses[1], rig.brain.statuses[2]) == ("Available", "Available")
    rig.plug_in(evse=1)
    assert (rig.brain.statuses[1], rig.brain.statuses[2]) == ("Preparing", "Reserved")
    rig.plug_out(evse=1)
    assert (rig.brain.statuses[1], rig.brain.statuses[2]) == ("Available", "Available")
    assert rig.brain.statuses[0] == "Available"


@pytest.mark.parametrize("how", ["Used", "Expired", "Cancelled", "Removed"])
def test_a_reservation_that_is_over_shows_no_more(how: str, rig: Rig) -> None:
    rig.event("Enabled", uuid="")
    reserve(rig, connector=0)
    assert rig.brain.statuses[1] == "Reserved"
    update(rig, "Placed")
    assert rig.brain.statuses[1] == "Reserved"
    update(rig, how)
    assert rig.brain.statuses[1] == "Available"
    assert rig.database.load().items.get("reservation", {}) == {}


def test_who_waits_for_it_hears_what_ended_by_itself(rig: Rig) -> None:
    """2.0.1 H03, H04: ReservationStatusUpdate."""
    told: list[tuple[int, str]] = []
    rig.engine.reservations.on_ended.append(lambda id_, status: told.append((id_, status)))
    for number, how in enumerate(("Placed", "Used", "Expired", "Cancelled", "Removed")):
        update(rig, how, id_=number)
    assert told == [(2, "Expired"), (4, "Removed")]


def test_a_link_that_was_away_finds_out_by_itself(tmp_path: Path) -> None:
    """Of what the core ended behind its back, and of the time."""
    path = tmp_path / "a.db"
    rig = Rig(database=Database(path)).start()
    rig.event("Enabled", uuid="")
    reserve(rig, connector=0, minutes=5)
    rig.database.close()
    again = Rig(database=Database(path))
    again.core.replies[CHECK] = CoreReply("ReservedForToken")
    again.start()
    assert again.brain.statuses[1] == "Reserved"
    again.run(301)
    assert again.brain.statuses[1] == "Available"
    again.database.close()


def test_what_the_core_does_not_know_any_more_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    rig = Rig(database=Database(path)).start()
    rig.event("Enabled", uuid="")
    reserve(rig, connector=0)
    rig.database.close()
    again = Rig(database=Database(path))
    again.core.replies[CHECK] = CoreReply("NotReserved")
    again.start()
    assert again.brain.statuses[1] == "Available"


def test_an_update_that_can_not_be_read_is_counted(rig: Rig) -> None:
    rig.engine.on_reservation({"reservation_id": "7"})
    assert rig.engine.rejected_inputs == 1


@given(
    st.lists(st.sampled_from(list(EvseStatus)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_as_many_free_connectors_are_kept_as_were_promised(
    statuses: list[EvseStatus], promised: int
) -> None:
    rig = Rig(evses=len(statuses)).start()
    for number, status in enumerate(statuses, start=1):
        state = rig.engine.station.states[number]
        rig.engine.station.states[number] = type(state)(number, status=status)
    for number in range(promised):
        reserve(rig, connector=0, id_=number)
    kept = [evse for evse in rig.engine.station.evses if rig.engine.reservations.keeps_free(evse)]
    free = [n for n, status in enumerate(statuses, start=1) if status is EvseStatus.AVAILABLE]
    assert kept == (free if promised and len(free) <= promised else [])
