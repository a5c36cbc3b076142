"""Keeps the engine connected to its back office: connects, for ever, and tells why it is not.

It decides nothing about OCPP: which frames there are is the engine's, whom to call and with which
credentials is the endpoint's, when to try again is `reconnect`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from websockets.asyncio.client import ClientConnection

from ocpp_link.wire.address import Address, address, cautions
from ocpp_link.wire.attempt import Attempt
from ocpp_link.wire.connection_state import ConnectionState
from ocpp_link.wire.conversation import Conversation, Listener, Nobody
from ocpp_link.wire.endpoint import Endpoint, EndpointSource
from ocpp_link.wire.failure import AttemptFailed, Failure, Phase
from ocpp_link.wire.reconnect import Backoff
from ocpp_link.wire.subprotocols import Offers, is_about_versions
from ocpp_link.wire.within import Sleep, within

_log = logging.getLogger(__name__)


class Served(Protocol):
    """The engine's end of the wire, as `Runner` is one."""

    @property
    def ping_interval_s(self) -> int:
        """WebSocket pings wanted; 0 = none. May change at any time."""

    def now_ms(self) -> int: ...
    def connect(self, on_frames: Callable[[list[str]], None], subprotocol: str) -> None: ...
    def receive(self, text: str) -> None: ...
    def disconnect(self) -> None: ...


class Connection:
    """Keeps one engine connected. `run` never returns by itself.

    `source` is asked for the endpoint of each attempt and hears how it ended. `versions` are the
    subprotocols, in order of preference. `listener` hears every frame, `on_change` of each
    connection and of its end, `note` of both in words, and of each new reason why there is none.
    `disconnect` is sticky: nothing reconnects until `connect`.
    """

    def __init__(
        self,
        served: Served,
        source: EndpointSource,
        versions: Sequence[str],
        *,
        backoff: Backoff,
        listener: Listener | None = None,
        wanted: bool = True,
        on_change: Callable[[bool], None] = lambda _connected: None,
        note: Callable[[str], None] = lambda _words: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._served = served
        self._source = source
        self._offers = Offers(versions)
        self._backoff = backoff
        self._listener = listener or Nobody()
        self._on_change = on_change
        self._note = note
        self._sleep = sleep
        self._wanted = asyncio.Event()
        if wanted:
            self._wanted.set()
        self._hurry = asyncio.Event()
        self._attempt: Attempt | None = None
        self._conversation: Conversation | None = None
        self._url = ""
        self._last: Failure | None = None
        self._told: Failure | None = None
        self.attempts = 0
        self.faults = 0

    @property
    def is_connected(self) -> bool:
        return self._conversation is not None

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    @property
    def last_error(self) -> str:
        """Why there is no connection; empty while there is one."""
        return self._last.words if self._last else ""

    @property
    def state(self) -> ConnectionState:
        standing = self._conversation
        trip_s = standing.round_trip_s if standing else None
        return ConnectionState(
            is_connected=standing is not None,
            wanted=self.wanted,
            url=self._url,
            subprotocol=standing.subprotocol if standing else "",
            attempts=self.attempts,
            faults=self.faults,
            failed_in=self._last.phase.value if self._last else "",
            last_error=self.last_error,
            round_trip_ms=None if trip_s is None else round(trip_s * 1_000),
        )

    def connect(self) -> None:
        """Be connected from now on; where a wait is under way, it ends."""
        self._wanted.set()
        if not self.is_connected:
            self._hurry.set()

    def disconnect(self) -> None:
        """Be disconnected until `connect`; what has been said is still sent."""
        self._wanted.clear()
        if self._attempt is not None:
            self._attempt.call_off()
        self._end("this station was told to stay away")

    def reconnect(self, why: str) -> None:
        """Begin anew at once, with the endpoint as it is now; what has been said is still sent."""
        self._backoff.begin_anew()
        self._hurry.set()
        if self._attempt is not None:
            self._attempt.call_off()
        self._end(why)

    async def flush(self) -> bool:
        """Has the back office read all that was said so far? See Conversation.flush."""
        return self._conversation is not None and await self._conversation.flush()

    def ping_interval_changed(self) -> None:
        """The engine wants another interval."""
        if self._conversation is not None:
            self._conversation.ping_interval_changed()

    async def run(self) -> None:
        """Connect, serve, wait, again."""
        while True:
            await self._wanted.wait()
            self._hurry.clear()
            self.attempts += 1
            try:
                await self._once()
            except Exception:  # noqa: BLE001 - the link's one supervisor: a fault of ours costs a
                # connection, which is counted and shown, and never the process
                self.faults += 1
                self._last = Failure(Phase.OPEN, "a fault of the link itself; see its log")
                _log.exception("a frame of %s met a fault of the link", self._url)
            if self.wanted:
                await self._wait()

    async def _wait(self) -> None:
        try:
            await within(self._backoff.wait_s(), self._hurry.wait(), self._sleep)
        except TimeoutError:
            return

    async def _once(self) -> None:
        """One attempt, and the connection that comes of it."""
        endpoint = self._source.endpoint()
        try:
            where = address(endpoint.url, endpoint.identity)
            self._caution(endpoint, where)
            self._url = where.url
            self._attempt = Attempt(endpoint, self._offers.now, self._sleep)
            websocket = await self._attempt.run()
        except (AttemptFailed, ValueError) as error:
            self._failed(error)
            return
        finally:
            self._attempt = None
        if websocket is None:
            return
        self._offers.agreed()
        self._source.succeeded()
        self._ended(await self._serve(websocket, where))

    def _caution(self, endpoint: Endpoint, where: Address) -> None:
        """Once for each address."""
        if where.url != self._url:
            for words in cautions(endpoint.url, endpoint.identity):
                _log.warning("%s", words)

    async def _serve(self, websocket: ClientConnection, where: Address) -> Failure:
        served = self._served
        since_ms = served.now_ms()
        conversation = Conversation(
            websocket,
            where,
            on_frame=served.receive,
            ping_interval_s=lambda: served.ping_interval_s,
            listener=self._listener,
            sleep=self._sleep,
        )
        self._conversation = conversation
        self._hurry.clear()
        _log.info("connected to %s, %s", self._url, conversation.subprotocol)
        self._note(f"connected to {self._url}, {conversation.subprotocol}")
        self._last = self._told = None
        self._on_change(True)
        try:
            served.connect(conversation.send, conversation.subprotocol)
            return await conversation.run()
        finally:
            self._conversation = None
            self._backoff.survived(served.now_ms() - since_ms)
            served.disconnect()
            self._on_change(False)

    def _end(self, why: str) -> None:
        if self._conversation is not None:
            self._conversation.end(why)

    def _failed(self, error: AttemptFailed | ValueError) -> None:
        if isinstance(error, AttemptFailed):
            failure = error.failure
            if is_about_versions(failure):
                self._offers.refused()
        else:
            failure = Failure(Phase.ADDRESS, str(error))
        self._source.failed(error.__cause__ or error)
        self._ended(failure)

    def _ended(self, failure: Failure) -> None:
        """Said once, however often it happens in a row."""
        self._last = failure
        if failure.is_wanted:
            _log.info("the connection to %s is ended: %s", self._url, failure.words)
            self._note(f"connection ended: {failure.words}")
        elif failure != self._told:
            self._told = failure
            _log.warning("no connection to %s: %s", self._url, failure)
            self._note(f"no connection: {failure}")
