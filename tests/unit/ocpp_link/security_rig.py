"""A rig with certificates, keys and a security log on a disk that outlives it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from ocpp_rig import Rig

from evse.clock import VirtualClock
from hil.csms.authority import START, Authority
from ocpp_link.memory.database import Database
from ocpp_link.security.config import SecurityConfig

PLAIN_KEY = "sixteen or more!"
NOW = START + timedelta(days=700)
"""Later than the release, so that the clock is believed."""


class Secured(Rig):
    """A rig whose disk outlives it: `again` is its next start."""

    def __init__(self, directory: Path, database: Database | None = None, **more: Any) -> None:
        self.directory = directory
        self.more = more
        config = SecurityConfig(
            identity="CP-1", directory=directory, log=directory / "security.log", **more
        )
        super().__init__(
            clock=VirtualClock(start_utc=NOW),
            database=database,
            security=config,
            serial="SN-1",
            evses=2,
        )
        self.access = self.engine.security.access
        self.reconnects: list[str] = []
        self.access.on_reconnect = self._reconnected

    def _reconnected(self, why: str) -> None:
        """As the connection does it: away, and there again."""
        self.reconnects.append(why)

    def come_back(self) -> None:
        """The connection that a reconnect wants came to be."""
        self.disconnect()
        self.access.endpoint()
        self.connect()

    def again(self, **more: Any) -> Secured:
        self.disconnect()
        return Secured(self.directory, self.database, **{**self.more, **more})

    def write(self, key: str, value: str) -> str:
        status = self.ask("ChangeConfiguration", {"key": key, "value": value})[1]["status"]
        assert isinstance(status, str)
        return status

    def read(self, key: str) -> dict[str, Any]:
        (found,) = self.ask("GetConfiguration", {"key": [key]})[1]["configurationKey"]
        assert isinstance(found, dict)
        return found

    def log(self) -> str:
        return (self.directory / "security.log").read_text()


def secured(directory: Path, **more: Any) -> Secured:
    rig = Secured(directory, **more)
    rig.start()
    return rig


def with_root(rig: Secured, root: Authority) -> None:
    kind = "CentralSystemRootCertificate"
    answer = rig.ask("InstallCertificate", {"certificateType": kind, "certificate": root.pem})
    assert answer[1] == {"status": "Accepted"}
