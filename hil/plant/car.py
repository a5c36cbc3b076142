"""The person with the car: plugs, unplugs, and tells the car what to do.

Every command acts at the plant's present instant. Pulling the plug follows the real order: the
car's end comes off first (the station sees state A), the station's end when the bolt lets go.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from hil.errors import PlugError
from hil.plant.drivetrain import Drivetrain
from hil.plant.ev import Behaviour, Ev, behaviour
from hil.plant.model import CABLE_OHM, NEVER_MS
from hil.plant.pilot import CarResistors, ev_offer_ma, scatter

_STREAM = 2
BOUNCE_SPREAD_MS = 60


class Car:
    """The car and cable at one EVSE. `changed` is called after each command."""

    def __init__(self, now: Callable[[], int], changed: Callable[[], None], seed: int) -> None:
        self._now = now
        self._changed = changed
        self._seed = seed
        self._plugs = 0
        self._coming: tuple[int, Ev] | None = None
        self._contact_moves: list[int] = []
        self.drivetrain: Drivetrain | None = None
        self.cable_a = 0
        """Rating of the cable in the station's socket; 0: nothing in it."""
        self.contact = False
        """The pilot contact is made."""
        self.pulling = False
        """Somebody pulls at the station's end, which comes off when the bolt lets go."""
        self.ventilation = False
        self.due_ms = NEVER_MS

    def plug(
        self,
        cable_a: int = 32,
        draw_a: float = 16.0,
        phases: int = 3,
        variant: str | Behaviour = "normal",
        *,
        delay_ms: int = 0,
        battery_wh: float | None = None,
        soc_percent: float = 30.0,
        taper: bool = True,
        resistors: CarResistors | None = None,
    ) -> None:
        """Plug a car in, now or `delay_ms` later.

        `variant` names one of VARIANTS or is a Behaviour. Raises PlugError for a car that cannot
        exist, or while another is plugged in or on its way.
        """
        if self.drivetrain or self._coming:
            raise PlugError("a car is plugged in already, or on its way")
        if delay_ms < 0:
            raise PlugError(f"delay_ms {delay_ms}: the car cannot have come before now")
        if not math.isfinite(draw_a):
            raise PlugError(f"draw_a {draw_a}: must be finite")
        ev = Ev(
            cable_a=cable_a,
            draw_ma=round(draw_a * 1000),
            phases=phases,
            behaviour=behaviour(variant) if isinstance(variant, str) else variant,
            resistors=resistors or CarResistors(),
            battery_wh=battery_wh,
            soc_percent=soc_percent,
            taper=taper,
        )
        self._coming = (self._now() + delay_ms, ev)
        self._rearm()
        if not delay_ms:
            self.fire(self._now())
        self._changed()

    def unplug(self) -> None:
        """Take the cable off the car, then out of the socket as soon as the bolt lets go.

        Unplugging nothing, or a car that was only on its way, is fine.
        """
        self._coming = None
        self._disconnect()
        self.pulling = self.cable_a > 0
        self._changed()

    def unplug_at_ev(self) -> None:
        """Take the cable off the car; its other end stays in the socket."""
        self._coming = None
        self._disconnect()
        self._changed()

    def pull_at_station(self) -> None:
        """Pull the station's end first: with a bolt in the way nothing happens until it leaves."""
        self.pulling = self.cable_a > 0
        self._changed()

    def pause(self) -> None:
        """The car stops by itself: current off, then S2 open (seq 7)."""
        self._set_paused(True)

    def resume(self) -> None:
        """The car wants energy again: S2 closes if there is an offer."""
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        if self.drivetrain:
            self.drivetrain.paused = paused
            self.drivetrain.plan(self._now())
            self._changed()

    def request_ventilation(self, wanted: bool = True) -> None:
        """State D instead of C, until told otherwise or unplugged."""
        self.ventilation = wanted
        self._changed()

    def load_ohm(self, *, ventilation: bool = False) -> float | None:
        """What the pilot sees behind the diode; None: open circuit."""
        if not (self.drivetrain and self.contact):
            return None
        train = self.drivetrain
        ventilation = ventilation or self.ventilation
        return train.ev.resistors.load_ohm(s2=train.s2, ventilation=ventilation)

    @property
    def pp_ohm(self) -> int | None:
        """The coding resistor in the station's socket; None: nothing in it."""
        return CABLE_OHM.get(self.cable_a)

    @property
    def demands(self) -> bool:
        """State C or D stands on the pilot."""
        return self.drivetrain is not None and self.contact and self.drivetrain.s2

    @property
    def current_ma(self) -> int:
        """What the car draws on each phase that it uses."""
        return self.drivetrain.current_ma if self.drivetrain else 0

    @property
    def phases(self) -> int:
        """How many phases the car uses; 0: no car."""
        return self.drivetrain.ev.phases if self.drivetrain else 0

    def overloaded(self, duty_bp: int) -> bool:
        """Does this duty promise more than the plugged cable can carry?"""
        return 0 < self.cable_a * 1000 < ev_offer_ma(duty_bp)

    def see(self, now_ms: int, duty_bp: int | None, *, live: bool) -> None:
        """What the inlet shows from now on."""
        if self.drivetrain:
            self.drivetrain.see(now_ms, duty_bp if self.contact else None, live=live)
            self._rearm()

    def charged(self, now_ms: int, power_uw: int) -> None:
        if self.drivetrain:
            self.drivetrain.charged(now_ms, power_uw)
            self._rearm()

    def let_go(self) -> None:
        """The station's end comes off: nothing is left in the socket."""
        self._disconnect()
        self.cable_a = 0
        self.pulling = False

    def fire(self, now_ms: int) -> None:
        """Do what is due: arrive, bounce, or the drivetrain's next step."""
        if self._coming and now_ms >= self._coming[0]:
            self._arrive(*self._coming)
        while self._contact_moves and now_ms >= self._contact_moves[0]:
            self._contact_moves.pop(0)
            self.contact = not self.contact
        if self.drivetrain and now_ms >= self.drivetrain.due_ms:
            self.drivetrain.fire(now_ms)
        self._rearm()

    def _arrive(self, at_ms: int, ev: Ev) -> None:
        """A cable that is still in the socket is the one that this car gets."""
        self._coming = None
        if self.cable_a:
            ev = msgspec.structs.replace(ev, cable_a=self.cable_a)
        self._plugs += 1
        self.drivetrain = Drivetrain(ev, at_ms)
        self.cable_a = ev.cable_a
        self.contact = True
        self.pulling = False
        for index in range(2 * ev.behaviour.bounces):
            draw = scatter(self._seed, _STREAM, self._plugs * 1000 + index)
            at_ms += 5 + draw % BOUNCE_SPREAD_MS
            self._contact_moves.append(at_ms)

    def _disconnect(self) -> None:
        self.drivetrain = None
        self.contact = False
        self.ventilation = False
        self._contact_moves.clear()
        self._rearm()

    def _rearm(self) -> None:
        coming_ms = self._coming[0] if self._coming else NEVER_MS
        contact_ms = self._contact_moves[0] if self._contact_moves else NEVER_MS
        train_ms = self.drivetrain.due_ms if self.drivetrain else NEVER_MS
        self.due_ms = min(coming_ms, contact_ms, train_ms)
