"""DataTransfer of OCPP 1.6 (§4.3, §5.6), both ways; what it means is its vendor's to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.data_transfer import VendorAnswer, VendorMessage, VendorStatus
from ocpp_link.records import Message
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def data_transfer(message: VendorMessage) -> Message:
    """DataTransfer.req (§6.15)."""
    payload: dict[str, Any] = {"vendorId": message.vendor_id}
    if message.message_id:
        payload["messageId"] = message.message_id
    if message.data is not None:
        payload["data"] = message.data
    return Message("DataTransfer", payload)


def data_transfer_answer(payload: dict[str, Any]) -> VendorAnswer:
    """Of DataTransfer.conf (§6.16)."""
    return VendorAnswer(VendorStatus(payload["status"]), payload.get("data"))


def incoming(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.6."""

    def on_answer(answer: VendorAnswer) -> None:
        said: dict[str, Any] = {"status": answer.status.value}
        if answer.data is not None and answer.status is not VendorStatus.UNKNOWN_VENDOR:  # §4.3
            said["data"] = answer.data
        call.respond(said)

    payload = call.payload
    message = VendorMessage(payload["vendorId"], payload.get("messageId", ""), payload.get("data"))
    engine.vendors.ask(message, on_answer)


HANDLERS = {"DataTransfer": incoming}
