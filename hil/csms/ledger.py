"""The demo back office's books: one line a transaction, and what does not add up."""

from __future__ import annotations

import msgspec

from ocpp_link.rpc.rpc import Payload
from ocpp_link.station import parse_time


class BillLine(msgspec.Struct, kw_only=True):
    """One transaction as the customer is charged for it."""

    transaction_id: int
    connector: int
    id_tag: str
    started_at: str
    start_wh: int
    stopped_at: str = ""
    stop_wh: int | None = None
    reason: str = ""
    last_sample_wh: int | None = None
    samples: int = 0

    @property
    def energy_wh(self) -> int | None:
        """None while the transaction runs."""
        return None if self.stop_wh is None else self.stop_wh - self.start_wh

    @property
    def duration_s(self) -> float | None:
        if not self.stopped_at:
            return None
        return (parse_time(self.stopped_at) - parse_time(self.started_at)).total_seconds()

    def price(self, tariff_per_kwh: float) -> float | None:
        """In the tariff's currency, rounded to cents."""
        return None if self.energy_wh is None else round(self.energy_wh * tariff_per_kwh / 1000, 2)


class Ledger:
    """Starts, samples and stops of transactions. It survives restarts of whatever wraps it.

    `complaints` collects what a faultless station never does.
    """

    def __init__(self) -> None:
        self.bill: dict[int, BillLine] = {}
        self.complaints: list[str] = []
        self.repeated_starts = 0
        self.repeated_stops = 0
        self.orphan_stops = 0
        """StopTransaction with id -1: the station never learned the transaction's id."""
        self._starts: dict[tuple[int, str, str, int], int] = {}
        self._next_id = 1

    def open_transactions(self) -> list[BillLine]:
        return [line for line in self.bill.values() if line.stop_wh is None]

    def bill_lines(self) -> list[BillLine]:
        return list(self.bill.values())

    def start(self, payload: Payload) -> int:
        """StartTransaction: the transaction's id. A start told again is the same transaction."""
        key = (
            payload["connectorId"],
            payload["idTag"],
            payload["timestamp"],
            payload["meterStart"],
        )
        known = self._starts.get(key)
        if known is not None:
            self.repeated_starts += 1
            return known
        for line in self.open_transactions():
            if line.connector == payload["connectorId"]:
                self.complaints.append(f"start on connector {line.connector}, which is in use")
        transaction_id, self._next_id = self._next_id, self._next_id + 1
        self._starts[key] = transaction_id
        self.bill[transaction_id] = BillLine(
            transaction_id=transaction_id,
            connector=payload["connectorId"],
            id_tag=payload["idTag"],
            started_at=payload["timestamp"],
            start_wh=payload["meterStart"],
        )
        return transaction_id

    def sample(self, payload: Payload) -> None:
        """MeterValues."""
        if "transactionId" not in payload:
            return
        line = self.bill.get(payload["transactionId"])
        if line is None:
            self._unknown("MeterValues", payload["transactionId"])
            return
        if line.stop_wh is not None:
            self.complaints.append(f"MeterValues after the stop of {line.transaction_id}")
        for value in payload["meterValue"]:
            for sample in value["sampledValue"]:
                raw = sample.get("format", "Raw") == "Raw"
                if raw and sample.get("measurand") == "Energy.Active.Import.Register":
                    self._register(line, int(sample["value"]))

    def _register(self, line: BillLine, register_wh: int) -> None:
        before_wh = line.start_wh if line.last_sample_wh is None else line.last_sample_wh
        if register_wh < before_wh:
            self.complaints.append(f"the register of {line.transaction_id} ran back")
        line.last_sample_wh = register_wh
        line.samples += 1

    def stop(self, payload: Payload) -> None:
        """StopTransaction, once or more often."""
        line = self.bill.get(payload["transactionId"])
        if line is None:
            self._unknown("StopTransaction", payload["transactionId"])
            return
        told = (payload["meterStop"], payload["timestamp"])
        if line.stop_wh is not None:
            self.repeated_stops += 1
            if told != (line.stop_wh, line.stopped_at):
                self.complaints.append(f"two different stops of {line.transaction_id}")
            return
        if told[0] < (line.start_wh if line.last_sample_wh is None else line.last_sample_wh):
            self.complaints.append(f"the register of {line.transaction_id} ran back at its stop")
        line.stop_wh, line.stopped_at = told
        line.reason = payload.get("reason", "Local")

    def _unknown(self, action: str, transaction_id: object) -> None:
        if transaction_id == -1:
            self.orphan_stops += action == "StopTransaction"
        else:
            self.complaints.append(f"{action} of unknown transaction {transaction_id}")
