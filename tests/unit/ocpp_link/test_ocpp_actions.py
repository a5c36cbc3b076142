"""OCPP 1.6 §5: requests of the back office, answered in its terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ocpp_rig import Rig

from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.v16.actions import HANDLERS

ACCEPTED = ("result", {"status": "Accepted"})
REJECTED = ("result", {"status": "Rejected"})
STRICT = Schemas(strict=True)


def test_9_1_connection_timeout_is_told_to_the_core_at_once_and_after_its_restart() -> None:
    rig = Rig(settings=Settings(connection_timeout_s=70)).start()
    assert rig.core.connection_timeouts_s() == [70]
    rig.ask("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "45"})
    assert rig.core.connection_timeouts_s() == [70, 45]
    rig.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "45"})
    rig.engine.on_core_lost()
    rig.engine.on_core_connected()
    assert rig.core.connection_timeouts_s() == [70, 45, 45]


@pytest.mark.parametrize("value", ["0", "3601", "-1", "soon"])
def test_9_1_an_authorization_never_waits_for_ever(value: str, rig: Rig) -> None:
    change = {"key": "ConnectionTimeOut", "value": value}
    assert rig.ask("ChangeConfiguration", change) == REJECTED


def test_9_1_a_timeout_of_an_older_release_is_brought_into_its_bounds() -> None:
    rig = Rig(settings=Settings(connection_timeout_s=0)).start()
    assert rig.core.connection_timeouts_s() == [1]


def test_5_2_inoperative_now_and_operative_again(rig: Rig) -> None:
    change = {"connectorId": 1, "type": "Inoperative"}
    assert rig.ask("ChangeAvailability", change) == ACCEPTED
    assert rig.ask("ChangeAvailability", change) == ACCEPTED
    assert rig.ask("ChangeAvailability", {**change, "type": "Operative"}) == ACCEPTED
    wanted = ("enable", "disable")
    commands = [name.rpartition(".")[2] for name, _ in rig.core.calls if name.endswith(wanted)]
    assert commands == ["disable", "disable", "enable"]
    assert rig.ask("ChangeAvailability", {**change, "connectorId": 3}) == REJECTED


def test_5_2_with_a_transaction_it_is_scheduled_for_its_end(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    change = {"connectorId": 0, "type": "Inoperative"}
    assert rig.ask("ChangeAvailability", change) == ("result", {"status": "Scheduled"})
    assert rig.core.called("disable") == []
    rig.stop_transaction()
    assert rig.core.called("disable") == [{"evse": 1, "connector_id": 0, "source": "CSMS"}]
    assert rig.brain.statuses[0] == "Unavailable"


def test_5_2_operative_takes_a_scheduled_change_back(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Operative"}) == ACCEPTED
    rig.stop_transaction()
    assert rig.core.called("disable") == []


def test_5_2_a_core_that_cannot_is_a_rejection(rig: Rig) -> None:
    rig.core.replies["evse_manager.disable"] = CoreReply(result=False)
    assert rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}) == REJECTED


def test_5_2_out_of_operation_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    rig.database.close()
    again = Rig(database=Database(path)).start()
    assert again.core.called("disable") == [{"evse": 1, "connector_id": 0, "source": "CSMS"}]
    assert again.brain.statuses[0] == "Unavailable"


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "600", "Accepted"),
        ("heartbeatinterval", " 600 ", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "1.5", "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("HeartbeatInterval", "99999999999", "Rejected"),
        ("HeartbeatInterval", "٣", "Rejected"),
        ("WebSocketPingInterval", "0", "Accepted"),
        ("WebSocketPingInterval", "-5", "Rejected"),
        ("AuthorizeRemoteTxRequests", "True", "Accepted"),
        ("AuthorizeRemoteTxRequests", "yes", "Rejected"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("AuthorizationKey", "00", "Rejected"),
        ("MeterValuesSampledData", "Voltage, Current.Import.L1", "Accepted"),
        ("MeterValuesSampledData", "Voltage.L1-N,voltage", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage,SoC", "Rejected"),
        ("MeterValuesSampledData", "Voltage.L4", "Rejected"),
        ("MeterValuesSampledData", "Voltage,,Current.Import", "Rejected"),
        ("MeterValuesSampledData", ",".join(["Voltage"] * 23), "Rejected"),
    ],
)
def test_5_3_change_configuration(key: str, value: str, status: str, rig: Rig) -> None:
    before = rig.engine.station.settings
    answer = rig.ask("ChangeConfiguration", {"key": key, "value": value})
    assert answer == ("result", {"status": status})
    if status != "Accepted":
        assert rig.engine.station.settings == before


def test_5_8_get_configuration_answers_with_canonical_names(rig: Rig) -> None:
    _, payload = rig.ask("GetConfiguration", {"key": ["numberofconnectors", "Nonsense"]})
    assert payload == {
        "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}],
        "unknownKey": ["Nonsense"],
    }
    _, everything = rig.ask("GetConfiguration", {})
    assert "SupportedFeatureProfiles" in {row["key"] for row in everything["configurationKey"]}
    assert rig.ask("GetConfiguration", {"key": []})[1] == everything
    STRICT.response("GetConfiguration", everything)


def test_5_3_settings_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "7"})
    rig.database.close()
    assert Rig(database=Database(path)).engine.station.settings.sample_interval_s == 7


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("Heartbeat", "Heartbeat"),
        ("BootNotification", "BootNotification"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
    ],
)
def test_5_17_a_trigger_is_answered_and_then_sent(message: str, action: str, rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.meter()
    before = len(rig.brain.sent(action))
    rig.sent.clear()
    assert rig.ask("TriggerMessage", {"requestedMessage": message, "connectorId": 1}) == ACCEPTED
    assert rig.sent[0].startswith("[3")
    assert len(rig.brain.sent(action)) == before + 1


def test_4_2_while_pending_a_trigger_is_the_only_way_to_send() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    for message in ("Heartbeat", "StatusNotification"):
        assert rig.ask("TriggerMessage", {"requestedMessage": message}) == ACCEPTED
    assert rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"}) == REJECTED
    assert [action for action, _ in rig.brain.log] == [
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "StatusNotification",
    ]


def test_5_17_meter_values_outside_a_transaction_carry_no_transaction_id(rig: Rig) -> None:
    trigger = {"requestedMessage": "MeterValues", "connectorId": 0}
    assert rig.ask("TriggerMessage", trigger) == REJECTED, "there is no meter value yet"
    rig.meter()
    assert rig.ask("TriggerMessage", trigger) == ACCEPTED
    (sent,) = rig.brain.sent("MeterValues")
    assert "transactionId" not in sent
    assert sent["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_5_17_a_connector_that_is_not_there_is_rejected(rig: Rig) -> None:
    trigger = {"requestedMessage": "StatusNotification", "connectorId": 4}
    assert rig.ask("TriggerMessage", trigger) == REJECTED


def test_4_2_3_a_known_action_that_is_not_here_is_not_supported(rig: Rig) -> None:
    payload = {"location": "ftp://x", "retrieveDate": "2026-01-01T00:00:00Z"}
    assert rig.ask("UpdateFirmware", payload) == ("NotSupported", {})


def test_data_transfer_knows_no_vendor(rig: Rig) -> None:
    assert rig.ask("DataTransfer", {"vendorId": "org.x"})[1] == {"status": "UnknownVendorId"}


def test_every_answer_is_strictly_valid(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    requests: dict[str, dict[str, Any]] = {
        "RemoteStartTransaction": {"idTag": "A"},
        "RemoteStopTransaction": {"transactionId": 1},
        "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
        "UnlockConnector": {"connectorId": 1},
        "ClearChargingProfile": {},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetConfiguration": {},
        "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "5"},
        "ClearCache": {},
        "DataTransfer": {"vendorId": "v"},
        "TriggerMessage": {"requestedMessage": "Heartbeat"},
    }
    assert set(requests) <= set(HANDLERS)
    for action, payload in requests.items():
        status, answer = rig.ask(action, payload)
        assert status == "result", action
        STRICT.response(action, answer)
    assert rig.brain.complaints == []
