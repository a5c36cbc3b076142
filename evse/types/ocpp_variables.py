"""Types of the `ocpp` page (spec B8): components and their variables."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import DateTime, Open

Name = Annotated[str, Meta(max_length=50)]
Value = Annotated[str, Meta(max_length=2500)]
SetValue = Annotated[str, Meta(max_length=1000)]


class EVSE(Open, frozen=True):
    """An EVSE, or one of its connectors."""

    id: Annotated[int, Meta(ge=1)]
    connector_id: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class Variable(Open, frozen=True):
    """On OCPP 1.6, `name` is the configuration key and all there is."""

    name: Name
    instance: Name | UnsetType = UNSET


class Component(Open, frozen=True):
    """On OCPP 1.6 it says nothing and `name` may be empty."""

    name: Name
    instance: Name | UnsetType = UNSET
    evse: EVSE | UnsetType = UNSET


class ComponentVariable(Open, frozen=True):
    component: Component
    variable: Variable


class AttributeEnum(enum.StrEnum):
    Actual = "Actual"
    Target = "Target"
    MinSet = "MinSet"
    MaxSet = "MaxSet"


class GetVariableStatusEnumType(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownComponent = "UnknownComponent"
    UnknownVariable = "UnknownVariable"
    NotSupportedAttributeType = "NotSupportedAttributeType"


class SetVariableStatusEnumType(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownComponent = "UnknownComponent"
    UnknownVariable = "UnknownVariable"
    NotSupportedAttributeType = "NotSupportedAttributeType"
    RebootRequired = "RebootRequired"


class GetVariableRequest(Open, frozen=True):
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET


class GetVariableResult(Open, frozen=True):
    """`value` is absent only where the status is not `Accepted`."""

    status: GetVariableStatusEnumType
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET
    value: Value | UnsetType = UNSET


class SetVariableRequest(Open, frozen=True):
    component_variable: ComponentVariable
    value: SetValue
    attribute_type: AttributeEnum | UnsetType = UNSET


class SetVariableResult(Open, frozen=True):
    status: SetVariableStatusEnumType
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET


class EventTriggerEnum(enum.StrEnum):
    Alerting = "Alerting"
    Delta = "Delta"
    Periodic = "Periodic"


class EventNotificationType(enum.StrEnum):
    HardWiredNotification = "HardWiredNotification"
    HardWiredMonitor = "HardWiredMonitor"
    PreconfiguredMonitor = "PreconfiguredMonitor"
    CustomMonitor = "CustomMonitor"


class EventData(Open, frozen=True):
    """A monitored variable changed; on OCPP 1.6 only the required fields are there."""

    component_variable: ComponentVariable
    event_id: int
    timestamp: DateTime
    trigger: EventTriggerEnum
    actual_value: Value
    event_notification_type: EventNotificationType
    cause: int | UnsetType = UNSET
    tech_code: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    tech_info: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transaction_id: Annotated[str, Meta(max_length=36)] | UnsetType = UNSET
    variable_monitoring_id: int | UnsetType = UNSET
