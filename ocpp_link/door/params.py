"""What the link's methods take at the door, in the names of the interface pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, UnsetType

from evse.types.ocpp import (
    ChangeAvailabilityRequest,
    DataTransferRequest,
    SecurityEvent,
    SetKeyValue,
)
from evse.types.ocpp_variables import (
    ComponentVariable,
    GetVariableRequest,
    Name,
    SetVariableRequest,
)

Source = Annotated[str, Meta(min_length=1, max_length=100)]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By name; what is not known is refused."""


class Nothing(Params, frozen=True):
    """For methods that take none."""


class GetVariables(Params, frozen=True):
    requests: tuple[GetVariableRequest, ...]


class SetVariables(Params, frozen=True):
    requests: tuple[SetVariableRequest, ...]
    source: Source
    """Who wants it; told by `ocpp.variable_sources`."""


class ChangeAvailability(Params, frozen=True):
    request: ChangeAvailabilityRequest


class MonitorVariables(Params, frozen=True):
    component_variables: tuple[ComponentVariable, ...]


class GetConfigurationKey(Params, frozen=True):
    keys: tuple[Name, ...]


class SetConfigurationKey(Params, frozen=True):
    key: Name
    value: SetKeyValue


class MonitorConfigurationKeys(Params, frozen=True):
    keys: tuple[Name, ...]


class ReportSecurityEvent(Params, frozen=True):
    """Of `ocpp`."""

    event: SecurityEvent


class ReportSecurityEvent16(Params, frozen=True):
    """Of `ocpp_1_6_charge_point`."""

    type: str
    info: str


class SendDataTransfer(Params, frozen=True):
    request: DataTransferRequest


class ClaimVendor(Params, frozen=True):
    vendor_id: Annotated[str, Meta(min_length=1, max_length=255)]


class Subscribe(Params, frozen=True):
    variable: str
    evse: int | UnsetType = msgspec.UNSET


class Get(Subscribe, frozen=True):
    """The same."""
