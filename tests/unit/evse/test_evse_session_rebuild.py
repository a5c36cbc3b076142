"""A snapshot that nobody can read: the session is put together again from its events."""

from __future__ import annotations

import msgspec
import pytest
from session_rig import Rig, socket_evse, stop_for
from station_rig import Peer, station

from evse.clock import VirtualClock
from evse.journal.rows import MIGRATIONS, of_last_session
from evse.journal.storage import open_database
from evse.model import PilotState
from evse.session.rebuild import rebuilt
from evse.session.record import Snapshot
from evse.types.session import SessionEvent, StopTransactionReason

KNOWN = ("uuid", "transaction", "evse_disabled", "connector_disabled")
"""What events tell, as it stands with each of them."""


def known(snapshot: Snapshot) -> dict[str, object]:
    return {name: getattr(snapshot, name) for name in KNOWN}


def a_day() -> tuple[list[bytes], list[Snapshot]]:
    """Sessions, a pause, a stop, a disablement: each event, and the snapshot that went with it."""
    events: list[bytes] = []
    stored: list[Snapshot] = []

    def on_event(event: SessionEvent) -> None:
        events.append(msgspec.json.encode(event))
        stored.append(Snapshot.decode(rig.snapshots[-1]))

    rig = Rig(socket_evse(), on_event=on_event)
    rig.charging()
    rig.run(2_000)
    rig.session.pause_charging()
    rig.run(2_000)
    rig.session.resume_charging()
    rig.run(2_000)
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(4_000)
    rig.car(PilotState.A)
    rig.session.disable(0)
    rig.tick()
    rig.session.enable(0)
    rig.tick()
    rig.charging()
    return events, stored


def test_the_events_of_a_session_tell_what_its_snapshot_told() -> None:
    events, stored = a_day()
    starts = [n for n, body in enumerate(events) if b'"event":"SessionStarted"' in body]
    assert len(starts) == 2
    for count in range(starts[0] + 1, len(events) + 1):
        begin = max(start for start in starts if start < count)
        again, before = rebuilt(events[begin:count]), stored[count - 1]
        assert known(again) == known(before)
        assert again.meter is not None
        assert before.meter is not None
        told_wh, read_wh = (m.energy_Wh_import.total for m in (again.meter, before.meter))
        assert 0 <= read_wh - told_wh < 10, "not every event tells what the meter reads"
        assert not again.transaction or again.token == before.token


def test_what_can_not_be_read_is_left_out() -> None:
    rig = Rig().charging()
    events = [msgspec.json.encode(event) for event in rig.events]
    assert known(rebuilt([b"\xff", *events, b"{}", b'{"uuid":"\xff"}'])) == known(rebuilt(events))
    assert rebuilt([]) == Snapshot()


def test_only_the_events_of_the_last_session_are_asked_for() -> None:
    db = open_database(":memory:", MIGRATIONS, utc=VirtualClock().utc(), say=print)
    told = ((1, "Enabled"), (1, "SessionStarted"), (2, "SessionStarted"), (1, "SessionFinished"))
    more = ((1, "SessionStarted"), (2, "AuthRequired"), (1, "AuthRequired"))
    for seq, (evse, name) in enumerate((*told, *more), start=1):
        body = f'{{"uuid":"","event":"{name}"}}'.encode()
        db.execute("INSERT INTO event VALUES (?, ?, 0.0, ?)", (seq, evse, body))

    def names(evse: int) -> list[str]:
        return [msgspec.json.decode(body)["event"] for body in of_last_session(db, evse)]

    assert names(1) == ["SessionStarted", "AuthRequired"]
    assert names(2) == ["SessionStarted", "AuthRequired"]
    assert names(3) == []


@pytest.mark.parametrize("body", [b"\xff", b"", b'{"uuid": 7}'])
def test_a_transaction_whose_snapshot_is_unreadable_is_closed_and_billed(body: bytes) -> None:
    sim = station(mode="free")
    assert sim.station is not None
    sim.plants[1].car.plug(32, 16.0, 3)
    sim.wake()
    sim.run_for(60_000)
    energy_wh = sim.plants[1].meter(sim.now_ms).energy_import_wh
    sim.kill_core()
    sim.database.execute("UPDATE snapshot SET body = ? WHERE evse = 1", (body,))
    sim.start_core()
    sim.run_for(10_000)
    peer = Peer(sim.station.hub)
    peer.result("subscribe", {"variable": "evse_manager.session_event", "from_seq": 1})
    told = [note["value"] for note in peer.notified("evse_manager.session_event")]
    closing = ["SessionResumed", "ChargingFinished", "TransactionFinished", "SessionFinished"]
    assert [event["event"] for event in told][-5:] == [*closing, "Enabled"]
    (finished,) = [e["transaction_finished"] for e in told if e["event"] == "TransactionFinished"]
    assert finished["reason"] == "PowerLoss"
    billed_wh = finished["meter_value"]["energy_Wh_import"]["total"]
    assert billed_wh >= energy_wh - 1
    assert len({e["uuid"] for e in told if e["event"] == "TransactionStarted"}) == 1
