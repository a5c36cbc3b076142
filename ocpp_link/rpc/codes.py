"""The error codes of a CALLERROR, named once; how a version spells them is its dialect's."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec


class Code(enum.StrEnum):
    """OCPP-J 2.0.1 §4.3; 1.6 lacks the last two."""

    NOT_IMPLEMENTED = "NotImplemented"
    """The action is not known."""
    NOT_SUPPORTED = "NotSupported"
    """The action is known and not supported here."""
    INTERNAL = "InternalError"
    PROTOCOL = "ProtocolError"
    SECURITY = "SecurityError"
    FORMAT = "FormatViolation"
    PROPERTY = "PropertyConstraintViolation"
    OCCURRENCE = "OccurrenceConstraintViolation"
    TYPE = "TypeConstraintViolation"
    GENERIC = "GenericError"
    MESSAGE_TYPE = "MessageTypeNotSupported"
    RPC_FRAMEWORK = "RpcFrameworkError"


class Manners(msgspec.Struct, frozen=True):
    """How a version of OCPP-J answers what can not be understood."""

    spelling: Mapping[Code, str] = {}
    """Where it differs from the name here."""
    answers_unreadable: bool = False
    """A frame without a readable id is answered, to the id `-1` (2.0.1 and later)."""
    answers_while_rejected: bool = False
    """A CALL is answered, with an error, also while the registration stands rejected."""
    max_frame_chars: int = 65_000
