"""The published interfaces of the OCPP service, as data."""

from __future__ import annotations

from evse.types.interface_model import Argument, Command, Variable, page
from evse.types.ocpp import (
    BootNotificationResponse,
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ConfigurationStatus,
    GetConfigurationResponse,
    KeyValue,
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    SecurityEvent,
    SetKeyValue,
)
from evse.types.ocpp_schedules import ChargingSchedules
from evse.types.ocpp_variables import (
    ComponentVariable,
    EventData,
    GetVariableRequest,
    GetVariableResult,
    Name,
    SetVariableRequest,
    SetVariableResult,
)

_STOP = Command("stop", "Ends OCPP and its socket; false: it was not running.", (), bool)
_RESTART = Command("restart", "Begins OCPP anew; false: it had not been stopped.", (), bool)
_CONNECTED = Variable("is_connected", bool, "The CSMS is reached, or no longer.")
_SECURITY = Variable("security_event", SecurityEvent, "A security event of the OCPP service.")

OCPP = page(
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

OCPP_1_6_CHARGE_POINT = page(
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
