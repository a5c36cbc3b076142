"""The security of a link, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from evse.telling.fault_report import FaultReport
from ocpp_link.device.model import DeviceModel
from ocpp_link.errors import CertificateInvalid
from ocpp_link.memory.database import Snapshot
from ocpp_link.rpc.rpc import RpcStats
from ocpp_link.security.access import Access
from ocpp_link.security.authorities import Authorities
from ocpp_link.security.certificates import Use
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.credentials import CredentialFile
from ocpp_link.security.events import EventType
from ocpp_link.security.log import SecurityLog
from ocpp_link.security.notifier import SecurityEvents
from ocpp_link.security.renewal import Renewal
from ocpp_link.security.store import CertificateStore
from ocpp_link.station import Station

CREDENTIALS = "credentials.json"
CERTIFICATES = "certificates"
DISK_FULL = "JournalNotWritten"
"""Sub-type of the core's fault (evse/faults.toml)."""

_log = logging.getLogger(__name__)


class Security:
    """`events`, `authorities`, `access` and `renewal` are what the dialects and the owner of the
    connection use."""

    def __init__(
        self, station: Station, model: DeviceModel, config: SecurityConfig, kept: Snapshot
    ) -> None:
        """Reads what is kept in the configured directory. Raises OSError where it can not be
        used."""
        self._station = station
        store = _store(config)
        credentials = config.directory / CREDENTIALS if config.directory else None
        log = SecurityLog(config.log, station.store) if config.log else None
        was_cleared = log is not None and _was_logged(kept) and not log.is_there
        self.events = station.security = SecurityEvents(
            station, kept, told=config.told, write=log.write if log else _unwritten
        )
        self.authorities = Authorities(station, config, store)
        self.access = Access(station, model, config, CredentialFile(credentials), self.authorities)
        self.renewal = Renewal(station, config, self.authorities, self.access)
        self._rubbish = 0
        self._disk_faults: dict[int, set[str]] = {}
        if store is not None:
            _adopt(config, store, self.authorities.judged_ms())
        station.occasions.clock_set.append(self._clock_set)
        station.occasions.resetting.append(self._resetting)
        model.facts |= {
            "additional_root_check": lambda: str(config.additional_root_check).lower(),
            "max_chain_size": lambda: str(config.max_chain_chars),
            "max_certificates": lambda: str(config.max_roots),
            "certificate_entries": lambda: str(len(self.authorities.contents.roots)),
        }
        if was_cleared:
            self.events.event(EventType.LOG_CLEARED)
        if log is not None:
            station.keep("security", "logged", True)
        self.events.event(EventType.STARTUP)

    def heard(self, stats: RpcStats) -> None:
        """A frame of the peer was taken; `stats` tell whether it was one of OCPP."""
        rubbish = stats.malformed + stats.oversized + stats.invalid_calls + stats.invalid_results
        if rubbish != self._rubbish:
            self._rubbish = rubbish
            self.events.event(EventType.INVALID_MESSAGES, "a frame that is no valid message")

    def faults_are(self, evse: int, faults: tuple[FaultReport, ...]) -> None:
        """What stands at an EVSE now: a disk that takes nothing is a security officer's, too. All
        EVSEs have it; it is said once."""
        known = set[str]().union(*self._disk_faults.values())
        found = {fault.uuid: fault.message for fault in faults if fault.sub_type == DISK_FULL}
        self._disk_faults[evse] = set(found)
        if found and not known:
            self.events.event(EventType.MEMORY_EXHAUSTION, next(iter(found.values())))

    def _clock_set(self, by_ms: int) -> None:
        self.events.event(EventType.SETTING_SYSTEM_TIME, f"by {by_ms / 1_000:+.1f} s")

    def _resetting(self, why: str) -> None:
        self.events.event(EventType.RESET_OR_REBOOT, why)


def _was_logged(kept: Snapshot) -> bool:
    """There was a security log before this start."""
    return kept.decoded("security", bool, "logged").get("logged", False)


def _store(config: SecurityConfig) -> CertificateStore | None:
    return CertificateStore(config.directory / CERTIFICATES) if config.directory else None


def _adopt(config: SecurityConfig, store: CertificateStore, at_ms: int) -> None:
    """Take over what the configuration brings, where it has changed. A file that can not be used
    is told of, and what was taken over before holds."""
    _tried(config.csms_roots, lambda path: store.roots.adopt(Use.CSMS, path, at_ms))
    _tried(config.manufacturer_roots, lambda path: store.roots.adopt(Use.MANUFACTURER, path, at_ms))
    key = config.certificate_key
    if key is not None:
        _tried(config.certificate, lambda path: store.own.adopt(path, key, at_ms))


def _tried(path: Path | None, adopt: Callable[[Path], None]) -> None:
    if path is None:
        return
    try:
        adopt(path)
    except OSError as error:
        _log.error("%s of the configuration cannot be read: %s", path, error.strerror or error)
    except CertificateInvalid as error:
        _log.error("certificates of the configuration are not taken over: %s: %s", path, error)


def _unwritten(_line: bytes) -> None:
    """There is no log."""
