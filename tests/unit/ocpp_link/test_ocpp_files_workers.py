"""Jobs in real processes: told, killed, silent, orphaned; and nothing secret in sight."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from file_servers import http_server

from ocpp_link.files.jobs import Download, End, Limits, Outcome
from ocpp_link.files.workers import ProcessWorkers

QUICK = Limits(connect_timeout_s=5, idle_timeout_s=5, spare_bytes=0)


Body = Callable[[ProcessWorkers, "Ends"], Awaitable[None]]


class Ends:
    """What was told."""

    def __init__(self) -> None:
        self.all: list[End] = []
        self._one = asyncio.Event()

    def __call__(self, end: End) -> None:
        self.all.append(end)
        self._one.set()

    async def first(self) -> End:
        await asyncio.wait_for(self._one.wait(), 20)
        return self.all[0]


def play(body: Body, **limits: float) -> list[End]:
    """Run it with workers whose ends come to `Ends`."""
    ends = Ends()

    async def run() -> None:
        workers = ProcessWorkers(lambda act: act(), **limits)
        try:
            await body(workers, ends)
        finally:
            await workers.close()

    asyncio.run(run())
    return ends.all


@contextlib.contextmanager
def silent_server() -> Iterator[socket.socket]:
    """Takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def from_(listener: socket.socket, path: Path, *, credentials: str = "") -> Download:
    url = f"http://{credentials}127.0.0.1:{listener.getsockname()[1]}/x"
    return Download(url, str(path), limits=QUICK)


def test_a_job_runs_in_a_process_of_its_own_and_its_end_is_told(tmp_path: Path) -> None:
    """On the engine's thread, once; `active` counts until it was told."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "image").write_bytes(b"x" * 100_000)

    async def body(workers: ProcessWorkers, ends: Ends) -> None:
        with http_server(root) as server:
            job = Download(server.url("image"), str(tmp_path / "image"), limits=QUICK)
            workers.start(job, ends)
            assert workers.active == 1
            await ends.first()

    assert play(body) == [
        End(Outcome.DONE, sha256=hashlib.sha256(b"x" * 100_000).hexdigest(), bytes=100_000)
    ]


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("http://user:secret@127.0.0.1:1/up?sig=secret", "download from http://127.0.0.1:1/up:"),
        ("gopher://secret", "download from a location that can not be read:"),
    ],
)
def test_where_a_transfer_failed_is_logged_without_secrets(
    location: str, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(workers: ProcessWorkers, ends: Ends) -> None:
        workers.start(Download(location, str(tmp_path / "image"), limits=QUICK), ends)
        await ends.first()

    play(body)
    assert place in caplog.text
    assert "secret" not in caplog.text


def test_a_cancelled_job_is_killed_and_never_told(tmp_path: Path) -> None:
    """And nothing of its file stays."""

    async def body(workers: ProcessWorkers, ends: Ends) -> None:
        with silent_server() as listener:
            cancel = workers.start(from_(listener, tmp_path / "image"), ends)
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            assert (tmp_path / "image.part").exists()
            cancel()
            workers.discard(str(tmp_path / "image"))
            await workers.close()
            connection.close()
            assert workers.active == 0

    assert play(body) == []
    assert list(tmp_path.iterdir()) == []


def test_what_former_lives_left_is_swept_away(tmp_path: Path) -> None:
    """But for the file that is kept, and what belongs to it; a directory may be missing."""
    for name in ("a.pkg", "a.pkg.part", "a.pkg.tag", "b.pkg.part", "log.tar.gz"):
        (tmp_path / name).touch()

    workers = ProcessWorkers(lambda act: act())
    workers.sweep(str(tmp_path), str(tmp_path / "a.pkg"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pkg", "a.pkg.part", "a.pkg.tag"]
    workers.sweep(str(tmp_path), "")
    assert list(tmp_path.iterdir()) == []
    workers.sweep(str(tmp_path / "gone"), "")


@pytest.mark.parametrize("limit", ["job_limit_s", "silence_limit_s"])
def test_a_job_that_hangs_is_killed(limit: str, tmp_path: Path) -> None:
    """A library that never returns holds up nobody: its process goes, its end is told."""

    async def body(workers: ProcessWorkers, ends: Ends) -> None:
        with silent_server() as listener:
            workers.start(from_(listener, tmp_path / "image"), ends)
            await ends.first()

    (end,) = play(body, **{limit: 0.3})
    assert end.outcome is Outcome.TIMEOUT
    assert end.says


def _start(job: Download) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ocpp_link.files.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    process.stdin.flush()
    return process


def test_a_worker_ends_with_its_parent_and_shows_no_credentials(tmp_path: Path) -> None:
    """The end of its standard input is the end of it; arguments are for everybody to read, so the
    job is not one."""
    with silent_server() as listener:
        listener.setblocking(True)
        listener.settimeout(20)
        job = from_(listener, tmp_path / "image", credentials="user:s3cret@")
        with _start(job) as process:
            connection, _ = listener.accept()
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            shown += Path(f"/proc/{process.pid}/environ").read_bytes()
            assert os.getpriority(os.PRIO_PROCESS, process.pid) > 0
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(10) == 3
            connection.close()
    assert b"s3cret" not in shown


def test_protocols_are_those_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """OCPP 1.6 §9.5: SFTP only where its library is there."""
    workers = ProcessWorkers(lambda act: act())
    assert workers.protocols == ("HTTP", "HTTPS", "FTP", "FTPS", "SFTP")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "SFTP" not in workers.protocols


def test_the_link_itself_imports_no_transfer_library() -> None:
    """Blocking libraries, and 40 MB of SFTP, stay in the processes that need them."""
    code = (
        "import sys, ocpp_link.process\n"
        "heavy = {'ftplib', 'asyncssh', 'tarfile', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
