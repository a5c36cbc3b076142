"""How the owner configured the link's work with files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ocpp_link.files.jobs import Trust
from ocpp_link.files.ports import Files, Installer, Sources, Workers


class FilesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Holds no secret."""

    directory: Path
    """For what is fetched and what is packed; of nobody else."""
    sources: Sources = Sources()
    trust: Trust = Trust()
    releases: Path | None = None
    """Where firmware is installed (files/installer.py); None: nowhere."""
    package_key: str = ""
    """A PEM file; empty: packages need no signature of their own."""
    unsigned_firmware: bool = False
    release_unit: Path | None = None
    """Releases are another user's, whose systemd unit works on them (files/release_unit.py): where
    what is asked of it is put. None: they are this process's own."""

    def files(
        self, workers: Workers, identity: str, *, frame_log: Path | None, security_log: Path | None
    ) -> Files:
        """What the engine needs; the logs are those that the link itself writes."""
        sources = msgspec.structs.replace(
            self.sources, frame_log=str(frame_log or ""), security_log=str(security_log or "")
        )
        return Files(
            workers=workers,
            directory=str(self.directory),
            identity=identity,
            installer=self._installer(workers),
            sources=sources,
            trust=self.trust,
            unsigned_firmware=self.unsigned_firmware,
        )

    def _installer(self, workers: Workers) -> Installer | None:
        if self.releases is None:
            return None
        from ocpp_link.files.installer import runs
        from ocpp_link.files.releases import ReleaseInstaller

        return ReleaseInstaller(
            workers,
            self.releases,
            running=runs(self.releases),
            package_key=self.package_key,
            unit=self.release_unit,
        )
