"""The methods of the link: names and fields of the pages `ocpp` and `ocpp_1_6_charge_point`.

Each row is a params type and a function; the same table serves the link's own socket and what the
core's door hands on. A bad call is answered with the field that is wrong and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import UNSET, UnsetType

from evse.door import jsonrpc
from evse.door.hub import Reply
from evse.door.jsonrpc import RpcError
from evse.types.ocpp import (
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ChangeAvailabilityStatusEnumType,
    DataTransferResponse,
    DataTransferStatus,
    OperationalStatusEnumType,
    StatusInfoType,
)
from ocpp_link.availability import AvailabilityOutcome
from ocpp_link.charge_point import ChargePoint
from ocpp_link.data_transfer import VendorAnswer, VendorMessage
from ocpp_link.device.physical import CONNECTOR
from ocpp_link.door import params as takes
from ocpp_link.door.variables import DoorVariables, sources_of
from ocpp_link.security.events import SecurityEvent

MAX_EVENT_TYPE = 50
"""SecurityEventNotification (1.6 security whitepaper §5.15; 2.0.1 part 2 §1.49)."""


class Control(Protocol):
    """The process's connection to the back office."""

    def stop(self) -> bool:
        """Stay away until `restart`, also over restarts of the process; what happens meanwhile is
        kept and told afterwards. False: that was so already."""

    def restart(self) -> bool:
        """Connect again. False: nobody had stopped it."""

    def state(self) -> dict[str, Any]:
        """Plain JSON, for people and tests."""


class Desk:
    """What the methods act on."""

    def __init__(self, engine: ChargePoint, control: Control, variables: DoorVariables) -> None:
        self.engine = engine
        self.control = control
        self.variables = variables


Serve = Callable[[Desk, Any, Reply], None]


def _stop(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    reply(desk.control.stop())


def _restart(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    reply(desk.control.restart())


def _disconnect(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    """As `stop`, and true in any case."""
    desk.control.stop()
    reply(True)


def _connect(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    desk.control.restart()
    reply(True)


def _state(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    reply(desk.control.state())


def _get_variables(desk: Desk, params: takes.GetVariables, reply: Reply) -> None:
    reply([desk.variables.read(request) for request in params.requests])


def _set_variables(desk: Desk, params: takes.SetVariables, reply: Reply) -> None:
    reply([desk.variables.write(request, params.source) for request in params.requests])


def _monitor_variables(desk: Desk, params: takes.MonitorVariables, reply: Reply) -> None:
    desk.variables.monitor(params.component_variables)
    reply(None)


def _variable_sources(desk: Desk, _params: takes.Nothing, reply: Reply) -> None:
    reply(sources_of(desk.engine.model, desk.variables.sources))


def _get_keys(desk: Desk, params: takes.GetConfigurationKey, reply: Reply) -> None:
    reply(desk.variables.keys(params.keys))


def _set_key(desk: Desk, params: takes.SetConfigurationKey, reply: Reply) -> None:
    reply(desk.variables.set_key(params.key, params.value))


def _monitor_keys(desk: Desk, params: takes.MonitorConfigurationKeys, reply: Reply) -> None:
    desk.variables.monitor_keys(params.keys)
    reply(None)


def _change_availability(desk: Desk, params: takes.ChangeAvailability, reply: Reply) -> None:
    request = params.request
    unknown = _unknown_place(desk, request)
    if unknown:
        rejected = ChangeAvailabilityStatusEnumType.Rejected
        info = StatusInfoType(reason_code=unknown)
        reply(ChangeAvailabilityResponse(status=rejected, status_info=info))
        return

    def on_outcome(outcome: AvailabilityOutcome) -> None:
        status = ChangeAvailabilityStatusEnumType(outcome.value)
        reply(ChangeAvailabilityResponse(status=status))

    desk.engine.availability.change(
        0 if isinstance(request.evse, UnsetType) else request.evse.id,
        request.operational_status is OperationalStatusEnumType.Operative,
        on_outcome,
    )


def _unknown_place(desk: Desk, request: ChangeAvailabilityRequest) -> str:
    """Empty, or the reason code (2.0.1 appendix 5) for a place that is not here."""
    evse = request.evse
    if isinstance(evse, UnsetType):
        return ""
    if evse.id not in desk.engine.station.evses:
        return "UnknownEvse"
    return "" if evse.connector_id in (UNSET, CONNECTOR) else "UnknownConnectorId"


def _security_event(desk: Desk, params: takes.ReportSecurityEvent, reply: Reply) -> None:
    said = params.event
    event = SecurityEvent(
        type=_event_type(said.type, "event.type"),
        timestamp=desk.engine.station.timestamp()
        if isinstance(said.timestamp, UnsetType)
        else said.timestamp,
        info="" if isinstance(said.info, UnsetType) else said.info,
    )
    critical = None if isinstance(said.critical, UnsetType) else said.critical
    desk.engine.security.events.report(event, critical)
    reply(None)


def _security_event_16(desk: Desk, params: takes.ReportSecurityEvent16, reply: Reply) -> None:
    """Always told to the back office."""
    type_ = _event_type(params.type, "type")
    event = SecurityEvent(type_, desk.engine.station.timestamp(), params.info)
    desk.engine.security.events.report(event, critical=True)
    reply(None)


def _event_type(type_: str, field: str) -> str:
    if not 1 <= len(type_) <= MAX_EVENT_TYPE:
        text = f"{field} has {len(type_)} characters: 1 to {MAX_EVENT_TYPE} are allowed"
        raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": field})
    return type_


def _data_transfer(desk: Desk, params: takes.SendDataTransfer, reply: Reply) -> None:
    """To the back office."""
    asked = params.request
    if not desk.engine.station.operational:
        reply(DataTransferResponse(status=DataTransferStatus.Offline))
        return

    def on_answer(answer: VendorAnswer | None) -> None:
        if answer is None:
            reply(RpcError(jsonrpc.NOT_AVAILABLE, "the back office did not answer"))
            return
        reply(
            DataTransferResponse(
                status=DataTransferStatus(answer.status.value),
                data=UNSET if answer.data is None else answer.data,
            )
        )

    message = VendorMessage(
        asked.vendor_id,
        "" if isinstance(asked.message_id, UnsetType) else asked.message_id,
        None if isinstance(asked.data, UnsetType) else asked.data,
    )
    desk.engine.vendors.send(message, on_answer)


TABLE: dict[str, tuple[type[Any], Serve]] = {
    "ocpp.stop": (takes.Nothing, _stop),
    "ocpp.restart": (takes.Nothing, _restart),
    "ocpp.security_event": (takes.ReportSecurityEvent, _security_event),
    "ocpp.get_variables": (takes.GetVariables, _get_variables),
    "ocpp.set_variables": (takes.SetVariables, _set_variables),
    "ocpp.change_availability": (takes.ChangeAvailability, _change_availability),
    "ocpp.monitor_variables": (takes.MonitorVariables, _monitor_variables),
    "ocpp.variable_sources": (takes.Nothing, _variable_sources),
    "ocpp.connect": (takes.Nothing, _connect),
    "ocpp.disconnect": (takes.Nothing, _disconnect),
    "ocpp.state": (takes.Nothing, _state),
    "ocpp_1_6_charge_point.stop": (takes.Nothing, _stop),
    "ocpp_1_6_charge_point.restart": (takes.Nothing, _restart),
    "ocpp_1_6_charge_point.get_configuration_key": (takes.GetConfigurationKey, _get_keys),
    "ocpp_1_6_charge_point.set_configuration_key": (takes.SetConfigurationKey, _set_key),
    "ocpp_1_6_charge_point.monitor_configuration_keys": (
        takes.MonitorConfigurationKeys,
        _monitor_keys,
    ),
    "ocpp_1_6_charge_point.security_event": (takes.ReportSecurityEvent16, _security_event_16),
    "data_transfer.send": (takes.SendDataTransfer, _data_transfer),
}
"""Method -> (type of its params, function)."""
