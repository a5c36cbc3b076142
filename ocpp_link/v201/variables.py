"""GetVariables and SetVariables of OCPP 2.0.1 (B05, B06): one result for each item, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel, WriteResult, WriteStatus
from ocpp_link.metering.measurands import MEASURANDS, split
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v201.meter_values import KNOWN

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

MAX_ITEMS = 100
"""Of one request: DeviceDataCtrlr.ItemsPerMessage."""
REASON = {WriteStatus.REJECTED: "InvalidValue", WriteStatus.READ_ONLY: "ReadOnly"}
"""Reason codes of part 2 appendix 5."""

SET_STATUS = {
    WriteStatus.ACCEPTED: "Accepted",
    WriteStatus.REBOOT_REQUIRED: "RebootRequired",
    WriteStatus.REJECTED: "Rejected",
    WriteStatus.READ_ONLY: "Rejected",
}


def get_variables(call: IncomingCall, engine: ChargePoint) -> None:
    """B06; more than ItemsPerMessage are refused (B06.FR.16)."""
    asked = call.payload["getVariableData"]
    if len(asked) > MAX_ITEMS:
        call.refuse(Code.OCCURRENCE, f"at most {MAX_ITEMS} variables at once")
        return
    call.respond({"getVariableResult": [_read(engine.model, item) for item in asked]})


def set_variables(call: IncomingCall, engine: ChargePoint) -> None:
    """B05, once it is durable. Of more than ItemsPerMessage (B05.FR.11) none is set."""
    asked = call.payload["setVariableData"]
    if len(asked) > MAX_ITEMS:
        call.refuse(Code.OCCURRENCE, f"at most {MAX_ITEMS} variables at once")
        return
    results = [_write(engine.model, item) for item in asked]
    engine.station.when_durable(lambda: call.respond({"setVariableResult": results}))


def _read(model: DeviceModel, item: dict[str, Any]) -> dict[str, Any]:
    result = _result(item)
    row, why = _found(model, item)
    if row is None or result["attributeType"] != "Actual":
        return {**result, "attributeStatus": why or "NotSupportedAttributeType"}
    value = model.read(row)
    if value is None:  # B06.FR.09: written and never read
        return {**result, "attributeStatus": "Rejected"}
    return {**result, "attributeStatus": "Accepted", "attributeValue": value}


def _write(model: DeviceModel, item: dict[str, Any]) -> dict[str, Any]:
    result = _result(item)
    row, why = _found(model, item)
    if row is None or result["attributeType"] != "Actual":
        return {**result, "attributeStatus": why or "NotSupportedAttributeType"}
    written = _written(model, row, item["attributeValue"])
    answer = {**result, "attributeStatus": SET_STATUS[written.status]}
    if written.status in REASON:
        answer["attributeStatusInfo"] = {"reasonCode": REASON[written.status]}
    if written.says:
        answer["attributeStatusInfo"]["additionalInfo"] = written.says[:512]
    return answer


def _written(model: DeviceModel, row: Row, text: str) -> WriteResult:
    """As the model takes it, but for a measurand that this version could not tell."""
    names = [split(part.strip())[0] for part in text.split(",")]
    lacking = [name for name in names if name in MEASURANDS and name not in KNOWN]
    if row.check == "measurands" and lacking:
        return WriteResult(WriteStatus.REJECTED, f"{lacking[0]} is no measurand here")
    return model.write(row, text)


def _found(model: DeviceModel, item: dict[str, Any]) -> tuple[Row | None, str]:
    component, variable = item["component"], item["variable"]
    if component.get("instance"):
        return None, "UnknownComponent"  # no component here has instances (B06.FR.14)
    evse = component.get("evse", {})
    row = model.find(
        component["name"],
        variable["name"],
        variable.get("instance", ""),
        evse.get("id"),
        evse.get("connectorId"),
    )
    if row is not None:
        return row, ""
    known = model.has_component(component["name"])
    return None, "UnknownVariable" if known else "UnknownComponent"


def _result(item: dict[str, Any]) -> dict[str, Any]:
    """What an answer repeats of its item; an attribute that is not named is the actual value
    (B05.FR.12, B06.FR.11)."""
    return {
        "component": item["component"],
        "variable": item["variable"],
        "attributeType": item.get("attributeType", "Actual"),
    }


HANDLERS = {"GetVariables": get_variables, "SetVariables": set_variables}
