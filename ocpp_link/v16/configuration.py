"""GetConfiguration and ChangeConfiguration of OCPP 1.6 (§5.3, §5.8): keys as a view of the device
model. A key that has no effect here does not exist here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

MAX_KEYS = 100  # GetConfigurationMaxKeys
MAX_VALUE_CHARS = 500

STATUS = {
    WriteStatus.ACCEPTED: "Accepted",
    WriteStatus.REBOOT_REQUIRED: "RebootRequired",
    WriteStatus.REJECTED: "Rejected",
    WriteStatus.READ_ONLY: "Rejected",
}


def read(model: DeviceModel, wanted: list[str]) -> dict[str, Any]:
    """GetConfiguration.conf (§6.18): all keys, or the wanted ones."""
    named = {key: model.key(key) for key in wanted}
    rows = (
        [row for row in model.rows if row.v16 and model.key(row.v16)]
        if not wanted
        else list({row.v16: row for row in named.values() if row}.values())
    )
    answer: dict[str, Any] = {"configurationKey": [_shown(model, row) for row in rows]}
    unknown = [key for key, row in named.items() if row is None]
    if unknown:
        answer["unknownKey"] = unknown
    return answer


def write(model: DeviceModel, key: str, value: str) -> str:
    """The status of ChangeConfiguration.conf."""
    row = model.key(key)
    if row is None:
        return "NotSupported"
    return STATUS[model.write(row, value).status]


def get_configuration(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.8."""
    wanted = call.payload.get("key", [])
    if len(wanted) > MAX_KEYS:
        call.refuse(Code.OCCURRENCE, f"at most {MAX_KEYS} keys")
        return
    call.respond(read(engine.model, wanted))


def change_configuration(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.3. Once it is durable: a back office that was told of a new AuthorizationKey takes no
    other one any more (security whitepaper A01.FR.03)."""
    status = write(engine.model, call.payload["key"], call.payload["value"])
    engine.station.when_durable(lambda: call.respond({"status": status}))


def _shown(model: DeviceModel, row: Row) -> dict[str, Any]:
    """A secret is named and never shown (whitepaper §2.5)."""
    shown: dict[str, Any] = {"key": row.v16, "readonly": model.is_read_only(row)}
    value = model.read(row)
    if value is not None:
        shown["value"] = _WORDED.get(row.fact, {}).get(value, value)[:MAX_VALUE_CHARS]
    return shown


_WORDED = {"rate_units": {"A,W": "Current,Power", "A": "Current", "W": "Power"}}
"""§9.4.2: this key does not use the words of the messages (pitfall 29)."""


HANDLERS = {
    "GetConfiguration": get_configuration,
    "ChangeConfiguration": change_configuration,
}
