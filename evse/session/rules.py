"""When a session moves: for each state of the chart, the ordered conditions that lead out of it.

Pure. The first row that holds is taken, then the rows of the new state are asked, until none
holds (`settle` in session.py). The rows are data so that docs/statechart.md and the reviewer read
the same table, and so that a test can walk every state against every combination of facts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evse.types.session import PauseReason


class Facts(NamedTuple):
    """All that the rules may look at. Built anew for each step of settling."""

    ready: bool = False
    """Boot is over: recovery done, board seen or given up on."""
    plugged: bool = False
    kept: bool = False
    """Without its car, too: the transaction goes on, or the cable of a finished session is still
    in the socket."""
    wants_power: bool = False
    """The car is in C (or D where ventilation is declared)."""
    energised: bool = False
    """Coil or mirror says that current may flow."""
    authorized: bool = False
    stop_wanted: bool = False
    """Somebody ended the transaction: CSMS, token, unlock, de-authorization."""
    disable_wanted: bool = False
    blocked: bool = False
    """A blocking fault is active."""
    user_pause: bool = False
    energy: bool = False
    """At least 6 A may be offered."""
    cable_known: bool = True
    """Tethered, or the plug's rating has been read."""
    locked: bool = True
    """The plug is held, or there is no lock."""
    metered: bool = True
    """A fresh reading to begin a transaction with, or no meter configured."""
    signed: bool = True
    """The meter has signed the begin of the transaction, or nobody waits for that."""
    settled: bool = True
    """The reading that ends the transaction was taken after the contactor opened, and the meter
    has signed it where it does, or the wait for it is over."""
    gave_up_opening: bool = False
    """The contactor did not confirm opening within STOP_TIMEOUT_MS."""
    car_is_late: bool = False
    """PWM has been offered for a while and the car has not asked for power."""
    may_wake: bool = False
    """This attempt to charge has not had its wake-up pulse, and wakes cars at all."""
    pulse_over: bool = False
    """The wake-up pulse and what follows it are over."""
    switch_due: bool = False
    """The phase contact is not where it belongs."""
    switch_over: bool = False
    """The delay before a switch is over, and the contact is there, or was given up on."""
    announced: frozenset[PauseReason] = frozenset()
    """Reasons of the pause as last announced."""

    @property
    def over(self) -> bool:
        return self.gone or self.stop_wanted or self.disable_wanted

    @property
    def gone(self) -> bool:
        return not (self.plugged or self.kept)

    @property
    def reasons(self) -> frozenset[PauseReason]:
        active = (
            (self.user_pause, PauseReason.UserPause),
            (self.blocked, PauseReason.Error),
            (not self.energy, PauseReason.NoEnergy),
        )
        return frozenset(reason for holds, reason in active if holds)

    @property
    def ready_to_begin(self) -> bool:
        """All that a transaction needs, but the meter's signature."""
        return self.authorized and self.cable_known and self.locked and self.metered

    @property
    def opened(self) -> bool:
        return not self.energised or self.gave_up_opening


Condition = Callable[[Facts], bool]


class Rule(NamedTuple):
    when: str
    holds: Condition
    event: str


def _rule(when: str, holds: Condition, event: str) -> Rule:
    return Rule(when, holds, event)


RULES: dict[str, tuple[Rule, ...]] = {
    "booting": (
        _rule("ready, disabled", lambda f: f.ready and f.disable_wanted, "boot_disabled"),
        _rule("ready", lambda f: f.ready, "boot"),
    ),
    "disabled": (_rule("no source disables", lambda f: not f.disable_wanted, "enable"),),
    "idle": (
        _rule("disabled", lambda f: f.disable_wanted, "disable"),
        _rule("a car and no blocking fault", lambda f: f.plugged and not f.blocked, "plug"),
    ),
    "waiting_auth": (
        _rule("unplugged, disabled or stopped", lambda f: f.over or not f.plugged, "abandon"),
        _rule("a blocking fault", lambda f: f.blocked, "abandon"),
        _rule(
            "authorized, cable rated, plug locked, meter fresh, begin signed",
            lambda f: f.ready_to_begin and f.signed,
            "grant",
        ),
    ),
    "preparing": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("a blocking fault", lambda f: f.blocked, "halt"),
        _rule("paused by the user", lambda f: f.user_pause, "suspend"),
        _rule("the car is away", lambda f: not f.plugged, "car_waits"),
        _rule("energy and the car in C", lambda f: f.energy and f.wants_power, "car_ready"),
        _rule(
            "the car is late and may be asleep",
            lambda f: f.energy and f.car_is_late and f.may_wake,
            "wake",
        ),
        _rule("the car is late", lambda f: f.energy and f.car_is_late, "car_waits"),
    ),
    "waking": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("a blocking fault", lambda f: f.blocked, "halt"),
        _rule("the pulse is over", lambda f: f.pulse_over, "woken"),
    ),
    "switching": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("a blocking fault", lambda f: f.blocked, "halt"),
        _rule(
            "open, and the phase contact is there",
            lambda f: f.switch_over and f.opened,
            "switched",
        ),
    ),
    "charging": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("any reason to pause", lambda f: bool(f.reasons), "halt"),
        _rule("the phase contact belongs elsewhere", lambda f: f.switch_due, "switch_phases"),
        _rule("the car left C", lambda f: not (f.wants_power and f.plugged), "car_waits"),
    ),
    "paused_ev": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("any reason to pause", lambda f: bool(f.reasons), "suspend"),
        _rule("the car is in C again", lambda f: f.wants_power and f.plugged, "car_ready"),
    ),
    "paused_evse": (
        _rule("unplugged, disabled or stopped", lambda f: f.over, "halt"),
        _rule("no reason left", lambda f: not f.reasons, "resume"),
        _rule("other reasons than announced", lambda f: f.reasons != f.announced, "suspend"),
    ),
    "stopping": (
        _rule(
            "open, and the last reading taken",
            lambda f: f.opened and f.over and f.settled,
            "finish",
        ),
        _rule(
            "open, and still a reason to pause",
            lambda f: f.opened and not f.over and bool(f.reasons),
            "halted_by_evse",
        ),
        _rule(
            "open, and nothing left to pause for",
            lambda f: f.opened and not f.over and not f.reasons,
            "halted_by_ev",
        ),
    ),
    "finished": (
        _rule("disabled", lambda f: f.disable_wanted, "disable"),
        _rule("unplugged", lambda f: f.gone, "unplug"),
    ),
}


def next_event(state: str, facts: Facts) -> str | None:
    """The chart event due in `state`, or None when the session is settled."""
    for rule in RULES[state]:
        if rule.holds(facts):
            return rule.event
    return None
