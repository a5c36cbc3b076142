"""A charge point whose work with files is in a test's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from ocpp_rig import Rig

from ocpp_link.files.jobs import Download, End, Job, Outcome, Trial
from ocpp_link.files.ports import Files, OnEnd, Sources

GOOD = End(Outcome.DONE, sha256="ab" * 32, bytes=100)


class HeldWorkers:
    """Keeps what was started until a test says how it ended."""

    def __init__(self) -> None:
        self.protocols = ("HTTP", "HTTPS", "FTP", "FTPS", "SFTP")
        self.jobs: list[tuple[Job, OnEnd]] = []
        self.all: list[Job] = []
        self.discarded: list[str] = []

    @property
    def active(self) -> int:
        return len(self.jobs)

    def start(self, job: Job, on_end: OnEnd) -> Callable[[], None]:
        entry = (job, on_end)
        self.jobs.append(entry)
        self.all.append(job)

        def cancel() -> None:
            if entry in self.jobs:
                self.jobs.remove(entry)

        return cancel

    def discard(self, path: str) -> None:
        self.discarded.append(path)

    def sweep(self, directory: str, keep: str) -> None:
        self.swept = (directory, keep)

    def end(self, end: End) -> Job:
        """The oldest job ends."""
        job, on_end = self.jobs.pop(0)
        on_end(end)
        return job


class FakeInstaller:
    """A directory of releases, in memory; outlives engines. `start` is what a restart does to
    it."""

    def __init__(self) -> None:
        self.next = self.running = "1.0"
        self.can_go_back = True
        self.trial: Trial | None = None
        self.asked: list[str] = []
        self.pending: list[Callable[[End], None]] = []
        self.confirm_ends = self.roll_back_ends = End(Outcome.DONE)

    def install(self, package: str, sha256: str, on_end: OnEnd) -> None:
        self.asked.append("install")
        self.pending.append(on_end)

    def end(self, end: End, version: str = "2.0") -> None:
        """The installation ends."""
        if end.restart:
            self.next = version
            self._trial_now = Trial(version, self.running)
        self.pending.pop(0)(end)

    def confirm(self, on_end: OnEnd) -> None:
        self.asked.append("confirm")
        self.pending.append(on_end)

    def roll_back(self, says: str, on_end: OnEnd) -> None:
        self.asked.append("roll back")
        self.pending.append(on_end)

    def confirmed(self, end: End) -> None:
        if end.outcome is Outcome.DONE:
            self._trial_now = None
        self.pending.pop(0)(end)

    def rolled_back(self, end: End) -> None:
        self.taken_back()
        self.pending.pop(0)(end)

    def taken_back(self) -> None:
        """By the engine, or before a start."""
        if self._trial_now:
            self.next = self._trial_now.previous
            self._trial_now = msgspec.structs.replace(self._trial_now, rolled_back=True)

    def start(self) -> None:
        """Programs begin anew, from what is there now."""
        self.pending.clear()
        self.running = self.next
        self.trial = self._trial_now

    _trial_now: Trial | None = None


class FilesRig(Rig):
    """With workers, and an installer that outlives engines."""

    def __init__(self, installer: FakeInstaller | None = None, **more: Any) -> None:
        self.workers = HeldWorkers()
        self.installer = installer or FakeInstaller()
        super().__init__(
            files=Files(
                workers=self.workers,
                directory="/nowhere",
                identity="CP/1 ä",
                installer=self.installer,
                sources=Sources(frame_log="frames", security_log="security", journal="core.db"),
            ),
            **more,
        )

    def told(self, action: str) -> list[dict[str, Any]]:
        """The payloads of our CALLs of this action, in order."""
        frames = [msgspec.json.decode(frame) for frame in self.sent]
        return [frame[3] for frame in frames if frame[0] == 2 and frame[2] == action]

    def statuses(self, action: str = "FirmwareStatusNotification") -> list[str]:
        return [payload["status"] for payload in self.told(action)]

    def end_job(self, end: End = GOOD) -> Job:
        job = self.workers.end(end)
        self.flush()
        return job

    def downloads(self) -> list[Download]:
        return [job for job in self.workers.all if isinstance(job, Download)]

    def again(self) -> FilesRig:
        """The station's programs begin anew, on what the disk holds."""
        self.installer.start()
        rig = FilesRig(
            self.installer,
            database=self.database,
            clock=self.clock,
            evses=len(self.engine.station.evses),
        )
        rig.core.replies = self.core.replies
        return rig.settled()

    def settled(self) -> FilesRig:
        """Core and back office are there, and what happened before is known."""
        self.start()
        self.run(10)
        return self
