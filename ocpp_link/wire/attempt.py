"""An attempt to connect that may be called off at any moment, also in that of its success."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection

from ocpp_link.wire.dial import dial
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.within import Sleep


class Attempt:
    """`run` once. However it ends without a connection, none stays open."""

    def __init__(self, endpoint: Endpoint, offers: tuple[str, ...], sleep: Sleep) -> None:
        self._dialing = asyncio.ensure_future(dial(endpoint, offers, sleep))
        self._called_off = False

    def call_off(self) -> None:
        """Nobody wants it any more, or wants another one; it may be through already, and nobody
        has looked yet."""
        self._called_off = True
        self._dialing.cancel()

    async def run(self) -> ClientConnection | None:
        """None: it was called off. Raises what `dial` raises."""
        try:
            websocket = await self._dialing
        except asyncio.CancelledError:
            self._hang_up()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        if self._called_off:
            self._hang_up()
            return None
        return websocket

    def _hang_up(self) -> None:
        dialing = self._dialing
        if dialing.done() and not dialing.cancelled() and dialing.exception() is None:
            dialing.result().transport.abort()
