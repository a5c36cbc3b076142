"""JSON-RPC 2.0, one message a line: reading, writing, and the errors it has.

Pure. Batches are refused in words: nothing here needs them, and each request then costs its own
line. Params are always by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from evse.door.wording import explain

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_ALLOWED = -32001
"""The caller's role does not have this method."""
NOT_AVAILABLE = -32002
"""The method exists and what it needs is not there now (a provider, a board)."""

MAX_LINE_BYTES = 1 << 20

Id = str | int

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes of any kind: not JSON, not UTF-8, nested too deeply."""


class RpcError(Exception):
    """A call that failed, as the peer sees it: `code`, a sentence, and where (`data`)."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Message(msgspec.Struct, frozen=True):
    """Any line: a request (method and id), a notification (method alone), or an answer."""

    jsonrpc: str = "2.0"
    id: Id | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class ErrorBody(msgspec.Struct, omit_defaults=True):
    code: int
    message: str
    data: Any = None


_decoder = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def decode(line: bytes) -> Message:
    """One line. Raises RpcError (PARSE_ERROR or INVALID_REQUEST)."""
    if line.lstrip()[:1] == b"[":
        raise RpcError(INVALID_REQUEST, "batches are not taken: send one request a line")
    try:
        message = _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"not a JSON-RPC message: {error}") from error
    except UNREADABLE as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {error}") from error
    if message.jsonrpc != "2.0":
        raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
    if message.method is UNSET and message.id is UNSET:
        raise RpcError(INVALID_REQUEST, "neither a method nor an id")
    return message


def request(request_id: Id, method: str, params: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def notification(method: str, params: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def result(request_id: Id | None, value: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "id": request_id, "result": value})


def failure(request_id: Id | None, error: RpcError) -> bytes:
    body = ErrorBody(error.code, error.message, error.data)
    return _line({"jsonrpc": "2.0", "id": request_id, "error": body})


Read = Callable[[bytes | Raw, type[Any]], Any]
"""How params become a value; raises msgspec.DecodeError."""


def _plainly(raw: bytes | Raw, type_: type[Any]) -> Any:
    return msgspec.json.decode(raw, type=type_)


def decode_params(
    params: Raw | UnsetType, type_: type[Any], read: Read = _plainly, *, at: str = ""
) -> Any:
    """Params by name as `type_`; `at` is the field that `params` is itself the value of. Raises
    RpcError naming the field, and the nearest one that there is."""
    try:
        return read(b"{}" if isinstance(params, UnsetType) else params, type_)
    except UNREADABLE as error:
        sentence, field = explain(str(error), type_, at)
        raise RpcError(INVALID_PARAMS, sentence, {"field": field}) from error


def decode_value(raw: Raw) -> Any:
    """A part of a message that nobody has looked at yet. Raises RpcError (INVALID_PARAMS) for what
    reads as JSON from afar only, such as text that is not UTF-8."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE as error:
        raise RpcError(INVALID_PARAMS, f"not JSON: {error}", {"field": "params"}) from error


def decode_error(raw: Raw) -> RpcError:
    """The error of an answer, whatever shape the peer gave it."""
    try:
        body = msgspec.json.decode(raw, type=ErrorBody)
    except UNREADABLE:
        return RpcError(INTERNAL_ERROR, f"an error without a shape: {bytes(raw)[:200]!r}")
    return RpcError(body.code, body.message, body.data)


def outcome(message: Message) -> Any:
    """What an answer says: its result, or its error as an RpcError. Raises RpcError for one that
    can not be read."""
    if isinstance(message.error, Raw):
        return decode_error(message.error)
    return decode_value(message.result) if isinstance(message.result, Raw) else None


def _line(message: Any) -> bytes:
    return _encoder.encode(message) + b"\n"
