"""The guard's rules as data: why it opens, when it may close or switch phases, when not unlock.

Responsibility: each row is one sentence of `docs/safety.md` and one pure predicate. A reviewer
reads the tables top to bottom; the exploration takes each row out and shows which invariant
breaks. The rows only judge; `evse/guard/kernel.py` acts. Opening needs one row; closing and moving
the phase contact need all.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evse.guard import causes, view
from evse.model import Reason

Rule = Callable[[view.View], bool]


class TripRule(msgspec.Struct, frozen=True):
    """Opens at once and forbids closing until acknowledged."""

    reason: Reason
    says: str
    applies: Rule
    remains: Rule
    """The cause is still there: no acknowledgement."""
    until_unplugged: bool = False
    """And none before the car has been unplugged."""

    @property
    def name(self) -> str:
        return self.reason.name


class NamedRule(msgspec.Struct, frozen=True):
    """A row without a latch."""

    name: str
    says: str
    holds: Rule


class Rules(msgspec.Struct, frozen=True):
    trips: tuple[TripRule, ...]
    """In order of rank: the first that applies in a step gives the reason."""
    opens: tuple[NamedRule, ...]
    """Any one opens the contactor without a latch."""
    closes: tuple[NamedRule, ...]
    """All must hold to close."""
    moves: tuple[NamedRule, ...]
    """All must hold to send the phase contact to its other position, where there is one."""
    vetoes: tuple[NamedRule, ...]
    """Any one forbids driving the lock open."""

    def without(self, name: str) -> Rules:
        """These rules with one row taken out. Raises KeyError if there is no such row."""
        tables = {
            table: tuple(rule for rule in getattr(self, table) if rule.name != name)
            for table in self.__struct_fields__
        }
        fewer = Rules(**tables)
        if fewer == self:
            raise KeyError(f"no rule is called {name}")
        return fewer

    @property
    def names(self) -> tuple[str, ...]:
        tables = (self.trips, self.opens, self.closes, self.moves, self.vetoes)
        return tuple(rule.name for table in tables for rule in table)


R = Reason
RULES = Rules(
    trips=(
        TripRule(
            R.EMERGENCY_STOP,
            "The emergency stop is pressed.",
            causes.emergency_stop,
            causes.emergency_stop,
        ),
        TripRule(
            R.RCD,
            "The residual-current device tripped outside its self-test; not retried while the car "
            "stays plugged in.",
            causes.rcd,
            causes.rcd,
            until_unplugged=True,
        ),
        TripRule(
            R.WELD,
            "With the coil off, the mirror reads closed after the release time, or closes again.",
            causes.weld,
            causes.mirror_closed,
        ),
        TripRule(
            R.MIRROR,
            "With the coil on, the mirror has not closed in time, or opened by itself.",
            causes.mirror,
            causes.mirror_closed,
        ),
        TripRule(
            R.DIODE,
            "With PWM on and a car plugged in, the low half-wave is not near -12 V.",
            causes.diode,
            causes.diode,
            until_unplugged=True,
        ),
        TripRule(
            R.PILOT_FAULT,
            "With a car plugged in, the pilot reads E, an F that is not ours, or no state at all.",
            causes.pilot_fault,
            causes.faulty_level,
        ),
        TripRule(
            R.SAMPLES_STALLED,
            "No proof of the pilot's state for the stall time.",
            causes.stalled,
            causes.in_doubt,
        ),
        TripRule(
            R.LOCK,
            "With the contactor closed, the plug no longer reads locked.",
            causes.lock_lost,
            causes.lock_unknown,
        ),
        TripRule(
            R.PROXIMITY,
            "With a car plugged into the socket, the cable's coding is missing, shorted or lost.",
            causes.proximity,
            causes.proximity,
        ),
        TripRule(
            R.OVER_TEMPERATURE,
            "The temperature is over its threshold, or its sensor has been silent too long.",
            causes.over_temperature,
            causes.not_cool,
        ),
        TripRule(
            R.VENTILATION,
            "While charging, the car asks for ventilation that is not there.",
            causes.ventilation,
            causes.asks_ventilation,
        ),
        TripRule(
            R.RCD_SELF_TEST,
            "The residual-current device failed its self-test.",
            causes.self_test_failed,
            causes.self_test_failed,
        ),
        TripRule(
            R.PHASE_CONTACT,
            "The phase contact's feedback does not follow in time, or leaves its place by itself.",
            causes.phase_contact,
            view.phase_unsettled,
        ),
        TripRule(
            R.BOARD_FAULT,
            "The board reports a fault of its own that is more than a warning.",
            causes.board_fault,
            causes.board_fault,
        ),
    ),
    opens=(
        NamedRule("left_cd", "The car left C (or D, where ventilated).", causes.left_cd),
        NamedRule(
            "soft_time_over",
            "Leave was withdrawn, and the car has not let go for c1_open_ms.",
            causes.soft_time_over,
        ),
        NamedRule(
            "soft_low_current",
            "Leave was withdrawn, and the current is under 1 A for low_current_ms.",
            causes.soft_low_current,
        ),
    ),
    closes=(
        NamedRule("permit", "A live permit says close.", view.permitted),
        NamedRule("offer", "The permit offers a current: PWM is on.", view.offered),
        NamedRule("car_ready", "The car is in C (or D, where ventilated).", view.car_ready),
        NamedRule("certain", "This very sample proves it.", view.certain),
        NamedRule("diode_proven", "-12 V was seen with PWM on in this session.", view.diode_proven),
        NamedRule("self_test", "The RCD passed its self-test this session.", view.self_test_passed),
        NamedRule("no_trip", "No trip waits for acknowledgement.", view.no_trip),
        NamedRule("mirror_open", "The mirror reads open.", view.mirror_open),
        NamedRule("rested", "The coil has been off for min_off_ms.", view.rested),
        NamedRule("locked", "The plug reads locked, where there is a lock.", view.locked),
        NamedRule(
            "stays_locked",
            "The permit does not ask to unlock, and nothing is being unlocked.",
            view.stays_locked,
        ),
        NamedRule(
            "cable_rated", "On a socket, the cable is rated and still there.", view.cable_rated
        ),
        NamedRule("not_forced", "No forced unlock happened this session.", view.not_forced),
        NamedRule(
            "temperature_known",
            "The temperature is known and not too high.",
            view.temperature_known,
        ),
        NamedRule(
            "phases_placed",
            "The phase contact, where there is one, has come to rest where the permit wants it.",
            view.phases_placed,
        ),
    ),
    moves=(
        NamedRule(
            "phase_wished",
            "A live permit wants the phase contact where it was not sent.",
            view.phase_wished,
        ),
        NamedRule(
            "confirmed_open",
            "The coil has been off and the mirror open for mirror_release_ms.",
            view.confirmed_open,
        ),
        NamedRule(
            "mirror_trusted",
            "No weld and no mirror trip waits for acknowledgement.",
            view.mirror_trusted,
        ),
    ),
    vetoes=(
        NamedRule("coil_on", "The coil is on.", view.coil_on),
        NamedRule("mirror_closed", "The mirror reads closed.", causes.mirror_closed),
        NamedRule(
            "releasing", "The coil went off less than mirror_release_ms ago.", view.releasing
        ),
    ),
)
"""The product's rules."""
