"""The published interfaces as data: variables, commands, arguments and results with their types.

Names are those of the interface pages. Types are those that go over the wire: what differs from
the internal model is in `evse.types.seed`.
"""

from __future__ import annotations

from evse.types.authorization import ProvidedIdToken, ValidationResult
from evse.types.board_support import HardwareCapabilities, Telemetry
from evse.types.energy import EnforcedLimits, ExternalLimits
from evse.types.evse_manager import CarManufacturer, EVInfo, SwitchThreePhasesWhileChargingResult
from evse.types.interface_model import Argument, Command, Variable, page
from evse.types.interfaces_ocpp import OCPP, OCPP_1_6_CHARGE_POINT
from evse.types.iso15118 import (
    ChargingNeeds,
    EvInformation,
    RequestExiStreamSchema,
    ResponseExiStreamStatus,
)
from evse.types.powermeter import Powermeter
from evse.types.seed.shapes import Request_Exi_Stream_Schema, Response_Exi_Stream_Status
from evse.types.session import Limits, SessionEvent, StopTransactionRequest

_CONNECTOR = Argument("connector_id", int)
EVSE_MANAGER = page(
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
        "Makes it unavailable, ending what runs. False: somebody who comes first wants it on.",
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
        "Replaces the limits from outside, with `evse` 0 those of the whole station; "
        "an empty import ends them.",
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

ISO15118_EXTENSIONS = page(
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

INTERFACES = (EVSE_MANAGER, ISO15118_EXTENSIONS, OCPP, OCPP_1_6_CHARGE_POINT)
