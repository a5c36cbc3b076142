"""Faults over time: raised and cleared once each with one uuid, and what follows from the set."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from session_rig import Rig
from station_rig import Peer, station

from evse.clock import VirtualClock
from evse.door.sys_state import sys_state
from evse.fault_model import INOPERATIVE, FaultChange, FaultModel
from evse.faults import Fault, Severity, catalogue, of_code
from evse.model import Reason
from evse.telling.fault_report import report_active, report_change

STOP = of_code("evse_board_support/MREC8EmergencyStop")
DIODE = of_code("evse_board_support/DiodeFault")
VOLTAGE = of_code("evse_board_support/MREC6UnderVoltage")
BROKEN = of_code("evse_board_support/PermanentFault")
WARM = of_code("evse_board_support/MREC3HighTemperature")
ROWS = (STOP, DIODE, VOLTAGE, BROKEN, WARM)


def model() -> FaultModel:
    numbers = itertools.count(1)
    return FaultModel(lambda: f"uuid {next(numbers)}")


def told(changes: tuple[FaultChange, ...]) -> list[str]:
    return [
        f"{'+' if c.active else '-'}{c.fault.row.code.partition('/')[2]} {c.fault.uuid}"
        for c in changes
    ]


def test_the_four_kinds_of_clearing_are_all_in_use() -> None:
    kinds = {row.clears for row in catalogue()}
    assert kinds == {"cause", "unplug", "delay", "restart"} == {row.clears for row in ROWS}


def test_a_fault_is_raised_once_and_cleared_once_with_its_uuid() -> None:
    faults = model()
    assert told(faults.update((STOP,), 0, plugged=False)) == [
        "+MREC8EmergencyStop uuid 1",
        "+Inoperative uuid 2",
    ]
    assert faults.update((STOP,), 10, plugged=False) == ()
    assert faults.update((STOP, STOP), 20, plugged=False) == ()
    assert told(faults.update((), 30, plugged=False)) == [
        "-MREC8EmergencyStop uuid 1",
        "-Inoperative uuid 2",
    ]
    assert faults.update((), 40, plugged=False) == ()
    assert told(faults.update((STOP,), 50, plugged=False))[0] == "+MREC8EmergencyStop uuid 3"


def test_inoperative_is_told_anew_when_what_blocks_changes() -> None:
    faults = model()
    faults.update((STOP,), 0, plugged=True)
    assert told(faults.update((STOP, DIODE), 10, plugged=True)) == [
        "+DiodeFault uuid 3",
        "-Inoperative uuid 2",
        "+Inoperative uuid 4",
    ]
    inoperative = faults.active[-1]
    assert inoperative.message == STOP.code
    assert inoperative.description == f"{STOP.code}, {DIODE.code}"
    assert told(faults.update((STOP, DIODE, WARM), 20, plugged=True)) == [
        "+MREC3HighTemperature uuid 5"
    ]


def test_the_first_cause_is_kept_until_nothing_blocks() -> None:
    faults = model()
    faults.update((STOP,), 0, plugged=True)
    faults.update((DIODE,), 10, plugged=True)
    assert faults.rows == (DIODE,)
    assert faults.active[-1].message == DIODE.code
    assert faults.first_cause is not None
    assert faults.first_cause.row is STOP
    faults.update((), 20, plugged=False)
    assert faults.first_cause is None


def test_what_does_not_block_makes_nothing_inoperative() -> None:
    faults = model()
    changes = faults.update((WARM,), 0, plugged=True)
    assert [change.remaining for change in changes] == [1]
    assert not faults.blocked
    assert [change.remaining for change in faults.update((), 5, plugged=True)] == [0]


def test_the_last_change_says_that_all_errors_are_cleared() -> None:
    faults = model()
    raised = faults.update((STOP, WARM), 0, plugged=True)
    assert [change.remaining for change in raised] == [1, 2, 3]
    cleared = faults.update((), 5, plugged=True)
    assert [change.remaining for change in cleared] == [2, 1, 0]


def test_unplug_holds_a_fault_until_the_car_has_gone() -> None:
    faults = model()
    faults.update((DIODE,), 0, plugged=True)
    assert faults.update((), 10, plugged=True) == ()
    assert faults.blocked
    assert faults.update((DIODE,), 20, plugged=False) == ()
    assert told(faults.update((), 30, plugged=False))[0] == "-DiodeFault uuid 1"


def test_delay_counts_from_the_last_time_that_the_cause_showed() -> None:
    faults = model()
    faults.update((VOLTAGE,), 0, plugged=False)
    faults.update((), 1_000, plugged=False)
    assert faults.next_deadline_ms == 61_000
    faults.update((VOLTAGE,), 50_000, plugged=False)
    assert faults.next_deadline_ms is None
    faults.update((), 55_000, plugged=False)
    assert faults.update((), 114_999, plugged=False) == ()
    assert told(faults.update((), 115_000, plugged=False))[0] == "-MREC6UnderVoltage uuid 1"


def test_restart_holds_a_fault_for_good() -> None:
    faults = model()
    faults.update((BROKEN,), 0, plugged=True)
    assert faults.update((), 10**9, plugged=False) == ()
    assert faults.blocked


SEEN = st.lists(st.sampled_from(ROWS), max_size=5, unique=True).map(tuple)


@given(st.lists(st.tuples(SEEN, st.integers(0, 90_000), st.booleans()), max_size=30))
def test_the_changes_add_up_to_what_is_active(
    steps: list[tuple[tuple[Fault, ...], int, bool]],
) -> None:
    faults, now_ms = model(), 0
    book: dict[tuple[str, str], str] = {}
    used: set[str] = set()
    for seen, span_ms, plugged in steps:
        now_ms += span_ms
        for change in faults.update(seen, now_ms, plugged=plugged):
            fault = change.fault
            if change.active:
                assert fault.row.identity not in book
                assert fault.uuid not in used
                book[fault.row.identity] = fault.uuid
                used.add(fault.uuid)
            else:
                assert book.pop(fault.row.identity) == fault.uuid
            assert change.remaining == len(book)
        assert {f.row.identity: f.uuid for f in faults.active} == book
        assert faults.update(seen, now_ms, plugged=plugged) == ()
        assert set(seen) <= set(faults.rows)
        assert faults.blocked == any(row.blocks for row in faults.rows)
        assert faults.blocked == ((INOPERATIVE, "") in book) == (faults.first_cause is not None)
        assert faults.next_deadline_ms is None or faults.next_deadline_ms > now_ms


@given(st.lists(st.tuples(SEEN, st.integers(0, 90_000), st.booleans()), max_size=10))
def test_asking_often_changes_nothing_but_the_time_of_the_answer(
    steps: list[tuple[tuple[Fault, ...], int, bool]],
) -> None:
    """Skipping to the deadline gives the same story as ticking through the time between."""
    ticked, skipped, now_ms = model(), model(), 0
    for seen, span_ms, plugged in steps:
        story: list[list[str]] = []
        for faults, pace_ms in ((ticked, 1_000), (skipped, 90_001)):
            changes = list(faults.update(seen, now_ms, plugged=plugged))
            at_ms = now_ms
            while at_ms < now_ms + span_ms:
                due_ms = faults.next_deadline_ms or now_ms + span_ms
                at_ms = min(at_ms + pace_ms, due_ms, now_ms + span_ms)
                changes += faults.update(seen, at_ms, plugged=plugged)
            story.append([f"{line} {c.at_ms}" for c in changes for line in told((c,))])
        assert story[0] == story[1]
        now_ms += span_ms


def test_a_report_is_stamped_with_the_time_of_its_state() -> None:
    clock, faults = VirtualClock(1_000), model()
    (raised, *_) = faults.update((STOP,), clock.now_ms(), plugged=False)
    clock.advance_to(6_000)
    assert report_active(raised.fault, clock).timestamp == "2026-01-01T00:00:00.000Z"
    (cleared, *_) = faults.update((), clock.now_ms(), plugged=False)
    report = report_change(cleared, clock)
    assert (report.state, report.timestamp) == ("Cleared", "2026-01-01T00:00:05.000Z")
    assert (report.type, report.sub_type, report.uuid) == (STOP.code, "", "uuid 1")
    assert (report.severity, report.message) == (Severity.HIGH, STOP.says)


def test_a_session_tells_each_change_before_the_events_that_follow_from_it() -> None:
    heard: list[str] = []
    rig = Rig(on_event=lambda event: heard.append(f"{event.event.value} {len(rig.told_faults)}"))
    rig.charging()
    heard.clear()
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.tick()
    assert heard == ["StoppingCharging 2", "ChargingPausedEVSE 2"]
    rig.board.trip = Reason.NONE
    rig.tick()
    assert heard[2:] == ["PrepareCharging 4", "ChargingStarted 4"]


def test_the_door_has_each_change_and_what_stands() -> None:
    sim = station()
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    peer.result("subscribe", {"variable": "sys.fault"})
    sim.plants[1].set_fault("emergency_stop", True)
    sim.wake()
    sim.run_for(1_000)
    notes = peer.notified("sys.fault")
    assert [note["evse"] for note in notes] == [1, 1]
    assert [note["value"]["type"] for note in notes] == [STOP.code, INOPERATIVE]
    row = sys_state(sim.station.core, sim.station.hub)["evses"][0]
    assert row["faults"] == [STOP.code]
    assert row["fault_details"] == [note["value"] for note in notes]
    assert msgspec.json.encode(row["fault_details"])
    assert peer.result("get", {"variable": "sys.faults"}) == row["fault_details"]
    sim.plants[1].set_fault("emergency_stop", False)
    sim.wake()
    sim.run_for(2_000)
    assert peer.result("get", {"variable": "sys.faults"}) == []
