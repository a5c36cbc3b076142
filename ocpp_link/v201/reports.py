"""GetBaseReport, GetReport and NotifyReport of OCPP 2.0.1 (B07, B08).

The answer goes first, the report follows it, in parts that are small enough to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel
from ocpp_link.records import Message
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

PART_ROWS = 50
"""Of one NotifyReport: at most 2 500 characters a value make far less than a frame."""
SUMMARY = frozenset({"AvailabilityState", "Problem", "Available"})

CRITERIA = {
    "Active": "Active",
    "Available": "Available",
    "Enabled": "Enabled",
    "Problem": "Problem",
}
"""B08: a component meets a criterion when its variable of that name is true, or is not there
(except `Problem`)."""


def get_base_report(call: IncomingCall, engine: ChargePoint) -> None:
    """B07."""
    rows = list(_inventory(engine.model, call.payload["reportBase"]))
    _report(call, engine, rows)


def get_report(call: IncomingCall, engine: ChargePoint) -> None:
    """B08: of the named variables, those whose component meets one of the criteria."""
    criteria = call.payload.get("componentCriteria", [])
    wanted = call.payload.get("componentVariable", [])
    model = engine.model
    rows = [
        row
        for row in model.rows
        if (not wanted or any(_is_meant(row, item) for item in wanted))
        and (not criteria or any(_meets(model, row, name) for name in criteria))
    ]
    _report(call, engine, rows)


def _inventory(model: DeviceModel, base: str) -> Iterator[Row]:
    for row in model.rows:
        summary = row.variable in SUMMARY and row.fact
        if (
            base == "FullInventory"
            or (base == "ConfigurationInventory" and not row.is_read_only)
            or (base == "SummaryInventory" and summary)
        ):
            yield row


def _report(call: IncomingCall, engine: ChargePoint, rows: list[Row]) -> None:
    if not rows:
        call.respond({"status": "EmptyResultSet"})
        return
    call.respond({"status": "Accepted"})
    generated_at = engine.station.timestamp()
    request_id = call.payload["requestId"]
    for number, start in enumerate(range(0, len(rows), PART_ROWS)):
        part = rows[start : start + PART_ROWS]
        payload: dict[str, Any] = {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": number,
            "reportData": [_entry(engine.model, row) for row in part],
            "tbc": start + PART_ROWS < len(rows),
        }
        engine.station.request(Message("NotifyReport", payload))


def _entry(model: DeviceModel, row: Row) -> dict[str, Any]:
    attribute: dict[str, Any] = {"type": "Actual", "mutability": mutability(row)}
    value = model.read(row)
    if value is not None:
        attribute["value"] = value
    if row.const is not None:
        attribute["constant"] = True
    if row.field:
        attribute["persistent"] = True
    return {
        "component": component_of(row),
        "variable": variable_of(row),
        "variableAttribute": [attribute],
        "variableCharacteristics": _characteristics(row),
    }


def mutability(row: Row) -> str:
    if row.secret:
        return "WriteOnly"
    return "ReadOnly" if row.is_read_only else "ReadWrite"


def component_of(row: Row) -> dict[str, Any]:
    component: dict[str, Any] = {"name": row.component}
    if row.evse is not None:
        component["evse"] = {"id": row.evse}
        if row.connector is not None:
            component["evse"]["connectorId"] = row.connector
    return component


def variable_of(row: Row) -> dict[str, Any]:
    return {"name": row.variable, **({"instance": row.instance} if row.instance else {})}


def _characteristics(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {"dataType": row.type.value, "supportsMonitoring": False}
    if row.unit:
        shown["unit"] = row.unit
    if row.min is not None:
        shown["minLimit"] = row.min
    if row.max is not None:
        shown["maxLimit"] = row.max
    if row.values:
        shown["valuesList"] = ",".join(row.values)
    return shown


def _is_meant(row: Row, item: dict[str, Any]) -> bool:
    """What an item leaves out, it leaves open."""
    component, variable = item["component"], item.get("variable", {})
    evse = component.get("evse", {})
    asked: Iterable[tuple[object, object]] = (
        (component["name"].casefold(), row.component.casefold()),
        (evse.get("id"), row.evse),
        (evse.get("connectorId"), row.connector),
        (variable.get("name", row.variable).casefold(), row.variable.casefold()),
        (variable.get("instance", row.instance), row.instance),
    )
    return all(wanted in (None, found) for wanted, found in asked)


def _meets(model: DeviceModel, row: Row, criterion: str) -> bool:
    found = model.find(row.component, CRITERIA[criterion], "", row.evse, row.connector)
    if found is None:
        return criterion != "Problem"
    return model.read(found) == "true"


HANDLERS = {"GetBaseReport": get_base_report, "GetReport": get_report}
