"""What a sample says: the meters as they are now, and what has flowed since the sample before.

A reading that is too old says nothing. Energy of an interval counts from the sample before it of
the same series, or from the transaction's start where that was seen; where neither is known, as
right after a start of the link, it is left out.
"""

from __future__ import annotations

from msgspec import UNSET

from evse.types.powermeter import Powermeter
from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.metering.measurands import delivers
from ocpp_link.metering.station_meter import sum_of
from ocpp_link.records import EvseState, RecordKind, SampleContext, TxRecord
from ocpp_link.station import Station

FRESH_MS = 90_000
"""An older reading is not sampled; the slowest meter is read every 60 s (evse.config.evse)."""
IN_SERIES = frozenset({SampleContext.PERIODIC, SampleContext.CLOCK})
LISTS = (
    "start_measurands",
    "begin_measurands",
    "sampled_measurands",
    "aligned_measurands",
    "stop_sampled_measurands",
    "stop_aligned_measurands",
)


class Samples:
    """Takes samples, and says which measurands can be asked for."""

    def __init__(self, station: Station, model: DeviceModel) -> None:
        self._station = station
        self._before: dict[tuple[str, int, SampleContext], Powermeter] = {}
        """The last sample of each series."""
        self._begun: set[int] = set()
        """EVSEs whose transaction began in this life of the link."""
        station.occasions.transaction_started.append(self._started)
        for name in LISTS:
            model.guards[name] = self._accepts
        model.guards["phase_rotation"] = self._knows

    def reading(self, evse: int) -> Powermeter | None:
        """What an EVSE's meter says now, or all together (0); None where that is too old."""
        station = self._station
        if evse == 0:
            found = {each: self.reading(each) for each in station.evses}
            return sum_of(found, station.settings.phase_rotation, station.timestamp())
        heard_ms = station.metered_ms.get(evse)
        if heard_ms is None or station.clock.now_ms() - heard_ms > FRESH_MS:
            return None
        return station.meters[evse]

    def take(
        self, evse: int, context: SampleContext, at: str = "", *, series: str = ""
    ) -> TxRecord | None:
        """A sample, as of now or as of the time `at`; of the transaction, where one runs. None
        where there is nothing to say. Those of one `series` and context follow one another."""
        station, meter = self._station, self.reading(evse)
        if meter is None:
            return None
        state = station.states.get(evse)
        running = state is not None and state.in_transaction
        timestamp = at or station.timestamp()
        offered_a, offered_w = self._offered(evse)
        imported_wh, exported_wh = self._flowed((series, evse, context), meter, state)
        return TxRecord(
            session=state.session if state and running else "",
            kind=RecordKind.SAMPLE,
            seq=station.utc_ms(),
            evse=evse,
            timestamp=timestamp,
            meter=meter,
            context=context,
            offered_a=offered_a,
            offered_w=offered_w,
            import_interval_wh=imported_wh,
            export_interval_wh=exported_wh,
            number=state.records if state and running else 0,
            status=state.status if state else None,
            offline=not station.operational,
            clock=station.time.mark_of(timestamp),
        )

    def _started(self, evse: int) -> None:
        self._begun.add(evse)
        self._before = {key: meter for key, meter in self._before.items() if key[1] != evse}

    def _flowed(
        self, series: tuple[str, int, SampleContext], meter: Powermeter, state: EvseState | None
    ) -> tuple[float | None, float | None]:
        """Wh in and out since the sample before it."""
        _, evse, context = series
        if context not in IN_SERIES:
            return None, None
        before = self._before.get(series)
        self._before[series] = meter
        if before is None:
            start_wh = state.start_wh if state and evse in self._begun else None
            return _more(meter.energy_Wh_import.total, start_wh), None
        imported_wh = _more(meter.energy_Wh_import.total, before.energy_Wh_import.total)
        return imported_wh, _more(_exported(meter), _exported(before))

    def _offered(self, evse: int) -> tuple[float | None, float | None]:
        """A per phase, and W over all phases."""
        limits = self._station.limits.get(evse)
        if limits is None:
            return None, None
        volts = self._station.info.nominal_voltage_v
        return limits.max_current, limits.max_current * limits.nr_of_phases_available * volts

    def _accepts(self, wanted: tuple[str, ...]) -> WriteStatus:
        """§3.16.4: what no meter here can say is refused, once one of them has been heard."""
        known = [_likeness(evse, meter) for evse, meter in self._station.meters.items()]
        if not known or all(any(delivers(each, name) for each in known) for name in wanted):
            return WriteStatus.ACCEPTED
        return WriteStatus.REJECTED

    def _knows(self, rotation: tuple[str, ...]) -> WriteStatus:
        """§9.1.7: each entry is of another connector, and of one that is here (0: the station)."""
        named = [int(entry.partition(".")[0]) for entry in rotation]
        here = set(named) <= {0, *self._station.evses} and len(set(named)) == len(named)
        return WriteStatus.ACCEPTED if here else WriteStatus.REJECTED


def _likeness(evse: int, meter: Powermeter) -> TxRecord:
    """A sample with all that those of this EVSE may ever hold."""
    return TxRecord(
        session="",
        kind=RecordKind.SAMPLE,
        seq=0,
        evse=evse,
        timestamp="",
        meter=meter,
        offered_a=0.0,
        offered_w=0.0,
        import_interval_wh=0.0,
        export_interval_wh=None if meter.energy_Wh_export is UNSET else 0.0,
    )


def _exported(meter: Powermeter) -> float | None:
    return None if meter.energy_Wh_export is UNSET else meter.energy_Wh_export.total


def _more(now_wh: float | None, before_wh: float | None) -> float | None:
    """A register that ran back counted nothing."""
    return None if now_wh is None or before_wh is None else max(0.0, now_wh - before_wh)
