"""GetBaseReport, GetReport and NotifyReport of OCPP 2.0.1 (B07, B08).

The answer goes first, the report follows it, in parts that are small enough to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel
from ocpp_link.device.values import DataType
from ocpp_link.records import Message
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v201.meter_values import KNOWN

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

Entry = dict[str, Any]
"""A ReportData."""

PART_ROWS = 40
PART_CHARS = 40_000
"""Of one NotifyReport: what it carries, well within a frame."""
MAX_ITEMS = 100
"""Of one GetReport: DeviceDataCtrlr.ItemsPerMessage."""
SUMMARY = frozenset({"AvailabilityState", "Problem", "Available"})
CHOICES = frozenset({DataType.OPTION_LIST, DataType.MEMBER_LIST, DataType.SEQUENCE_LIST})

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
    """B08: of the named variables, those whose component meets one of the criteria; where none is
    named, the variables that meet them."""
    criteria = call.payload.get("componentCriteria", [])
    wanted = call.payload.get("componentVariable", [])
    if len(wanted) > MAX_ITEMS:
        call.refuse(Code.OCCURRENCE, f"at most {MAX_ITEMS} variables at once")  # B08.FR.17
        return
    model = engine.model
    if wanted:
        rows = [
            row
            for row in model.rows
            if any(_is_meant(row, item) for item in wanted)
            and (not criteria or any(_meets(model, row, name) for name in criteria))
        ]
    else:
        rows = [row for row in model.rows if not criteria or _is_met(model, row, criteria)]
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
    parts = list(_parts([_entry(engine.model, row) for row in rows]))
    for number, part in enumerate(parts):
        payload: dict[str, Any] = {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": number,
            "reportData": part,
            "tbc": number + 1 < len(parts),
        }
        engine.station.request(Message("NotifyReport", payload))


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    part: list[Entry] = []
    chars = 0
    for entry in entries:
        size = len(msgspec.json.encode(entry))
        if part and (len(part) == PART_ROWS or chars + size > PART_CHARS):
            yield part
            part, chars = [], 0
        part.append(entry)
        chars += size
    yield part


def _entry(model: DeviceModel, row: Row) -> Entry:
    attribute: dict[str, Any] = {"type": "Actual", "mutability": mutability(row)}
    value = model.read(row)
    if value is not None:
        attribute["value"] = value
    if row.const is not None:
        attribute["constant"] = True
    if not row.is_read_only:
        attribute["persistent"] = True
    return {
        "component": component_of(row),
        "variable": variable_of(row),
        "variableAttribute": [attribute],
        "variableCharacteristics": _characteristics(row, value),
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


def _characteristics(row: Row, value: str | None) -> dict[str, Any]:
    """A list without anything to choose from is a string: it would have to name its members
    (B07, TC_B_53)."""
    choices = _choices(row, value)
    is_text = row.type in CHOICES and not choices
    type_ = DataType.STRING if is_text else row.type
    shown: dict[str, Any] = {"dataType": type_.value, "supportsMonitoring": False}
    if row.unit:
        shown["unit"] = row.unit
    if row.min is not None:
        shown["minLimit"] = row.min
    if row.max is not None:
        shown["maxLimit"] = row.max
    if choices:
        shown["valuesList"] = choices
    return shown


def _choices(row: Row, value: str | None) -> str:
    """What a list may name; one that can not be changed, what it names."""
    if row.values:
        return ",".join(row.values)
    if row.check == "measurands":
        return ",".join(sorted(KNOWN))
    return (value or "") if row.type in CHOICES and row.is_read_only else ""


def _is_meant(row: Row, item: dict[str, Any]) -> bool:
    """What an item leaves out, it leaves open."""
    component, variable = item["component"], item.get("variable", {})
    evse = component.get("evse", {})
    asked: Iterable[tuple[object, object]] = (
        (component.get("instance") or None, ""),
        (component["name"].casefold(), row.component.casefold()),
        (evse.get("id"), row.evse),
        (evse.get("connectorId"), row.connector),
        (variable.get("name", row.variable).casefold(), row.variable.casefold()),
        (variable.get("instance", row.instance), row.instance),
    )
    return all(wanted in (None, found) for wanted, found in asked)


def _is_met(model: DeviceModel, row: Row, criteria: list[str]) -> bool:
    """B08.FR.07 to FR.10, TC_B_16: the variable of a criterion's name, where it is true."""
    return any(CRITERIA[name] == row.variable for name in criteria) and model.read(row) == "true"


def _meets(model: DeviceModel, row: Row, criterion: str) -> bool:
    found = model.find(row.component, CRITERIA[criterion], "", row.evse, row.connector)
    if found is None:
        return criterion != "Problem"
    return model.read(found) == "true"


HANDLERS = {"GetBaseReport": get_base_report, "GetReport": get_report}
