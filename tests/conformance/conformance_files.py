"""An HTTP server for firmware images, diagnostics and logs, on the bench's loop."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import unquote

MAX_BODY_BYTES = 64 << 20


class FileServer:
    """GET gives what `offers` holds, PUT and POST fill `uploads` where `writable`, by file name."""

    def __init__(self) -> None:
        self.offers: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Request lines."""
        self.writable = True
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def url(self, name: str = "") -> str:
        assert self._server is not None, "start it first"
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/{name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head.strip().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
            method, target = line.split()[:2]
            self.asked.append(line)
            if headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await _body(reader, headers)
            status, content = self._answer(method, unquote(target.rpartition("/")[2]), body)
            length = f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
            writer.write(f"HTTP/1.1 {status}\r\n{length}".encode())
            if method != "HEAD":
                writer.write(content)
            await writer.drain()
        writer.close()

    def _answer(self, method: str, name: str, body: bytes) -> tuple[str, bytes]:
        if method in ("GET", "HEAD"):
            known = self.offers.get(name)
            return ("404 Not Found", b"") if known is None else ("200 OK", known)
        if method in ("PUT", "POST") and self.writable:
            self.uploads[name] = body
            return "201 Created", b""
        return "403 Forbidden", b""


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body
