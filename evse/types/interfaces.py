"""The published interfaces as data: variables, commands, arguments and results with their types.

Names are those of the interface pages. Types are those that go over the wire: what differs from
the internal model is in `evse.types.seed`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evse.types.authorization import ProvidedIdToken, ValidationResult
from evse.types.board_support import HardwareCapabilities, Telemetry
from evse.types.energy import EnforcedLimits, ExternalLimits
from evse.types.evse_manager import CarManufacturer, EVInfo, SwitchThreePhasesWhileChargingResult
from evse.types.iso15118 import (
    ChargingNeeds,
    EvInformation,
    RequestExiStreamSchema,
    ResponseExiStreamStatus,
)
from evse.types.ocpp import (
    BootNotificationResponse,
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ComponentVariable,
    ConfigurationStatus,
    EventData,
    GetConfigurationResponse,
    GetVariableRequest,
    GetVariableResult,
    KeyValue,
    Name,
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    SecurityEvent,
    SetKeyValue,
    SetVariableRequest,
    SetVariableResult,
)
from evse.types.ocpp_schedules import ChargingSchedules
from evse.types.powermeter import Powermeter
from evse.types.seed.shapes import Request_Exi_Stream_Schema, Response_Exi_Stream_Status
from evse.types.session import Limits, SessionEvent, StopTransactionRequest


class Variable(msgspec.Struct, frozen=True):
    """A stream of values to whoever subscribes."""

    name: str
    type: Any
    says: str


class Argument(msgspec.Struct, frozen=True):
    """A required argument of a command."""

    name: str
    type: Any


class Command(msgspec.Struct, frozen=True):
    """A call with named arguments; a result of None is void."""

    name: str
    says: str
    arguments: tuple[Argument, ...] = ()
    result: Any = None


class Interface(msgspec.Struct, frozen=True):
    name: str
    says: str
    variables: tuple[Variable, ...]
    commands: tuple[Command, ...]


def _page(name: str, says: str, *members: Variable | Command) -> Interface:
    return Interface(
        name,
        says,
        tuple(member for member in members if isinstance(member, Variable)),
        tuple(member for member in members if isinstance(member, Command)),
    )


_CONNECTOR = Argument("connector_id", int)
_STOP = Command("stop", "Ends OCPP and its socket; false: it was not running.", (), bool)
_RESTART = Command("restart", "Begins OCPP anew; false: it had not been stopped.", (), bool)
_CONNECTED = Variable("is_connected", bool, "The CSMS is reached, or no longer.")
_SECURITY = Variable("security_event", SecurityEvent, "A security event of the OCPP service.")

EVSE_MANAGER = _page(
    "evse_manager",
    "One EVSE with its connector.",
    Variable("session_event", SessionEvent, "Every event of every session, numbered and durable."),
    Variable("limits", Limits, "The limits of the EVSE, on change."),
    Variable("ev_info", EVInfo, "What the car tells of itself; empty when a session begins, ends."),
    Variable("car_manufacturer", CarManufacturer, "By the car's MAC address, where it is known."),
    Variable("telemetry", Telemetry, "Slow measurements of the board."),
    Variable("powermeter", Powermeter, "The readings of the billing meter."),
    Variable("evse_id", str, "The id of the EVSE, e.g. DE*PNX*E1234567*1."),
    Variable("hw_capabilities", HardwareCapabilities, "What the board can do now."),
    Variable(
        "iso15118_certificate_request",
        Request_Exi_Stream_Schema,
        "The car asks for its contract certificate.",
    ),
    Variable("enforced_limits", EnforcedLimits, "The limits that are in force, and for how long."),
    Command("get_id", "The number of the EVSE.", (), int),
    Command(
        "enable",
        "Makes it available; connector 0 is the whole EVSE. False: it cannot be.",
        (_CONNECTOR,),
        bool,
    ),
    Command(
        "disable",
        "Makes it unavailable, ending what runs. False: the board did not obey.",
        (_CONNECTOR,),
        bool,
    ),
    Command(
        "authorize_response",
        "What became of a token that was presented.",
        (
            Argument("provided_token", ProvidedIdToken),
            Argument("validation_result", ValidationResult),
        ),
    ),
    Command("withdraw_authorization", "Takes an authorization back that no transaction used yet."),
    Command(
        "reserve",
        "Keeps the EVSE for a reservation. False: it is not free.",
        (Argument("reservation_id", int),),
        bool,
    ),
    Command("cancel_reservation", "Ends the reservation, if there is one."),
    Command("set_faulted", "Puts the EVSE out of order until a restart."),
    Command("pause_charging", "Pauses the transaction. False: there is none.", (), bool),
    Command("resume_charging", "Ends the user's pause. False: there is none.", (), bool),
    Command(
        "stop_transaction",
        "Ends the transaction until the next plug. False: there is none.",
        (Argument("request", StopTransactionRequest),),
        bool,
    ),
    Command(
        "force_unlock",
        "Ends what runs and opens the lock. False: it did not open.",
        (_CONNECTOR,),
        bool,
    ),
    Command(
        "set_external_limits",
        "Replaces the limits from outside; an empty import ends them.",
        (Argument("value", ExternalLimits),),
    ),
    Command(
        "switch_three_phases_while_charging",
        "Begins to switch to three phases or to one.",
        (Argument("three_phases", bool),),
        SwitchThreePhasesWhileChargingResult,
    ),
    Command(
        "set_get_certificate_response",
        "The answer to iso15118_certificate_request.",
        (Argument("certificate_reponse", Response_Exi_Stream_Status),),
    ),
)

ISO15118_EXTENSIONS = _page(
    "iso15118_extensions",
    "What an ISO 15118 stack and OCPP share; a provider publishes it through the door.",
    Variable(
        "iso15118_certificate_request",
        RequestExiStreamSchema,
        "The car asks for its contract certificate.",
    ),
    Variable("charging_needs", ChargingNeeds, "What the car wants to charge, and how."),
    Variable("ev_info", EvInformation, "The car's protocols, id and certificates."),
    Variable("service_renegotiation_supported", bool, "Can a session change its service?"),
    Command(
        "set_get_certificate_response",
        "The answer to iso15118_certificate_request.",
        (Argument("certificate_response", ResponseExiStreamStatus),),
    ),
)

OCPP = _page(
    "ocpp",
    "The OCPP service, whatever version it speaks.",
    Variable("ocpp_transaction_event", OcppTransactionEvent, "A transaction of OCPP moved on."),
    Variable(
        "ocpp_transaction_event_response",
        OcppTransactionEventResponse,
        "What the CSMS answered to it.",
    ),
    Variable(
        "charging_schedules", ChargingSchedules, "The composite schedules, the station first."
    ),
    _CONNECTED,
    _SECURITY,
    Variable("event_data", EventData, "A monitored variable was changed."),
    Variable(
        "boot_notification_response", BootNotificationResponse, "Each answer of the CSMS to a boot."
    ),
    _STOP,
    _RESTART,
    Command(
        "security_event",
        "Logs an event and, where it is critical, tells the CSMS.",
        (Argument("event", SecurityEvent),),
    ),
    Command(
        "get_variables",
        "One result for each request, in their order.",
        (Argument("requests", tuple[GetVariableRequest, ...]),),
        tuple[GetVariableResult, ...],
    ),
    Command(
        "set_variables",
        "One result for each request; each stands for itself.",
        (Argument("requests", tuple[SetVariableRequest, ...]), Argument("source", str)),
        tuple[SetVariableResult, ...],
    ),
    Command(
        "change_availability",
        "As if the CSMS had asked for it.",
        (Argument("request", ChangeAvailabilityRequest),),
        ChangeAvailabilityResponse,
    ),
    Command(
        "monitor_variables",
        "Adds to what `event_data` tells of.",
        (Argument("component_variables", tuple[ComponentVariable, ...]),),
    ),
)

OCPP_1_6_CHARGE_POINT = _page(
    "ocpp_1_6_charge_point",
    "The configuration keys of OCPP 1.6.",
    _CONNECTED,
    Variable("configuration_key", KeyValue, "The CSMS changed a monitored key."),
    _SECURITY,
    _STOP,
    _RESTART,
    Command(
        "get_configuration_key",
        "The values of the keys; of all keys where none is named.",
        (Argument("keys", tuple[Name, ...]),),
        GetConfigurationResponse,
    ),
    Command(
        "set_configuration_key",
        "Sets a key, at once where that is possible.",
        (Argument("key", Name), Argument("value", SetKeyValue)),
        ConfigurationStatus,
    ),
    Command(
        "monitor_configuration_keys",
        "Adds to what `configuration_key` tells of.",
        (Argument("keys", tuple[Name, ...]),),
    ),
    Command(
        "security_event",
        "Logs an event and tells the CSMS, however long that takes.",
        (Argument("type", str), Argument("info", str)),
    ),
)

INTERFACES = (EVSE_MANAGER, ISO15118_EXTENSIONS, OCPP, OCPP_1_6_CHARGE_POINT)
