"""DataTransfer of OCPP 2.0.1 (P01, P02), both ways; what it means is its vendor's to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ocpp_link.data_transfer import VendorAnswer, VendorMessage, VendorStatus
from ocpp_link.records import Message
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def data_transfer(message: VendorMessage) -> Message:
    """P02. Data that is JSON goes out as that: its type here is any."""
    payload: dict[str, Any] = {"vendorId": message.vendor_id}
    if message.message_id:
        payload["messageId"] = message.message_id
    if message.data is not None:
        payload["data"] = _as_json(message.data)
    return Message("DataTransfer", payload)


def data_transfer_answer(payload: dict[str, Any]) -> VendorAnswer:
    return VendorAnswer(VendorStatus(payload["status"]), _as_text(payload.get("data")))


def incoming(call: IncomingCall, engine: ChargePoint) -> None:
    """P01."""

    def on_answer(answer: VendorAnswer) -> None:
        said: dict[str, Any] = {"status": answer.status.value}
        if answer.data is not None and answer.status is not VendorStatus.UNKNOWN_VENDOR:
            said["data"] = _as_json(answer.data)
        call.respond(said)

    payload = call.payload
    data = _as_text(payload.get("data"))
    message = VendorMessage(payload["vendorId"], payload.get("messageId", ""), data)
    engine.vendors.ask(message, on_answer)


def _as_text(data: Any) -> str | None:
    """A string as it is, anything else as JSON."""
    return data if data is None or isinstance(data, str) else msgspec.json.encode(data).decode()


def _as_json(text: str) -> Any:
    """An object or a list where the text is one, else the text."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


HANDLERS = {"DataTransfer": incoming}
