"""The station's own parts in the device model: the station, its EVSEs, their connectors.

Names and values are those of the standardized components (OCPP 2.0.1 part 2 appendices 3.1).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ocpp_link.device.catalogue import Row
from ocpp_link.device.values import DataType, text_of
from ocpp_link.metering.signed import public_key_text
from ocpp_link.records import EvseStatus
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter

CONNECTOR = 1
"""Each EVSE has one connector."""
STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")
OCCUPIED = "Occupied"


def state_of(status: EvseStatus) -> str:
    """In the five words of the device model."""
    return status.value if status.value in STATES else OCCUPIED


def rows(station: Station) -> list[Row]:
    """The variables of every EVSE and connector; what they say is in `facts`."""
    made: list[Row] = []
    for evse in station.evses:
        for component, connector in (("EVSE", None), ("Connector", CONNECTOR)):
            made += [
                _row(component, evse, connector, "AvailabilityState", DataType.OPTION_LIST),
                _row(component, evse, connector, "Available", DataType.BOOLEAN),
                _row(component, evse, connector, "Problem", DataType.BOOLEAN),
                _row(component, evse, connector, "SupplyPhases", DataType.INTEGER),
            ]
        made.append(_row("EVSE", evse, None, "Power", DataType.DECIMAL, "W", _max_w(station, evse)))
        made.append(_row("EVSE", evse, None, "AllowReset", DataType.BOOLEAN))
        made.append(_row("Connector", evse, CONNECTOR, "ConnectorType", DataType.STRING))
        if station.info.evses[evse - 1].meter_signs:
            made.append(_public_key_row(evse))
    return made


def facts(station: Station, status: StatusReporter) -> dict[str, Callable[[], str]]:
    """What the variables of the station and its parts say now."""
    told: dict[str, Callable[[], str]] = {
        "station.state": lambda: state_of(status.current(0).status),
        "station.problem": lambda: text_of(_has_problem(status, 0)),
        "station.model": lambda: station.info.model,
        "station.vendor": lambda: station.info.vendor,
        "station.serial": lambda: station.info.serial,
        "station.firmware": lambda: station.info.firmware,
        "station.phases": lambda: str(max(evse.phases for evse in station.info.evses)),
        "clock.now": station.timestamp,
    }
    for evse in station.evses:
        told |= _of_evse(station, status, evse)
    return told


def _of_evse(station: Station, status: StatusReporter, evse: int) -> dict[str, Callable[[], str]]:
    info = station.info.evses[evse - 1]
    return {
        f"{evse}.AvailabilityState": lambda: state_of(status.current(evse).status),
        f"{evse}.Available": lambda: "true",
        f"{evse}.Problem": lambda: text_of(_has_problem(status, evse)),
        f"{evse}.SupplyPhases": lambda: str(info.phases),
        f"{evse}.Power": lambda: _power_w(station, evse),
        f"{evse}.AllowReset": lambda: "false",
        f"{evse}.PublicKey": lambda: _public_key(station, evse),
        f"{evse}.ConnectorType": lambda: "sType2" if info.has_lock else "cType2",
    }


def _max_w(station: Station, evse: int) -> int:
    """As much as its wiring bears at the nominal voltage."""
    info = station.info.evses[evse - 1]
    return round(info.max_current_a * info.phases * station.info.nominal_voltage_v)


def _power_w(station: Station, evse: int) -> str:
    meter = station.meters.get(evse)
    power = getattr(meter, "power_W", None)
    total = getattr(power, "total", 0.0)
    return f"{total:.0f}"


def _public_key(station: Station, evse: int) -> str:
    """Empty until the meter has told it."""
    key = station.public_keys.get(evse, "")
    return public_key_text(key) if key else ""


def _public_key_row(evse: int) -> Row:
    """OCA, Signed Meter Values in OCPP 1.0, 3.3.1 and 4.3.2."""
    row = _row("FiscalMetering", evse, None, "PublicKey", DataType.STRING)
    return replace(row, v16=f"MeterPublicKey{evse}")


def _has_problem(status: StatusReporter, connector: int) -> bool:
    return status.current(connector).status is EvseStatus.FAULTED


def _row(
    component: str,
    evse: int,
    connector: int | None,
    variable: str,
    type_: DataType,
    unit: str = "",
    max_: int | None = None,
) -> Row:
    return Row(
        component=component,
        variable=variable,
        type=type_,
        unit=unit,
        max=max_,
        values=STATES if variable == "AvailabilityState" else (),
        fact=f"{evse}.{variable}",
        evse=evse,
        connector=connector,
    )
