"""What must agree across the tables of a configuration, and the values that follow from others.

Pure. Each check yields plain sentences; an empty list means the configuration may be used.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from evse.config.evse import EvseTable, LockTable, MeterTable
from evse.config.read import nearest
from evse.config.rfid import rfid_disagreements
from evse.config.station import StationConfig
from evse.energy.derating import curve_of
from evse.guard.facts import Timing

TIMING_KEYS = frozenset(Timing.__struct_fields__)
"""Times of the guard that a test may change."""


def disagreements(config: StationConfig) -> list[str]:
    """Every contradiction in `config`, as `[table] sentence`."""
    return [
        *_board(config),
        *_numbering(config),
        *_limits(config),
        *(problem for evse in config.evses for problem in _evse(config, evse)),
        *_meter_lines(config),
        *_readers(config),
        *_authorization(config),
        *_security(config),
    ]


def resolved(config: StationConfig) -> StationConfig:
    """`config` with every value filled in that follows from another one."""
    ocpp = config.ocpp
    if ocpp is not None and not ocpp.identity:
        ocpp = replace(ocpp, identity=config.station.identity)
    return replace(config, evses=tuple(map(_resolved_evse, config.evses)), ocpp=ocpp)


def _resolved_evse(evse: EvseTable) -> EvseTable:
    socket = evse.connector == "socket"
    if evse.connector_type == "auto":
        evse = replace(evse, connector_type="sType2" if socket else "cType2")
    if socket and evse.lock is None:
        evse = replace(evse, lock=LockTable())
    return evse


def _board(config: StationConfig) -> Iterator[str]:
    board = config.board
    if board.kind == "native":
        if not board.profile:
            yield '[board] profile is missing; kind = "native" needs it: which wire goes where'
        if not board.bench and not board.interlock:
            yield (
                '[board] kind = "native" needs interlock = "…", the device that opens the '
                "contactor when this computer fails to, or bench = true without mains"
            )
    elif board.bench or board.interlock or board.profile:
        yield f'[board] profile, bench and interlock are for kind = "native", not "{board.kind}"'
    if board.kind == "serial" and not board.port:
        yield '[board] port is missing; kind = "serial" needs it'


def _limits(config: StationConfig) -> Iterator[str]:
    limits, mains, fuse_a = config.limits, config.mains, config.station.fuse_a
    if limits.resume_steady_s < limits.resume_dwell_s:
        yield "[limits] must have resume_dwell_s <= resume_steady_s"
    if mains is None:
        return
    sum_a = sum(evse.max_current_a for evse in config.evses)
    most_a = sum_a if fuse_a is None else min(sum_a, fuse_a)
    if mains.fallback_a > most_a:
        yield (
            f"[mains] fallback_a = {mains.fallback_a:g} is more than the {most_a:g} A that the "
            "EVSEs may take at all"
        )
    if mains.meter.kind == "none":
        yield '[mains.meter] kind = "none" measures nothing: load balancing needs a meter'


def _derating(where: str, evse: EvseTable) -> Iterator[str]:
    try:
        curve_of(evse)
    except ValueError as error:
        yield f"[{where}.derating] {error}"


def _numbering(config: StationConfig) -> Iterator[str]:
    for number, evse in enumerate(config.evses, start=1):
        if evse.id != number:
            yield (
                f"[evse {number}] id = {evse.id} must be {number}: EVSEs are numbered "
                "from 1 without a gap, in the order of the file"
            )
    names = [evse.evse_id for evse in config.evses]
    for number, name in enumerate(names, start=1):
        if name in names[: number - 1]:
            yield f"[evse {number}] evse_id = {name} is already that of another EVSE"


def _evse(config: StationConfig, evse: EvseTable) -> Iterator[str]:
    where = f"evse {evse.id}"
    if evse.connector == "cable" and evse.lock is not None:
        yield f'[{where}.lock] only a socket has a lock; connector = "cable"'
    tethered = evse.connector_type.startswith("c")
    if evse.connector_type != "auto" and tethered != (evse.connector == "cable"):
        yield (
            f"[{where}] connector_type = {evse.connector_type} does not fit "
            f'connector = "{evse.connector}"'
        )
    if evse.phase_switch.mode != "never" and evse.phases != 3:
        yield f"[{where}.phase_switch] needs phases = 3; this EVSE has {evse.phases}"
    yield from _derating(where, evse)
    if evse.timing and config.board.kind != "simulated":
        yield f'[{where}.timing] is for tests: allowed only with [board] kind = "simulated"'
    for key in sorted(evse.timing.keys() - TIMING_KEYS):
        yield f"[{where}.timing] {key} is not known{nearest(key, TIMING_KEYS)}"


def _meters(config: StationConfig) -> Iterator[tuple[str, MeterTable]]:
    """Every meter of the station, and its table in the file."""
    for evse in config.evses:
        yield f"evse {evse.id}.meter", evse.meter
    if config.mains is not None:
        yield "mains.meter", config.mains.meter


def _meter_lines(config: StationConfig) -> Iterator[str]:
    """Meters may share a line, then with one set of line settings and an own unit each."""
    first_on: dict[str, tuple[str, MeterTable]] = {}
    taken: set[tuple[str, int]] = set()
    for where, meter in _meters(config):
        if meter.lost_ms <= meter.stale_ms or meter.stale_ms <= meter.poll_ms:
            yield f"[{where}] must have poll_ms < stale_ms < lost_ms"
        if meter.signed and (meter.kind != "modbus" or where == "mains.meter"):
            yield f"[{where}] signed = true is for the Modbus meter that bills an EVSE"
        if meter.kind != "modbus":
            continue
        if not meter.port:
            if config.board.kind != "simulated":
                yield f'[{where}] port is missing; kind = "modbus" needs it'
            continue
        if meter.port == config.board.port:
            yield f"[{where}] port = {meter.port} is already that of [board]"
        if (meter.port, meter.unit) in taken:
            yield f"[{where}] unit = {meter.unit} is already taken on {meter.port}"
        taken.add((meter.port, meter.unit))
        other, first = first_on.setdefault(meter.port, (where, meter))
        if (meter.baud, meter.parity, meter.stop_bits) != (
            first.baud,
            first.parity,
            first.stop_bits,
        ):
            yield (
                f"[{where}] baud, parity and stop_bits must be those of [{other}], "
                f"which is on the same port {meter.port}"
            )


def _readers(config: StationConfig) -> Iterator[str]:
    ports = [config.board.port, *(meter.port for _where, meter in _meters(config))]
    evses = {evse.id for evse in config.evses}
    yield from rfid_disagreements(config.rfid, evses, [port for port in ports if port])


def _security(config: StationConfig) -> Iterator[str]:
    ocpp = config.ocpp
    if ocpp is None:
        return
    given, where = ocpp.security, "[ocpp.security]"
    if bool(given.certificate_file) != bool(given.certificate_key_file):
        yield f"{where} certificate_file and certificate_key_file go together"
    if given.profile in (1, 2) and not ocpp.basic_auth_key_file:
        yield f"{where} profile = {given.profile} needs [ocpp] basic_auth_key_file"
    if given.profile == 1 and ocpp.url.startswith("wss:"):
        yield f"{where} profile = 1 is a plain connection, and [ocpp] url begins wss://"
    if given.profile == 3 and not given.certificate_file:
        yield f"{where} profile = 3 needs certificate_file"
    if (given.profile or 0) >= 2 and not given.system_roots and not given.csms_roots_file:
        yield (
            f"{where} profile = {given.profile} and system_roots = false need csms_roots_file: "
            "nothing else vouches for the back office"
        )


def _authorization(config: StationConfig) -> Iterator[str]:
    mode, tokens = config.authorization.mode, config.authorization.tokens
    if mode == "ocpp" and config.ocpp is None:
        yield '[authorization] mode = "ocpp" needs the table [ocpp]'
    if mode == "list" and not tokens:
        yield '[authorization] tokens is missing; mode = "list" needs at least one'
    if mode == "free" and tokens:
        yield '[authorization] tokens are of no use with mode = "free", which takes every token'
    folded = [token.casefold() for token in tokens]
    for number, token in enumerate(folded, start=1):
        if token in folded[: number - 1]:
            yield f"[authorization] tokens[{number}] is already in the list"
