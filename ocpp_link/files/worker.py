"""The process that does one job with files: `python -m ocpp_link.files.worker`.

Its own process, because the libraries block, may leak or hang, and can be killed. It ends with
its parent: the end of its standard input ends it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import msgspec

from ocpp_link.files.errors import FileError
from ocpp_link.files.jobs import (
    Bundle,
    ByUnit,
    Confirm,
    Download,
    End,
    Install,
    Job,
    Line,
    Outcome,
    Progress,
    RollBack,
    Upload,
)
from ocpp_link.files.location import Location, parse

NICENESS = 10
TELL_S = 1.0
"""Between two lines of progress."""
_ORPHANED = 3


def run(job: Job, on_progress: Teller) -> End:
    """Do it; how it ended, whatever happened."""
    try:
        return _do(job, on_progress)
    except FileError as error:
        return End(error.outcome, str(error))
    except TimeoutError as error:
        return End(Outcome.TIMEOUT, str(error) or "it took too long")
    except ConnectionError as error:
        return End(Outcome.UNREACHABLE, str(error))
    except OSError as error:
        return End(Outcome.FAILED, f"{type(error).__name__}: {error}")


class Teller:
    """Says at most once a second how far the job is."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, done: int, total: int = 0) -> None:
        now = time.monotonic()
        if now - self._told_at >= TELL_S:
            self._told_at = now
            say(Progress(done, total))


def say(line: Line) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _do(job: Job, on_progress: Teller) -> End:
    match job:
        case Download():
            return _download(job, on_progress)
        case Upload():
            return _upload(job, on_progress)
        case Bundle():
            from ocpp_link.files import bundle

            return bundle.build(job, on_progress)
        case ByUnit():
            from ocpp_link.files import release_unit

            return release_unit.ask(job, on_progress)
        case _:
            return _releases(job, on_progress)


def _releases(job: Install | Confirm | RollBack, on_progress: Teller) -> End:
    from ocpp_link.files import installer

    match job:
        case Install():
            return installer.install(job, on_progress)
        case Confirm():
            return installer.confirm(job)
        case RollBack():
            return installer.roll_back(job)


def _download(job: Download, on_progress: Teller) -> End:
    from ocpp_link.files import ftp, http
    from ocpp_link.files.part_file import PartFile

    location = parse(job.url)
    with PartFile(Path(job.path), job.limits, on_progress) as part:
        match location.scheme:
            case "http" | "https":
                http.download(job, location, part)
            case "ftp" | "ftps":
                ftp.download(job, location, part)
            case _:
                from ocpp_link.files import sftp

                sftp.download(job, location, part)
        return part.finish()


def _upload(job: Upload, on_progress: Teller) -> End:
    from ocpp_link.files import ftp, http

    location: Location = parse(job.url)
    match location.scheme:
        case "http" | "https":
            http.upload(job, location, on_progress)
        case "ftp" | "ftps":
            ftp.upload(job, location, on_progress)
        case _:
            from ocpp_link.files import sftp

            sftp.upload(job, location, on_progress)
    return End(Outcome.DONE, bytes=Path(job.path).stat().st_size)


def _end_with_parent() -> None:
    """Past Python's buffer, whose lock a thread that waits would hold when the process ends."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(_ORPHANED)


def main() -> None:
    job: Job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    say(run(job, Teller()))


if __name__ == "__main__":
    main()
