"""One attempt to connect: name, TCP, TLS, HTTP, subprotocol; and in which of them it ended."""

from __future__ import annotations

import asyncio
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from ocpp_link.errors import LinkError
from ocpp_link.wire.address import Address, address
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.failure import AttemptFailed, Failure, Phase, explain
from ocpp_link.wire.resolve import resolve
from ocpp_link.wire.tcp import open_tcp
from ocpp_link.wire.within import Sleep, within

OPEN_TIMEOUT_S = 20.0
"""For the whole of an attempt; a modem that wakes up takes ten."""
CLOSE_TIMEOUT_S = 1.0
"""The library waits this long for the peer's half of a close; its default of 10 s would be added
to every detection of a dead peer."""
MAX_FRAME_BYTES = 1 << 18


class _Progress:
    phase = Phase.ADDRESS
    opened: ClientConnection | None = None
    lost: Exception | None = None
    """What ended the transport. A server that wants a certificate says so only behind the handshake
    of TLS 1.3, where the library takes it for a missing answer."""


async def dial(
    endpoint: Endpoint,
    offers: tuple[str, ...],
    sleep: Sleep = asyncio.sleep,
) -> ClientConnection:
    """An open WebSocket on which one of the offered subprotocols was agreed.

    Raises AttemptFailed, whose `failure` names the phase. Raises ValueError for what `address`
    refuses. Nothing stays open then, nor when this is cancelled, however late.
    """
    where = address(endpoint.url, endpoint.identity)
    progress = _Progress()
    try:
        return await within(OPEN_TIMEOUT_S, _open(endpoint, where, offers, progress), sleep)
    except (OSError, WebSocketException, ValueError, LinkError) as error:
        why = progress.lost if isinstance(progress.lost, ssl.SSLError) else error
        raise AttemptFailed(explain(progress.phase, why, where)) from error
    except asyncio.CancelledError:
        if progress.opened is not None:
            progress.opened.transport.abort()
        raise


async def _open(
    endpoint: Endpoint,
    where: Address,
    offers: tuple[str, ...],
    progress: _Progress,
) -> ClientConnection:
    progress.phase = Phase.TLS
    tls = await asyncio.to_thread(endpoint.tls) if where.secure else None
    progress.phase = Phase.DNS
    targets = await resolve(where)
    progress.phase = Phase.TCP
    sock = await open_tcp(targets, endpoint.interface)
    progress.phase = Phase.TLS if where.secure else Phase.HTTP
    try:
        websocket = await connect(
            where.url,
            sock=sock,
            ssl=tls,
            subprotocols=[Subprotocol(name) for name in offers],
            additional_headers=endpoint.headers,
            compression=None,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
            proxy=None,
            create_connection=_told_to(progress),
        )
    except BaseException:
        sock.close()
        raise
    progress.opened = websocket
    if websocket.subprotocol not in offers:
        # A server that agrees to no version answers without one (OCPP-J 1.6 §3.2).
        await websocket.close(1002, "no OCPP version in common")
        words = f"{where.place} did not agree to any of: {', '.join(offers)}"
        raise AttemptFailed(Failure(Phase.SUBPROTOCOL, words))
    return websocket


def _told_to(progress: _Progress) -> type[ClientConnection]:
    """A connection that says when TCP and TLS are behind it."""

    class Told(ClientConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            progress.phase = Phase.HTTP
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            progress.lost = exc
            super().connection_lost(exc)

    return Told
