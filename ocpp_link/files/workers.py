"""Jobs with files in processes of their own, one each, on an asyncio loop."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from ocpp_link.files.jobs import (
    ByUnit,
    Confirm,
    Download,
    End,
    Install,
    Job,
    Line,
    Outcome,
    RollBack,
    Upload,
)
from ocpp_link.files.location import parse
from ocpp_link.files.part_file import discard
from ocpp_link.files.ports import Cancel, OnEnd

JOB_LIMIT_S = 3_600.0
SILENCE_LIMIT_S = 300.0
"""A process that says nothing for so long hangs: each wait of its own is shorter."""
MAX_LINE_BYTES = 1 << 16

_log = logging.getLogger(__name__)


class ProcessWorkers:
    """Construct it on a running loop. `run` hands a callable to the engine (Runner.run)."""

    def __init__(
        self,
        run: Callable[[Callable[[], None]], object],
        *,
        job_limit_s: float = JOB_LIMIT_S,
        silence_limit_s: float = SILENCE_LIMIT_S,
    ) -> None:
        self._run = run
        self._job_limit_s = job_limit_s
        self._silence_limit_s = silence_limit_s
        self._jobs: set[asyncio.Task[None]] = set()
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def protocols(self) -> tuple[str, ...]:
        has_sftp = importlib.util.find_spec("asyncssh") is not None
        return ("HTTP", "HTTPS", "FTP", "FTPS", *(("SFTP",) if has_sftp else ()))

    @property
    def active(self) -> int:
        return len(self._jobs) + len(self._chores)

    def start(self, job: Job, on_end: OnEnd) -> Cancel:
        task = asyncio.get_running_loop().create_task(self._work(job, on_end))
        _hold(task, self._jobs)

        def cancel() -> None:
            task.cancel()

        return cancel

    def discard(self, path: str) -> None:
        """Once those that were cancelled can no longer write to it."""
        cancelled = [task for task in self._jobs if task.cancelling()]
        task = asyncio.get_running_loop().create_task(_discard(Path(path), cancelled))
        _hold(task, self._chores)

    def sweep(self, directory: str, keep: str) -> None:
        """Before anything is started in it."""
        kept = Path(keep).name
        try:
            for path in Path(directory).iterdir():
                if not (kept and path.name.startswith(kept)):
                    path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("what former transfers left in %s stays: %s", directory, error)

    async def close(self) -> None:
        """End the jobs that run, and wait for that."""
        for task in self._jobs:
            task.cancel()
        await asyncio.gather(*self._jobs, *self._chores, return_exceptions=True)

    async def _work(self, job: Job, on_end: OnEnd) -> None:
        end = await self._end_of(job)
        _log.log(
            logging.INFO if end.outcome is Outcome.DONE else logging.WARNING,
            "%s: %s%s",
            _title(job),
            end.outcome.value,
            f" ({end.says})" if end.says else "",
        )
        self._run(lambda: on_end(end))

    async def _end_of(self, job: Job) -> End:
        try:
            async with asyncio.timeout(self._job_limit_s):
                return await self._in_process(job)
        except TimeoutError:
            return End(Outcome.TIMEOUT, f"not done in {self._job_limit_s:.0f} s, or silent")
        except OSError as error:
            return End(Outcome.FAILED, f"its process can not be started: {error}")
        except (msgspec.MsgspecError, ValueError) as error:
            return End(Outcome.FAILED, f"its process speaks in tongues: {error}")

    async def _in_process(self, job: Job) -> End:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "ocpp_link.files.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            return await self._listen(process.stdout)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            process.stdin.close()

    async def _listen(self, stdout: asyncio.StreamReader) -> End:
        """What it says until its end. Raises TimeoutError for one that falls silent."""
        while True:
            async with asyncio.timeout(self._silence_limit_s):
                text = await stdout.readline()
            if not text:
                return End(Outcome.FAILED, "its process died")
            line = msgspec.json.decode(text, type=Line)
            if isinstance(line, End):
                return line


def _hold(task: asyncio.Task[None], tasks: set[asyncio.Task[None]]) -> None:
    """As long as it runs; nobody else does."""
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _discard(path: Path, before: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*before, return_exceptions=True)
    try:
        discard(path)
    except OSError as error:
        _log.warning("a file that is not needed any more stays: %s", error)


def _title(job: Job) -> str:
    match job:
        case Download():
            return f"download from {_place(job.url)}"
        case Upload():
            return f"upload to {_place(job.url)}"
        case Install() | Confirm() | RollBack():
            return f"firmware {type(job).__name__.lower()}"
        case ByUnit():
            return _title(job.act)
        case _:
            return "bundle"


def _place(url: str) -> str:
    """Without what may be secret; a location that can not be read may be secret as a whole."""
    try:
        return str(parse(url))
    except ValueError:
        return "a location that can not be read"
