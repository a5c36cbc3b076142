"""Smart charging: profiles installed, bound to transactions, cleared; the core is told the effect.

A limit never ends a transaction: below 6 A the core pauses. Source: OCPP 1.6 §3.13, §5.5, §5.7,
§5.16 with errata; 2.0.1 part 2 K.
"""

from __future__ import annotations

from collections.abc import Callable

from evse.types.ocpp_schedules import ChargingSchedules
from ocpp_link.device.settings import Settings
from ocpp_link.errors import ProfileRefused
from ocpp_link.memory.database import Snapshot
from ocpp_link.smart.composite import (
    Scope,
    Segment,
    Supply,
    lowest,
    nothing,
    station_limits,
    transaction_limits,
)
from ocpp_link.smart.expected import Expected, charging_schedules, expected
from ocpp_link.smart.memory import ProfileMemory, remembered
from ocpp_link.smart.profiles import (
    PURPOSES,
    STATION,
    Installed,
    Profile,
    Purpose,
    RateUnit,
    check,
)
from ocpp_link.smart.push import HORIZON_MS, TIMER, Pushes
from ocpp_link.smart.site import site_of, told_by, tx_start_ms
from ocpp_link.smart.starts import WaitingProfiles
from ocpp_link.station import Station


class SmartCharging:
    """Owns the profile table; keeps it on disk, and the core and `on_change` up to date."""

    def __init__(self, station: Station, snapshot: Snapshot) -> None:
        self._station = station
        self._table = remembered(snapshot)
        self._memory = ProfileMemory(station, self._table)
        self._pushes = Pushes(station, self._push)
        self.on_change: list[Callable[[], None]] = []
        """Hear that the expected schedules may be other ones now."""
        self._starts = WaitingProfiles(station, self._table, drop=self._remove, bound=self._bound)
        station.on_timer[TIMER] = self._changed_in_time
        occasions = station.occasions
        occasions.core_came.append(self._core_came)
        occasions.connected.append(self._link_changed)
        occasions.disconnected.append(self._link_changed)
        occasions.configured.append(self._configured)
        occasions.transaction_started.append(self._changed)
        occasions.transaction_ended.append(self._changed)
        occasions.evse_changed.append(self._prune)
        self._resume()

    # --- asked ------------------------------------------------------------------------------------

    def install(self, evse: int, profile: Profile) -> None:
        """Install a profile and apply it; a TxProfile belongs to the transaction that runs there.
        Raises ProfileRefused."""
        check(profile, evse, len(self._station.info.evses))
        session = ""
        if profile.purpose is Purpose.TX:
            state = self._station.states[evse]
            if not state.in_transaction:
                raise ProfileRefused("a TxProfile needs a running transaction")
            session = state.session
        self._put(Installed(evse, profile, session))

    def install_for_start(self, evse: int, profile: Profile, token: str) -> None:
        """The profile of a remote start, for the transaction of that token. Raises
        ProfileRefused."""
        if profile.purpose is not Purpose.TX:
            raise ProfileRefused("a remote start takes a TxProfile")
        check(profile, evse, len(self._station.info.evses))
        self._starts.abandon(evse)
        self._put(Installed(evse, profile, token=token))
        self._starts.wait(evse)

    def start_failed(self, evse: int) -> None:
        """The remote start came to nothing."""
        self._starts.abandon(evse)

    def clear(
        self,
        *,
        id_: int | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Remove what meets all criteria (an id overrides them); False when nothing did."""
        found = self._table.matching(id_=id_, evse=evse, purpose=purpose, stack_level=stack_level)
        self._remove(found)
        return bool(found)

    def in_force(self) -> list[Installed]:
        """What is installed, but for what is not to hold while there is no connection."""
        station = self._station
        names = () if station.rpc.is_open else station.settings.ignored_purposes_offline
        ignored = {PURPOSES.get(name) for name in names}
        return [entry for entry in self._table if entry.profile.purpose not in ignored]

    def expected(
        self, evse: int, duration_s: int, unit: RateUnit = RateUnit.AMPS
    ) -> Expected | None:
        """The composite schedule from now on, no longer than is configured; None for an EVSE that
        is not here and for a negative duration."""
        if evse not in self._everywhere or duration_s < 0:
            return None
        return expected(
            self.in_force(),
            site_of(self._station),
            evse,
            start_ms=self._station.utc_ms() // 1_000 * 1_000,
            duration_s=min(duration_s, self._station.settings.max_composite_s),
            unit=unit,
        )

    def schedules(
        self, duration_s: int = HORIZON_MS // 1_000, unit: RateUnit = RateUnit.AMPS
    ) -> ChargingSchedules:
        """Those of the station and of every EVSE, as the `ocpp` interface publishes them."""
        found = (self.expected(evse, duration_s, unit) for evse in self._everywhere)
        return charging_schedules(one for one in found if one is not None)

    def save(self) -> None:
        """Before the process ends."""
        self._memory.save(last=True)

    # --- what happens -----------------------------------------------------------------------------

    def _resume(self) -> None:
        """Transactions may have begun or ended while this process was away."""
        for entry in self._table:
            if entry.waits and entry.evse in self._station.states:
                if self._station.states[entry.evse].in_transaction:
                    self._starts.transaction_started(entry.evse)
                else:
                    self._starts.wait(entry.evse)
        for evse in self._station.evses:
            self._prune(evse)

    def _core_came(self) -> None:
        self._pushes.forget()
        self._changed(STATION)

    def _link_changed(self) -> None:
        if self._station.settings.ignored_purposes_offline:
            self._changed(STATION)

    def _configured(self, before: Settings, now: Settings) -> None:
        if told_by(before) != told_by(now):
            self._changed(STATION)

    def _bound(self, id_: int) -> None:
        self._memory.changed([id_], often=False)

    def _prune(self, evse: int) -> None:
        """TxProfiles end with their transaction (1.6 §3.13.1)."""
        state = self._station.states[evse]
        running = state.session if state.in_transaction else ""
        self._remove(
            [
                entry.profile.id
                for entry in self._table
                if entry.evse == evse and entry.session not in ("", running)
            ]
        )

    def _put(self, entry: Installed) -> None:
        before = self._table.get(entry.profile.id) or entry
        replaced = self._table.install(entry)
        often = entry.profile.purpose is Purpose.TX and not entry.waits
        self._memory.changed({*replaced, entry.profile.id}, often=often)
        self._changed(before.evse, entry.evse)

    def _remove(self, ids: list[int]) -> None:
        if ids:
            evses = {entry.evse for entry in self._table if entry.profile.id in ids}
            self._table.remove(ids)
            self._memory.changed(ids, often=False)
            self._changed(*evses)

    # --- what follows -----------------------------------------------------------------------------

    def _changed(self, *evses: int) -> None:
        """What bears on these (STATION: on all) is another now."""
        for evse in self._everywhere if STATION in evses else sorted(set(evses)):
            self._push(evse)
        for hear in self.on_change:
            hear()

    def _changed_in_time(self, evse: int) -> None:
        self._push(evse)
        for hear in self.on_change:
            hear()

    @property
    def _everywhere(self) -> tuple[int, ...]:
        return STATION, *self._station.evses

    def _push(self, evse: int) -> None:
        """What the station may take goes to the core as that, which shares it out; on how many
        phases, to each EVSE."""
        known, info = self.in_force(), self._station.info
        if evse == STATION:
            scope = self._scope(info.lines)
            limits = [Segment(s.start_ms, s.end_ms, s.limit) for s in station_limits(known, scope)]
            self._pushes.push(evse, lowest(limits, nothing(scope)))
            return
        scope = self._scope(info.evses[evse - 1].phases, tx_start_ms(self._station, evse))
        phases = [
            Segment(s.start_ms, s.end_ms, None, s.phases) for s in station_limits(known, scope)
        ]
        mine = [entry for entry in known if entry.evse in (STATION, evse)]
        self._pushes.push(evse, lowest(transaction_limits(mine, scope), phases))

    def _scope(self, phases: int, tx_start_ms: int | None = None) -> Scope:
        start_ms = self._station.utc_ms()
        return Scope(
            start_ms=start_ms,
            end_ms=start_ms + HORIZON_MS,
            tx_start_ms=tx_start_ms,
            supply=Supply(self._station.info.nominal_voltage_v, phases),
        )
