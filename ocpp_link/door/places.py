"""Which variable of the device model somebody at the door means, and how it is named there.

A configuration key of OCPP 1.6 is enough: it is the variable's name, and the component then says
nothing (page `ocpp`, type ComponentVariable). Pure.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from evse.types.ocpp_variables import EVSE, Component, ComponentVariable, Variable
from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel


def find(model: DeviceModel, wanted: ComponentVariable) -> Row | None:
    """By component and variable; else by configuration key, under its own component, under none and
    under one that the station does not have."""
    component, variable = wanted.component, wanted.variable
    evse = component.evse
    row = model.find(
        component.name,
        variable.name,
        _or_empty(variable.instance),
        None if isinstance(evse, UnsetType) else evse.id,
        None if isinstance(evse, UnsetType) else _or_none(evse.connector_id),
    )
    if row is not None:
        return row
    keyed_row = model.key(variable.name)
    own = keyed_row is not None and keyed_row.component.casefold() == component.name.casefold()
    return keyed_row if own or not model.has_component(component.name) else None


def shown(row: Row) -> ComponentVariable:
    """As 2.0.1 names it."""
    return ComponentVariable(component=_component(row), variable=_variable(row))


def keyed(row: Row) -> ComponentVariable:
    """As 1.6 names it; of a variable that has no key, as 2.0.1 does."""
    if not row.v16:
        return shown(row)
    return ComponentVariable(component=_component(row), variable=Variable(name=row.v16))


def label(row: Row) -> str:
    """Unique, and for people: `OCPPCommCtrlr.HeartbeatInterval`, `EVSE#1.Power`."""
    evse = "" if row.evse is None else f"#{row.evse}"
    connector = "" if row.connector is None else f".{row.connector}"
    instance = f"[{row.instance}]" if row.instance else ""
    return f"{row.component}{evse}{connector}.{row.variable}{instance}"


def _component(row: Row) -> Component:
    return Component(name=row.component, evse=_evse(row))


def _variable(row: Row) -> Variable:
    return Variable(name=row.variable, instance=row.instance or UNSET)


def _evse(row: Row) -> EVSE | UnsetType:
    if row.evse is None:
        return UNSET
    return EVSE(id=row.evse, connector_id=UNSET if row.connector is None else row.connector)


def _or_empty(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value


def _or_none(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
