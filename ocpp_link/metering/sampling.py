"""When the meters are sampled: in transactions at an interval, on the clock's grid, on request.

Where a meter is silent there is no sample (samples.py). Intervals of a transaction count from its
start, also over a restart of the link. The grid counts from midnight UTC; a sample on it bears
exactly the grid's time, which is when its registers were read (OCPP 1.6 §9.1.5 suggests the begin
of the interval that ends then: a register's time would be wrong by an interval). Averages over an
interval are not made.

Sources: OCPP 1.6 §3.16, §4.7, §5.17, §7.35; pitfalls 13 to 17.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec

from evse.clock import parse_time
from ocpp_link.device.model import DeviceModel
from ocpp_link.device.settings import Settings
from ocpp_link.metering.clock_grid import ClockGrid
from ocpp_link.metering.samples import Samples
from ocpp_link.records import RecordKind, SampleContext, TxRecord
from ocpp_link.station import Station

OWN, OF_END = "sample", "end_sample"
"""Timers of each transaction: samples that are told as they are taken, and those for its end."""


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
        self._samples = Samples(station, model)
        self._append = append
        self._send = send
        self._note = note
        self._due_ms: dict[tuple[str, int], int] = {}
        """Of the next sample of each transaction, by the timer's name and the EVSE."""
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
        return station.rpc.is_open and not waits and self._samples.reading(evse) is not None

    def now(self, evses: Iterable[int], *, apart: bool = False) -> None:
        """Send what the meters of those say now that have anything to say; 0 is all together.
        `apart`: as a reading of the EVSE, even where a transaction runs."""
        for evse in evses:
            record = self._samples.take(evse, SampleContext.TRIGGER)
            if record is not None:
                self._send(msgspec.structs.replace(record, session="") if apart else record)

    def other(self, evse: int) -> None:
        """Send a sample for a reason of the station's own."""
        record = self._samples.take(evse, SampleContext.OTHER)
        if record is not None:
            self._send(record)

    # --- in a transaction -------------------------------------------------------------------------

    def begun(self, record: TxRecord) -> None:
        """A transaction's start was told, which some versions do with a number alone: the reading
        follows it as a sample, where that is wanted (OCA, Signed Meter Values in OCPP 1.0, 3.1.2).
        """
        station = self._station
        if station.dialect.end_samples_apart or not station.settings.begin_measurands:
            return
        kind, seq = RecordKind.SAMPLE, station.utc_ms()
        self._append(msgspec.structs.replace(record, kind=kind, seq=seq, is_for_end=False))

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
        record = self._samples.take(evse, SampleContext.PERIODIC)
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
        record = self._samples.take(evse, context, at, series=OF_END)
        if record is not None and record.session and self._station.dialect.end_samples_apart:
            self._note(record)

    def _told_again(self, record: TxRecord, with_end: bool) -> TxRecord:
        apart = self._station.dialect.end_samples_apart
        return msgspec.structs.replace(record, is_for_end=with_end and not apart)

    # --- on the grid ------------------------------------------------------------------------------

    def _sample_grid(self, at: str) -> None:
        """Every connector, the station too, in a transaction or not."""
        for evse in (0, *self._station.evses):
            record = self._samples.take(evse, SampleContext.CLOCK, at)
            if record is not None:
                stop = bool(record.session and self._station.settings.stop_aligned_measurands)
                self._append(self._told_again(record, stop))

    def _note_grid(self, at: str) -> None:
        if self._station.settings.stop_aligned_measurands:
            for evse in self._station.evses:
                self._note_of(evse, SampleContext.CLOCK, at)

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
