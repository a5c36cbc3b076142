"""Writes a value of the internal model in the shape of September 2023.

Pure and total. What the older shape has no room for is left out, and a word that it does not know
becomes its nearest one.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from evse.types.authorization import (
    AuthorizationStatus,
    AuthorizationType,
    ProvidedIdToken,
    ValidationResult,
)
from evse.types.board_support import HardwareCapabilities, Telemetry
from evse.types.energy import (
    EnforcedLimits,
    ExternalLimits,
    IntegerWithSource,
    LimitsReq,
    LimitsRes,
    NumberWithSource,
    ScheduleReqEntry,
    SignedNumberWithSource,
)
from evse.types.evse_manager import EVInfo
from evse.types.iso15118 import RequestExiStreamSchema, ResponseExiStreamStatus
from evse.types.powermeter import Powermeter, SignedMeterValue
from evse.types.seed import shapes
from evse.types.session import StopTransactionReason, StopTransactionRequest

PARENT_MAX_LENGTH = 20
"""Of `parent_id_token` as a string; a longer one is left out, for a cut one names another token."""
_Sourced = NumberWithSource | SignedNumberWithSource | IntegerWithSource
S = TypeVar("S", bound=Struct)


def to_seed(value: Any) -> Any:
    """`value` in its shape of September 2023; of a type that has none, `value` itself."""
    write = WRITERS.get(type(value))
    return value if write is None else write(value)


def request_exi(value: RequestExiStreamSchema) -> shapes.Request_Exi_Stream_Schema:
    return shapes.Request_Exi_Stream_Schema(
        exiRequest=value.exi_request,
        iso15118SchemaVersion=value.iso15118_schema_version,
        certificateAction=value.certificate_action,
    )


def response_exi(value: ResponseExiStreamStatus) -> shapes.Response_Exi_Stream_Status:
    return shapes.Response_Exi_Stream_Status(
        status=value.status,
        exiResponse=value.exi_response,
        certificateAction=value.certificate_action,
    )


def provided_token(value: ProvidedIdToken) -> shapes.SeedProvidedIdToken:
    """A bank card is a card at the reader; an empty token goes by the name of its type."""
    presented = value.authorization_type
    if presented is AuthorizationType.BankCard:
        presented = AuthorizationType.RFID
    return _shared(
        value,
        shapes.SeedProvidedIdToken,
        id_token=value.id_token.value or value.id_token.type.value,
        id_token_type=value.id_token.type,
        authorization_type=shapes.SeedAuthorizationType(presented.value),
    )


def validation_result(value: ValidationResult) -> shapes.SeedValidationResult:
    status = value.authorization_status
    if status in (AuthorizationStatus.PinRequired, AuthorizationStatus.Timeout):
        status = AuthorizationStatus.Invalid
    parent: str | UnsetType = UNSET
    if value.parent_id_token is not UNSET:
        parent = value.parent_id_token.value
        if not 1 <= len(parent) <= PARENT_MAX_LENGTH:
            parent = UNSET
    return _shared(
        value,
        shapes.SeedValidationResult,
        authorization_status=status,
        parent_id_token=parent,
        reason=UNSET,
    )


def stop_reason(value: StopTransactionReason) -> shapes.SeedStopTransactionReason:
    if value in shapes.SeedStopTransactionReason.__members__:
        return shapes.SeedStopTransactionReason(value.value)
    return shapes.SeedStopTransactionReason.Other


def stop_request(value: StopTransactionRequest) -> shapes.SeedStopTransactionRequest:
    return shapes.SeedStopTransactionRequest(
        reason=stop_reason(value.reason), id_tag=bare_token(value.id_tag)
    )


def bare_token(value: ProvidedIdToken | UnsetType) -> str | UnsetType:
    return UNSET if isinstance(value, UnsetType) else value.id_token.value


def signed_data(value: SignedMeterValue | UnsetType) -> str | UnsetType:
    return UNSET if isinstance(value, UnsetType) else value.signed_meter_data


def telemetry(value: Telemetry, rcd_current_mA: float = 0.0) -> shapes.SeedTelemetry:  # noqa: N803 - the unit
    """The residual current is required in 2023 and 0 where no board reports it."""
    return _shared(
        value,
        shapes.SeedTelemetry,
        temperature=value.evse_temperature_C,
        rcd_current=rcd_current_mA,
    )


def powermeter(value: Powermeter) -> shapes.SeedPowermeter:
    return _shared(value, shapes.SeedPowermeter)


def external_limits(value: ExternalLimits) -> shapes.SeedExternalLimits:
    return shapes.SeedExternalLimits(
        schedule_import=tuple(_request_entry(entry) for entry in value.schedule_import),
        schedule_export=tuple(_request_entry(entry) for entry in value.schedule_export),
    )


def enforced_limits(value: EnforcedLimits, now: datetime) -> shapes.SeedEnforcedLimits:
    """`now` is UTC; the limits are valid until `valid_for` s after it, or for ever (9999)."""
    try:
        until = now + timedelta(seconds=value.valid_for)
    except OverflowError:
        until = datetime.max.replace(tzinfo=now.tzinfo)
    return shapes.SeedEnforcedLimits(
        uuid=value.uuid,
        valid_until=until.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
        limits_root_side=_limits_res(value.limits_root_side),
        schedule=tuple(
            shapes.SeedScheduleResEntry(
                timestamp=entry.timestamp,
                limits_to_root=_limits_res(entry.limits_to_root),
                price_per_kwh=entry.price_per_kwh,
            )
            for entry in value.schedule
        ),
    )


def _request_entry(entry: ScheduleReqEntry) -> shapes.SeedScheduleReqEntry:
    return _shared(
        entry,
        shapes.SeedScheduleReqEntry,
        limits_to_root=_limits_req(entry.limits_to_root),
        limits_to_leaves=_limits_req(entry.limits_to_leaves),
    )


def _limits_req(value: LimitsReq) -> shapes.SeedLimitsReq:
    return _unsourced(value, shapes.SeedLimitsReq)


def _limits_res(value: LimitsRes) -> shapes.SeedLimitsRes:
    return _unsourced(value, shapes.SeedLimitsRes)


def _unsourced(value: Struct, shape: type[S]) -> S:
    fields = {name: getattr(value, name) for name in shape.__struct_fields__}
    return shape(
        **{n: inner.value if isinstance(inner, _Sourced) else inner for n, inner in fields.items()}
    )


def _shared(value: Struct, shape: type[S], **changed: Any) -> S:
    """`shape` with the fields of `value` that have the same name, and `changed`."""
    same = {n: getattr(value, n) for n in shape.__struct_fields__ if n not in changed}
    return shape(**same, **changed)


WRITERS: Mapping[type[Any], Callable[[Any], Any]] = types.MappingProxyType(
    {
        RequestExiStreamSchema: request_exi,
        ResponseExiStreamStatus: response_exi,
        ProvidedIdToken: provided_token,
        ValidationResult: validation_result,
        StopTransactionReason: stop_reason,
        StopTransactionRequest: stop_request,
        Telemetry: telemetry,
        HardwareCapabilities: lambda value: _shared(value, shapes.SeedHardwareCapabilities),
        EVInfo: lambda value: _shared(value, shapes.SeedEVInfo),
        Powermeter: powermeter,
        ExternalLimits: external_limits,
        LimitsReq: _limits_req,
        LimitsRes: _limits_res,
    }
)
"""Type of the internal model -> what writes it in its older shape."""
