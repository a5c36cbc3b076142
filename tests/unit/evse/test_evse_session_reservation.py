"""Reservation, set_faulted, and who wants the EVSE on or off (spec A1.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_rig import Rig, token

from evse.model import PilotState, Reason
from evse.session import availability
from evse.session.availability import Row, assign, disables
from evse.session.record import Snapshot
from evse.types.session import EnableDisableSource, EnableSource, EnableState

B = PilotState.B


def booted() -> Rig:
    rig = Rig()
    rig.tick()
    return rig


def test_a_free_evse_is_reserved_once_and_told_without_a_session() -> None:
    rig = booted()
    assert rig.session.reserve(7)
    assert rig.session.reserve(7)
    assert not rig.session.reserve(8)
    assert rig.names == ["Enabled", "ReservationStart"]
    assert rig.events[-1].uuid == ""
    assert rig.session.reservation_id == 7


def test_cancelling_ends_it_once() -> None:
    rig = booted()
    rig.session.reserve(7)
    rig.session.cancel_reservation()
    rig.session.cancel_reservation()
    assert rig.names == ["Enabled", "ReservationStart", "ReservationEnd"]
    assert rig.session.reserve(8)


@pytest.mark.parametrize("why", ["plugged", "token", "disabled", "fault", "booting"])
def test_an_evse_that_is_not_free_is_not_reserved(why: str) -> None:
    rig = Rig() if why == "booting" else booted()
    if why == "plugged":
        rig.car(B)
    elif why == "token":
        rig.session.authorize(token())
    elif why == "disabled":
        rig.session.disable(0)
    elif why == "fault":
        rig.board.trip = Reason.WELD
        rig.tick()
    before = rig.names
    assert not rig.session.reserve(7)
    assert rig.names == before


def test_token_first_a_reservation_is_used_without_an_event() -> None:
    rig = booted()
    rig.session.reserve(7)
    rig.session.authorize(token())
    started = rig.events[-2].session_started
    assert started
    assert started.reservation_id == 7
    assert "ReservationEnd" not in rig.names
    assert rig.session.reservation_id is None
    rig.car(B)
    begun = next(e.transaction_started for e in rig.events if e.transaction_started)
    assert begun.reservation_id == 7


def test_plug_first_it_is_used_by_the_transaction() -> None:
    rig = booted()
    rig.session.reserve(7)
    rig.car(B)
    assert rig.session.reservation_id == 7
    rig.session.authorize(token(), reservation_id=7)
    rig.tick()
    begun = next(e.transaction_started for e in rig.events if e.transaction_started)
    assert begun.reservation_id == 7
    assert rig.session.reservation_id is None
    assert "ReservationEnd" not in rig.names


def test_no_car_came_for_the_token_of_a_reservation() -> None:
    rig = booted()
    rig.session.reserve(7)
    rig.session.authorize(token())
    rig.session.withdraw_authorization()
    assert rig.names[-3:] == ["Deauthorized", "ReservationEnd", "SessionFinished"]


@pytest.mark.parametrize("how", ["disable", "fault"])
def test_a_reservation_ends_with_an_event_where_the_evse_is_not_usable(how: str) -> None:
    rig = booted()
    rig.session.reserve(7)
    if how == "disable":
        rig.session.disable(0)
        rig.tick()
        assert rig.names[-2:] == ["ReservationEnd", "Disabled"]
    else:
        rig.board.trip = Reason.WELD
        rig.tick()
        assert rig.names[-1] == "ReservationEnd"


def test_a_reservation_found_at_a_start_is_told_to_have_ended() -> None:
    rig = booted()
    rig.session.reserve(7)
    again = Rig(snapshot=Snapshot.decode(rig.snapshots[-1]))
    again.tick()
    assert again.names == ["ReservationEnd", "Enabled"]


# --- set_faulted ----------------------------------------------------------------------------------


def test_a_station_declared_out_of_order_stays_so_until_it_is_started_anew() -> None:
    rig = Rig().charging()
    rig.session.set_faulted()
    rig.session.set_faulted()
    rig.run(10_000)
    assert not rig.board.coil
    assert rig.session.state == "paused_evse"
    assert [f.code for f in rig.session.faults] == ["evse_board_support/PermanentFault"]
    assert (
        sum(c.active and c.fault.row.code.endswith("PermanentFault") for c in rig.told_faults) == 1
    )
    assert not rig.session.enable(0)
    rig.car(PilotState.A)
    rig.run(1_000)
    assert rig.session.faults
    assert not rig.session.reserve(7)
    again = Rig(snapshot=Snapshot.decode(rig.snapshots[-1]))
    again.tick()
    assert not again.session.faults


# --- who wants it on or off -----------------------------------------------------------------------

rows = st.lists(
    st.builds(
        Row,
        source=st.sampled_from(EnableSource),
        connector_id=st.sampled_from([0, 1]),
        disable=st.booleans(),
        priority=st.integers(0, 3),
    ),
    max_size=8,
    unique_by=lambda row: (row.source, row.connector_id),
).map(tuple)


@given(rows)
def test_the_smallest_priority_decides_and_disable_wins_a_tie(found: tuple[Row, ...]) -> None:
    off = False
    for connector in (0, 1):
        mine = [row for row in found if row.connector_id == connector]
        first = min((row.priority for row in mine), default=None)
        off = off or any(row.disable for row in mine if row.priority == first)
    assert disables(found) == off


@given(rows, st.sampled_from(EnableSource), st.sampled_from([0, 1]))
def test_an_unassigned_source_has_no_say(
    found: tuple[Row, ...], source: EnableSource, connector: int
) -> None:
    without = assign(found, source, connector, EnableState.Unassigned)
    assert all((r.source, r.connector_id) != (source, connector) for r in without)
    assert set(without) <= set(found)


def wanted(source: EnableSource, state: EnableState, priority: int) -> EnableDisableSource:
    return EnableDisableSource(enable_source=source, enable_state=state, enable_priority=priority)


def test_the_key_lock_beats_the_back_office_and_events_tell_only_of_changes() -> None:
    rig = booted()
    key, office = EnableSource.LocalKeyLock, EnableSource.CSMS
    assert rig.session.assign(0, wanted(office, EnableState.Disable, 5_000))
    assert rig.session.assign(0, wanted(key, EnableState.Disable, 10))
    assert not rig.session.assign(0, wanted(office, EnableState.Enable, 5_000))
    assert rig.session.assign(0, wanted(key, EnableState.Enable, 10))
    assert not rig.session.assign(0, wanted(office, EnableState.Disable, 5_000))
    assert rig.names == ["Enabled", "Disabled", "Enabled"]
    assert rig.events[1].source == wanted(office, EnableState.Disable, 5_000)
    assert rig.events[2].source == wanted(key, EnableState.Enable, 10)


def test_a_disablement_that_waits_for_the_contactor_still_names_who_asked_for_it() -> None:
    rig = Rig().charging()
    rig.board.stuck_closed = True
    asked = wanted(EnableSource.CSMS, EnableState.Disable, 5_000)
    assert rig.session.assign(0, asked)
    rig.run(1_000)
    assert rig.session.state == "stopping"
    rig.board.stuck_closed = False
    rig.run(3_000)
    assert rig.names[-1] == "Disabled"
    assert rig.events[-1].source == asked


def test_a_call_that_names_nobody_is_absolute() -> None:
    rig = booted()
    rig.session.assign(0, wanted(EnableSource.LocalKeyLock, EnableState.Disable, 0))
    assert rig.session.enable(0)
    assert rig.session.disable(0)
    assert not rig.session.assign(0, wanted(EnableSource.LocalKeyLock, EnableState.Enable, 0))
    assert availability.without((), 0) == ()


def test_what_the_sources_want_survives_a_restart() -> None:
    rig = booted()
    rig.session.assign(1, wanted(EnableSource.CSMS, EnableState.Disable, 5_000))
    again = Rig(snapshot=Snapshot.decode(rig.snapshots[-1]))
    again.tick()
    assert again.session.state == "disabled"
    assert again.session.assign(1, wanted(EnableSource.CSMS, EnableState.Enable, 5_000))
