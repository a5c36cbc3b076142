"""The door from the other side: calls, subscriptions, and being a provider.

One `DoorClient` is one connection. It ends when the peer goes away: `closed` then tells, pending
calls fail with ConnectionError, and the owner makes a new one (a follower asks `from_seq` again).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from evse.door import jsonrpc
from evse.door.jsonrpc import Message, RpcError

LINK_SOCKET = "ocpp.sock"
"""The OCPP link's own door, beside the core's."""
Notified = Callable[[dict[str, Any]], None]
"""Takes {value, evse?, seq?}."""
Provided = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Serves a call of a namespace: method and params in, result out, or RpcError raised."""


class DoorClient:
    """A connection to a door; use `DoorClient.connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._followers: dict[str, Notified] = {}
        self._provided: dict[str, Provided] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._refusal: RpcError | None = None
        self._task = asyncio.create_task(self._read(), name="door client")

    @classmethod
    async def connect(cls, path: str | Path) -> DoorClient:
        """Raises OSError where nobody listens."""
        reader, writer = await asyncio.open_unix_connection(
            str(path), limit=2 * jsonrpc.MAX_LINE_BYTES
        )
        return cls(reader, writer)

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result. Raises RpcError for a refused call or where the door does not let us in,
        ConnectionError when the peer goes."""
        if self._task.done():
            raise self._refusal or ConnectionError(f"{method}: the door is closed")
        call_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[call_id] = future
        self._writer.write(jsonrpc.request(call_id, method, params or {}))
        try:
            return await future
        finally:
            self._pending.pop(call_id, None)

    async def subscribe(
        self,
        variable: str,
        handler: Notified,
        *,
        evse: int | None = None,
        from_seq: int | None = None,
        journal: str | None = None,
        consumer: str | None = None,
    ) -> Any:
        """Follow `variable`; `handler` is called for each value from now on (or `from_seq`, which
        counts in `journal`; or behind what `consumer` has acknowledged)."""
        self._followers[variable] = handler
        where = {"evse": evse, "from_seq": from_seq, "journal": journal, "consumer": consumer}
        named = {name: value for name, value in where.items() if value is not None}
        return await self.call("subscribe", {"variable": variable, **named})

    def follow(self, variable: str, handler: Notified) -> None:
        """From now on `handler` takes the values of a variable that is followed already."""
        self._followers[variable] = handler

    async def provide(self, namespace: str, handler: Provided) -> None:
        """Serve `namespace.*` for everybody at this door."""
        self._provided[namespace] = handler
        await self.call("provide", {"namespace": namespace})

    async def publish(self, variable: str, value: Any, evse: int | None = None) -> None:
        """A provider's own variable."""
        params = {"variable": variable, "value": value}
        await self.call("publish", params if evse is None else {**params, "evse": evse})

    async def closed(self) -> None:
        """Returns when the connection is gone."""
        await asyncio.wait([self._task])

    async def aclose(self) -> None:
        self._task.cancel()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(self._task, *self._serving, return_exceptions=True)
        self._writer.close()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(jsonrpc.decode(line))
        except (OSError, ValueError, RpcError) as error:
            self._fail(ConnectionError(f"the door closed: {error}"))
        finally:
            self._fail(ConnectionError("the door closed"))
            self._writer.close()

    def _fail(self, error: ConnectionError) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(self._refusal or error)

    def _take(self, message: Message) -> None:
        if message.method is UNSET:
            self._answered(message)
        elif isinstance(message.id, int | str):
            self._serve(message.id, str(message.method), message)
        elif handler := self._followers.get(str(message.method)):
            handler(_params(message))

    def _answered(self, message: Message) -> None:
        if message.id is None and isinstance(message.error, Raw):  # said to us, not to a call
            self._refusal = jsonrpc.decode_error(message.error)
        future = self._pending.get(message.id) if isinstance(message.id, int) else None
        if future is None or future.done():
            return
        if isinstance(message.error, Raw):
            future.set_exception(jsonrpc.decode_error(message.error))
        else:
            raw = message.result
            future.set_result(msgspec.json.decode(raw) if isinstance(raw, Raw) else None)

    def _serve(self, call_id: int | str, method: str, message: Message) -> None:
        task = asyncio.create_task(self._serve_one(call_id, method, _params(message)))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve_one(self, call_id: int | str, method: str, params: dict[str, Any]) -> None:
        handler = self._provided.get(method.partition(".")[0], _unserved)
        defect = RpcError(jsonrpc.INTERNAL_ERROR, f"{method} failed where it is served")
        answer = jsonrpc.failure(call_id, defect)
        try:
            answer = jsonrpc.result(call_id, await handler(method, params))
        except RpcError as error:
            answer = jsonrpc.failure(call_id, error)
        finally:  # whatever else the handler raised, the caller does not wait for ever
            self._writer.write(answer)


async def _unserved(method: str, _params: dict[str, Any]) -> Any:
    raise RpcError(jsonrpc.METHOD_NOT_FOUND, f"no method {method}")


def _params(message: Message) -> dict[str, Any]:
    if not isinstance(message.params, Raw):
        return {}
    params = msgspec.json.decode(message.params)
    return params if isinstance(params, dict) else {}
