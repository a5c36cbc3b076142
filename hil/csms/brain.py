"""A small back office for tests and demonstrations, and for nothing else (OCPP 1.6J).

`CsmsBrain` decides (pure: no socket, no clock of its own); `InlineCsms` speaks OCPP-J in memory
for simulations; `hil/csms/server.py` puts the same brain behind a real WebSocket. It judges what
a station sends strictly, keeps the bill, and misbehaves on script.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from evse.clock import Clock, rfc3339
from hil.csms.ledger import BillLine, Ledger
from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.rpc import Payload
from ocpp_link.rpc.schemas import Schemas

__all__ = ["BillLine", "CsmsBrain", "InlineCsms", "Misbehaviour", "OnReply", "Refusal"]


NOTIFICATIONS = (
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SignedFirmwareStatusNotification",
)
"""What it takes note of, without deciding anything."""


class Misbehaviour(enum.Enum):
    """What to do with a CALL instead of answering it properly."""

    NO_ANSWER = "no answer"
    CALLERROR = "CALLERROR"
    DROP = "drop the connection without processing it"
    DROP_AFTER = "process it, then drop the connection without answering"
    GARBAGE = "answer with a payload that breaks the schema"


class Refusal(Exception):
    """The brain answers with a CALLERROR."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class CsmsBrain(Ledger):
    """What the back office knows and decides. It survives restarts of whatever wraps it.

    `refused` maps id tags to an AuthorizationStatus; every other tag is Accepted.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tariff_per_kwh: float = 0.40,
        heartbeat_s: int = 300,
        refused: dict[str, str] | None = None,
        parents: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.tariff_per_kwh = tariff_per_kwh
        self.heartbeat_s = heartbeat_s
        self.refused = refused or {}
        self.parents = parents or {}
        self.boot_script: deque[tuple[str, int]] = deque()
        """(status, interval) of the next boots; Accepted when it is empty."""
        self.misbehaviour: dict[str, deque[Misbehaviour]] = {}
        """By action: what to do with the next CALLs."""
        self.statuses: dict[int, str] = {}
        self.log: list[tuple[str, Payload]] = []
        """Every CALL that was processed, in order."""
        self._schemas = Schemas("v16", strict=True)

    def misbehave(self, action: str, *what: Misbehaviour) -> None:
        """Script what happens to the next CALLs of an action."""
        self.misbehaviour.setdefault(action, deque()).extend(what)

    def next_misbehaviour(self, action: str) -> Misbehaviour | None:
        script = self.misbehaviour.get(action)
        return script.popleft() if script else None

    def answer(self, action: str, payload: Payload) -> Payload:
        """Process a station's CALL. Raises Refusal."""
        try:
            self._schemas.request(action, payload)
        except (PayloadInvalid, ActionUnknown) as error:
            self.complaints.append(f"{action}: {error}")
            raise Refusal(getattr(error, "code", "NotImplemented")) from error
        handler = self._handlers().get(action)
        if handler is None:
            raise Refusal("NotSupported")
        self.log.append((action, payload))
        return handler(payload)

    def sent(self, action: str) -> list[Payload]:
        """The payloads of one action, in the order they were processed."""
        return [payload for name, payload in self.log if name == action]

    def _handlers(self) -> dict[str, Callable[[Payload], Payload]]:
        return {
            "BootNotification": self._boot,
            "Heartbeat": lambda _: {"currentTime": rfc3339(self.clock.utc())},
            "StatusNotification": self._status,
            "Authorize": lambda payload: {"idTagInfo": self._tag_info(payload["idTag"])},
            "StartTransaction": self._start,
            "MeterValues": self._meter_values,
            "StopTransaction": self._stop,
            "DataTransfer": lambda _payload: {"status": "Accepted"},
            "SecurityEventNotification": lambda _: {},
            "SignCertificate": lambda _: {"status": "Accepted"},
            **dict.fromkeys(NOTIFICATIONS, lambda _: {}),
        }

    def _boot(self, _payload: Payload) -> Payload:
        status, interval_s = (
            self.boot_script.popleft() if self.boot_script else ("Accepted", self.heartbeat_s)
        )
        now = rfc3339(self.clock.utc())
        return {"status": status, "currentTime": now, "interval": interval_s}

    def _status(self, payload: Payload) -> Payload:
        self.statuses[payload["connectorId"]] = payload["status"]
        return {}

    def _tag_info(self, id_tag: str) -> Payload:
        info: Payload = {"status": self.refused.get(id_tag, "Accepted")}
        if id_tag in self.parents:
            info["parentIdTag"] = self.parents[id_tag]
        return info

    def _start(self, payload: Payload) -> Payload:
        transaction_id = self.start(payload)
        return {"transactionId": transaction_id, "idTagInfo": self._tag_info(payload["idTag"])}

    def _meter_values(self, payload: Payload) -> Payload:
        self.sample(payload)
        return {}

    def _stop(self, payload: Payload) -> Payload:
        self.stop(payload)
        return {"idTagInfo": self._tag_info(payload["idTag"])} if "idTag" in payload else {}


OnReply = Callable[[str, Payload], None]
"""Gets (`result`, payload) or (error code, {})."""


class Brain(Protocol):
    """A back office of any version of OCPP."""

    complaints: list[str]

    def next_misbehaviour(self, action: str) -> Misbehaviour | None: ...
    def answer(self, action: str, payload: Payload) -> Payload:
        """Raises Refusal."""


AnyBrain = TypeVar("AnyBrain", bound=Brain)


class InlineCsms(Generic[AnyBrain]):
    """The brain as an OCPP-J peer in memory: text frames in, text frames out, at once."""

    def __init__(self, brain: AnyBrain) -> None:
        self.brain = brain
        self.dropped = False
        """The brain dropped the connection; the owner takes it down and sets this back."""
        self._waiting: dict[str, OnReply] = {}
        self._sent = 0
        self.replies: list[tuple[str, Payload]] = []
        """Every reply to our CALLs, in order."""

    def call(self, action: str, payload: Payload, on_reply: OnReply | None = None) -> str:
        """The frame of a CALL to the station."""
        self._sent += 1
        unique_id = f"csms-{self._sent}"
        self._waiting[unique_id] = on_reply or _unheeded
        return msgspec.json.encode([2, unique_id, action, payload]).decode()

    def receive(self, text: str) -> list[str]:
        """Take a station's frame; returns the frames to send back."""
        match msgspec.json.decode(text):
            case [2, str(unique_id), str(action), dict(payload)]:
                return self._on_call(unique_id, action, payload)
            case [3, str(unique_id), dict(payload)]:
                self._on_reply(unique_id, "result", payload)
            case [4, str(unique_id), str(code), *_]:
                self._on_reply(unique_id, code, {})
            case frame:
                self.brain.complaints.append(f"malformed frame {str(frame)[:80]}")
        return []

    def _on_call(self, unique_id: str, action: str, payload: Payload) -> list[str]:
        misbehaviour = self.brain.next_misbehaviour(action)
        match misbehaviour:
            case Misbehaviour.NO_ANSWER:
                return []
            case Misbehaviour.CALLERROR:
                return [_frame([4, unique_id, "InternalError", "scripted", {}])]
            case Misbehaviour.GARBAGE:
                return [_frame([3, unique_id, {"idTagInfo": 7, "idTokenInfo": 7, "status": 8}])]
            case Misbehaviour.DROP:
                self.dropped = True
                return []
        try:
            reply: list[Any] = [3, unique_id, self.brain.answer(action, payload)]
        except Refusal as refusal:
            reply = [4, unique_id, refusal.code, str(refusal), {}]
        if misbehaviour is Misbehaviour.DROP_AFTER:
            self.dropped = True
            return []
        return [_frame(reply)]

    def _on_reply(self, unique_id: str, status: str, payload: Payload) -> None:
        on_reply = self._waiting.pop(unique_id, None)
        if on_reply is None:
            self.brain.complaints.append(f"a reply to nothing: {unique_id}")
            return
        self.replies.append((status, payload))
        on_reply(status, payload)


def _unheeded(_status: str, _payload: Payload) -> None:
    """For CALLs whose reply is read from `replies`."""


def _frame(frame: list[Any]) -> str:
    return msgspec.json.encode(frame).decode()
