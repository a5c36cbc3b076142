"""The security log: one JSON line for each event, in a few files of bounded size.

Unlike the log of frames it is written at once; it is asked for when something went wrong.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ocpp_link.memory.database import Database
from ocpp_link.ports import Store
from ocpp_link.wire.rotated_file import RotatedFile, parts

MAX_BYTES = 256 * 1024
"""Of each file: some 2 000 events."""
FILES = 4

_log = logging.getLogger(__name__)


class SecurityLog:
    """On the storage thread, behind what `store` was given before. A disk that refuses is said,
    and the event stays with whoever else hears of it."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._store = store
        self._file = RotatedFile(path, max_bytes=MAX_BYTES, files=FILES)

    @property
    def is_there(self) -> bool:
        """Has anything been written that still stands?"""
        return bool(parts(self._path))

    def write(self, line: bytes) -> None:
        """Never blocks."""
        done: list[None] = []

        def work(_database: Database) -> None:
            if done:
                return  # the store runs it again for the sake of what is beside it
            done.append(None)
            try:
                self._file.append(line)
            except OSError as error:
                _log.error("the security log can not be written: %s", error)

        self._store.submit(work)
