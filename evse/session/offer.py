"""What a session offers the car: from all limits to the current that the pilot signals.

Own limits (rating, local default, cable, temperature, external schedules for the EVSE and for the
whole station) hold at any time; the grant of a shared fuse holds while the session claims it, and
is 0 A until it is given. Below 6 A nothing is offered; see evse/energy/pause.py for resuming, and
random_delay.py for the delay that some markets want.
"""

from __future__ import annotations

from collections.abc import Hashable

from msgspec.structs import replace

from evse.clock import Clock, earliest
from evse.config.energy import LimitsTable
from evse.config.evse import EvseTable
from evse.energy import pause, random_delay
from evse.energy.derating import Sensor
from evse.energy.random_delay import Cause, Change, Delay
from evse.energy.sharing import FUSE
from evse.limits import Effective, Limit, Sources, lowest
from evse.pilot import amps_to_duty_bp
from evse.session.external_limits import ExternalLimitSources
from evse.session.heat import Heat

EXTERNAL = "external"
STATION = "station"
MS_PER_S = 1_000
NOTHING_GRANTED = Limit(source=FUSE, limit_a=0.0, safety=True)


class Offer:
    """The current that one EVSE offers."""

    def __init__(
        self, config: EvseTable, limits: LimitsTable, clock: Clock, *, shared: bool, seed: str
    ) -> None:
        """`shared`: nothing may be offered without a grant. `seed`: of the random delay."""
        self._config = config
        self._clock = clock
        self._policy = pause.Policy(
            margin_a=limits.resume_margin_a,
            dwell_ms=limits.resume_dwell_s * MS_PER_S,
            steady_ms=limits.resume_steady_s * MS_PER_S,
            ramp_a_per_s=limits.ramp_a_per_s,
        )
        delays = limits.random_delay
        self._delays = random_delay.Policy(delays.enabled, delays.max_s, delays.at_any_change)
        self._random = random_delay.Draws(seed)
        self._own = Sources()
        self._known: dict[bool, Effective] = {}
        """The limit without and with the grant, until a source changes: asked often."""
        rated = Limit(source="configuration", limit_a=config.max_current_a, safety=True)
        self._own.put("rated", replace(rated, phases=config.phases))
        if limits.default_a is not None:
            self._own.put("default", Limit(source="local default", limit_a=limits.default_a))
        self.external = ExternalLimitSources(clock, config.nominal_voltage_v)
        self._station = ExternalLimitSources(clock, config.nominal_voltage_v)
        self._externals: frozenset[tuple[str, str]] = frozenset()
        self.heat = Heat(config)
        self._heat: Limit | None = None
        """What of it is among the sources."""
        self._grant = NOTHING_GRANTED if shared else None
        """The share of a current that others use too; None while nothing is shared."""
        self.claims = False
        """The session wants energy now; set by its owner."""
        self.phases: int = config.phases
        """Phases that the phase contact connects, at most; set by its owner."""
        self.delay = Delay()
        self._paused = pause.Offer()
        self._wanted: Effective | None = None
        """The own limit at the last step, before the random delay ..."""
        self._applied: Effective | None = None
        """... and all of them after it."""
        self._claimed = False
        self.since_ms: int | None = None
        """Since when PWM has been on."""

    # --- what is told it --------------------------------------------------------------------------

    def set_cable(self, cable_a: int) -> None:
        """The plug's rating; 0 = not known."""
        coded = self._config.connector == "socket" and cable_a
        cable = Limit(source="cable", limit_a=float(cable_a), safety=True) if coded else None
        self._set("cable", cable)

    def set_grant(self, grant: Limit | None) -> bool:
        """The share of the fuse; None where nothing is shared. True when it is another one."""
        if grant == self._grant:
            return False
        self._grant = grant
        self._known.clear()
        return True

    @property
    def derated_a(self) -> float | None:
        """What the temperature leaves of the rating; None while it takes nothing."""
        limit = self.heat.limit(self._clock.now_ms())
        return None if limit is None else limit.limit_a

    def follow(self, station: ExternalLimitSources) -> None:
        """Limits of the station as a whole hold here too: no EVSE exceeds them by itself. Its
        owner says when they change."""
        self._station = station

    def cancel_delay(self) -> None:
        """A person overrides the running random delay."""
        self.delay = random_delay.cancel(self.delay)

    def note(self, *, offering: bool, now_ms: int) -> None:
        """Whether PWM is on, so that its age is known and a new offer is not held back."""
        if not offering:
            self.since_ms = None
            if self._paused.offered_a:
                self._paused = pause.Offer()
        elif self.since_ms is None:
            self.since_ms = now_ms

    # --- limits -----------------------------------------------------------------------------------

    def own(self) -> Effective:
        """The limit without any grant."""
        self._refresh(self._clock.now_ms())
        return self._effective(granted=False)

    @property
    def claim_a(self) -> float:
        """What to ask of a shared fuse: the own limit, as the random delay lets it through."""
        own = self.own()
        if self.delay.ends_ms is None:
            return own.limit_a
        return min(self.delay.applied_a, own.safety_a)

    def limit(self) -> Effective:
        """The limit now, and whose it is. Who has not 6 A of his own is granted nothing, but that
        is not why."""
        own = self.own()  # which also looks at the time
        return self._effective(granted=True) if self._shares and own.enough else own

    @property
    def _shares(self) -> bool:
        return self._grant is not None and self.claims

    def _effective(self, *, granted: bool) -> Effective:
        """As of the last `_refresh`."""
        found = self._known.get(granted)
        if found is None:
            found = self._known[granted] = lowest(self._in_force(granted=granted))
        return found

    def _in_force(self, *, granted: bool) -> list[Limit]:
        own = self._own.in_force(self._clock.now_ms())
        return [*own, self._grant] if granted and self._grant is not None else own

    def sources(self) -> list[Limit]:
        """Every limit that stands now, the deciding one first, for people who ask who set it."""
        self._refresh(self._clock.now_ms())
        found = self._in_force(granted=self._shares)
        return sorted(found, key=lambda limit: limit.limit_a)

    def _refresh(self, now_ms: int) -> None:
        """Put what depends on the time and on others into the sources."""
        if self._externals or not (self.external.empty and self._station.empty):
            self._put_external()
        heat = self.heat.limit(now_ms)
        if heat is not self._heat:
            self._heat = heat
            self._set("temperature", heat)

    def _put_external(self) -> None:
        """What each source allows; a source that has gone takes its limit along."""
        phases = min(self.phases, self._config.phases)
        limits = {
            (whose, source): limit
            for whose, sources in ((EXTERNAL, self.external), (STATION, self._station))
            for source, limit in sources.limits(phases).items()
        }
        for key in self._externals - limits.keys():
            self._set(key, None)
        for key, limit in limits.items():
            self._set(key, limit)
        self._externals = frozenset(limits)

    def _set(self, key: Hashable, limit: Limit | None) -> None:
        if self._own.put_or_clear(key, limit):
            self._known.clear()

    # --- the offer --------------------------------------------------------------------------------

    def step(self) -> None:
        """Let limits and time act. The same twice is as good as once."""
        now_ms = self._clock.now_ms()
        own = self.own()
        wanted = self._granted(self._delayed(own, now_ms))
        self._paused = pause.step(self._paused, wanted, now_ms, self._policy)
        self._wanted, self._applied, self._claimed = own, wanted, self.claims

    def _delayed(self, wanted: Effective, now_ms: int) -> Effective:
        """`wanted` as the random delay lets it through."""
        if not self._delays.enabled:
            return wanted
        wanted_a = wanted.limit_a if self.claims and wanted.enough else 0.0
        change = Change(wanted_a, self._cause(wanted), wanted.safety_a)
        self.delay = random_delay.step(self.delay, change, now_ms, self._delays, self._random)
        if self.delay.applied_a == wanted_a:
            return wanted
        return replace(wanted, limit_a=self.delay.applied_a, source="random delay", measured=False)

    def _granted(self, own: Effective) -> Effective:
        """`own` within the grant. No grant waits for a random delay: other stations do not move
        with the fuse of this one."""
        grant = self._grant
        if grant is None or not self.claims:
            return own
        own = replace(own, safety_a=min(own.safety_a, grant.limit_a))
        if own.limit_a < grant.limit_a:
            return own
        return replace(own, limit_a=grant.limit_a, source=grant.source, measured=grant.measured)

    def _cause(self, wanted: Effective) -> Cause:
        """A person plugs in and presents a token; a back office moves many stations at once."""
        before = self._wanted
        if before is None or not (self.claims and self._claimed):
            return Cause.USER
        local = {"configuration", "cable", *(sensor.value for sensor in Sensor)}
        return Cause.LOCAL if {wanted.source, before.source} <= local else Cause.AUTOMATIC

    @property
    def offered_a(self) -> float:
        """What may be offered now; 0 = pause."""
        return self._paused.offered_a

    @property
    def enough(self) -> bool:
        """May anything be offered?"""
        return self._paused.offered_a > 0

    @property
    def duty_bp(self) -> int:
        """Pilot duty of the offer."""
        return amps_to_duty_bp(self._paused.offered_a)

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When the limit or the offer may change by itself."""
        applied = self._applied
        return earliest(
            self.external.next_deadline_ms(now_ms),
            self.heat.next_deadline_ms(now_ms),
            None
            if applied is None
            else pause.next_deadline_ms(self._paused, applied, now_ms, self._policy),
            self.delay.ends_ms,
        )
