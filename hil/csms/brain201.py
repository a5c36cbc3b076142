"""The demo back office in OCPP 2.0.1: judges strictly, keeps transactions event by event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from evse.clock import Clock, rfc3339
from hil.csms.brain import Misbehaviour, Refusal
from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import Payload
from ocpp_link.rpc.schemas import Schemas


class Transaction(msgspec.Struct, kw_only=True):
    """What has been told of one transaction, and what that was."""

    transaction_id: str
    events: list[Payload] = []

    @property
    def numbers(self) -> list[int]:
        return [event["seqNo"] for event in self.events]

    @property
    def types(self) -> list[str]:
        return [event["eventType"] for event in self.events]

    @property
    def energy_wh(self) -> float | None:
        """Between the first and the last register told."""
        told = [value for event in self.events for value in _registers(event)]
        return told[-1] - told[0] if told else None


class Brain201:
    """As CsmsBrain; `complaints` collects what a faultless station never does."""

    def __init__(self, clock: Clock, *, heartbeat_s: int = 300) -> None:
        self.clock = clock
        self.heartbeat_s = heartbeat_s
        self.refused: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.evses: dict[str, list[int]] = {}
        """Where alone a token may charge."""
        self.boot_script: deque[tuple[str, int]] = deque()
        self.misbehaviour: dict[str, deque[Misbehaviour]] = {}
        self.statuses: dict[int, str] = {}
        self.transactions: dict[str, Transaction] = {}
        self.complaints: list[str] = []
        self.log: list[tuple[str, Payload]] = []
        self._schemas = Schemas("v201", strict=True)

    def misbehave(self, action: str, *what: Misbehaviour) -> None:
        """Script what happens to the next CALLs of an action."""
        self.misbehaviour.setdefault(action, deque()).extend(what)

    def next_misbehaviour(self, action: str) -> Misbehaviour | None:
        script = self.misbehaviour.get(action)
        return script.popleft() if script else None

    def sent(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.log if name == action]

    def answer(self, action: str, payload: Payload) -> Payload:
        """Process a station's CALL. Raises Refusal."""
        try:
            self._schemas.request(action, payload)
        except (PayloadInvalid, ActionUnknown) as error:
            self.complaints.append(f"{action}: {error}")
            raise Refusal(getattr(error, "code", Code.NOT_IMPLEMENTED)) from error
        handler = self._handlers().get(action)
        if handler is None:
            raise Refusal(Code.NOT_SUPPORTED)
        self.log.append((action, payload))
        return handler(payload)

    def _handlers(self) -> dict[str, Callable[[Payload], Payload]]:
        return {
            "BootNotification": self._boot,
            "Heartbeat": lambda _: {"currentTime": rfc3339(self.clock.utc())},
            "StatusNotification": self._status,
            "Authorize": lambda payload: {"idTokenInfo": self._info(payload["idToken"])},
            "TransactionEvent": self._event,
            "MeterValues": lambda _: {},
            "NotifyReport": lambda _: {},
            "NotifyEvent": lambda _: {},
            "SecurityEventNotification": lambda _: {},
            "FirmwareStatusNotification": lambda _: {},
            "LogStatusNotification": lambda _: {},
            "ReservationStatusUpdate": lambda _: {},
        }

    def _boot(self, _payload: Payload) -> Payload:
        status, interval_s = (
            self.boot_script.popleft() if self.boot_script else ("Accepted", self.heartbeat_s)
        )
        now = rfc3339(self.clock.utc())
        return {"status": status, "currentTime": now, "interval": interval_s}

    def _status(self, payload: Payload) -> Payload:
        self.statuses[payload["evseId"]] = payload["connectorStatus"]
        return {}

    def _info(self, token: Payload) -> Payload:
        info: Payload = {"status": self.refused.get(token["idToken"], "Accepted")}
        if token["idToken"] in self.evses:
            info["evseId"] = self.evses[token["idToken"]]
        group = self.groups.get(token["idToken"])
        if group:
            info["groupIdToken"] = {"idToken": group, "type": "Central"}
        return info

    def _event(self, payload: Payload) -> Payload:
        id_ = payload["transactionInfo"]["transactionId"]
        known = self.transactions.setdefault(id_, Transaction(transaction_id=id_))
        if any(_as_sent_first(payload) == _as_sent_first(event) for event in known.events):
            return self._event_answer(payload)  # told again, because its answer was lost
        self._judge(known, payload)
        known.events.append(payload)
        return self._event_answer(payload)

    def _event_answer(self, payload: Payload) -> Payload:
        token = payload.get("idToken")
        return {"idTokenInfo": self._info(token)} if token else {}

    def _judge(self, known: Transaction, payload: Payload) -> None:
        first = not known.events
        wrong = {
            "a transaction begins with Started": first != (payload["eventType"] == "Started"),
            "seqNo has no gap": payload["seqNo"] != len(known.events),
            "nothing follows Ended": "Ended" in known.types,
            "evse is told once": "evse" in payload and not first,
        }
        self.complaints += [
            f"{known.transaction_id} {payload['seqNo']}: {rule}"
            for rule, broken in wrong.items()
            if broken
        ]


def _as_sent_first(event: Payload) -> Payload:
    """What waited for the connection says so when it comes again (E11.FR.07)."""
    return {name: value for name, value in event.items() if name != "offline"}


def _registers(event: Payload) -> list[float]:
    return [
        sample["value"]
        for value in event.get("meterValue", [])
        for sample in value["sampledValue"]
        if sample.get("measurand") == "Energy.Active.Import.Register" and "phase" not in sample
    ]
