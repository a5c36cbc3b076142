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


class Shapes(msgspec.Struct, frozen=True):
    """The shapes of one type of the internal model."""

    seed: type[Any]
    """Its shape of September 2023."""
    emitted: bool
    """Is the older shape what a consumer gets who asks for it?"""
    accepted: bool
    """Is the older shape read, beside the present one?"""


SHAPES: Mapping[type[Any], Shapes] = types.MappingProxyType(
    {
        SessionEvent: Shapes(session_shapes.SeedSessionEvent, emitted=True, accepted=False),
        EVInfo: Shapes(shapes.SeedEVInfo, emitted=True, accepted=True),
        Telemetry: Shapes(shapes.SeedTelemetry, emitted=True, accepted=True),
        Powermeter: Shapes(shapes.SeedPowermeter, emitted=True, accepted=True),
        HardwareCapabilities: Shapes(shapes.SeedHardwareCapabilities, emitted=True, accepted=True),
        EnforcedLimits: Shapes(shapes.SeedEnforcedLimits, emitted=True, accepted=False),
        ProvidedIdToken: Shapes(shapes.SeedProvidedIdToken, emitted=True, accepted=True),
        ValidationResult: Shapes(shapes.SeedValidationResult, emitted=False, accepted=True),
        StopTransactionReason: Shapes(
            shapes.SeedStopTransactionReason, emitted=True, accepted=True
        ),
        StopTransactionRequest: Shapes(
            shapes.SeedStopTransactionRequest, emitted=False, accepted=True
        ),
        ExternalLimits: Shapes(shapes.SeedExternalLimits, emitted=False, accepted=True),
        LimitsReq: Shapes(shapes.SeedLimitsReq, emitted=False, accepted=True),
        LimitsRes: Shapes(shapes.SeedLimitsRes, emitted=True, accepted=False),
        RequestExiStreamSchema: Shapes(
            shapes.Request_Exi_Stream_Schema, emitted=True, accepted=True
        ),
        ResponseExiStreamStatus: Shapes(
            shapes.Response_Exi_Stream_Status, emitted=False, accepted=True
        ),
    }
)
"""Type of the internal model -> its shapes."""
