"""OCPP-J remote procedure calls, sans-I/O: text frames in, text frames out, no clock, no socket.

Guarantees: at most one of our CALLs is outstanding; every incoming CALL whose id can be read is
answered exactly once (by its handler, or with InternalError when the handler missed its time);
a reply is matched only to the CALL that is outstanding now; nothing that a peer sends raises.
Source: OCPP-J 1.6 §4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from evse.clock import earliest
from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.codes import Code, Manners
from ocpp_link.rpc.outcome import OnOutcome, Outcome, OutcomeKind

CALL, CALLRESULT, CALLERROR = 2, 3, 4
MAX_OWN_ID_CHARS = 36  # OCPP-J 1.6 §4.1.4
MAX_PEER_ID_CHARS = 255
MAX_INCOMING = 32
"""CALLs of the peer that may wait for their handlers at once."""
MAX_WAITING = 256
"""Our CALLs that may wait for the outstanding one."""

Payload = dict[str, Any]


class Validator(Protocol):
    """Checks payloads of one OCPP version; returns them, repaired where that is harmless."""

    def request(self, action: str, payload: Payload) -> Payload:
        """Raises PayloadInvalid or ActionUnknown."""

    def response(self, action: str, payload: Payload) -> Payload:
        """Raises PayloadInvalid or ActionUnknown."""


class RpcStats(msgspec.Struct):
    """What has passed, and what was wrong with it."""

    sent: int = 0
    received: int = 0
    malformed: int = 0
    oversized: int = 0
    unmatched_replies: int = 0
    duplicate_calls: int = 0
    invalid_calls: int = 0
    invalid_results: int = 0
    errors_received: int = 0
    timeouts: int = 0
    unanswered: int = 0
    """Incoming CALLs whose handler missed its time."""


class IncomingCall:
    """A CALL of the peer. Answer it once; later answers, or answers after a close, do nothing."""

    __slots__ = ("_rpc", "action", "deadline_ms", "payload", "unique_id")

    def __init__(
        self, rpc: Rpc, unique_id: str, action: str, payload: Payload, deadline_ms: int
    ) -> None:
        self._rpc = rpc
        self.unique_id = unique_id
        self.action = action
        self.payload = payload
        self.deadline_ms = deadline_ms

    def respond(self, payload: Payload) -> None:
        """Answer with a CALLRESULT."""
        self._rpc._answer(self, [CALLRESULT, self.unique_id, payload])

    def refuse(self, code: Code, description: str = "") -> None:
        """Answer with a CALLERROR."""
        self._rpc._answer(self, self._rpc._error(self.unique_id, code, description))


class _Outgoing(msgspec.Struct):
    unique_id: str
    action: str
    text: str
    on_outcome: OnOutcome
    deadline_ms: int = 0


class Rpc:
    """One end of an OCPP-J connection.

    `on_call` gets each valid incoming CALL. `new_id` returns a fresh id of at most 36 characters.
    Which version of OCPP is spoken, `open` says anew for each connection.
    Outcomes are delivered exactly once, always from `receive`, `poll`, `close` or `call`.
    """

    def __init__(
        self,
        *,
        on_call: Callable[[IncomingCall], None],
        new_id: Callable[[], str],
        call_timeout_ms: int = 30_000,
        answer_timeout_ms: int = 25_000,
    ) -> None:
        self._validator: Validator
        self._manners = Manners()
        self._on_call = on_call
        self._new_id = new_id
        self._call_timeout_ms = call_timeout_ms
        self._answer_timeout_ms = answer_timeout_ms
        self._pending: _Outgoing | None = None
        self._waiting: deque[_Outgoing] = deque()
        self._incoming: dict[str, IncomingCall] = {}
        self._frames: list[str] = []
        self.is_open = False
        self.stats = RpcStats()

    def open(self, validator: Validator, manners: Manners) -> None:
        """A connection stands: CALLs may go out."""
        self._validator = validator
        self._manners = manners
        self.is_open = True

    @property
    def is_asked(self) -> bool:
        """A CALL of the peer waits for its answer."""
        return bool(self._incoming)

    def close(self) -> None:
        """The connection went: every CALL of ours fails with LINK_LOST, answers are forgotten."""
        lost = [*([self._pending] if self._pending else []), *self._waiting]
        self.is_open = False
        self._pending = None
        self._waiting.clear()
        self._incoming.clear()
        self._frames.clear()
        for outgoing in lost:
            outgoing.on_outcome(Outcome(OutcomeKind.LINK_LOST))

    def call(
        self,
        action: str,
        payload: Payload,
        on_outcome: OnOutcome,
        now_ms: int,
        *,
        is_reserved: bool = False,
    ) -> None:
        """Send a CALL as soon as none is outstanding. `is_reserved`: of a caller that never has two
        of them waiting, and whom those of others leave no less room."""
        if not self.is_open:
            on_outcome(Outcome(OutcomeKind.LINK_LOST))
            return
        unique_id = self._new_id()[:MAX_OWN_ID_CHARS]
        text = _encode([CALL, unique_id, action, payload])
        full = len(self._waiting) >= MAX_WAITING and not is_reserved
        if len(text) > self._manners.max_frame_chars or full:
            on_outcome(Outcome(OutcomeKind.UNSENDABLE, description=f"{action}: {len(text)} chars"))
            return
        self._waiting.append(_Outgoing(unique_id, action, text, on_outcome))
        self._send_next(now_ms)

    def receive(self, text: str, now_ms: int) -> None:
        """Take one text frame of the peer. Never raises for what the frame holds."""
        self.stats.received += 1
        if len(text) > self._manners.max_frame_chars:
            self.stats.oversized += 1
            self._unreadable(Code.FORMAT, "the frame is too large")
            return
        match _decode(text):
            case [2, str(unique_id), *rest] if 0 < len(unique_id) <= MAX_PEER_ID_CHARS:
                self._on_call_frame(unique_id, rest, now_ms)
            case [3, str(unique_id), payload]:
                self._on_result(unique_id, payload, now_ms)
            case [4, str(unique_id), *rest]:
                self._on_error(unique_id, rest, now_ms)
            case [3 | 4, *_]:
                self.stats.malformed += 1  # an error is only ever the answer to a CALL
            case [int(type_), str(unique_id), *_] if type_ not in (CALL, CALLRESULT, CALLERROR):
                self.stats.malformed += 1
                self._unreadable(Code.MESSAGE_TYPE, f"no message type {type_}", unique_id)
            case _:
                self.stats.malformed += 1
                self._unreadable(Code.RPC_FRAMEWORK, "the frame is no message of OCPP-J")

    def poll(self, now_ms: int) -> None:
        """Let time pass: expire our CALL, and answer for handlers that missed their time."""
        pending = self._pending
        if pending is not None and now_ms >= pending.deadline_ms:
            self.stats.timeouts += 1
            self._settle(Outcome(OutcomeKind.TIMEOUT), now_ms)
        for call in [c for c in self._incoming.values() if now_ms >= c.deadline_ms]:
            self.stats.unanswered += 1
            call.refuse(Code.INTERNAL, "no answer in time")

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` next has something to do."""
        pending = self._pending.deadline_ms if self._pending else None
        return earliest(pending, *(call.deadline_ms for call in self._incoming.values()))

    def take_frames(self) -> list[str]:
        """The frames to write now, in order; each is handed out once."""
        frames, self._frames = self._frames, []
        self.stats.sent += len(frames)
        return frames

    def _on_call_frame(self, unique_id: str, rest: list[Any], now_ms: int) -> None:
        if unique_id in self._incoming:
            self.stats.duplicate_calls += 1
            return
        try:
            action, payload = self._checked(rest)
        except PayloadInvalid as error:
            self.stats.invalid_calls += 1
            self._frames.append(_encode(self._error(unique_id, error.code, str(error))))
            return
        call = IncomingCall(self, unique_id, action, payload, now_ms + self._answer_timeout_ms)
        self._incoming[unique_id] = call
        self._on_call(call)

    def _checked(self, rest: list[Any]) -> tuple[str, Payload]:
        match rest:
            case [str(action), dict(payload)]:
                pass
            case [str()]:
                raise PayloadInvalid(Code.PROTOCOL, "a CALL needs a payload")
            case _:
                raise PayloadInvalid(Code.FORMAT, "a CALL is [2, id, action, {…}]")
        if len(self._incoming) >= MAX_INCOMING:
            raise PayloadInvalid(Code.GENERIC, "too many CALLs at once")
        try:
            return action, self._validator.request(action, payload)
        except ActionUnknown as error:
            raise PayloadInvalid(Code.NOT_IMPLEMENTED, str(error)) from error

    def _on_result(self, unique_id: str, payload: Any, now_ms: int) -> None:
        pending = self._pending
        if pending is None or pending.unique_id != unique_id:
            self.stats.unmatched_replies += 1
            return
        try:
            checked = self._checked_result(pending.action, payload)
        except PayloadInvalid as error:
            self.stats.invalid_results += 1
            failure = Outcome(OutcomeKind.ERROR, code=error.code, description=str(error))
            self._settle(failure, now_ms)
            return
        self._settle(Outcome(OutcomeKind.RESULT, checked), now_ms)

    def _checked_result(self, action: str, payload: Any) -> Payload:
        if not isinstance(payload, dict):
            raise PayloadInvalid(Code.FORMAT, "the payload of a result is an object")
        return self._validator.response(action, payload)

    def _on_error(self, unique_id: str, rest: list[Any], now_ms: int) -> None:
        if self._pending is None or self._pending.unique_id != unique_id:
            self.stats.unmatched_replies += 1
            return
        self.stats.errors_received += 1
        code, description = ([str(part)[:255] for part in rest] + ["", ""])[:2]
        self._settle(Outcome(OutcomeKind.ERROR, code=code, description=description), now_ms)

    def _settle(self, outcome: Outcome, now_ms: int) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.on_outcome(outcome)
        self._send_next(now_ms)

    def _send_next(self, now_ms: int) -> None:
        if self._pending is None and self._waiting:
            self._pending = self._waiting.popleft()
            self._pending.deadline_ms = now_ms + self._call_timeout_ms
            self._frames.append(self._pending.text)

    def _answer(self, call: IncomingCall, frame: list[Any]) -> None:
        if self._incoming.get(call.unique_id) is not call:
            return
        del self._incoming[call.unique_id]
        self._frames.append(_encode(frame))

    def _error(self, unique_id: str, code: Code, description: str) -> list[Any]:
        spelled = self._manners.spelling.get(code, code.value)
        return [CALLERROR, unique_id, spelled, description[:255], {}]

    def _unreadable(self, code: Code, description: str, unique_id: str = "-1") -> None:
        """Where the version wants it, even what can not be read is answered."""
        if self._manners.answers_unreadable:
            named = unique_id[:MAX_OWN_ID_CHARS]
            self._frames.append(_encode(self._error(named, code, description)))


def _encode(frame: list[Any]) -> str:
    return msgspec.json.encode(frame).decode()


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
