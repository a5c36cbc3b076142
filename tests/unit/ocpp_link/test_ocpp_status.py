"""OCPP 1.6 §4.9: which event of the core becomes which status, and when it is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from ocpp_rig import Rig, token

from evse.faults import MREC_VENDOR
from evse.types.session import SessionEvent, SessionEventEnum
from hil.csms.brain import Misbehaviour
from ocpp_link.memory.database import Database
from ocpp_link.records import EvseState, EvseStatus
from ocpp_link.status_backlog import MAX_KEPT
from ocpp_link.transactions.sessions import apply
from ocpp_link.v16.status import STATUS

S = EvseStatus
AT = "2026-01-01T00:00:00.000Z"
METER = {"timestamp": AT, "energy_Wh_import": {"total": 1.0}}

OPEN = EvseState(1, session="s", status=S.CHARGING, plugged=True, in_transaction=True)
KEPT = EvseState(1, status=S.RESERVED, reserved=True)
STRANGER = EvseState(1, session="s", status=S.RESERVED, reserved=True, plugged=True)
"""A car at an EVSE that is kept; whose it is nobody knows yet."""

TABLE = [
    ("Enabled", EvseState(1, status=S.UNAVAILABLE, enabled=False), S.AVAILABLE),
    ("Enabled", OPEN, S.CHARGING),
    ("Disabled", EvseState(1), S.UNAVAILABLE),
    ("SessionStarted", EvseState(1), S.PREPARING),
    ("AuthRequired", EvseState(1, status=S.PREPARING), S.PREPARING),
    ("Authorized", EvseState(1, status=S.PREPARING), S.PREPARING),
    ("Deauthorized", EvseState(1, status=S.PREPARING), S.PREPARING),
    ("TransactionStarted", EvseState(1, status=S.PREPARING), S.PREPARING),
    ("PrepareCharging", EvseState(1, status=S.SUSPENDED_EVSE), S.SUSPENDED_EVSE),
    ("ChargingStarted", OPEN, S.CHARGING),
    ("ChargingPausedEV", OPEN, S.SUSPENDED_EV),
    ("ChargingPausedEVSE", OPEN, S.SUSPENDED_EVSE),
    ("SwitchingPhases", OPEN, S.SUSPENDED_EVSE),
    ("StoppingCharging", OPEN, S.CHARGING),
    ("ChargingFinished", OPEN, S.CHARGING),
    ("TransactionFinished", OPEN, S.FINISHING),
    ("SessionFinished", EvseState(1, session="s", status=S.FINISHING), S.AVAILABLE),
    ("SessionFinished", EvseState(1, session="s", enabled=False), S.UNAVAILABLE),
    ("PluginTimeout", EvseState(1, session="s", status=S.PREPARING), S.FINISHING),
    ("ReservationStart", EvseState(1), S.RESERVED),
    ("ReservationEnd", EvseState(1, status=S.RESERVED), S.AVAILABLE),
    ("ReservationEnd", OPEN, S.CHARGING),
    ("SessionStarted", KEPT, S.RESERVED),
    ("AuthRequired", STRANGER, S.RESERVED),
    ("Authorized", STRANGER, S.PREPARING),
    ("ReservationEnd", STRANGER, S.PREPARING),
    ("SessionFinished", STRANGER, S.RESERVED),
    ("SessionResumed", EvseState(1), S.AVAILABLE),
]


def an_event(name: str) -> SessionEvent:
    meter = {"meter_value": METER}
    payloads = {
        "SessionStarted": {"session_started": {"reason": "EVConnected", **meter}},
        "TransactionStarted": {"transaction_started": {"id_tag": token(), **meter}},
        "TransactionFinished": {"transaction_finished": meter},
        "ChargingPausedEVSE": {"charging_paused_evse": {"reasons": ["NoEnergy"]}},
    }
    value = {"uuid": "s", "event": name, "timestamp": AT, **payloads.get(name, {})}
    return msgspec.convert(value, SessionEvent)


@pytest.mark.parametrize(("name", "before", "after"), TABLE)
def test_c9_the_mapping_of_events_to_status(
    name: str, before: EvseState, after: EvseStatus
) -> None:
    state, _ = apply(before, an_event(name), 1)
    assert state.status is after


def told_through(*names: str) -> list[str]:
    """The statuses that the events of one EVSE lead through."""
    state, through = EvseState(1), ["Available"]
    for name in names:
        state, _ = apply(state, an_event(name), 1)
        if state.status.value != through[-1]:
            through.append(state.status.value)
    return through


def test_c9_a_reservation_goes_to_preparing_and_not_by_way_of_available() -> None:
    begun = ("SessionStarted", "AuthRequired", "Authorized", "TransactionStarted")
    assert told_through("ReservationStart", *begun, "ChargingStarted") == [
        "Available",
        "Reserved",
        "Preparing",
        "Charging",
    ]


def test_c9_once_used_a_reservation_does_not_come_back() -> None:
    used = ("ReservationStart", "SessionStarted", "Authorized", "TransactionStarted")
    assert told_through(*used, "TransactionFinished", "SessionFinished")[-1] == "Available"


def test_c9_a_stranger_s_car_neither_uses_nor_hides_a_reservation() -> None:
    stranger = ("ReservationStart", "SessionStarted", "AuthRequired")
    assert told_through(*stranger, "SessionFinished") == ["Available", "Reserved"]
    gone = told_through(*stranger, "ReservationEnd", "SessionFinished")
    assert gone == ["Available", "Reserved", "Preparing", "Available"]


def test_the_table_holds_every_event() -> None:
    assert {name for name, _, _ in TABLE} == set(SessionEventEnum)


def test_every_status_has_its_name_in_1_6() -> None:
    assert set(STATUS) == set(EvseStatus)
    assert STATUS[S.SUSPENDED_EVSE] == "SuspendedEVSE"


def statuses(rig: Rig) -> list[str]:
    return [s["status"] for s in rig.brain.sent("StatusNotification") if s["connectorId"] == 1]


def test_4_9_after_registration_every_connector_is_told_the_station_first() -> None:
    rig = Rig(evses=2).start()
    sent = rig.brain.sent("StatusNotification")
    assert [s["connectorId"] for s in sent] == [0, 1, 2]


def test_an_unplug_tells_finishing_and_then_available(rig: Rig) -> None:
    rig.session()
    assert statuses(rig) == ["Available", "Preparing", "Charging", "Finishing", "Available"]


def test_an_unchanged_status_is_not_told_again(rig: Rig) -> None:
    rig.plug_in()
    rig.event("AuthRequired")
    assert statuses(rig) == ["Available", "Preparing"]


def test_after_an_interruption_only_the_present_status_is_told(rig: Rig) -> None:
    rig.disconnect()
    rig.plug_in()
    rig.start_transaction()
    rig.connect()
    assert statuses(rig) == ["Available", "Charging"]
    assert rig.brain.sent("StatusNotification")[-1]["timestamp"].startswith("2026-01-01")


def test_an_interruption_without_change_tells_nothing(rig: Rig) -> None:
    rig.disconnect()
    rig.plug_in()
    rig.plug_out()
    rig.connect()
    assert statuses(rig) == ["Available"]


def test_a_status_that_was_lost_with_the_connection_is_told_on_the_next(rig: Rig) -> None:
    rig.brain.misbehave("StatusNotification", Misbehaviour.DROP)
    rig.plug_in()
    assert not rig.engine.connected
    rig.connect()
    assert statuses(rig) == ["Available", "Preparing"]


def test_a_status_without_an_answer_is_told_again_in_a_minute(rig: Rig) -> None:
    rig.brain.misbehave("StatusNotification", Misbehaviour.NO_ANSWER)
    rig.plug_in()
    rig.run(30 + 60)
    assert statuses(rig) == ["Available", "Preparing"]


def test_a_pause_by_the_station_says_why(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.event("ChargingPausedEVSE", charging_paused_evse={"reasons": ["UserPause", "NoEnergy"]})
    last = rig.brain.sent("StatusNotification")[-1]
    assert (last["status"], last["info"]) == ("SuspendedEVSE", "UserPause,NoEnergy")


def test_nothing_is_told_before_the_core_has_spoken() -> None:
    rig = Rig()
    rig.connect()
    assert rig.brain.sent("StatusNotification") == []
    rig.engine.on_core_connected()
    rig.flush()
    assert len(rig.brain.sent("StatusNotification")) == 2


def test_a_core_that_stays_away_is_a_fault_and_its_return_ends_it(rig: Rig) -> None:
    rig.engine.on_core_lost()
    rig.run(9)
    assert statuses(rig) == ["Available"]
    rig.run(1)
    last = rig.brain.sent("StatusNotification")[-1]
    assert (last["status"], last["errorCode"]) == ("Faulted", "InternalError")
    rig.engine.on_core_connected()
    rig.flush()
    assert statuses(rig)[-1] == "Available"


def standing(code: str, sub_type: str = "", *, blocks: bool = True) -> dict[str, object]:
    said = {"severity": "High", "message": "m", "description": "d", "state": "Active"}
    return {
        "type": code,
        "sub_type": sub_type,
        "uuid": code,
        "blocks": blocks,
        "timestamp": AT,
        **said,
    }


INOPERATIVE = standing("evse_manager/Inoperative", blocks=False)


@pytest.mark.parametrize(
    ("code", "sub_type", "error", "vendor", "vendor_error"),
    [
        ("ac_rcd/MREC2GroundFailure", "", "GroundFailure", MREC_VENDOR, "CX002"),
        ("powermeter/CommunicationFault", "", "PowerMeterFailure", None, "CommunicationFault"),
        (
            "evse_board_support/MREC17EVSEContactorFault",
            "Welded",
            "OtherError",
            MREC_VENDOR,
            "CX017",
        ),
    ],
)
def test_6_47_a_fault_that_blocks_is_told_with_its_codes_until_it_has_gone(
    rig: Rig, code: str, sub_type: str, error: str, vendor: str | None, vendor_error: str
) -> None:
    rig.engine.on_faults(1, [standing(code, sub_type), INOPERATIVE])
    rig.flush()
    told = rig.brain.sent("StatusNotification")[-1]
    assert (told["connectorId"], told["status"], told["errorCode"]) == (1, "Faulted", error)
    assert told["info"] == f"caused_by:{code}"[:50]
    assert (told.get("vendorId"), told["vendorErrorCode"]) == (vendor, vendor_error)
    assert told["timestamp"] == AT
    count = len(statuses(rig))
    rig.engine.on_faults(1, [standing(code, sub_type), INOPERATIVE])
    rig.flush()
    assert len(statuses(rig)) == count
    rig.engine.on_faults(1, [])
    rig.flush()
    told = rig.brain.sent("StatusNotification")[-1]
    assert (told["status"], told["errorCode"]) == ("Available", "NoError")
    assert "vendorErrorCode" not in told


def test_a_fault_that_does_not_block_leaves_the_status_alone(rig: Rig) -> None:
    warm = standing("evse_board_support/MREC3HighTemperature", blocks=False)
    rig.engine.on_faults(1, [warm])
    rig.flush()
    told = rig.brain.sent("StatusNotification")[-1]
    assert (told["status"], told["errorCode"]) == ("Available", "HighTemperature")
    rig.engine.on_faults(1, [warm, standing("ac_rcd/DC"), INOPERATIVE])
    rig.flush()
    told = rig.brain.sent("StatusNotification")[-1]
    assert (told["status"], told["errorCode"]) == ("Faulted", "GroundFailure")


def test_events_that_cannot_be_understood_are_counted_and_acknowledged(rig: Rig) -> None:
    rig.engine.on_session_event(1, {"event": "Nonsense"}, 1)
    rig.engine.on_session_event(9, {"uuid": "", "event": "Enabled", "timestamp": AT}, 2)
    rig.engine.on_powermeter(1, {"energy": 1})
    rig.engine.on_limits(1, {})
    rig.engine.validate({}, lambda reply: None)
    rig.engine.on_faults(1, [{}])
    rig.engine.on_faults(1, [standing("ac_rcd/Nonsense")])
    rig.engine.on_faults(9, [])
    assert rig.engine.rejected_inputs == 8
    assert rig.core.acknowledged == 2


# --- the minimal duration -------------------------------------------------------------------------


def minimum(rig: Rig, seconds: int) -> None:
    key = {"key": "MinimumStatusDuration", "value": str(seconds)}
    assert rig.ask("ChangeConfiguration", key) == ("result", {"status": "Accepted"})


def test_9_1_20_a_status_is_told_once_it_has_lasted(rig: Rig) -> None:
    minimum(rig, 10)
    rig.plug_in()
    rig.run(9.999)
    assert statuses(rig) == ["Available"]
    rig.run(0.001)
    assert statuses(rig) == ["Available", "Preparing"]
    assert rig.brain.sent("StatusNotification")[-1]["timestamp"] == AT


def test_pitfall_45_a_status_that_was_left_sooner_is_never_told(rig: Rig) -> None:
    minimum(rig, 10)
    for _ in range(50):
        rig.plug_in()
        rig.run(3)
        rig.plug_out()
        rig.run(3)
    rig.run(60)
    assert statuses(rig) == ["Available"]
    rig.plug_in()
    rig.run(5)
    rig.start_transaction()
    rig.run(10)
    assert statuses(rig) == ["Available", "Charging"]


def test_9_1_20_what_the_back_office_asks_for_is_told_at_once(rig: Rig) -> None:
    minimum(rig, 600)
    rig.plug_in()
    rig.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
    assert statuses(rig) == ["Available", "Preparing"]


def test_9_1_20_after_a_registration_nothing_waits() -> None:
    rig = Rig()
    rig.engine.configure(msgspec.structs.replace(rig.engine.station.settings, min_status_s=600))
    rig.start()
    assert statuses(rig) == ["Available"]


# --- QueueAllMessages -----------------------------------------------------------------------------


def all_messages(rig: Rig) -> None:
    key = {"key": "QueueAllMessages", "value": "true"}
    assert rig.ask("ChangeConfiguration", key) == ("result", {"status": "Accepted"})


def test_queue_all_messages_tells_every_status_of_an_interruption_in_order(rig: Rig) -> None:
    all_messages(rig)
    rig.disconnect()
    rig.run(60)
    rig.session(seconds=60)
    rig.run(60)
    rig.connect()
    assert statuses(rig) == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    times = [s["timestamp"] for s in rig.brain.sent("StatusNotification") if s["connectorId"] == 1]
    assert times == sorted(times)
    assert times[1] == "2026-01-01T00:01:00.000Z"


def test_queue_all_messages_survives_restarts_and_lost_connections(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    all_messages(rig)
    rig.disconnect()
    rig.plug_in()
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"), brain=rig.brain, clock=rig.clock)
    again.seq = rig.seq
    again.engine.on_core_connected()
    again.plug_out()
    again.brain.misbehave("StatusNotification", Misbehaviour.DROP)
    again.connect()
    again.connect()
    assert statuses(again)[:3] == ["Available", "Preparing", "Available"]
    assert again.database.load().items.get("status", {}) == {}


def test_queue_all_messages_is_bounded(rig: Rig) -> None:
    all_messages(rig)
    rig.disconnect()
    for _ in range(MAX_KEPT):
        rig.plug_in()
        rig.plug_out()
    assert len(rig.database.load().items["status"]) == MAX_KEPT
    rig.connect()
    assert rig.database.load().items.get("status", {}) == {}
    assert statuses(rig)[-1] == "Available"


# --- what the table of transitions says -----------------------------------------------------------


def test_4_9_an_unplug_on_the_ev_side_says_so(rig: Rig) -> None:
    rig.session(seconds=5)
    told = {s["status"]: s.get("info") for s in rig.brain.sent("StatusNotification")}
    assert told["Finishing"] == "EV side disconnected"
    assert told["Available"] is None


def test_tc_004_identification_alone_is_preparing_and_lapses(rig: Rig) -> None:
    """A2 and B1 of the table; the core keeps the time."""
    started = {"reason": "Authorized", "meter_value": METER, "id_tag": token()}
    rig.event("SessionStarted", session_started=started)
    rig.event("Authorized")
    assert statuses(rig) == ["Available", "Preparing"]
    rig.event("Deauthorized")
    rig.event("SessionFinished", session_finished={"meter_value": METER})
    assert statuses(rig) == ["Available", "Preparing", "Available"]
    assert rig.brain.bill == {}


def test_4_9_suspended_by_both_is_suspended_by_the_station(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.event("ChargingPausedEV")
    rig.event("ChargingPausedEVSE", charging_paused_evse={"reasons": ["NoEnergy"]})
    assert statuses(rig)[-2:] == ["SuspendedEV", "SuspendedEVSE"]


def test_pitfall_22_preparing_comes_before_the_transaction_and_not_again(rig: Rig) -> None:
    rig.session(seconds=5)
    told = [
        (name, payload.get("status"))
        for name, payload in rig.brain.log
        if name in ("StartTransaction", "StatusNotification") and payload["connectorId"] == 1
    ]
    start = told.index(("StartTransaction", None))
    assert ("StatusNotification", "Preparing") in told[:start]
    assert ("StatusNotification", "Preparing") not in told[start:]
