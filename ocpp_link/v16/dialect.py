"""OCPP 1.6J as the engine sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evse.types.authorization import IdToken
from ocpp_link.data_transfer import VendorAnswer, VendorMessage
from ocpp_link.device.settings import Settings
from ocpp_link.files.records import FirmwareReport, LogReport
from ocpp_link.ports import BootReason, StationInfo
from ocpp_link.records import BootAnswer, Message, StatusReport, TxAnswer, TxRecord, Verdict
from ocpp_link.rpc.codes import Code, Manners
from ocpp_link.rpc.rpc import IncomingCall, Payload
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.security import profiles
from ocpp_link.security.events import SecurityEvent
from ocpp_link.v16 import (
    actions,
    authorization,
    boot,
    data_transfer,
    diagnostics,
    firmware,
    security,
    status,
    transactions,
)

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


class Dialect16:
    """See ports.Dialect."""

    manners = Manners(
        spelling={
            Code.FORMAT: "FormationViolation",
            Code.OCCURRENCE: "OccurenceConstraintViolation",  # the standard's spelling
        }
    )
    subprotocol = "ocpp1.6"
    max_token_chars = authorization.ID_TAG_CHARS
    asks_foreign_tokens = False  # TC_068_CS, against the letter of §4.1
    trusts_known_groups = False
    retells_statuses = False
    end_samples_apart = False

    def __init__(self) -> None:
        self.validator = Schemas("v16")

    def boot(self, station: StationInfo, _reason: BootReason) -> Message:
        return boot.boot_notification(station)

    def boot_answer(self, payload: Payload) -> BootAnswer:
        return boot.boot_answer(payload)

    def heartbeat(self) -> Message:
        return boot.heartbeat()

    def heartbeat_time(self, payload: Payload) -> str:
        return boot.heartbeat_time(payload)

    def passwords(self, key: str) -> tuple[bytes, ...]:
        return profiles.keys_of(key)

    def security_event(self, event: SecurityEvent) -> Message:
        return security.security_event(event)

    def sign_certificate(self, request: str) -> Message:
        return security.sign_certificate(request)

    def authorize(self, token: IdToken) -> Message:
        return authorization.authorize(token.value)

    def authorize_answer(self, payload: Payload) -> Verdict:
        return authorization.verdict_of(payload["idTagInfo"])

    def seen(self, report: StatusReport) -> StatusReport:
        return report

    def status(self, report: StatusReport) -> list[Message]:
        return [status.status_notification(report)]

    def render(
        self, record: TxRecord, transaction_id: int | None, settings: Settings
    ) -> Message | None:
        return transactions.render(record, transaction_id, settings)

    def answered(self, record: TxRecord, payload: Payload) -> TxAnswer:
        return transactions.answered(record, payload)

    def reservation_ended(self, _reservation_id: int, _status: str) -> Message | None:
        return None

    def firmware_status(self, report: FirmwareReport) -> Message | None:
        return firmware.firmware_status(report)

    def log_status(self, report: LogReport) -> Message | None:
        return diagnostics.log_status(report)

    def data_transfer(self, message: VendorMessage) -> Message:
        return data_transfer.data_transfer(message)

    def data_transfer_answer(self, payload: Payload) -> VendorAnswer:
        return data_transfer.data_transfer_answer(payload)

    def handle(self, call: IncomingCall, engine: ChargePoint) -> None:
        actions.handle(call, engine)
