"""From installed profiles to the core: what they allow is pushed whenever it changes.

The core gets a schedule, not a value, so that limits change in time without this process.
Profiles of a transaction change often (a solar controller sends one every ten seconds) and are
written to the disk at most once a minute.
"""

from __future__ import annotations

from datetime import timedelta

from evse.clock import rfc3339
from ocpp_link.memory.database import Database, Snapshot
from ocpp_link.ports import CoreReply
from ocpp_link.smart.composite import Segment, Supply, composite
from ocpp_link.smart.profiles import Installed, ProfileTable, Purpose, check
from ocpp_link.station import EPOCH, Station, parse_time, utc_ms

HORIZON_MS = 24 * 3_600_000
MAX_ENTRIES = 200
"""Of one pushed schedule; what follows is pushed in time."""
RETRY_MS = 5_000
"""After a push that the core refused or missed."""
SAVE_MS = 60_000

Entries = list[dict[str, object]]


class SmartCharging:
    """Owns the profile table; pushes to the core; keeps the table on disk."""

    def __init__(self, station: Station, snapshot: Snapshot) -> None:
        self._station = station
        self._table = ProfileTable(list(snapshot.decoded("profile", Installed).values()))
        self._pushed: dict[int, Entries] = {}
        self._unsaved: set[int] = set()
        station.on_timer["limits"] = self.push
        station.on_timer["profiles"] = self.save
        station.occasions.core_came.append(lambda: self.push_all(anew=True))
        station.occasions.transaction_started.append(self.transaction_started)
        station.occasions.transaction_ended.append(self.transaction_ended)
        station.occasions.session_ended.append(self.transaction_ended)

    def install(self, entry: Installed) -> None:
        """Install a profile and apply it. Raises ProfileRefused."""
        check(entry.profile, entry.connector, len(self._station.info.evses))
        replaced = self._table.install(entry)
        self._forget(set(replaced) - {entry.profile.id})
        if entry.profile.purpose is Purpose.TX:
            self._save_later(entry.profile.id)
        else:
            self._station.keep("profile", str(entry.profile.id), entry)
        self.push_all()

    def clear(
        self,
        *,
        id_: int | None = None,
        connector: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Remove what matches; False when nothing did."""
        gone = self._table.clear(
            id_=id_, connector=connector, purpose=purpose, stack_level=stack_level
        )
        self._forget(set(gone))
        if gone:
            self.push_all()
        return bool(gone)

    def transaction_started(self, evse: int) -> None:
        for entry in self._table.bind(evse, self._station.states[evse].session):
            self._save_later(entry.profile.id)
        self.push(evse)

    def transaction_ended(self, evse: int) -> None:
        self._forget(set(self._table.end(evse)))
        self.push(evse)

    def push_all(self, *, anew: bool = False) -> None:
        """Push to every EVSE; `anew` where the core has forgotten what it was told."""
        for evse in self._station.evses:
            if anew:
                self._pushed.pop(evse, None)
            self.push(evse)

    def push(self, evse: int) -> None:
        """Tell the core what the profiles allow from now on, if that has changed."""
        now_ms = self._station.utc_ms()
        segments = self.segments(evse, now_ms, now_ms + HORIZON_MS)
        entries = _entries(segments[:MAX_ENTRIES])
        self._push_again_before(evse, segments)
        known = self._pushed.get(evse)
        if not self._station.core_up or known == entries or (known is None and not entries):
            return
        if known is not None and _same_so_far(known, entries):
            return
        self._pushed[evse] = entries
        value = {"schedule_import": entries, "schedule_export": [], "schedule_setpoints": []}

        def done(reply: CoreReply) -> None:
            if reply.error:
                self._pushed.pop(evse, None)
                due_ms = self._station.clock.now_ms() + RETRY_MS
                self._station.timers.set(("limits", evse), due_ms)

        self._station.command("set_external_limits", evse, {"value": value}, done)

    def segments(self, evse: int, start_ms: int, end_ms: int) -> list[Segment]:
        """The composite schedule of one EVSE over a span of wall time."""
        info = self._station.info
        supply = Supply(info.nominal_voltage_v, info.evses[evse - 1].phases, len(info.evses))
        return composite(
            self._table.applying_to(evse),
            start_ms=start_ms,
            end_ms=end_ms,
            tx_start_ms=self._tx_start_ms(evse),
            supply=supply,
        )

    def save(self) -> None:
        """Write the transactions' profiles that changed since the last time."""
        for entry in self._table.of_ids(self._unsaved):
            self._station.keep("profile", str(entry.profile.id), entry)
        self._unsaved.clear()

    def _tx_start_ms(self, evse: int) -> int | None:
        state = self._station.states[evse]
        return utc_ms(parse_time(state.started_at)) if state.in_transaction else None

    def _push_again_before(self, evse: int, segments: list[Segment]) -> None:
        """Come back long before the core runs out of schedule."""
        cut = segments[MAX_ENTRIES - 1 : MAX_ENTRIES]
        ahead_ms = HORIZON_MS // 2
        if cut:
            ahead_ms = min(ahead_ms, max(1_000, cut[0].start_ms - segments[0].start_ms))
        self._station.timers.set(("limits", evse), self._station.clock.now_ms() + ahead_ms)

    def _save_later(self, id_: int) -> None:
        self._unsaved.add(id_)
        if ("profiles",) not in self._station.timers:
            self._station.timers.set(("profiles",), self._station.clock.now_ms() + SAVE_MS)

    def _forget(self, ids: set[int]) -> None:
        self._unsaved -= ids

        def work(database: Database) -> None:
            for id_ in ids:
                database.delete("profile", str(id_))

        if ids:
            self._station.store.submit(work)


def _entries(segments: list[Segment]) -> Entries:
    """As the `schedule_import` of an ExternalLimits; empty when nothing is limited."""
    if all(segment.limit_da is None and segment.phases is None for segment in segments):
        return []
    return [
        {
            "timestamp": rfc3339(EPOCH + timedelta(milliseconds=segment.start_ms)),
            "limits_to_root": {},
            "limits_to_leaves": _limits(segment),
        }
        for segment in segments
    ]


def _limits(segment: Segment) -> dict[str, object]:
    limits: dict[str, object] = {}
    if segment.limit_da is not None:
        limits["ac_max_current_A"] = {"value": segment.limit_da / 10, "source": "OCPP"}
    if segment.phases is not None:
        limits["ac_max_phase_count"] = {"value": segment.phases, "source": "OCPP"}
    return limits


def _same_so_far(known: Entries, entries: Entries) -> bool:
    """A schedule that was pushed earlier says the same: only its first entry's start moves."""
    first_same = bool(known and entries) and (
        known[0]["limits_to_leaves"] == entries[0]["limits_to_leaves"]
    )
    return first_same and known[1:] == entries[1:]
