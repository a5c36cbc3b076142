"""What the core itself makes a fault of: its meter, its own state, a wait that was too long."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from session_rig import Rig, socket_evse, token
from station_rig import Peer, config, station

from evse.board_faults import BoardFault
from evse.door.sys_state import sys_state
from evse.fault_model import INOPERATIVE
from evse.faults import CoreCondition, stopped_by
from evse.metering.plausibility import Finding
from evse.metering.start import START_READING_MS
from evse.model import BoardStatus, PilotState, Reason
from evse.session.record import Snapshot
from evse.session.told import STORE_WH
from hil.sim.simulation import Simulation

MANAGER, METER = "evse_manager/", "powermeter/"


def codes(rig: Rig) -> list[str]:
    return [fault.code for fault in rig.session.faults]


def faults(sim: Simulation) -> list[str]:
    assert sim.station is not None
    return [fault.code for fault in sim.station.core.sessions[1].faults]


def ask(sim: Simulation, method: str, params: dict[str, object] | None = None) -> object:
    assert sim.station is not None
    return Peer(sim.station.hub).result(method, params or {})


def test_a_flag_that_went_by_stays_the_cause_until_the_trip_is_acknowledged() -> None:
    named = BoardStatus(reason=Reason.BOARD_FAULT, faults=BoardFault.TILT)
    gone = BoardStatus(reason=Reason.BOARD_FAULT, faults=BoardFault.VENDOR_WARNING)
    kept = stopped_by(named, gone)
    assert kept.faults == BoardFault.TILT | BoardFault.VENDOR_WARNING
    assert stopped_by(kept, gone) == kept, "for as long as it lasts"
    other = replace(gone, faults=BoardFault.ENCLOSURE_OPEN)
    assert stopped_by(kept, other) == other
    assert stopped_by(kept, BoardStatus()) == BoardStatus()
    assert stopped_by(BoardStatus(), gone) == gone, "a board that names nothing"


def test_a_transient_flag_is_told_once_and_by_its_own_name() -> None:
    rig = Rig().charging()
    named = replace(rig.session.status, coil=False, mirror_closed=False)
    named = replace(named, reason=Reason.BOARD_FAULT, faults=BoardFault.TILT)
    rig.session.on_status(named)
    rig.session.on_status(replace(named, faults=BoardFault(0)))
    rig.session.on_status(replace(named, faults=BoardFault(0), reason=Reason.NONE))
    told = [(c.fault.row.code, c.active) for c in rig.told_faults]
    tilt = "evse_board_support/TiltDetected"
    assert told == [(tilt, True), (INOPERATIVE, True), (tilt, False), (INOPERATIVE, False)]


def test_what_shows_only_once_stands_until_the_car_has_gone() -> None:
    rig = Rig().charging()
    rig.session.show(CoreCondition.INTERNAL, True)
    rig.tick()
    assert codes(rig) == [f"{MANAGER}Internal"]
    assert rig.session.state == "paused_evse"
    rig.car(PilotState.A)
    rig.tick()
    assert codes(rig) == []


def test_mrec9_nobody_authorized_the_car_in_time_is_a_fault_where_that_is_wanted() -> None:
    for wanted in (False, True):
        rig = Rig(replace(socket_evse(), raise_mrec9=wanted))
        rig.tick()
        rig.car(PilotState.B)
        rig.session.withdraw_authorization()
        rig.tick()
        assert codes(rig) == ([f"{MANAGER}MREC9AuthorizationTimeout"] if wanted else [])
        assert rig.names[-2:] == ["Deauthorized", "PluginTimeout"]
        assert rig.session.state == ("finished" if wanted else "waiting_auth")
        rig.car(PilotState.A)
        assert codes(rig) == []
        assert rig.names[-1] == "SessionFinished"


def test_a_meter_that_gives_no_reading_to_begin_with_ends_the_session_before_it_costs() -> None:
    """Spec evse-core C6: PowermeterTransactionStartFailed, no TransactionStarted, Finished."""
    rig = Rig()
    rig.tick()
    rig.meter_answers = False
    rig.run(6_000)
    rig.car(PilotState.B)
    rig.session.authorize(token())
    due_ms = rig.session.next_deadline_ms(rig.clock.now_ms())
    assert due_ms == rig.clock.now_ms() + START_READING_MS
    rig.run(START_READING_MS - 100)
    assert rig.session.state == "waiting_auth"
    rig.tick()
    assert codes(rig) == [f"{MANAGER}PowermeterTransactionStartFailed"]
    assert rig.session.state == "finished"
    assert "TransactionStarted" not in rig.names
    rig.meter_answers = True
    rig.tick()
    assert codes(rig) == [f"{MANAGER}PowermeterTransactionStartFailed"], "until unplugged"
    rig.car(PilotState.A)
    rig.charging()
    assert codes(rig) == []


def test_a_start_reading_that_comes_in_time_begins_the_transaction() -> None:
    rig = Rig()
    rig.tick()
    rig.meter_answers = False
    rig.run(6_000)
    rig.car(PilotState.B)
    rig.session.authorize(token())
    rig.run(START_READING_MS - 200)
    rig.meter_answers = True
    rig.tick()
    assert rig.session.state == "preparing"
    assert codes(rig) == []


def test_a_station_that_does_without_a_meter_charges_while_it_is_lost() -> None:
    rig = Rig(replace(socket_evse(), fail_on_meter_errors=False)).charging()
    rig.meter_answers = False
    rig.session.on_meter_lost()
    rig.tick()
    assert codes(rig) == [f"{METER}CommunicationFault"]
    assert not rig.session.fault_model.blocked
    assert rig.session.state == "charging"
    rig.car(PilotState.A)
    rig.run(5_000)
    rig.charging()
    assert rig.names.count("TransactionStarted") == 2


def test_a_meter_that_is_needed_pauses_the_charge_while_it_is_lost() -> None:
    rig = Rig().charging()
    rig.meter_answers = False
    rig.session.on_meter_lost()
    rig.tick()
    assert rig.session.state == "paused_evse"
    rig.meter_answers = True
    rig.tick()
    assert rig.session.state in ("preparing", "charging")


def test_what_the_station_itself_uses_is_stored_before_it_looks_like_another_meter() -> None:
    rig = Rig()
    rig.tick()
    written = len(rig.snapshots)
    rig.energy_wh += STORE_WH - 1
    rig.tick()
    assert len(rig.snapshots) == written
    rig.energy_wh += 1
    rig.tick()
    assert len(rig.snapshots) == written + 1
    stored = Snapshot.decode(rig.snapshots[-1]).meter
    assert stored is not None
    assert stored.energy_Wh_import.total == rig.energy_wh


def test_a_stored_session_that_nobody_can_read_is_told_and_held_against_the_car() -> None:
    sim = station(mode="list")
    sim.plants[1].car.plug(32, 16.0, 3)
    sim.wake()
    sim.run_for(3_000)
    sim.kill_core()
    sim.database.execute("UPDATE snapshot SET body = ?", (b"\xff\x00",))
    sim.start_core()
    sim.run_for(5_000)
    assert faults(sim) == [f"{MANAGER}Internal"]
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(10_000)
    assert faults(sim) == []


def replaced() -> Simulation:
    """A station whose meter was replaced while its core was away, by one that counted less."""
    sim = Simulation(config(mode="list"), seed=1)
    sim.run_for(3_000)
    sim.plants[1].car.plug(32, 16.0, 3)
    sim.wake()
    sim.run_for(2_000)
    ask(sim, "auth_token_provider.present", {"token": CARD})
    sim.run_for(60_000)
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(10_000)
    sim.kill_core()
    sim.plants[1].set_fault("meter_replaced", True)
    sim.start_core()
    sim.run_for(5_000)
    return sim


CARD = {"id_token": {"value": "LISTED", "type": "ISO14443"}, "authorization_type": "RFID"}


def test_a_replaced_meter_counts_for_nothing_until_a_technician_vouches_for_it() -> None:
    sim = replaced()
    assert faults(sim) == [f"{METER}VendorError"]
    seen = ask(sim, "sys.inspect")
    assert isinstance(seen, dict)
    assert seen["meter"]["odd"] == [Finding.ENERGY_BACKWARDS]
    assert ask(sim, "metering.accept") is True
    sim.run_for(2_000)
    assert faults(sim) == []
    assert ask(sim, "metering.accept") is False, "nothing is doubted any more"
    sim.kill_core()
    sim.start_core()
    sim.run_for(5_000)
    assert faults(sim) == [], "and it is known after the next start"


def test_no_counter_is_vouched_for_while_a_transaction_is_billed_from_it() -> None:
    sim = station(mode="list")
    sim.plants[1].car.plug(32, 16.0, 3)
    sim.wake()
    sim.run_for(2_000)
    ask(sim, "auth_token_provider.present", {"token": CARD})
    sim.run_for(30_000)
    sim.plants[1].set_fault("meter_jumped", True)
    sim.wake()
    sim.run_for(5_000)
    assert faults(sim) == [f"{METER}VendorError"]
    assert ask(sim, "metering.accept") is False
    sim.plants[1].set_fault("meter_jumped", False)
    sim.wake()
    sim.run_for(5_000)
    assert faults(sim) == []


def test_the_state_at_the_door_names_what_blocked_first() -> None:
    sim = station()

    def told() -> object:
        assert sim.station is not None
        return sys_state(sim.station.core, sim.station.hub)["evses"][0]["first_cause"]

    assert told() is None
    sim.plants[1].set_fault("emergency_stop", True)
    sim.wake()
    sim.run_for(1_000)
    sim.plants[1].set_fault("meter_silent", True)
    sim.wake()
    sim.run_for(15_000)
    sim.plants[1].set_fault("emergency_stop", False)
    sim.wake()
    sim.run_for(5_000)
    assert faults(sim) == [f"{METER}CommunicationFault"]
    assert told() == "evse_board_support/MREC8EmergencyStop"


@pytest.mark.parametrize("name", ["fail_on_meter_errors"])
def test_a_setting_that_is_off_keeps_its_faults_from_blocking(name: str) -> None:
    rig = Rig(replace(socket_evse(), **{name: False})).charging()
    rig.session.show(CoreCondition.METER_IMPLAUSIBLE, True)
    assert [f.blocks for f in rig.session.faults] == [False]
    assert rig.session.state == "charging"
