"""The OCPP link as a process of this station: from its configuration to ocpp_link's."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import msgspec

from evse import __version__
from evse.config.ocpp import FrameLogTable, OcppTable, PricingTable
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.door.client import LINK_SOCKET
from evse.door.peer import access
from evse.energy.station import watt_lines
from evse.run.notify import notifier, watchdog
from evse.run.process import EXIT_RESTART_APPLICATION, EXIT_RESTART_HARDWARE, boot_id
from evse.support.redaction import redacted
from ocpp_link.config import FrameLogConfig, LinkConfig
from ocpp_link.device.settings import Settings
from ocpp_link.files.config import FilesConfig
from ocpp_link.files.jobs import Trust
from ocpp_link.files.ports import Sources
from ocpp_link.metering.measurands import ENERGY
from ocpp_link.ports import EvseInfo, RestartKind, StationInfo
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.process import serve
from ocpp_link.security.certificates import KeyType
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.events import CRITICAL, TOLD, EventType
from ocpp_link.security.profiles import BASIC, TLS_BASIC, TLS_CERTIFICATE
from ocpp_link.wire.frame_log import Level

SECURITY = "ocpp-security"
"""In the state directory: certificates, keys, and what the back office set of them."""
SECURITY_LOG = "ocpp-security.jsonl"
FRAME_LOG = "ocpp-frames.jsonl"
"""In the state directory, with those that it was before."""
MAX_KEY_BYTES = 64
"""Longest BasicAuthPassword of OCPP 2.1; 1.6 and 2.0.1 allow less."""

_log = logging.getLogger(__name__)


def link_config(
    config: StationConfig,
    *,
    state_dir: Path,
    door: Path,
    journal: Path | None = None,
    own_socket: Path | None = None,
    units: bool = False,
) -> LinkConfig:
    """`journal` is the core's, else beside the link's own database; `own_socket` the link's door,
    else beside the core's; `units`: privileged acts are units to be started.

    Raises ConfigError when the configuration has no `[ocpp]`, or the file with the AuthorizationKey
    can not be used."""
    if config.ocpp is None:
        raise ConfigError(["the configuration has no [ocpp]"])
    return LinkConfig(
        url=config.ocpp.url,
        identity=config.ocpp.identity,
        versions=config.ocpp.versions,
        door=door,
        socket=own_socket or door.parent / LINK_SOCKET,
        access=access(config.door, _log.warning),
        group=config.door.group,
        database=state_dir / "ocpp.db",
        station=_station(config),
        boot_id=boot_id(),
        sets_clock=config.ocpp.sets_clock,
        units=units,
        basic_auth_key=basic_auth_key(config.ocpp.basic_auth_key_file),
        interface=config.ocpp.interface,
        frame_log=_frame_log(config.ocpp.frame_log, state_dir),
        pricing=_pricing(config.ocpp.pricing),
        files=_files(config, state_dir, journal or state_dir / "core.db", units=units),
        security=security_config(config.ocpp, state_dir),
        settings=Settings(
            cpo_name=config.ocpp.security.cpo_name,
            connection_timeout_s=config.authorization.connection_timeout_s,
            ping_interval_s=config.ocpp.ping_interval_s,
            phase_rotation=_phase_rotation(config),
            stop_sampled_measurands=_of_end(config),
        ),
    )


def security_config(table: OcppTable, state_dir: Path) -> SecurityConfig:
    """What `[ocpp.security]` says; the key is the link's."""
    given = table.security
    return SecurityConfig(
        profile=profile_of(table) if given.profile is None else given.profile,
        profile_is_named=given.profile is not None,
        secure_url=given.tls_url,
        mutual_url=given.certificate_url,
        system_roots=given.system_roots,
        wildcards=given.wildcards,
        ciphers=given.ciphers,
        additional_root_check=given.additional_root_check,
        max_roots=given.max_roots,
        key_type=KeyType(given.key_type),
        csms_roots=_path(given.csms_roots_file),
        manufacturer_roots=_path(given.manufacturer_roots_file),
        certificate=_path(given.certificate_file),
        certificate_key=_path(given.certificate_key_file),
        directory=state_dir / SECURITY,
        log=state_dir / SECURITY_LOG,
        told={"critical": CRITICAL, "told": TOLD, "all": frozenset(EventType)}[given.events],
    )


def profile_of(table: OcppTable) -> int:
    """The highest security profile for which everything is configured."""
    if not table.url.startswith("wss:") and not table.security.tls_url:
        return BASIC if table.basic_auth_key_file else 0
    if table.security.certificate_file:
        return TLS_CERTIFICATE
    return TLS_BASIC if table.basic_auth_key_file else 0


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _pricing(table: PricingTable | None) -> PricingConfig | None:
    return None if table is None else PricingConfig(table.languages)


def _frame_log(table: FrameLogTable, state_dir: Path) -> FrameLogConfig:
    return FrameLogConfig(
        path=state_dir / FRAME_LOG,
        level=Level(table.level),
        max_bytes=table.file_kb * 1024,
        files=table.files,
        hide_tokens=table.hide_tokens,
    )


def _files(
    config: StationConfig, state_dir: Path, journal: Path, *, units: bool
) -> FilesConfig | None:
    if config.ocpp is None:
        return None
    table = config.ocpp.files
    shown = msgspec.json.encode(redacted(msgspec.to_builtins(config)))
    return FilesConfig(
        directory=state_dir / "ocpp-files",
        sources=Sources(
            journal=str(journal),
            flights=str(journal.with_name("flight")),
            configuration=msgspec.json.format(shown).decode(),
        ),
        trust=Trust(
            system_roots=table.system_roots,
            ca_files=table.ca_files,
            known_hosts=table.known_hosts_file,
        ),
        releases=Path(table.releases) if table.releases else None,
        package_key=table.package_key_file,
        unsigned_firmware=table.unsigned_firmware,
        release_unit=state_dir / "release" if units else None,
    )


def basic_auth_key(path: str, named_by: str = "[ocpp] basic_auth_key_file") -> bytes:
    """What the file holds, without one line break at its end; b"" where no file is named."""
    if not path:
        return b""
    try:
        with Path(path).open("rb") as file:
            key = file.read(MAX_KEY_BYTES + 2).removesuffix(b"\n")
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    else:
        if 0 < len(key) <= MAX_KEY_BYTES:
            return key
        problem = f"must hold an AuthorizationKey of 1 to {MAX_KEY_BYTES} bytes and nothing else"
    raise ConfigError([f"{named_by} = {path} {problem}"])


def _of_end(config: StationConfig) -> tuple[str, ...]:
    """OCPP 1.6 tells a meter's signatures with the values of a transaction's end alone, and of
    those there are none unless somebody names them."""
    return (ENERGY,) if any(evse.meter.signed for evse in config.evses) else ()


def _phase_rotation(config: StationConfig) -> tuple[str, ...]:
    """Of each connector to the supply (OCPP 1.6 §9.1.7)."""
    return tuple(
        f"{evse.id}.{'Unknown' if evse.phase_rotation == 'unknown' else evse.phase_rotation}"
        for evse in config.evses
    )


def _station(config: StationConfig) -> StationInfo:
    return StationInfo(
        vendor=config.station.vendor,
        model=config.station.model,
        serial=config.station.serial,
        firmware=_running_release(config) or __version__,
        nominal_voltage_v=config.evses[0].nominal_voltage_v,
        lines=watt_lines(config),
        fuse_a=config.station.fuse_a,
        evses=tuple(
            EvseInfo(
                phases=evse.phases,
                max_current_a=evse.max_current_a,
                has_lock=evse.lock is not None,
                switches_phases=evse.phase_switch.mode != "never",
                meter_type=evse.meter.model if evse.meter.kind != "none" else "",
                meter_signs=evse.meter.signed,
            )
            for evse in config.evses
        ),
    )


def _running_release(config: StationConfig) -> str:
    """Empty where this program is of none."""
    releases = config.ocpp.files.releases if config.ocpp else ""
    if not releases:
        return ""
    from ocpp_link.files.installer import runs

    return runs(Path(releases))


EXIT_CODES = {
    RestartKind.APPLICATION: EXIT_RESTART_APPLICATION,
    RestartKind.HARDWARE: EXIT_RESTART_HARDWARE,
}


class ManagedLink:
    """Tells the service manager how the link is."""

    def __init__(self, config: LinkConfig) -> None:
        self._status = f"the link of {config.identity}"
        self._manager = notifier()
        self._watchdog = watchdog(self._manager.tell)

    def ready(self) -> None:
        self._manager.ready(self._status)

    def turned(self, now_ms: int) -> None:
        self._watchdog.fed(now_ms)


async def run_link(config: LinkConfig) -> int:
    """The process's body, until SIGTERM or SIGINT, or until a reset: returns the exit code, by
    which the supervisor knows what is to begin anew."""
    task = asyncio.ensure_future(serve(config, ManagedLink(config)))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    return 0 if task.cancelled() else EXIT_CODES[task.result()]
