"""The installer of installer.py, each of its acts in a process of its own."""

from __future__ import annotations

from pathlib import Path

from ocpp_link.files import installer
from ocpp_link.files.jobs import ByUnit, Confirm, Install, RollBack, Trial
from ocpp_link.files.ports import OnEnd, Workers


class ReleaseInstaller:
    """Installer (ports.py) on the directory `root`, which it looks at once, now. `running` is the
    release that this process is of. `package_key` is a PEM file; empty: packages need no signature
    of their own. `unit`: where a request to the unit whose the releases are is put; None: they are
    this process's own."""

    def __init__(
        self,
        workers: Workers,
        root: Path,
        *,
        running: str,
        package_key: str = "",
        unit: Path | None = None,
    ) -> None:
        self._workers = workers
        self._root = root
        self._package_key = package_key
        self._unit = unit
        self.running = running
        self.can_go_back = bool(
            running and installer.next_start(root) and (root / "current").is_dir()
        )
        self.trial: Trial | None = installer.trial(root)

    def install(self, package: str, sha256: str, on_end: OnEnd) -> None:
        self._start(Install(str(self._root), package, sha256, self._package_key), on_end)

    def confirm(self, on_end: OnEnd) -> None:
        self._start(Confirm(str(self._root)), on_end)

    def roll_back(self, says: str, on_end: OnEnd) -> None:
        self._start(RollBack(str(self._root), says), on_end)

    def _start(self, act: Install | Confirm | RollBack, on_end: OnEnd) -> None:
        self._workers.start(act if self._unit is None else ByUnit(act, str(self._unit)), on_end)
