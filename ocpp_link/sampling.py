"""When the meters are sampled: in transactions at an interval, on the clock's grid, on request.

A sample says what the meter said last, if that is not too long ago; where a meter is silent there
is none. Intervals of a transaction count from its start, also over a restart of the link. The grid
counts from midnight UTC; a sample on it bears exactly the grid's time, which is when its registers
were read (OCPP 1.6 §9.1.5 suggests the begin of the interval that ends then: a register's time
would be wrong by an interval). Averages over an interval are not made.

Sources: OCPP 1.6 §3.16, §4.7, §5.17, §7.35; pitfalls 13 to 17.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec
from msgspec import UNSET

from evse.clock import parse_time
from evse.types.powermeter import Powermeter
from ocpp_link.clock_grid import ClockGrid
from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.device.settings import Settings
from ocpp_link.measurands import delivers
from ocpp_link.records import RecordKind, SampleContext, TxRecord
from ocpp_link.station import Station
from ocpp_link.station_meter import sum_of

OWN, OF_END = "sample", "end_sample"
"""Timers of each transaction: samples that are told as they are taken, and those for its end."""
FRESH_MS = 90_000
"""An older reading is not sampled; the slowest meter is read every 60 s (evse.config.evse)."""
LISTS = (
    "start_measurands",
    "sampled_measurands",
    "aligned_measurands",
    "stop_sampled_measurands",
    "stop_aligned_measurands",
)


class Sampling:
    """`append` queues a sample; `send` sends one that was asked for; `note` keeps one for the end
    of its transaction, and for nothing else."""

    def __init__(
        self,
        station: Station,
        model: DeviceModel,
        *,
        append: Callable[[TxRecord], None],
        send: Callable[[TxRecord], None],
        note: Callable[[TxRecord], None],
    ) -> None:
        self._station = station
        self._append = append
        self._send = send
        self._note = note
        self._due_ms: dict[tuple[str, int], int] = {}
        """Of the next sample of each transaction, by the timer's name and the EVSE."""
        self._before: dict[tuple[str, int, SampleContext], Powermeter] = {}
        """The last sample of each series."""
        self._grid = ClockGrid(
            station, "aligned", lambda: station.settings.aligned_interval_s, self._sample_grid
        )
        self._end_grid = ClockGrid(
            station,
            "end_aligned",
            lambda: station.settings.stop_aligned_interval_s,
            self._note_grid,
        )
        station.on_timer[OWN] = self._sample
        station.on_timer[OF_END] = self._note_sample
        occasions = station.occasions
        occasions.configured.append(self._configured)
        occasions.transaction_started.append(self._started)
        occasions.transaction_ended.append(self._ended)
        for name in LISTS:
            model.guards[name] = self._accepts
        model.guards["phase_rotation"] = self._knows
        for evse in station.evses:
            for timer in (OWN, OF_END):
                self._resume(timer, evse)

    # --- on request -------------------------------------------------------------------------------

    def can_tell(self, evse: int) -> bool:
        """Is anything known of this EVSE's meter now (0: of all together), and may it be sent?
        What belongs to a transaction waits for the registration."""
        station = self._station
        state = station.states.get(evse)
        waits = state is not None and state.in_transaction and not station.operational
        return station.rpc.is_open and not waits and self._reading(evse) is not None

    def now(self, evses: Iterable[int], *, apart: bool = False) -> None:
        """Send what the meters of those say now that have anything to say; 0 is all together.
        `apart`: as a reading of the EVSE, even where a transaction runs."""
        for evse in evses:
            record = self._record(evse, SampleContext.TRIGGER)
            if record is not None:
                self._send(msgspec.structs.replace(record, session="") if apart else record)

    def other(self, evse: int) -> None:
        """Send a sample for a reason of the station's own."""
        record = self._record(evse, SampleContext.OTHER)
        if record is not None:
            self._send(record)

    # --- in a transaction -------------------------------------------------------------------------

    def _interval_ms(self, timer: str) -> int:
        settings = self._station.settings
        wanted = settings.sample_interval_s if timer == OWN else settings.stop_sample_interval_s
        return wanted * 1_000

    def _resume(self, timer: str, evse: int) -> None:
        """A transaction that was found running keeps its rhythm."""
        state = self._station.states[evse]
        interval_ms = self._interval_ms(timer)
        if not state.in_transaction or not interval_ms:
            return
        began = parse_time(self._station.time.mended(state.started_at, state.clock))
        gone_ms = (self._station.clock.utc() - began) // timedelta(milliseconds=1)
        self._await_sample(timer, evse, interval_ms - max(0, gone_ms) % interval_ms)

    def _started(self, evse: int) -> None:
        for timer in (OWN, OF_END):
            for context in SampleContext:
                self._before.pop((timer, evse, context), None)
            self._await_sample(timer, evse, self._interval_ms(timer))

    def _ended(self, evse: int) -> None:
        for timer in (OWN, OF_END):
            self._cancel(timer, evse)

    def _cancel(self, timer: str, evse: int) -> None:
        self._station.timers.cancel((timer, evse))
        self._due_ms.pop((timer, evse), None)

    def _await_sample(self, timer: str, evse: int, wait_ms: int) -> None:
        if not self._interval_ms(timer) or not self._station.states[evse].in_transaction:
            self._cancel(timer, evse)
            return
        due_ms = self._due_ms[timer, evse] = self._station.clock.now_ms() + wait_ms
        self._station.timers.set((timer, evse), due_ms)

    def _await_next(self, timer: str, evse: int) -> None:
        """Samples that a sleeping process missed are not made up for."""
        interval_ms = self._interval_ms(timer)
        late_ms = self._station.clock.now_ms() - self._due_ms.get((timer, evse), 0)
        self._await_sample(timer, evse, interval_ms - late_ms % max(1, interval_ms))

    def _sample(self, evse: int) -> None:
        """The timer `sample`."""
        self._await_next(OWN, evse)
        record = self._record(evse, SampleContext.PERIODIC)
        if record is not None and record.session:
            stop = bool(self._station.settings.stop_sampled_measurands)
            self._append(self._told_again(record, stop))

    def _note_sample(self, evse: int) -> None:
        """The timer `end_sample`."""
        self._await_next(OF_END, evse)
        if self._station.settings.stop_sampled_measurands:
            self._note_of(evse, SampleContext.PERIODIC, "")

    def _note_of(self, evse: int, context: SampleContext, at: str) -> None:
        """For the end alone, in the versions that set that apart."""
        record = self._record(evse, context, at, series=OF_END)
        if record is not None and record.session and self._station.dialect.end_samples_apart:
            self._note(record)

    def _told_again(self, record: TxRecord, with_end: bool) -> TxRecord:
        apart = self._station.dialect.end_samples_apart
        return msgspec.structs.replace(record, is_for_end=with_end and not apart)

    # --- on the grid ------------------------------------------------------------------------------

    def _sample_grid(self, at: str) -> None:
        """Every connector, the station too, in a transaction or not."""
        for evse in (0, *self._station.evses):
            record = self._record(evse, SampleContext.CLOCK, at)
            if record is not None:
                stop = bool(record.session and self._station.settings.stop_aligned_measurands)
                self._append(self._told_again(record, stop))

    def _note_grid(self, at: str) -> None:
        if self._station.settings.stop_aligned_measurands:
            for evse in self._station.evses:
                self._note_of(evse, SampleContext.CLOCK, at)

    # --- the sample -------------------------------------------------------------------------------

    def _record(
        self, evse: int, context: SampleContext, at: str = "", *, series: str = OWN
    ) -> TxRecord | None:
        station, meter = self._station, self._reading(evse)
        if meter is None:
            return None
        state = station.states.get(evse)
        running = state is not None and state.in_transaction
        timestamp = at or station.timestamp()
        offered_a, offered_w = self._offered(evse)
        before = self._before.get((series, evse, context))
        if context in (SampleContext.PERIODIC, SampleContext.CLOCK):
            self._before[series, evse, context] = meter
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
            import_interval_wh=_import_since(meter, before, state.start_wh if state else None),
            export_interval_wh=_export_since(meter, before),
            number=state.records if state and running else 0,
            status=state.status if state else None,
            offline=not station.operational,
            clock=station.time.mark_of(timestamp),
        )

    def _reading(self, evse: int) -> Powermeter | None:
        """What is known now; None where it is too old."""
        station = self._station
        if evse == 0:
            found = {each: self._reading(each) for each in station.evses}
            return sum_of(found, station.settings.phase_rotation, station.timestamp())
        heard_ms = station.metered_ms.get(evse)
        if heard_ms is None or station.clock.now_ms() - heard_ms > FRESH_MS:
            return None
        return station.meters[evse]

    def _offered(self, evse: int) -> tuple[float | None, float | None]:
        """A per phase, and W over all phases."""
        limits = self._station.limits.get(evse)
        if limits is None:
            return None, None
        volts = self._station.info.nominal_voltage_v
        return limits.max_current, limits.max_current * limits.nr_of_phases_available * volts

    # --- configuration ----------------------------------------------------------------------------

    def _configured(self, before: Settings, now: Settings) -> None:
        if now.sample_interval_s != before.sample_interval_s:
            self._restart(OWN)
        if now.stop_sample_interval_s != before.stop_sample_interval_s:
            self._restart(OF_END)
        if now.aligned_interval_s != before.aligned_interval_s:
            self._grid.restart()
        if now.stop_aligned_interval_s != before.stop_aligned_interval_s:
            self._end_grid.restart()

    def _restart(self, timer: str) -> None:
        for evse in self._station.evses:
            self._await_sample(timer, evse, self._interval_ms(timer))

    def _accepts(self, wanted: tuple[str, ...]) -> WriteStatus:
        """§3.16.4: what no meter here can say is refused, once one of them has been heard."""
        heard = [self._likeness(evse) for evse in self._station.evses]
        known = [record for record in heard if record is not None]
        if not known or all(any(delivers(each, name) for each in known) for name in wanted):
            return WriteStatus.ACCEPTED
        return WriteStatus.REJECTED

    def _knows(self, rotation: tuple[str, ...]) -> WriteStatus:
        """§9.1.7: each entry is of another connector, and of one that is here (0: the station)."""
        named = [int(entry.partition(".")[0]) for entry in rotation]
        here = set(named) <= {0, *self._station.evses} and len(set(named)) == len(named)
        return WriteStatus.ACCEPTED if here else WriteStatus.REJECTED

    def _likeness(self, evse: int) -> TxRecord | None:
        """A sample with all that this EVSE's may ever hold."""
        meter = self._station.meters.get(evse)
        if meter is None:
            return None
        exports = None if meter.energy_Wh_export is UNSET else 0.0
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
            export_interval_wh=exports,
        )


def _import_since(
    meter: Powermeter, before: Powermeter | None, start_wh: float | None
) -> float | None:
    since_wh = before.energy_Wh_import.total if before is not None else start_wh
    return None if since_wh is None else max(0.0, meter.energy_Wh_import.total - since_wh)


def _export_since(meter: Powermeter, before: Powermeter | None) -> float | None:
    if before is None or meter.energy_Wh_export is UNSET or before.energy_Wh_export is UNSET:
        return None
    return max(0.0, meter.energy_Wh_export.total - before.energy_Wh_export.total)
