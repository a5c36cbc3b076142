"""Peers of the link's door that serve a vendor of DataTransfer: they `data_transfer.claim` it.

Each message of that vendor then comes to the peer as the request `data_transfer.data_transfer`,
and its answer goes to the back office; a peer that leaves serves nobody any more.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from evse.door import jsonrpc
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.types.ocpp import DataTransferRequest, DataTransferResponse, DataTransferStatus
from ocpp_link.data_transfer import VendorAnswer, VendorMessage, VendorStatus
from ocpp_link.door.params import ClaimVendor
from ocpp_link.vendors import OnAnswer, Vendors

MAX_CLAIMS = 32
"""Of one peer."""
ASKED = "data_transfer.data_transfer"


class Claims:
    """Registers `data_transfer.claim` at the hub."""

    def __init__(self, hub: Hub, vendors: Vendors) -> None:
        self._hub = hub
        self._vendors = vendors
        self._claimed: dict[Connection, list[str]] = {}
        hub.register("data_transfer.claim", self._claim)
        hub.on_left = self._left

    def _claim(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: ClaimVendor = jsonrpc.decode_params(params, ClaimVendor)
        mine = self._claimed.setdefault(connection, [])
        if len(mine) >= MAX_CLAIMS:
            raise RpcError(jsonrpc.NOT_ALLOWED, f"you serve {MAX_CLAIMS} vendors already")
        try:
            self._vendors.serve(
                wanted.vendor_id,
                lambda message, on_answer: self._ask(connection, message, on_answer),
            )
        except ValueError as error:
            field = {"field": "vendor_id"}
            raise RpcError(jsonrpc.NOT_ALLOWED, str(error), field) from error
        mine.append(wanted.vendor_id)
        reply(True)

    def _ask(self, peer: Connection, message: VendorMessage, on_answer: OnAnswer) -> None:
        request = DataTransferRequest(
            vendor_id=message.vendor_id,
            message_id=message.message_id or UNSET,
            data=UNSET if message.data is None else message.data,
        )
        self._hub.send_on(
            peer, ASKED, {"request": request}, lambda outcome: on_answer(_answer(outcome))
        )

    def _left(self, connection: Connection) -> None:
        for vendor_id in self._claimed.pop(connection, ()):
            self._vendors.withdraw(vendor_id)


def _answer(outcome: object) -> VendorAnswer:
    """What does not read as a DataTransferResponse is a rejection."""
    try:
        said = msgspec.convert(outcome, DataTransferResponse)
    except msgspec.ValidationError:
        return VendorAnswer(VendorStatus.REJECTED)
    if said.status is DataTransferStatus.Offline:
        return VendorAnswer(VendorStatus.REJECTED)
    data = None if isinstance(said.data, UnsetType) else said.data
    return VendorAnswer(VendorStatus(said.status.value), data)
