"""What the core's methods take at the door, and whom a call addresses.

Fields that the interface pages do not have are optional.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from evse.core import Core
from evse.door import jsonrpc
from evse.door.jsonrpc import RpcError
from evse.session.session import Session
from evse.types.authorization import ProvidedIdToken, ValidationResult
from evse.types.energy import ExternalLimits
from evse.types.iso15118 import ResponseExiStreamStatus
from evse.types.session import EnableDisableSource, EnableSource, StopTransactionRequest


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Params that address an EVSE."""

    evse: int | UnsetType = UNSET


class ConnectorParams(Params, frozen=True):
    connector_id: int


class AvailabilityParams(ConnectorParams, frozen=True):
    """`source` and `priority` are ours: who asks, where several may (session/availability.py)."""

    source: EnableSource | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0, le=10_000)] | UnsetType = UNSET


class EnableDisable(ConnectorParams, frozen=True):
    """The present generation's `enable_disable`."""

    cmd_source: EnableDisableSource


class Reserve(Params, frozen=True):
    reservation_id: int


class SwitchPhases(Params, frozen=True):
    three_phases: bool


class AuthorizeResponse(Params, frozen=True):
    provided_token: ProvidedIdToken
    validation_result: ValidationResult


class StopTransaction(Params, frozen=True):
    request: StopTransactionRequest


class SetExternalLimits(Params, frozen=True):
    """`source` and what follows are ours: whose limit it is, for how long it holds, and what
    holds then (session/external_limits.py)."""

    value: ExternalLimits
    source: Annotated[str, Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    lifetime_s: Annotated[float, Meta(gt=0, le=31_536_000)] | UnsetType = UNSET
    fallback_a: Annotated[float, Meta(ge=0, le=80)] | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0, le=1_000)] | UnsetType = UNSET


class SetCertificate(Params, frozen=True):
    """Of `evse_manager`, in the spelling of its page."""

    certificate_reponse: ResponseExiStreamStatus


class SetCertificateResponse(Params, frozen=True):
    certificate_response: ResponseExiStreamStatus


class Acknowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    consumer: str
    seq: int


def session_of(core: Core, params: Params) -> Session:
    """The addressed session. Raises RpcError naming `evse`."""
    known = list(core.sessions)
    evse = params.evse
    if isinstance(evse, UnsetType):
        if len(known) > 1:
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"evse is needed: one of {known}", {"field": "evse"}
            )
        evse = known[0]
    if evse not in core.sessions:
        raise RpcError(
            jsonrpc.INVALID_PARAMS, f"evse {evse} is not here: one of {known}", {"field": "evse"}
        )
    return core.sessions[evse]


def connector_of(params: ConnectorParams) -> int:
    """The addressed connector, 0 for the whole EVSE. Raises RpcError naming it."""
    if params.connector_id not in (0, 1):
        raise RpcError(
            jsonrpc.INVALID_PARAMS,
            f"connector_id {params.connector_id} is not here: 0 (the EVSE) or 1",
            {"field": "connector_id"},
        )
    return params.connector_id
