"""A back office that sends anything at any moment: the link's wire stays whole, and works after."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.utils import accept_key
from wire_rig import Office, raw_server, run, until, wire

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
ODD_FRAMES = [
    b"\x88\x00",  # a close
    b"\x89\x00",  # a ping
    b"\x8a\x00",  # a pong for nothing
    b"\x81\x7f" + b"\xff" * 8,  # of a length beyond all memory
    b"\x01\x00" * 50,  # fragments without an end
]
OPCODES = st.integers(0, 15)
BODIES = st.binary(max_size=100)
FRAMES = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda body: b"\x81" + bytes([len(body)]) + body, BODIES),
    st.builds(lambda op, body: bytes([0x80 | op, len(body)]) + body, OPCODES, BODIES),
    st.sampled_from(ODD_FRAMES),
)
HEADERS = st.one_of(
    st.just(b""),
    st.just(b"Sec-WebSocket-Protocol: ocpp1.6\r\n" * 2),
    st.just(b"Sec-WebSocket-Extensions: x\r\n"),
    st.binary(max_size=60),
)


@settings(max_examples=60)
@given(shakes=st.booleans(), header=HEADERS, pieces=st.lists(FRAMES, max_size=6))
def test_a_hostile_server_costs_connections_and_nothing_else(
    shakes: bool, header: bytes, pieces: list[bytes]
) -> None:
    async def hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(x for x in request.split("\r\n") if x.startswith("Sec-WebSocket-Key"))
        accept = f"Sec-WebSocket-Accept: {accept_key(key.partition(': ')[2])}\r\n".encode()
        agreed = b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        with contextlib.suppress(OSError):
            writer.write(HEAD + accept + agreed if shakes else header)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            await writer.drain()
            writer.close()

    async def test() -> None:
        office = Office()
        async with raw_server(hostile) as url, wire(office, url=url) as w:
            await until(lambda: w.source.errors or w.engine.lost)
            assert not w.task.done()
            assert w.connection.faults == 0
            assert w.connection.last_error
            assert w.engine.lost == len(w.engine.connected_as)
            good = office._port
            w.source.now = type(w.source.now)(url=f"ws://127.0.0.1:{good}", identity="CP 1")
            w.connection.connect()
            await w.connected()

    run(test)
