"""What ring 1 has fitted, by a board's profile and the station's configuration. Pure.

A profile says what the board has; the configuration says what the EVSE is. What the board has and
the EVSE does not use is left alone; what the EVSE needs and the board lacks is refused in words.
"""

from __future__ import annotations

from msgspec.structs import replace

from drivers.board.profile import BoardProfile, EvseSection, load_profile
from drivers.errors import ProfileError
from drivers.gpio.inputs import Input
from evse.config.evse import EvseTable
from evse.config.station import StationConfig
from evse.guard.facts import Hardware


def hardware(profile: BoardProfile, section: EvseSection, table: EvseTable) -> Hardware:
    """Of one EVSE that `missing` has nothing to say against."""
    contact = section.phase_contact  # one that is fitted is in the way of L2 and L3: always driven
    return Hardware(
        lock=table.lock is not None,
        socket=table.connector == "socket",
        rcd=section.rcd is not None,
        rcd_self_test=section.rcd is not None and section.rcd.test is not None,
        ventilation=table.ventilation,
        emergency_stop=Input.EMERGENCY_STOP in {**profile.inputs, **section.inputs},
        temperature_trip_dc=_trip_dc(section),
        phase_switch=contact is not None,
        phase_feedback=contact is not None and contact.feedback is not None,
        unlocks_on_power_loss=table.lock is not None and _holds_reserve(profile, section),
    )


def used(section: EvseSection, fitted: Hardware | None) -> EvseSection:
    """`section` without what its EVSE has no use for; None: it uses all of it."""
    if fitted is None:
        return section
    nothing: dict[str, None] = {}
    if not fitted.lock:
        nothing |= {"lock": None, "lock_reserve": None}
    if not fitted.socket:
        nothing["proximity"] = None
    return replace(section, **nothing)


def of_station(profile: BoardProfile, evses: tuple[EvseTable, ...]) -> dict[int, Hardware]:
    """What each EVSE has fitted. Raises ProfileError with everything that the board lacks."""
    problems = missing(profile, evses)
    if problems:
        raise ProfileError("\n".join(problems))
    return {
        table.id: hardware(profile, section, table)
        for table, section in zip(evses, profile.evse, strict=False)
    }


def missing(profile: BoardProfile, evses: tuple[EvseTable, ...]) -> list[str]:
    """What the station needs and this board does not have, as sentences."""
    board = f"board profile {profile.name}"
    if len(evses) > len(profile.evse):
        return [f"{board} has {len(profile.evse)} EVSE(s), and the station has {len(evses)}"]
    problems = []
    for table, section in zip(evses, profile.evse, strict=False):
        where = f"[evse {table.id}]"
        if table.lock is not None and section.lock is None:
            problems.append(f"{where} has a socket with a lock, and {board} drives none")
        if table.connector == "socket" and section.proximity is None:
            problems.append(f"{where} has a socket, and {board} does not read PP")
        if table.phase_switch.mode != "never" and section.phase_contact is None:
            problems.append(f"{where} switches phases, and {board} has no phase contact")
        if table.derating and section.temperature is None:
            problems.append(f"{where} derates by temperature, and {board} reads none")
    return problems


def _trip_dc(section: EvseSection) -> int | None:
    return None if section.temperature is None else round(section.temperature.trip_c * 10)


def _holds_reserve(profile: BoardProfile, section: EvseSection) -> bool:
    """It learns of a power loss, and has something to unlock with then."""
    knows = Input.MAINS in {**profile.inputs, **section.inputs}
    return knows and section.lock is not None and section.lock.reserve_min_mv is not None


def board_problems(config: StationConfig) -> list[str]:
    """Why a native board can not be used as it is configured; empty where it can, or is none."""
    if config.board.kind != "native":
        return []
    try:
        return missing(load_profile(config.board.profile), config.evses)
    except ProfileError as error:
        return str(error).splitlines()
