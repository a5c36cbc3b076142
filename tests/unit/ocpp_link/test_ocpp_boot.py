"""OCPP 1.6 §4.2: registration."""

from __future__ import annotations

import pytest
from ocpp_rig import Rig

from hil.csms.brain import Misbehaviour
from ocpp_link.boot import DEFAULT_RETRY_MS, LONGEST_INTERVAL_S, Boot
from ocpp_link.device.settings import Settings
from ocpp_link.records import BootAnswer, BootStatus


def test_4_2_a_boot_is_due_at_once_and_not_twice_at_a_time() -> None:
    boot = Boot()
    assert boot.due(0)
    boot.sent()
    assert not boot.due(1_000_000)


def test_4_2_an_interval_of_zero_leaves_the_choice_to_us() -> None:
    boot = Boot()
    boot.answered(BootAnswer(BootStatus.PENDING, 0), 0)
    assert not boot.due(DEFAULT_RETRY_MS - 1)
    assert boot.due(DEFAULT_RETRY_MS)


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_4_2_an_absurd_interval_silences_the_station_for_a_day_at_most(status: str) -> None:
    """OCPP 1.6 §4.2 has no bound; a slip of the back office must not need a visit."""
    rig = Rig()
    rig.brain.boot_script.append((status, 10**12))
    rig.start()
    rig.run(LONGEST_INTERVAL_S - 1)
    assert [action for action, _ in rig.brain.log] == ["BootNotification"]
    rig.run(1)
    assert rig.engine.station.operational


def test_4_2_a_heartbeat_interval_of_the_boot_answer_is_believed_up_to_a_day() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Accepted", 10**12))
    rig.start()
    assert rig.engine.station.settings.heartbeat_interval_s == LONGEST_INTERVAL_S
    rig.run(LONGEST_INTERVAL_S)
    assert beats(rig) == 1


def test_4_2_pending_and_rejected_wait_for_the_interval() -> None:
    rig = Rig()
    rig.brain.boot_script.extend([("Pending", 30), ("Rejected", 100)])
    rig.start()
    assert [action for action, _ in rig.brain.log] == ["BootNotification"]
    rig.run(29.9)
    assert len(rig.brain.log) == 1
    rig.run(0.1)
    assert rig.engine.station.boot.status is BootStatus.REJECTED
    rig.run(99.9)
    assert len(rig.brain.log) == 2
    rig.run(0.1)
    assert rig.engine.station.operational
    assert [action for action, _ in rig.brain.log] == [
        "BootNotification",
        "BootNotification",
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
        "SecurityEventNotification",
    ]


def test_4_2_nothing_but_boots_is_sent_before_accepted_and_events_are_kept() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    rig.session(seconds=120)
    assert {action for action, _ in rig.brain.log} == {"BootNotification"}
    rig.run(400)
    assert [line.energy_wh for line in rig.brain.bill_lines()] == [245]
    assert rig.brain.complaints == []


def test_4_2_pending_answers_requests_but_starts_nothing() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    status, payload = rig.ask("GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert status == "result"
    assert payload["configurationKey"][0]["key"] == "HeartbeatInterval"
    assert rig.ask("RemoteStartTransaction", {"idTag": "A"}) == ("result", {"status": "Rejected"})
    assert rig.ask("RemoteStopTransaction", {"transactionId": 1}) == (
        "result",
        {"status": "Rejected"},
    )


def test_4_2_rejected_answers_nothing() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Rejected", 400))
    rig.start()
    rig.engine.on_frame(rig.csms.call("GetConfiguration", {}))
    rig.flush()
    assert rig.csms.replies == []


def test_4_2_a_trigger_while_pending_boots_early() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    rig.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert rig.engine.station.operational


def test_no_answer_and_callerror_are_retried_on_the_interval() -> None:
    rig = Rig()
    rig.brain.misbehave("BootNotification", Misbehaviour.NO_ANSWER, Misbehaviour.CALLERROR)
    rig.start()
    rig.run(30 + 60 + 60)
    assert rig.engine.station.operational


def test_a_broken_answer_registers_nothing() -> None:
    rig = Rig()
    rig.brain.misbehave("BootNotification", Misbehaviour.GARBAGE)
    rig.start()
    assert not rig.engine.station.operational
    rig.run(60)
    assert rig.engine.station.operational


def test_a_lost_connection_before_the_answer_boots_again_on_the_next() -> None:
    rig = Rig()
    rig.brain.misbehave("BootNotification", Misbehaviour.DROP)
    rig.start()
    rig.connect()
    assert rig.engine.station.operational


def test_a_mere_reconnect_does_not_boot_again(rig: Rig) -> None:
    rig.disconnect()
    rig.run(100)
    rig.connect()
    assert len(rig.brain.sent("BootNotification")) == 1


def test_pending_interval_holds_over_a_reconnect() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 300))
    rig.start()
    rig.disconnect()
    rig.run(10)
    rig.connect()
    assert len(rig.brain.sent("BootNotification")) == 1


def test_4_6_heartbeats_come_at_the_interval_of_the_boot(rig: Rig) -> None:
    rig.run(900)
    assert len(rig.brain.sent("Heartbeat")) == 3


def test_an_accepted_interval_of_zero_keeps_our_own() -> None:
    rig = Rig(settings=Settings(heartbeat_interval_s=50))
    rig.brain.boot_script.append(("Accepted", 0))
    rig.start()
    rig.run(100)
    assert len(rig.brain.sent("Heartbeat")) == 2


def test_long_names_are_cut_to_the_lengths_of_6_3() -> None:
    from ocpp_link.ports import EvseInfo, StationInfo
    from ocpp_link.v16.boot import boot_notification

    evse = EvseInfo(meter_type="m" * 99, meter_serial="s" * 99)
    station = StationInfo(
        vendor="v" * 99, model="m" * 99, serial="s" * 99, firmware="f" * 99, evses=(evse,)
    )
    lengths = {key: len(text) for key, text in boot_notification(station).payload.items()}
    assert lengths == {
        "chargePointVendor": 20,
        "chargePointModel": 20,
        "chargePointSerialNumber": 25,
        "firmwareVersion": 50,
        "meterType": 25,
        "meterSerialNumber": 25,
    }


def beats(rig: Rig) -> int:
    return len(rig.brain.sent("Heartbeat"))


def test_4_6_what_else_is_sent_spares_a_heartbeat() -> None:
    """§4.6: another message within the interval tells as well that we are here."""
    rig = Rig(settings=Settings(sample_interval_s=60)).start()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(600)
    assert len(rig.brain.sent("MeterValues")) == 10
    assert beats(rig) == 0
    rig.stop_transaction()
    rig.run(299)
    assert beats(rig) == 0
    rig.run(1)
    assert beats(rig) == 1


def test_4_6_but_the_time_is_asked_for_once_a_day() -> None:
    rig = Rig(settings=Settings(sample_interval_s=200)).start()
    rig.plug_in()
    rig.start_transaction()
    for _ in range(49 * 60):
        rig.run(60)
        rig.meter()
    assert beats(rig) == 2


def test_tc_001_the_interval_is_that_of_the_accepting_answer() -> None:
    rig = Rig(settings=Settings(heartbeat_interval_s=5))
    rig.brain.boot_script.extend([("Rejected", 30), ("Accepted", 50)])
    rig.start()
    rig.run(30)
    assert rig.engine.station.operational
    rig.run(49)
    assert beats(rig) == 0
    rig.run(1)
    assert beats(rig) == 1
    rig.run(100)
    assert beats(rig) == 3


def test_4_2_a_lost_trigger_s_boot_does_not_shorten_the_wait() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    rig.brain.misbehave("BootNotification", Misbehaviour.DROP)
    rig.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    rig.connect()
    rig.run(399)
    assert not rig.engine.station.operational
    rig.run(1)
    assert rig.engine.station.operational


@pytest.mark.parametrize("wanted", ["Heartbeat", "StatusNotification", "MeterValues"])
def test_4_2_while_pending_only_what_is_triggered_is_sent(wanted: str) -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    rig.meter()
    asked = {"requestedMessage": wanted, "connectorId": 1}
    assert rig.ask("TriggerMessage", asked) == ("result", {"status": "Accepted"})
    assert [action for action, _ in rig.brain.log] == ["BootNotification", wanted]
    assert not rig.engine.station.operational


def test_4_2_while_pending_no_sample_of_a_transaction_is_promised() -> None:
    """Its id is not known yet: it waits for the registration, and `Accepted` would be a lie."""
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    asked = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert rig.ask("TriggerMessage", asked) == ("result", {"status": "Rejected"})
