"""Reservations: placed, matched, used up, expired, kept over restarts (OCPP 1.6 5.13; spec §B3)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from auth_rig import AuthRig, bad, good, of_group
from hypothesis import given
from hypothesis import strategies as st
from session_rig import token

from evse.authorization.bookings import Holder, can_serve, fits
from evse.types.evse_manager import ConnectorTypeEnum
from evse.types.reservation import Reservation, ReservationCheck

LATER = "2030-01-01T00:00:00Z"


def reservation(number: int = 1, **more: Any) -> Reservation:
    return Reservation(reservation_id=number, id_token="CARD", expiry_time=LATER, **more)


def check(value: str, **more: Any) -> ReservationCheck:
    return ReservationCheck(id_token=value, **more)


# --- placing --------------------------------------------------------------------------------------


def test_5_13_a_free_evse_is_reserved_and_shows_it() -> None:
    rig = AuthRig(2)
    assert rig.reserve(7, evse_id=1) == "Accepted"
    assert rig.rigs[1].names[-1] == "ReservationStart"
    assert rig.rigs[1].session.reservation_id == 7
    assert rig.updates == ["7 Placed"]


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("plugged", "Occupied"),
        ("authorized", "Occupied"),
        ("running", "Occupied"),
        ("reserved", "Occupied"),
        ("faulted", "Faulted"),
        ("disabled", "Unavailable"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_5_13_an_evse_that_can_not_be_reserved_says_why(
    what: str, answer: str, named: bool
) -> None:
    rig = AuthRig()
    match what:
        case "plugged":
            rig.plug(1)
        case "authorized":
            rig.swipe(prevalidated=True)
        case "running":
            rig.start(1)
        case "reserved":
            rig.reserve(1, evse_id=1)
        case "faulted":
            rig.rigs[1].session.set_faulted()
        case "disabled":
            rig.rigs[1].session.disable(0)
    assert rig.reserve(7, **({"evse_id": 1} if named else {})) == answer
    assert "7 Placed" not in rig.updates


@pytest.mark.parametrize(
    "wrong",
    [
        {"evse_id": 9},
        {"evse_id": 0},
        {"connector_type": "cType2"},
        {"evse_id": 1, "connector_type": "cCCS2"},
        {"seconds": 0},
        {"seconds": -5},
    ],
)
def test_a_reservation_that_fits_nothing_here_is_rejected(wrong: dict[str, Any]) -> None:
    if "connector_type" in wrong:
        wrong = wrong | {"connector_type": ConnectorTypeEnum(wrong["connector_type"])}
    rig = AuthRig(2)
    assert rig.reserve(7, **wrong) == "Rejected"
    assert rig.kept is None


def test_a_day_that_no_calendar_has_reserves_nothing() -> None:
    rig = AuthRig()
    wanted = Reservation(reservation_id=1, id_token="CARD", expiry_time="2026-02-31T00:00:00Z")
    assert rig.broker.reservations.reserve_now(wanted) == "Rejected"


def test_5_13_the_same_id_replaces_the_reservation() -> None:
    rig = AuthRig(2)
    rig.reserve(7, "ONE", evse_id=1)
    assert rig.reserve(7, "TWO", evse_id=2) == "Accepted"
    assert [r.session.reservation_id for r in rig.rigs.values()] == [None, 7]
    assert rig.reserve(7, "THREE", evse_id=2) == "Accepted"
    assert rig.broker.reservations.check(check("THREE", evse_id=2)) == "ReservedForToken"
    assert rig.reserve(7, "FOUR") == "Accepted"
    assert [r.session.reservation_id for r in rig.rigs.values()] == [None, None]
    assert len(rig.broker.reservations) == 1


def test_a_refused_replacement_leaves_the_old_one() -> None:
    rig = AuthRig(2)
    rig.plug(2)
    rig.reserve(7, "ONE", evse_id=1)
    assert rig.reserve(7, "TWO", evse_id=2) == "Occupied"
    assert rig.broker.reservations.check(check("ONE", evse_id=1)) == "ReservedForToken"


def test_no_more_is_promised_than_there_is() -> None:
    rig = AuthRig(2)
    assert rig.reserve(1, "A") == "Accepted"
    assert rig.reserve(2, "B") == "Accepted"
    assert rig.reserve(3, "C") == "Occupied"
    assert rig.reserve(4, "D", evse_id=1) == "Occupied"
    assert rig.broker.reservations.cancel(1)
    assert rig.reserve(4, "D", evse_id=1) == "Accepted"
    assert rig.reserve(5, "E", evse_id=2) == "Occupied"


# --- matching -------------------------------------------------------------------------------------


def test_only_the_holder_starts_on_a_reserved_evse_and_the_id_goes_with_the_session() -> None:
    rig = AuthRig()
    rig.reserve(7, "CARD", evse_id=1)
    rig.swipe("OTHER")
    rig.door.answer(good())
    assert rig.statuses[-1] == "OTHER Rejected"
    rig.swipe("card")
    rig.door.answer(good())
    assert rig.authorized() == {1: "card"}
    assert rig.rigs[1].session.record.reservation_id == 7
    assert "ReservationEnd" not in rig.rigs[1].names, "it is used, and not over (spec C9)"
    assert rig.updates == ["7 Placed", "7 Used"]
    assert len(rig.broker.reservations) == 0


def test_the_holder_whose_car_is_plugged_in_first() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1)
    rig.plug(1)
    rig.swipe("OTHER")
    rig.door.answer(good())
    assert rig.running() == {}
    rig.swipe()
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}
    assert rig.rigs[1].session.record.reservation_id == 7
    assert rig.updates[-1] == "7 Used"


@pytest.mark.parametrize("from_validator", [True, False])
def test_5_13_a_token_of_the_group_uses_the_reservation(from_validator: bool) -> None:
    rig = AuthRig()
    rig.reserve(7, "ONE", evse_id=1, parent_id_token="FLEET")
    rig.swipe("TWO", **({} if from_validator else {"parent_id_token": of_group("fleet")}))
    rig.door.answer(good("fleet" if from_validator else ""))
    assert rig.authorized() == {1: "TWO"}
    assert rig.updates[-1] == "7 Used"


def test_a_token_without_a_group_is_not_of_the_group_without_a_name() -> None:
    rig = AuthRig()
    rig.reserve(7, "ONE", evse_id=1, parent_id_token="")
    rig.swipe("TWO")
    rig.door.answer(good())
    assert rig.authorized() == {}


def test_a_refused_holder_uses_nothing() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1)
    rig.swipe()
    rig.door.answer(bad())
    assert rig.updates == ["7 Placed"]


def test_the_holder_is_led_to_the_evse_that_is_kept_also_past_a_stray_car() -> None:
    rig = AuthRig(2)
    rig.reserve(7, evse_id=2)
    rig.plug(1)
    rig.swipe()
    rig.door.answer(good())
    assert rig.authorized() == {2: "CARD"}


def test_others_are_not_let_to_the_last_evse_that_was_promised() -> None:
    rig = AuthRig(2)
    rig.reserve(7, "HOLDER")
    rig.swipe("A")
    rig.door.answer(good())
    assert rig.authorized() == {1: "A"}
    rig.swipe("B")
    rig.door.answer(good())
    assert rig.authorized() == {1: "A"}
    rig.swipe("HOLDER")
    rig.door.answer(good())
    assert rig.authorized() == {1: "A", 2: "HOLDER"}
    assert rig.rigs[2].session.record.reservation_id == 7
    assert rig.updates == ["7 Placed", "7 Used"]


def test_a_group_with_two_reservations_uses_one_at_a_time() -> None:
    rig = AuthRig(2)
    for number in (1, 2):
        rig.reserve(number, "ANY", parent_id_token="FLEET")
    rig.swipe("A")
    rig.door.answer(good("FLEET"))
    assert rig.updates[-1] == "1 Used"
    rig.swipe("B")
    rig.door.answer(good())
    assert rig.authorized() == {1: "A"}
    rig.swipe("C")
    rig.door.answer(good("FLEET"))
    assert rig.authorized() == {1: "A", 2: "C"}


def test_free_mode_does_not_give_away_what_is_reserved() -> None:
    rig = AuthRig(mode="free")
    rig.reserve(7, evse_id=1)
    rig.plug(1)
    rig.run(5_000)
    assert rig.running() == {}
    assert rig.swipe() == "Accepted"
    assert rig.running() == {1: "CARD"}


def test_whoever_chose_the_evse_himself_uses_its_reservation_up() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1)
    rig.broker.respond(1, token("OTHER"), good())
    rig.settle()
    assert rig.updates[-1] == "7 Used"


def test_what_was_reserved_at_the_session_itself_is_for_whom_the_validator_says() -> None:
    """`evse_manager.reserve` tells no token: the broker lets nobody there by itself."""
    rig = AuthRig()
    assert rig.rigs[1].session.reserve(9)
    rig.swipe("ANY")
    rig.door.answer(good())
    assert rig.statuses[-1] == "ANY Rejected"
    rig.swipe("CARD")
    rig.door.answer(good(reservation_id=9))
    assert rig.authorized() == {1: "CARD"}
    assert rig.rigs[1].session.record.reservation_id == 9


def test_tc_046_nobody_is_asked_about_a_token_that_the_reservation_keeps_out() -> None:
    """OCPP 1.6 TC_046_1_CS; of a group only the back office knows (§5.13)."""
    rig = AuthRig(mode="ocpp")
    rig.reserve(7, "HOLDER", evse_id=1)
    assert rig.swipe("OTHER") == "Rejected"
    assert rig.says() == "what is free is reserved for others"
    assert rig.door.asked == []
    rig.reserve(7, "HOLDER", evse_id=1, parent_id_token="FLEET")
    assert rig.swipe("OTHER") == "Processing"
    rig.door.answer(good("FLEET"))
    assert rig.authorized() == {1: "OTHER"}


def test_tc_049_the_last_free_evse_is_kept_for_whoever_reserved_any() -> None:
    rig = AuthRig(2, mode="ocpp")
    rig.reserve(7, "HOLDER")
    assert rig.swipe("OTHER") == "Processing"
    rig.door.answer(good())
    assert rig.swipe("THIRD") == "Rejected"
    assert rig.swipe("HOLDER") == "Processing"
    rig.door.answer(good())
    assert sorted(rig.authorized().values()) == ["HOLDER", "OTHER"]
    assert rig.updates[-1] == "7 Used"


def test_a_validator_that_names_the_reservation_knows_its_holder() -> None:
    rig = AuthRig(2)
    rig.reserve(7, "HOLDER", evse_id=2)
    rig.swipe("SECOND-CARD")
    rig.door.answer(good(reservation_id=7))
    assert rig.authorized() == {2: "SECOND-CARD"}
    assert rig.updates[-1] == "7 Used"


# --- the end --------------------------------------------------------------------------------------


def test_5_13_a_reservation_expires_in_its_time() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1, seconds=600)
    rig.run(599_999)
    assert rig.updates == ["7 Placed"]
    rig.run(1)
    assert rig.updates[-1] == "7 Expired"
    assert rig.rigs[1].names[-1] == "ReservationEnd"
    assert rig.broker.next_deadline_ms is None


def test_cancelled_is_over() -> None:
    rig = AuthRig()
    assert not rig.broker.reservations.cancel(7)
    rig.reserve(7, evse_id=1)
    assert rig.broker.reservations.cancel(7)
    assert rig.rigs[1].names[-1] == "ReservationEnd"
    assert rig.updates[-1] == "7 Cancelled"
    assert not rig.broker.reservations.cancel(7)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("how", ["disable", "fault"])
def test_what_is_out_of_service_can_not_be_kept(how: str, named: bool) -> None:
    rig = AuthRig()
    rig.reserve(7, **({"evse_id": 1} if named else {}))
    session = rig.rigs[1].session
    _ = session.disable(0) if how == "disable" else session.set_faulted()
    rig.settle()
    assert rig.updates[-1] == "7 Removed"
    assert session.reservation_id is None


def test_cancelled_at_the_session_itself_it_is_removed() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1)
    rig.rigs[1].session.cancel_reservation()
    rig.settle()
    assert rig.updates[-1] == "7 Removed"


def test_the_last_promise_goes_first_where_fewer_evses_are_left() -> None:
    rig = AuthRig(2)
    rig.reserve(1, "A")
    rig.reserve(2, "B")
    rig.rigs[1].session.disable(0)
    rig.settle()
    assert rig.updates[2:] == ["2 Removed"]
    assert len(rig.broker.reservations) == 1


# --- restarts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
def test_a_reservation_outlives_the_core(named: bool) -> None:
    rig = AuthRig(2)
    rig.reserve(7, "HOLDER", **({"evse_id": 2} if named else {}))
    rig.restart()
    rig.run(20_000)
    assert rig.broker.reservations.check(check("HOLDER")) == "ReservedForToken"
    assert rig.rigs[2].session.reservation_id == (7 if named else None)
    rig.swipe("HOLDER")
    rig.door.answer(good())
    assert rig.updates == ["7 Placed", "7 Used"]


def test_a_reservation_that_expired_meanwhile_is_over() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1, seconds=5)
    rig.clock.advance_to(rig.clock.now_ms() + 6_000)
    rig.restart()
    assert rig.updates[-1] == "7 Expired"
    assert len(rig.broker.reservations) == 0


def test_a_car_that_came_while_the_core_was_away_does_not_end_it() -> None:
    rig = AuthRig()
    rig.reserve(7, evse_id=1)
    rig.plug(1)
    rig.restart()
    rig.run(20_000)
    rig.swipe("OTHER")
    rig.door.answer(good())
    assert rig.running() == {}
    rig.swipe()
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}
    assert rig.rigs[1].session.record.reservation_id == 7


@pytest.mark.parametrize("body", [b"\xff", b"{}", b'[{"reservation_id": 1}]', b"["])
def test_what_can_not_be_read_is_said_and_holds_nobody_up(body: bytes) -> None:
    rig = AuthRig(kept=body)
    assert len(rig.said) == 1
    assert "the stored reservations can not be read" in rig.said[0]
    assert rig.swipe(prevalidated=True) == "Accepted"


# --- asked about ----------------------------------------------------------------------------------


def test_check_tells_for_whom_an_evse_is_kept() -> None:
    rig = AuthRig(2)
    book = rig.broker.reservations
    assert book.check(check("ONE")) == "NotReserved"
    rig.reserve(7, "ONE", evse_id=1)
    assert book.check(check("one", evse_id=1)) == "ReservedForToken"
    assert book.check(check("TWO", evse_id=1)) == "ReservedForOtherToken"
    assert book.check(check("TWO", evse_id=2)) == "NotReserved"
    rig.reserve(7, "ONE", evse_id=1, parent_id_token="FLEET")
    two = check("TWO", evse_id=1)
    assert book.check(two) == "ReservedForOtherTokenAndHasParentToken"
    assert book.check(check("TWO", group_id_token="fleet")) == "ReservedForToken"
    assert book.check(check("TWO", group_id_token="other")) == "ReservedForOtherToken"


# --- properties -----------------------------------------------------------------------------------

TYPES = st.sampled_from(["cType2", "sType2"])
WANTED = st.lists(st.sampled_from(["cType2", "sType2", None]), max_size=4)


@given(WANTED, st.dictionaries(st.integers(1, 4), TYPES, max_size=4))
def test_can_serve_is_what_trying_every_order_finds(
    wanted: list[str | None], free: dict[int, str]
) -> None:
    def of(type_: str | None) -> dict[str, Any]:
        return {"connector_type": ConnectorTypeEnum(type_)} if type_ else {}

    asked = [reservation(n, **of(type_)) for n, type_ in enumerate(wanted)]
    found = any(
        all(fits(r, free[evse]) for r, evse in zip(asked, order, strict=True))
        for order in permutations(free, len(asked))
    )
    assert can_serve(asked, free) == found


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_a_reservation_is_for_its_token_and_its_group_and_nobody_else(
    value: str, group: str, held: str, parent: str
) -> None:
    kept = Reservation(reservation_id=1, id_token=held, expiry_time=LATER, parent_id_token=parent)
    same = value.casefold() == held.casefold()
    grouped = parent != "" and group.casefold() == parent.casefold()
    assert Holder(value, group).may_use(kept) == (same or grouped)
