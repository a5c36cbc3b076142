"""Files over FTP and FTPS (RFC 959, RFC 4217): passive, binary, going on where it stopped.

Blocking. FTPS asks for TLS on the ordinary port and then protects data too; the data connection
takes up the control connection's TLS session, which many servers insist on.
"""

from __future__ import annotations

import contextlib
import ftplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from ocpp_link.files.errors import (
    AccessRefused,
    FileError,
    Interrupted,
    NotThere,
    ProtocolUnsupported,
    ServerUntrusted,
    TransferStalled,
)
from ocpp_link.files.jobs import Download, Limits, Trust, Upload
from ocpp_link.files.location import Location
from ocpp_link.files.part_file import CHUNK_BYTES, OnProgress, PartFile
from ocpp_link.files.trust import tls_context

ANONYMOUS = "anonymous"


def download(job: Download, location: Location, part: PartFile) -> None:
    """Fetch what is missing of `part`. Raises FileError or OSError."""
    with _session(location, job.trust, job.limits) as ftp:
        total = _size(ftp, location.ftp_path)
        if part.size > total or part.validator != str(total):
            part.restart()
        part.begin(total, str(total))
        ftp.retrbinary(f"RETR {location.ftp_path}", part.write, CHUNK_BYTES, rest=part.size or None)


def upload(job: Upload, location: Location, on_progress: OnProgress) -> None:
    """Raises FileError or OSError."""
    target, path = location.file(job.name).ftp_path, Path(job.path)
    total = path.stat().st_size
    with _session(location, job.trust, job.limits) as ftp, path.open("rb") as file:
        done = min(_size(ftp, target), total) if job.resume else 0
        file.seek(done)

        def sent(chunk: bytes) -> None:
            nonlocal done
            done += len(chunk)
            on_progress(done, total)

        ftp.storbinary(f"STOR {target}", file, CHUNK_BYTES, sent, rest=done or None)


class _Tls(ftplib.FTP_TLS):
    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """As the library's, with the control connection's TLS session taken up."""
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        control = self.sock
        assert isinstance(control, ssl.SSLSocket)
        return (
            self.context.wrap_socket(plain, server_hostname=self.host, session=control.session),
            size,
        )


def _size(ftp: ftplib.FTP, path: str) -> int:
    """0 where the server does not say."""
    with contextlib.suppress(ftplib.error_perm):
        return ftp.size(path) or 0
    return 0


@contextlib.contextmanager
def _session(location: Location, trust: Trust, limits: Limits) -> Iterator[ftplib.FTP]:
    """Logged in, with protected data where the location asks for TLS."""
    timeout_s = limits.connect_timeout_s
    ftp = (
        _Tls(timeout=timeout_s, context=tls_context(trust))
        if location.scheme == "ftps"
        else ftplib.FTP(timeout=timeout_s)
    )
    with _errors(), contextlib.closing(ftp):
        ftp.connect(location.host, location.port)
        if isinstance(ftp, _Tls):
            ftp.auth()
        ftp.login(location.user or ANONYMOUS, location.password)
        if isinstance(ftp, _Tls):
            ftp.prot_p()
        ftp.timeout = limits.idle_timeout_s
        ftp.voidcmd("TYPE I")
        yield ftp
        with contextlib.suppress(OSError, ftplib.Error, EOFError):
            ftp.quit()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """The library's errors as those of this room."""
    try:
        yield
    except FileError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ServerUntrusted(f"its certificate does not hold: {error.verify_message}") from error
    except TimeoutError as error:
        raise TransferStalled(f"the server does not answer: {error}") from error
    except ftplib.error_perm as error:
        raise _refusal(str(error)) from error
    except (ftplib.Error, EOFError, ValueError) as error:
        raise Interrupted(f"the server broke off: {error!r}") from error


def _refusal(said: str) -> FileError:
    """Reply codes of RFC 959 §4.2; 550 says both that a file is missing and that one may not."""
    match said[:3]:
        case "530" | "532" | "533" | "534" | "553":
            return AccessRefused(f"the server answered {said}")
        case "550":
            return NotThere(f"the server answered {said}")
        case "500" | "501" | "502" | "504":
            return ProtocolUnsupported(f"the server answered {said}")
        case _:
            return Interrupted(f"the server answered {said}")
