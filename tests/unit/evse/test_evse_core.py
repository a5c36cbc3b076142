"""The core of a station: its EVSEs apart from one another, its board lost, back, and replaced."""

from __future__ import annotations

import msgspec
import pytest
from station_rig import Peer, accepted, station

from evse.door.variables import SESSION_EVENT
from evse.model import BoardStatus, Capability, LockTarget, MeterReading, Reason
from hil.plant.virtual_board import identity
from hil.sim.simulation import Simulation
from hil.trace import Lane


def names(peer: Peer, evse: int) -> list[str]:
    told = [p for p in peer.notified(SESSION_EVENT) if p["evse"] == evse]
    return [p["value"]["event"] for p in told]


def follower(sim: Simulation) -> Peer:
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    peer.result("subscribe", {"variable": SESSION_EVENT, "from_seq": 1})
    return peer


def charging(evses: int = 1) -> Simulation:
    sim = station(evses)
    for evse in range(1, evses + 1):
        sim.plants[evse].car.plug()
    sim.wake()
    sim.run_for(3_000)
    for evse in range(1, evses + 1):
        follower(sim).result("evse_manager.authorize_response", {**accepted(), "evse": evse})
    sim.run_for(15_000)
    return sim


def test_what_happens_to_one_evse_does_not_touch_another() -> None:
    sim = charging(2)
    peer = follower(sim)
    before = names(peer, 2)
    sim.plants[1].set_fault("emergency_stop")
    sim.wake()
    peer.result("evse_manager.disable", {"evse": 1, "connector_id": 0})
    sim.run_for(10_000)
    assert names(peer, 1)[-1] == "Disabled"
    assert names(peer, 2) == before
    assert sim.plants[2].energised
    assert not sim.plants[1].energised


def test_what_the_board_says_of_an_evse_that_is_not_configured_is_ignored() -> None:
    sim = station()
    assert sim.station is not None
    sim.station.core.on_status(9, BoardStatus())
    assert list(sim.station.core.sessions) == [1]


def test_a_ring_1_that_restarted_is_taken_for_lost_before_it_is_heard() -> None:
    sim = charging()
    peer = follower(sim)
    assert sim.station is not None
    core = sim.station.core
    identity = core.board_identity
    assert identity is not None
    assert identity.capabilities & Capability.LOCK
    sim.start_guard()
    sim.run_for(15_000)
    assert core.board_identity != identity
    after = names(peer, 1)
    assert after.count("TransactionStarted") == 1
    assert after[-1] == "ChargingStarted", "in the same transaction"
    assert sim.plants[1].violations == []


def test_another_boot_id_alone_says_that_every_contactor_opened() -> None:
    """The link may be back before it was missed."""
    sim = charging()
    assert sim.station is not None
    core = sim.station.core
    identity = core.board_identity
    assert identity is not None
    core.on_board_up(identity)
    assert core.sessions[1].state == "charging"
    core.on_board_up(msgspec.structs.replace(identity, boot_id=identity.boot_id ^ 1))
    assert core.sessions[1].state == "stopping"


def test_a_hung_core_lets_its_lease_run_out_and_nothing_more() -> None:
    sim = charging()
    sim.cut_link(True)
    sim.run_for(10_000)
    assert not sim.plants[1].energised
    sim.cut_link(False)
    sim.run_for(10_000)
    assert sim.plants[1].energised


def test_the_next_deadline_lies_ahead_and_time_between_changes_nothing() -> None:
    sim = charging()
    assert sim.station is not None
    core = sim.station.core
    for _ in range(20):
        deadline_ms = core.next_deadline_ms
        assert deadline_ms is not None
        assert deadline_ms > sim.now_ms
        state = core.sessions[1].state, core.journal.last_seq
        sim.run_for(min(500, deadline_ms - sim.now_ms - 1))
        assert (core.sessions[1].state, core.journal.last_seq) == state


def test_a_reading_is_published_and_ends_up_in_the_snapshot() -> None:
    sim = station()
    assert sim.station is not None
    core = sim.station.core
    reading = MeterReading(
        taken_ms=sim.now_ms,
        energy_import_wh=5_000.0,
        energy_export_wh=1.0,
        power_w=10.0,
        power_phase_w=(10.0, None, None),
        voltage_v=(230.0, None, None),
        frequency_hz=50.0,
    )
    core.on_reading(1, reading)
    meter = core.sessions[1].record.meter
    assert meter is not None
    assert follower(sim).result("get", {"variable": "evse_manager.powermeter"}) == {
        "timestamp": meter.timestamp,
        "energy_Wh_import": {"total": 5_000.0},
        "energy_Wh_export": {"total": 1.0},
        "power_W": {"total": 10.0, "L1": 10.0},
        "voltage_V": {"L1": 230.0},
        "current_A": {},
        "frequency_Hz": {"L1": 50.0},
    }


@pytest.mark.parametrize("stall_ms", [2_000, 10_000])
def test_a_stalled_disk_keeps_no_permit_and_no_event_back_for_good(stall_ms: int) -> None:
    sim = station()
    assert sim.station is not None
    peer = follower(sim)
    before = len(names(peer, 1))
    sim.station.storage.stalled = True
    sim.plants[1].car.plug()
    sim.wake()
    peer.result("evse_manager.authorize_response", accepted())
    sim.run_for(stall_ms)
    assert len(names(peer, 1)) == before, "nothing is handed out that is not on disk"
    assert sim.station.core.sessions[1].state in ("preparing", "charging")
    sim.station.storage.resume()
    sim.run_for(15_000)
    assert sim.plants[1].energised
    seqs = [p["seq"] for p in peer.notified(SESSION_EVENT)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_core_that_has_not_heard_its_board_yet_drives_no_lock_open() -> None:
    sim = charging()
    sim.kill_core()
    sim.run_for(10_000)
    assert sim.plants[1].locked
    sim.start_core()
    assert sim.station is not None
    core = sim.station.core
    core.on_board_up(identity(sim.config, 5))
    lock = core.wishes()[1].lock
    assert lock is LockTarget.KEEP


def test_an_rcd_trip_is_not_retried_by_a_restart_of_ring_1() -> None:
    sim = charging()
    plant = sim.plants[1]
    plant.set_fault("leak_dc")
    sim.wake()
    sim.run_for(5_000)
    assert not plant.energised
    plant.set_fault("leak_dc", active=False)
    sim.kill_guard()
    sim.run_for(2_000)
    sim.start_guard()
    begin_ms = sim.now_ms
    sim.run_for(60_000)
    assert sim.station is not None
    session = sim.station.core.sessions[1]
    assert session.status.reason is Reason.RCD
    closed = sim.trace.between(begin_ms, sim.now_ms, Lane.CONTACTOR, 1)
    assert "closed" not in [event.value for event in closed]
    plant.car.unplug()
    sim.wake()
    sim.run_for(10_000)
    assert session.state == "idle"
    assert session.faults == ()


def test_a_meter_that_answers_zero_after_a_power_cut_takes_nothing_off_the_bill() -> None:
    sim = charging()
    sim.run_for(300_000)
    assert sim.station is not None
    known = sim.station.core.sessions[1].record.meter
    assert known is not None
    sim.kill_core()
    sim.kill_guard()
    sim.run_for(1_000)
    sim.start_guard()
    sim.start_core()
    sim.plants[1].set_fault("meter_silent")  # the test speaks for it
    sim.run_for(1_000)
    peer = follower(sim)
    core = sim.station.core
    core.on_reading(1, MeterReading(taken_ms=sim.now_ms, energy_import_wh=0.0))
    sim.run_for(2_000)
    told = [p["value"] for p in peer.notified(SESSION_EVENT)]
    ended = [event["transaction_finished"] for event in told if "transaction_finished" in event]
    assert len(ended) == 1
    billed_wh = ended[0]["meter_value"]["energy_Wh_import"]["total"]
    a_minute_wh = 16 * 3 * 230 / 60  # the oldest a checkpoint can be
    assert billed_wh >= known.energy_Wh_import.total - a_minute_wh > 0


def test_an_rcd_trip_is_not_retried_by_a_power_cut_while_the_car_stays() -> None:
    sim = station(mode="free")
    plant = sim.plants[1]
    plant.car.plug()
    sim.wake()
    sim.run_for(20_000)
    assert plant.energised
    plant.set_fault("leak_dc")
    sim.wake()
    sim.run_for(5_000)
    sim.kill_guard()
    sim.kill_core()
    sim.run_for(1_000)
    sim.start_guard()
    sim.start_core()
    begin_ms = sim.now_ms
    sim.run_for(60_000)
    closed = sim.trace.between(begin_ms, sim.now_ms, Lane.CONTACTOR, 1)
    assert "closed" not in [event.value for event in closed]
    plant.set_fault("leak_dc", active=False)
    plant.car.unplug()
    sim.wake()
    sim.run_for(10_000)
    plant.car.plug()
    sim.wake()
    sim.run_for(30_000)
    assert plant.energised
