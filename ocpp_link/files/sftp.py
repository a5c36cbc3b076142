"""Files over SFTP, going on where it stopped. Blocking; asyncssh is imported here and only here.

Without a file of known hosts the server's key is not checked: OCPP has no way to tell it. What
travels is no secret then, and firmware proves itself by its signature.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import asyncssh

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


def download(job: Download, location: Location, part: PartFile) -> None:
    """Fetch what is missing of `part`. Raises FileError or OSError."""
    with _errors():
        asyncio.run(_download(job, location, part))


def upload(job: Upload, location: Location, on_progress: OnProgress) -> None:
    """Raises FileError or OSError."""
    with _errors(), Path(job.path).open("rb") as file:
        asyncio.run(_upload(job, location, file, on_progress))


async def _download(job: Download, location: Location, part: PartFile) -> None:
    idle_s = job.limits.idle_timeout_s
    async with _session(location, job.trust, job.limits) as sftp:
        known = await asyncio.wait_for(sftp.stat(location.sftp_path), idle_s)
        total, validator = known.size or 0, f"{known.size} {known.mtime}"
        if part.size > total or part.validator != validator:
            part.restart()
        part.begin(total, validator)
        async with sftp.open(location.sftp_path, "rb") as remote:
            await remote.seek(part.size)
            while chunk := await asyncio.wait_for(remote.read(CHUNK_BYTES), idle_s):
                part.write(cast("bytes", chunk))  # opened for bytes


async def _upload(job: Upload, location: Location, file: BinaryIO, tell: OnProgress) -> None:
    """The file is read in between: nobody else waits for this loop."""
    target, total = location.file(job.name).sftp_path, file.seek(0, os.SEEK_END)
    async with _session(location, job.trust, job.limits) as sftp:
        done = min(await _size(sftp, target), total) if job.resume else 0
        file.seek(done)
        async with sftp.open(target, "r+b" if done else "wb") as remote:
            await remote.seek(done)
            while chunk := file.read(CHUNK_BYTES):
                await asyncio.wait_for(remote.write(chunk), job.limits.idle_timeout_s)
                done += len(chunk)
                tell(done, total)


async def _size(sftp: asyncssh.SFTPClient, path: str) -> int:
    with contextlib.suppress(asyncssh.SFTPNoSuchFile):
        return (await sftp.stat(path)).size or 0
    return 0


@contextlib.asynccontextmanager
async def _session(
    location: Location, trust: Trust, limits: Limits
) -> AsyncIterator[asyncssh.SFTPClient]:
    """With the location's credentials and no others: no agent, no keys, no configuration."""
    async with (
        asyncssh.connect(
            location.host,
            location.port,
            username=location.user or "anonymous",
            password=location.password,
            known_hosts=trust.known_hosts or None,
            client_keys=None,
            agent_path=None,
            config=None,
            connect_timeout=limits.connect_timeout_s,
            login_timeout=limits.connect_timeout_s,
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):
        yield sftp


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """The library's errors as those of this room."""
    try:
        yield
    except FileError:
        raise
    except (TimeoutError, asyncssh.ConnectionLost) as error:
        raise TransferStalled(f"the server does not answer: {error}") from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise ServerUntrusted(f"its key is not the known one: {error}") from error
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
        raise AccessRefused(f"the server refuses: {error}") from error
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise NotThere(f"the server does not have it: {error}") from error
    except asyncssh.SFTPOpUnsupported as error:
        raise ProtocolUnsupported(f"the server does not do that: {error}") from error
    except asyncssh.Error as error:
        raise Interrupted(f"the server broke off: {error}") from error
