"""The interfaces of the OCPP link at the core's door, of a whole station in virtual time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from evse.types.interfaces_ocpp import OCPP, OCPP_1_6_CHARGE_POINT
from hil.bench.station import StationSetup
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import Simulation

TYPES = {
    f"{page.name}.{variable.name}": variable.type
    for page in (OCPP, OCPP_1_6_CHARGE_POINT)
    for variable in page.variables
}


def test_every_variable_of_both_pages_is_told_at_the_cores_door() -> None:
    sim = Simulation(StationSetup(authorization="ocpp", evses=2).config(), seed=1)
    ocpp = SimOcpp(sim)
    sim.run_until(lambda: ocpp.csms.brain.statuses.get(2) == "Available", within_ms=5_000)
    peer = sim.peer()
    peer.ask("ocpp_1_6_charge_point.monitor_configuration_keys", {"keys": ["HeartbeatInterval"]})
    key = {"component": {"name": ""}, "variable": {"name": "HeartbeatInterval"}}
    peer.ask("ocpp.monitor_variables", {"component_variables": [key]})
    peer.ask("ocpp.security_event", {"event": {"type": "TamperDetectionActivated"}})
    ocpp.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(2_000)
    card = {"id_token": {"value": "04A1B2C3", "type": "ISO14443"}, "authorization_type": "RFID"}
    peer.ask("auth_token_provider.present", {"token": card})
    sim.run_until(lambda: sim.plants[1].current_a > 10, within_ms=20_000)
    sim.run_for(5_000)
    told: dict[str, Any] = {name: peer.ask("get", {"variable": name}) for name in TYPES}
    for name, value in told.items():
        assert value is not None, name
        read = msgspec.json.encode(msgspec.convert(value, TYPES[name]))
        assert msgspec.json.decode(read) == value
    assert told["ocpp.is_connected"] is told["ocpp_1_6_charge_point.is_connected"] is True
    assert told["ocpp.event_data"]["actual_value"] == "77"
    assert told["ocpp_1_6_charge_point.configuration_key"]["value"] == "77"
    assert told["ocpp.ocpp_transaction_event"]["transaction_event"] == "Updated"
    assert [schedule["evse"] for schedule in told["ocpp.charging_schedules"]["schedules"]] == [
        0,
        1,
        2,
    ]
    (line,) = ocpp.csms.brain.bill.values()
    assert told["ocpp.ocpp_transaction_event"]["transaction_id"] == str(line.transaction_id)


def test_a_core_that_restarts_is_told_what_stands() -> None:
    sim = Simulation(StationSetup(authorization="ocpp").config(), seed=1)
    ocpp = SimOcpp(sim)
    sim.run_until(lambda: ocpp.csms.brain.statuses.get(1) == "Available", within_ms=5_000)
    sim.run_for(1_000)
    sim.kill_core()
    sim.run_for(1_000)
    sim.start_core()
    sim.run_for(2_000)
    peer = sim.peer()
    for name in ("ocpp.is_connected", "ocpp.charging_schedules", "ocpp.boot_notification_response"):
        assert peer.ask("get", {"variable": name}), name
    with pytest.raises(AssertionError, match="requests"):
        peer.ask("ocpp.get_variables", {"requests": 7})
