"""Which shape of a type goes out and which come in, as data.

A type that is not here has one shape, the present one, both ways.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import msgspec

from evse.types.authorization import ProvidedIdToken, ValidationResult
from evse.types.board_support import HardwareCapabilities, Telemetry
from evse.types.energy import EnforcedLimits, ExternalLimits, LimitsReq, LimitsRes
from evse.types.evse_manager import EVInfo
from evse.types.iso15118 import RequestExiStreamSchema, ResponseExiStreamStatus
from evse.types.powermeter import Powermeter
from evse.types.seed import session_shapes, shapes
from evse.types.session import SessionEvent, StopTransactionReason, StopTransactionRequest

ON_REQUEST = "on request"


class Shapes(msgspec.Struct, frozen=True):
    """The shapes of one type of the internal model."""

    seed: type[Any]
    """Its shape of September 2023."""
    emitted: str
    """When the older shape goes out in place of the present one; empty: never."""
    accepted: bool
    """Is the older shape read, beside the present one?"""


SHAPES: Mapping[type[Any], Shapes] = types.MappingProxyType(
    {
        SessionEvent: Shapes(session_shapes.SeedSessionEvent, emitted=ON_REQUEST, accepted=False),
        EVInfo: Shapes(shapes.SeedEVInfo, emitted=ON_REQUEST, accepted=True),
        Telemetry: Shapes(shapes.SeedTelemetry, emitted=ON_REQUEST, accepted=True),
        Powermeter: Shapes(shapes.SeedPowermeter, emitted=ON_REQUEST, accepted=True),
        HardwareCapabilities: Shapes(
            shapes.SeedHardwareCapabilities, emitted=ON_REQUEST, accepted=True
        ),
        EnforcedLimits: Shapes(shapes.SeedEnforcedLimits, emitted=ON_REQUEST, accepted=False),
        ProvidedIdToken: Shapes(shapes.SeedProvidedIdToken, emitted=ON_REQUEST, accepted=True),
        ValidationResult: Shapes(shapes.SeedValidationResult, emitted="", accepted=True),
        StopTransactionReason: Shapes(
            shapes.SeedStopTransactionReason, emitted=ON_REQUEST, accepted=True
        ),
        StopTransactionRequest: Shapes(
            shapes.SeedStopTransactionRequest, emitted="", accepted=True
        ),
        ExternalLimits: Shapes(shapes.SeedExternalLimits, emitted="", accepted=True),
        LimitsReq: Shapes(shapes.SeedLimitsReq, emitted="", accepted=True),
        LimitsRes: Shapes(shapes.SeedLimitsRes, emitted=ON_REQUEST, accepted=False),
        RequestExiStreamSchema: Shapes(
            shapes.Request_Exi_Stream_Schema, emitted="by `evse_manager`", accepted=True
        ),
        ResponseExiStreamStatus: Shapes(
            shapes.Response_Exi_Stream_Status, emitted="", accepted=True
        ),
    }
)
"""Type of the internal model -> its shapes."""
