"""What a configuration makes of the catalogue: line settings, and whether a line can keep up.

Pure. What the file leaves out is as delivered; what nobody tells is asked for by its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from drivers.errors import MeterMapError
from drivers.metering.catalogue import load_map
from drivers.metering.frames import ANSWER_OVERHEAD, REQUEST_BYTES, character_s
from drivers.metering.map import Line, MeterMap, requests_for
from drivers.metering.signers import expect_signer
from evse.config.evse import MeterTable
from evse.config.station import StationConfig

LINE_KEYS = ("baud", "parity", "stop_bits")
TURNAROUND_MS = 50
"""Between a request and its answer, and until the next: meters take 10 to 100 ms (own)."""

_UNWATCHED = {
    "evse ": "a car that takes more than it is offered is not noticed by it",
    "mains": "nothing can be balanced by it, and the EVSEs get the fall-back",
}


def line_settings(table: MeterTable, meter_map: MeterMap) -> Line:
    """The settings as delivered, but for those that the configuration names. Raises MeterMapError
    with the keys that neither tells."""
    named = {key: getattr(table, key) or getattr(meter_map.delivered, key) for key in LINE_KEYS}
    if unknown := [key for key, value in named.items() if value is None]:
        raise MeterMapError(
            f"how the {meter_map.model} is delivered is not known here: say {', '.join(unknown)} "
            "(see its display or manual)"
        )
    return Line(**named)


def modbus_meters(config: StationConfig) -> list[tuple[str, MeterTable]]:
    """(place in the file, table) of every Modbus meter."""
    named = [(f"evse {table.id}.meter", table.meter) for table in config.evses]
    if config.mains is not None:
        named.append(("mains.meter", config.mains.meter))
    return [(place, table) for place, table in named if table.kind == "modbus"]


def meter_problems(config: StationConfig) -> list[str]:
    """Why the meters can not be read as they are configured; the core would end by it at every
    start. Empty where they can."""
    problems, first = [], dict[str, tuple[str, Line]]()
    for place, table in modbus_meters(config):
        try:
            line = line_settings(table, load_map(table.model))
            if table.signed:
                expect_signer(table.model)
        except MeterMapError as error:
            problems.append(f"[{place}] {error}")
            continue
        if not table.port:
            continue
        other, shared = first.setdefault(table.port, (place, line))
        if line != shared:
            problems.append(
                f"[{place}] is set to {line.words}, and [{other}] on the same port {table.port} "
                f"to {shared.words}: a line has one setting"
            )
    return problems


def meter_warnings(config: StationConfig) -> Iterator[str]:
    """What a configuration that can be used may still be told; for one without problems."""
    by_port: dict[str, list[tuple[str, MeterTable]]] = defaultdict(list)
    for place, table in modbus_meters(config):
        if doubts := load_map(table.model).doubts:
            yield f"[{place}] meter model {table.model} is not sure in all: {doubts}"
        if "current_l1_a" not in load_map(table.model).present():
            yield f"[{place}] meter model {table.model} tells no currents: {_UNWATCHED[place[:5]]}"
        if table.port:
            by_port[table.port].append((place, table))
    for port, meters in by_port.items():
        if (warning := _too_slow(port, meters)) is not None:
            yield warning


def _too_slow(port: str, meters: list[tuple[str, MeterTable]]) -> str | None:
    """A line on which a round takes longer than the shortest poll_ms."""
    needs_ms = sum(reading_ms(table) for _place, table in meters)
    place, hasty = min(meters, key=lambda one: one[1].poll_ms)
    if needs_ms <= hasty.poll_ms:
        return None
    many = f"the {len(meters)} meters" if len(meters) > 1 else "the meter"
    line = line_settings(hasty, load_map(hasty.model)).words
    wanted_ms = -(-needs_ms // 500) * 500
    return (
        f"[{place}] poll_ms = {hasty.poll_ms} can not be met: to read {many} on {port} once takes "
        f"about {needs_ms / 1000:.1f} s at {line}; set poll_ms = {wanted_ms}, or a higher baud rate"
    )


def reading_ms(table: MeterTable) -> int:
    """How long one reading of the meter holds its line, about."""
    meter_map = load_map(table.model)
    requests = requests_for(meter_map)
    characters = sum(REQUEST_BYTES + ANSWER_OVERHEAD + 2 * one.count for one in requests)
    on_wire_ms = 1000 * characters * character_s(line_settings(table, meter_map))
    return round(on_wire_ms) + TURNAROUND_MS * len(requests)
