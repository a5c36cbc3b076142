"""`evse run` as a child of the bench, in a state directory of its own that ends with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from evse.run.process import SUPERVISOR_VARIABLE

END_S = 3.0
"""What the product promises for the end of a whole station."""
_LOG_LINES = 200


class StationChild:
    """The supervisor of one station; it starts again in the same directory."""

    def __init__(self, config: str) -> None:
        """`config`: the text of the configuration. Nothing is started yet."""
        # Short, because a Unix socket's path may have 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="pievse-"))
        self.run_dir = self.directory / "run"
        self.config_path = self.directory / "station.toml"
        self.config_path.write_text(config, "utf-8")
        self._log = self.directory / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = ("--config", str(self.config_path), "--sim", "--state-dir", str(self.directory))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "evse", "run", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())},
            )

    @property
    def pid(self) -> int:
        """Of the supervisor, which was started."""
        assert self._process is not None, "start it first"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, within_s: float) -> int | None:
        """The supervisor's exit code, None when it still runs."""
        assert self._process is not None, "start it first"
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(within_s)
        return None

    def close(self) -> None:
        """End the station, tell what it logged, remove its directory."""
        if self._process is not None and self.running:
            self._process.terminate()
            if self.wait(2 * END_S) is None:
                self._process.kill()
                self._process.wait()
        print("\n".join(self.log().splitlines()[-_LOG_LINES:]))
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""
