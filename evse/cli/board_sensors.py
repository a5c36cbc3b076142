"""The slow temperature sensors while a board is checked: a reader of the check's own, so that it
does not matter which units run."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from evse.run.process import TEMPERATURES

ENDS_WITHIN_S = 2.0
"""A reader that the kernel keeps longer is left to the kernel."""


@contextlib.contextmanager
def read_by_its_own(sensors: Sequence[str]) -> Iterator[str]:
    """The file in which they are read, for as long as this lasts. Without sensors nothing runs."""
    with tempfile.TemporaryDirectory(prefix="pievse-check-") as directory:
        path = str(Path(directory) / TEMPERATURES)
        if not sensors:
            yield path
            return
        command = [sys.executable, "-m", "drivers.temperature", path, *sensors]
        with contextlib.ExitStack() as ends:
            reader = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
            ends.callback(_end, reader)
            yield path


def _end(reader: subprocess.Popen[bytes]) -> None:
    reader.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        reader.wait(ENDS_WITHIN_S)
