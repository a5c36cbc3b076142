"""OCPP 1.6J as the engine sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocpp_link.device.settings import Settings
from ocpp_link.ports import StationInfo
from ocpp_link.records import (
    BootAnswer,
    Message,
    StartAnswer,
    StatusReport,
    TxRecord,
    Verdict,
)
from ocpp_link.rpc.rpc import IncomingCall, Payload
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.v16 import actions, authorization, boot, status, transactions

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


class Dialect16:
    """Stateless, but for the schemas that have been compiled; stations may share one."""

    subprotocol = "ocpp1.6"
    max_token_chars = authorization.ID_TAG_CHARS

    def __init__(self) -> None:
        self.validator = Schemas("v16")

    def boot(self, station: StationInfo) -> Message:
        return boot.boot_notification(station)

    def boot_answer(self, payload: Payload) -> BootAnswer:
        return boot.boot_answer(payload)

    def heartbeat(self) -> Message:
        return boot.heartbeat()

    def authorize(self, token: str) -> Message:
        return authorization.authorize(token)

    def authorize_answer(self, payload: Payload) -> Verdict:
        return authorization.verdict_of(payload["idTagInfo"])

    def status(self, report: StatusReport) -> Message:
        return status.status_notification(report)

    def render(
        self, record: TxRecord, transaction_id: int | None, settings: Settings
    ) -> Message | None:
        return transactions.render(record, transaction_id, settings)

    def start_answer(self, payload: Payload) -> StartAnswer:
        return transactions.start_answer(payload)

    def finish_answer(self, payload: Payload) -> Verdict | None:
        return transactions.finish_answer(payload)

    def handle(self, call: IncomingCall, engine: ChargePoint) -> None:
        actions.handle(call, engine)
