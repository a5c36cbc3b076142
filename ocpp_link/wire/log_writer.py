"""A log's lines on the storage thread: it alone waits for the disk, and never for a log's sake."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from evse.journal.storage import StorageEnded
from ocpp_link.memory.database import Database
from ocpp_link.ports import Store
from ocpp_link.wire.rotated_file import RotatedFile

_log = logging.getLogger(__name__)


def write_with(store: Store, file: RotatedFile) -> Callable[[bytes, Callable[[], None]], None]:
    """Writes lines into `file`, behind what `store` was given before, and calls back then. A disk
    that refuses them is said once; they are lost."""
    failing = ""

    def written(problem: str) -> None:
        nonlocal failing
        if problem and not failing:
            _log.error(
                "the log of frames can not be written (%s): frames are missing in it", problem
            )
        failing = problem

    def write(lines: bytes, done: Callable[[], None]) -> None:
        outcome: list[str] = []

        def work(_database: Database) -> str:
            if not outcome:  # the store may run it again, for the sake of what is beside it
                outcome.append(_appended(file, lines))
            return outcome[0]

        def tell(problem: str) -> None:
            written(problem)
            done()

        with contextlib.suppress(StorageEnded):  # the process ends by it; its log is the least
            store.submit(work, tell)

    return write


def _appended(file: RotatedFile, lines: bytes) -> str:
    """Empty, or why not."""
    try:
        file.append(lines)
    except OSError as error:
        return error.strerror or str(error)
    return ""
