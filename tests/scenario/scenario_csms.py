"""The demo back office on a thread of the test, so that a test that blocks can talk to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from evse.clock import MonotonicClock
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer

ANSWER_S = 20.0


class CsmsThread:
    """Listens on a free loopback port from the start on; `brain` is read as it is."""

    def __init__(self) -> None:
        self.brain = CsmsBrain(MonotonicClock())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="csms")
        self._thread.start()
        self._server = CsmsServer(self.brain)
        self.run(self._server.start())

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def connected(self) -> bool:
        return self._server.connected.is_set()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do it on the back office's loop and wait for the outcome."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    @property
    def identities(self) -> list[str]:
        """Of the stations that are connected."""
        return list(self._server.peers)

    def call(self, identity: str, request: Any) -> Any:
        """Make a CALL (a dataclass of `ocpp.v16.call`) to a station; its answer."""
        return self.run(self._server.call(identity, request))

    def send(self, identity: str, frame: str | bytes) -> None:
        """Send any frame at all to a connected station."""
        self.run(self._server.peers[identity]._connection.send(frame))

    def close(self) -> None:
        self.run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
