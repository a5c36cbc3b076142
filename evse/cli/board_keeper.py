"""Somebody who makes a board safe when whoever drives it dies so that no code of its own runs.

A killed process (SIGKILL, out of memory) closes nothing, and the kernels of Raspberry Pi OS leave
its outputs as they are (drivers/gpio/release.py). So a shell waits at a pipe: a word means a good
end, the end of the pipe means death, and then it runs `evse board make-safe`.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_WAITS = 'read -r ended && [ "$ended" = ok ] || exec "$@"'


def make_safe_command(config: Path, profile: str) -> list[str]:
    where = ["--config", str(config.absolute()), "--profile", profile]
    return [sys.executable, "-m", "evse", "board", "make-safe", *where]


@contextlib.contextmanager
def keeper(config: Path, profile: str) -> Iterator[None]:
    """Watches over what runs inside."""
    with watched(make_safe_command(config, profile)):
        yield


@contextlib.contextmanager
def watched(command: Sequence[str]) -> Iterator[None]:
    """`command` runs when this process dies inside, however it dies; an exception that leaves it
    is a death too, for nobody knows what it has left behind."""
    # In a session of its own: what ends the terminal's programs does not end it.
    with subprocess.Popen(
        ["/bin/sh", "-c", _WAITS, "keeper", *command],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as shell:
        yield
        assert shell.stdin is not None, "asked for above"
        shell.stdin.write(b"ok\n")
        shell.stdin.flush()
