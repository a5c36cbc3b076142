"""OCPP 2.0.1 as the engine sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evse.types.authorization import IdToken
from ocpp_link.data_transfer import VendorAnswer, VendorMessage
from ocpp_link.device.settings import Settings
from ocpp_link.files.records import FirmwareReport, LogReport
from ocpp_link.ports import BootReason, StationInfo
from ocpp_link.records import BootAnswer, Message, StatusReport, TxAnswer, TxRecord, Verdict
from ocpp_link.rpc.codes import Manners
from ocpp_link.rpc.rpc import IncomingCall, Payload
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.security import profiles
from ocpp_link.security.events import SecurityEvent
from ocpp_link.v201 import actions, data_transfer, messages, reservation, transactions

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


class Dialect201:
    """See ports.Dialect."""

    manners = Manners(answers_unreadable=True, answers_while_rejected=True, max_frame_chars=65_000)
    subprotocol = "ocpp2.0.1"
    max_token_chars = messages.ID_TOKEN_CHARS
    asks_foreign_tokens = True  # C01.FR.02, TC_C_04_CS
    trusts_known_groups = True  # C01.FR.03
    retells_statuses = True
    end_samples_apart = True

    def __init__(self) -> None:
        self.validator = Schemas("v201")

    def boot(self, station: StationInfo, reason: BootReason) -> Message:
        return messages.boot_notification(station, reason)

    def boot_answer(self, payload: Payload) -> BootAnswer:
        return messages.boot_answer(payload)

    def heartbeat(self) -> Message:
        return messages.heartbeat()

    def heartbeat_time(self, payload: Payload) -> str:
        return messages.heartbeat_time(payload)

    def passwords(self, key: str) -> tuple[bytes, ...]:
        return profiles.plain_key_of(key)

    def security_event(self, event: SecurityEvent) -> Message:
        return messages.security_event(event)

    def sign_certificate(self, request: str) -> Message:
        return messages.sign_certificate(request)

    def authorize(self, token: IdToken) -> Message:
        return messages.authorize(token)

    def authorize_answer(self, payload: Payload) -> Verdict:
        return messages.verdict_of(payload["idTokenInfo"])

    def seen(self, report: StatusReport) -> StatusReport:
        return messages.seen(report)

    def status(self, report: StatusReport) -> list[Message]:
        return messages.status_notification(report)

    def render(
        self, record: TxRecord, transaction_id: int | None, settings: Settings
    ) -> Message | None:
        return transactions.render(record, transaction_id, settings)

    def answered(self, record: TxRecord, payload: Payload) -> TxAnswer:
        return transactions.answered(record, payload)

    def reservation_ended(self, reservation_id: int, status: str) -> Message | None:
        return reservation.status_update(reservation_id, status)

    def firmware_status(self, report: FirmwareReport) -> Message | None:
        return messages.firmware_status(report)

    def log_status(self, report: LogReport) -> Message | None:
        return messages.log_status(report)

    def data_transfer(self, message: VendorMessage) -> Message:
        return data_transfer.data_transfer(message)

    def data_transfer_answer(self, payload: Payload) -> VendorAnswer:
        return data_transfer.data_transfer_answer(payload)

    def handle(self, call: IncomingCall, engine: ChargePoint) -> None:
        actions.handle(call, engine)
