"""Servers of files on loopback, in threads: real HTTP(S), FTP, FTPS and SFTP.

Each serves one directory, and takes uploads into it. A fault (see `Faults`) cuts a transfer off
in its middle, once. All end with the `with` block.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import email.parser
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, below Python 3.12
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

USER, PASSWORD = "station", "p@ss:w/rd"
CREDENTIALS = "station:p%40ss%3Aw%2Frd"


@dataclass
class Faults:
    """What a server does wrong, and what it saw."""

    cut_after: int = 0
    """Bytes after which the next transfer breaks off; 0 = none."""
    put_allowed: bool = True
    status: int = 0
    """Answered to everything, where not 0."""
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def cut(self, size: int) -> int | None:
        """Once: how many of `size` bytes may pass."""
        if 0 < self.cut_after < size:
            allowed, self.cut_after = self.cut_after, 0
            return allowed
        return None


@dataclass
class FileServer:
    directory: Path
    scheme: str
    port: int
    faults: Faults

    def url(self, path: str = "", *, credentials: str = "") -> str:
        user = f"{credentials}@" if credentials else ""
        return f"{self.scheme}://{user}127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def http_server(
    directory: Path, *, tls: Path | None = None, credentials: str = ""
) -> Iterator[FileServer]:
    """GET with ranges and validators, PUT, POST of a form. `tls`: PEM of certificate and key.
    `credentials`: `user:password` that everybody has to give."""
    faults = Faults()

    class Handler(_HttpHandler):
        root, wrongs, wanted = directory, faults, credentials

    server = _HttpServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    with _thread(lambda: server.serve_forever(0.02)):
        try:
            yield FileServer(
                directory, "https" if tls else "http", server.server_address[1], faults
            )
        finally:
            server.shutdown()
            server.server_close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off, or trusts nobody, is part of the tests."""


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    root: Path
    wrongs: Faults
    wanted: str

    def do_GET(self) -> None:
        if self._refused():
            return
        name = self.path.partition("?")[0].lstrip("/")
        if name.startswith("elsewhere/"):
            self._redirect(f"/{name.removeprefix('elsewhere/')}")
            return
        if name.startswith("to/"):
            scheme, port, rest = name.removeprefix("to/").split("/", 2)
            self._redirect(f"{scheme}://127.0.0.1:{port}/{rest}")
            return
        if name == "loop":
            self._redirect("/loop")
            return
        path = self.root / name
        if not path.is_file():
            self._answer(404)
            return
        self._send(path.read_bytes())

    def _redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes) -> None:
        tag, first = f'"{hash(content):x}"', 0
        if self.headers.get("Range") and self.headers.get("If-Range") == tag:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if first else 200)
        if first:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        allowed = self.wrongs.cut(len(content) - first)
        end = None if allowed is None else first + allowed
        self.wfile.write(content[first:end])
        self.close_connection = self.close_connection or allowed is not None

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        if not self.wrongs.put_allowed:
            self.rfile.read(length)
            self._answer(405)
            return
        if self._refused(length):
            return
        allowed = self.wrongs.cut(length)
        if allowed is not None:
            self.rfile.read(allowed)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        name = self.path.partition("?")[0].lstrip("/")
        (self.root / name).write_bytes(self.rfile.read(length))
        self._answer(201)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        if self._refused(length):
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser().parsebytes(head + self.rfile.read(length))
        (part,) = form.get_payload()
        (self.root / part.get_filename()).write_bytes(part.get_payload(decode=True))
        self._answer(200)

    def _refused(self, length: int = 0) -> bool:
        self.wrongs.requests.append(f"{self.command} {self.path}")
        self.wrongs.headers.append(dict(self.headers))
        wanted = f"Basic {base64.b64encode(self.wanted.encode()).decode()}"
        status = self.wrongs.status
        if self.wanted and self.headers.get("Authorization") != wanted:
            status = 401
        if status:
            self.rfile.read(length)
            self._answer(status)
        return bool(status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def ftp_server(directory: Path) -> Iterator[FileServer]:
    """Of pyftpdlib, for USER with PASSWORD."""
    faults = Faults()
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(directory), perm="elradfmwMT")

    class Handler(FTPHandler):
        def ftp_RETR(self, file: str) -> Any:  # noqa: N802  # the library finds it by this name
            faults.requests.append(f"RETR {Path(file).name} {self._restart_position}")
            return super().ftp_RETR(file)

        def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802  # likewise
            faults.requests.append(f"STOR {Path(file).name} {self._restart_position}")
            return super().ftp_STOR(file, mode)

    Handler.authorizer = authorizer
    Handler.auth_failed_timeout = 0
    Handler.timeout = 10
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), Handler, ioloop=loop)
    port = server.address[1]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.02, blocking=False)
        server.close_all()

    with _thread(serve):
        try:
            yield FileServer(directory, "ftp", port, faults)
        finally:
            stop.set()


@contextlib.contextmanager
def ftps_server(directory: Path, tls: Path) -> Iterator[FileServer]:
    """RFC 4217 in small: refuses whoever does not protect both connections, and whoever does not
    take up the TLS session of the control connection for the data."""
    faults = Faults()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 tells of no session in time
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.02)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                control, _ = listener.accept()
                control.settimeout(10)
                with contextlib.suppress(OSError, EOFError):
                    _FtpsConversation(control, context, directory, faults).run()
        listener.close()

    with _thread(serve):
        try:
            yield FileServer(directory, "ftps", listener.getsockname()[1], faults)
        finally:
            stop.set()


class _FtpsConversation:
    def __init__(
        self, control: socket.socket, context: ssl.SSLContext, root: Path, faults: Faults
    ) -> None:
        self._control = control
        self._context = context
        self._root = root
        self._faults = faults
        self._offset = 0
        self._is_private = False
        self._data: socket.socket | None = None

    def run(self) -> None:
        try:
            self._say("220 ready")
            while True:
                word, _, rest = self._hear().partition(" ")
                if not word or word == "QUIT":
                    return
                self._do(word, rest)
        finally:
            self._control.close()
            if self._data is not None:
                self._data.close()

    def _do(self, word: str, rest: str) -> None:
        match word:
            case "AUTH":
                self._say("234 go on")
                self._control = self._context.wrap_socket(self._control, server_side=True)
            case "USER":
                self._say("331 and the password")
            case "PASS":
                secure = isinstance(self._control, ssl.SSLSocket)
                self._say("230 in" if secure and rest == PASSWORD else "530 no")
            case "PBSZ":
                self._say("200 ok")
            case "PROT":
                self._is_private = rest == "P"
                self._say("200 ok")
            case "TYPE":
                self._say("200 ok")
            case "SIZE":
                path = self._root / rest
                self._say(f"213 {path.stat().st_size}" if path.is_file() else "550 none")
            case "REST":
                self._offset = int(rest)
                self._say("350 ok")
            case "EPSV" | "PASV":
                self._passive(word)
            case "RETR" | "STOR":
                self._transfer(word, self._root / rest)
            case _:
                self._say("502 no")

    def _passive(self, word: str) -> None:
        self._data = socket.create_server(("127.0.0.1", 0))
        self._data.settimeout(10)
        port = self._data.getsockname()[1]
        if word == "EPSV":
            self._say(f"229 here (|||{port}|)")
        else:
            self._say(f"227 here (127,0,0,1,{port >> 8},{port & 255})")

    def _transfer(self, word: str, path: Path) -> None:
        if not self._is_private or self._data is None:
            self._say("521 protect it")
            return
        if word == "RETR" and not path.is_file():
            self._data.close()
            self._say("550 none")
            return
        self._say("150 now")
        plain, _ = self._data.accept()
        self._data.close()
        with self._context.wrap_socket(plain, server_side=True) as data:
            self._faults.requests.append(f"{word} {path.name} {self._offset}")
            if not data.session_reused:
                self._say("522 take up the session")
                return
            if word == "RETR":
                data.sendall(path.read_bytes()[self._offset :])
            else:
                path.write_bytes(b"".join(iter(lambda: data.recv(65_536), b"")))
            self._offset = 0
            with contextlib.suppress(OSError):
                data.unwrap()
        self._say("226 done")

    def _say(self, line: str) -> None:
        self._control.sendall(f"{line}\r\n".encode())

    def _hear(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self._control.recv(1)
            if not byte:
                return ""
            line += byte
        return line.decode().strip()


@contextlib.contextmanager
def sftp_server(directory: Path) -> Iterator[FileServer]:
    """Of asyncssh, for USER with PASSWORD; `directory` is its root. Its key: `sftp_host_key`."""
    faults = Faults()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_public_key(directory.parent / "sftp_host_key.pub")
    started = threading.Event()
    port, loop = 0, asyncio.new_event_loop()
    stop = asyncio.Event()

    connections: list[asyncssh.SSHServerConnection] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    class Sftp(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(directory).encode())

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            faults.requests.append(f"read {offset}")
            return super().read(file_obj, offset, size)

        def write(self, file_obj: object, offset: int, data: bytes) -> Any:
            faults.requests.append(f"write {offset}")
            return super().write(file_obj, offset, data)

    async def serve() -> None:
        nonlocal port
        async with asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=[key],
            sftp_factory=Sftp,
            allow_scp=False,
        ) as server:
            port = server.get_port()
            started.set()
            await stop.wait()
        for connection in connections:  # whoever was killed has not said good-bye
            connection.abort()
            await connection.wait_closed()

    with _thread(lambda: loop.run_until_complete(serve())):
        try:
            assert started.wait(10)
            yield FileServer(directory, "sftp", port, faults)
        finally:
            loop.call_soon_threadsafe(stop.set)
    for _ in range(5):  # what was closed leaves its socket at the loop's next turns
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@contextlib.contextmanager
def _thread(run: Any) -> Iterator[None]:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)


def tls_identity(directory: Path, *, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A root (PEM file), and a server's certificate with its key in one, vouched for by it."""
    root_key, root = certificate("Test root", authority=True)
    key, leaf = certificate(name, issuer=(root_key, root))
    root_path, server_path = directory / "root.pem", directory / "server.pem"
    root_path.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    server_path.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + key_pem(key))
    return root_path, server_path


Key = ec.EllipticCurvePrivateKey


def key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate(
    name: str, *, issuer: tuple[Key, x509.Certificate] | None = None, authority: bool = False
) -> tuple[Key, x509.Certificate]:
    """For 127.0.0.1, where it is a server's. Without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, issuer_name = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not authority:
        names = [address] if name == "127.0.0.1" else [x509.DNSName(name)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(signer, hashes.SHA256())
