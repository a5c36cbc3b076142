"""The connector lock: never both ways, never for long, never without a way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.lines import Lines
from drivers.gpio.lock import (
    DEAD_TIME_MS,
    ConnectorLock,
    HeldPins,
    LockPins,
    TwoWayPins,
)
from drivers.gpio.lock_watch import (
    DRIVEN_MS,
    FIRST_LOOK_MS,
    RECOVERY_MS,
    SHOWN_MS,
    STEADY_MS,
    ReserveWatch,
)
from drivers.gpio.pulse import FRESH_MS
from drivers.gpio.wires import Contact, InputPin, OutputPin
from evse.board_faults import BoardFault, Wiring
from evse.guard.lock_drive import LockDrive
from hil.pi.header import MockHeader

OFF, LOCK, UNLOCK = LockDrive.OFF, LockDrive.LOCK, LockDrive.UNLOCK
NAMES = {"lock": 17, "unlock": 27, "locked": 22, "unlocked": 23}
LOCKED, UNLOCKED = InputPin(22, Contact.NO), InputPin(23, Contact.NO)
MOTOR = LockPins(TwoWayPins(OutputPin(17), OutputPin(27), 600), LOCKED, UNLOCKED)
SOLENOID = LockPins(HeldPins(OutputPin(17)), LOCKED)
RESERVED = msgspec.structs.replace(MOTOR, reserve_min_mv=10_000)


class Rig:
    """A lock and its bolt."""

    def __init__(self, pins: LockPins = MOTOR) -> None:
        self.header = MockHeader(NAMES)
        self.lock = ConnectorLock(Lines(self.header.factory), pins)
        self.now_ms = 0
        self.bolt(locked=False)

    def bolt(self, *, locked: bool, unlocked: bool | None = None) -> None:
        """Where it is; its switches connect to ground."""
        self.header.drive("locked", not locked)
        self.header.drive("unlocked", locked if unlocked is None else not unlocked)

    @property
    def driven(self) -> str:
        return " ".join(name for name in ("lock", "unlock") if self.header.pad(name).driven)

    def at(self, now_ms: int, drive: LockDrive) -> str:
        self.now_ms = now_ms
        self.lock.write(drive, now_ms)
        return self.driven

    def hold(self, for_ms: int, reserve_mv: int | None = None) -> set[BoardFault]:
        """Only read; the faults that were told."""
        until_ms = self.now_ms + for_ms
        found = set()
        while self.now_ms < until_ms:
            self.now_ms += 10
            found.add(self.lock.read(self.now_ms, reserve_mv).faults)
        return found


# --- the motor -----------------------------------------------------------------------------------


def test_a_motor_is_driven_one_way_and_stopped() -> None:
    rig = Rig()
    assert rig.driven == ""
    assert rig.at(0, LOCK) == "lock"
    assert rig.at(10, LOCK) == "lock"
    assert rig.at(20, OFF) == ""
    assert rig.at(600, UNLOCK) == "unlock"


def test_reversing_has_a_period_with_neither() -> None:
    rig = Rig()
    rig.at(0, LOCK)
    assert rig.at(10, UNLOCK) == ""
    assert rig.at(10 + DEAD_TIME_MS - 1, UNLOCK) == ""
    assert rig.at(10 + DEAD_TIME_MS, UNLOCK) == "unlock"


def test_a_pulse_is_over_after_its_longest_time_whoever_wants_more() -> None:
    rig = Rig()
    shown = {now_ms: rig.at(now_ms, LOCK) for now_ms in range(0, 5_000, 10)}
    assert shown[590] == "lock"
    assert {shown[now_ms] for now_ms in range(600, 5_000, 10)} == {""}
    rig.at(5_000, OFF)
    assert rig.at(5_010, LOCK) == "lock", "the next pulse is another one"


def test_an_order_that_is_not_repeated_lapses() -> None:
    rig = Rig()
    rig.at(0, LOCK)
    rig.lock.read(FRESH_MS - 10)
    assert rig.driven == "lock"
    rig.lock.read(FRESH_MS)
    assert rig.driven == ""


def test_an_order_that_is_repeated_does_not_lapse() -> None:
    rig = Rig()
    for now_ms in range(0, 500, 10):
        rig.lock.read(now_ms)
        assert rig.at(now_ms, LOCK) == "lock"


def test_one_direction_that_can_not_be_switched_off_keeps_the_other_off() -> None:
    rig = Rig()
    rig.at(0, LOCK)
    rig.header.lose("lock")
    for now_ms in (10, 20, 30, 40):
        with pytest.raises(GpioUnavailable, match=r"GPIO17 \(lock drive\) takes no orders"):
            rig.at(now_ms, UNLOCK)
        assert rig.driven == "lock"
    rig.header.find()
    assert rig.at(50, UNLOCK) == ""
    assert rig.at(60, UNLOCK) == "unlock"


def test_a_bridge_is_active_high() -> None:
    with pytest.raises(ProfileError, match="unlock drive"):
        Rig(LockPins(TwoWayPins(OutputPin(17), OutputPin(27, active_high=False)), LOCKED))


def test_a_profile_names_the_kind_of_actuator() -> None:
    text = (
        b'{"actuator": {"type": "held", "solenoid": {"gpio": 17}},'
        b' "locked": {"gpio": 22, "contact": "no"}}'
    )
    assert msgspec.json.decode(text, type=LockPins) == SOLENOID


# --- the solenoid --------------------------------------------------------------------------------


def test_a_held_solenoid_locks_until_it_is_told_otherwise() -> None:
    rig = Rig(SOLENOID)
    assert rig.at(0, LOCK) == "lock"
    assert rig.at(600, OFF) == "lock"
    rig.hold(10_000)
    assert rig.driven == "lock"
    assert rig.at(20_000, UNLOCK) == ""
    assert rig.at(20_600, OFF) == ""


def test_a_held_solenoid_lets_go_with_the_guard() -> None:
    rig = Rig(SOLENOID)
    rig.at(0, LOCK)
    rig.lock.make_safe()
    assert rig.driven == ""
    assert rig.at(10, LOCK) == ""


# --- feedback ------------------------------------------------------------------------------------


def test_two_switches() -> None:
    rig = Rig()
    assert rig.lock.read(0)[:2] == (False, True)
    rig.bolt(locked=False, unlocked=False)
    assert rig.lock.read(10)[:2] == (False, False)
    rig.bolt(locked=True)
    assert rig.lock.read(20)[:2] == (True, False)


def test_one_switch() -> None:
    rig = Rig(SOLENOID)
    assert rig.lock.read(0)[:2] == (False, True)
    rig.bolt(locked=True)
    assert rig.lock.read(10)[:2] == (True, False)


def test_a_broken_wire_is_not_locked() -> None:
    rig = Rig()
    rig.bolt(locked=True)
    rig.header.drive("locked", None)
    assert rig.lock.read(0).locked is False


def test_both_switches_at_once_contradict() -> None:
    rig = Rig()
    rig.bolt(locked=True, unlocked=True)
    assert rig.lock.read(0).wiring is Wiring.LOCK_CONTRADICTS
    rig.bolt(locked=True)
    assert rig.lock.read(10).wiring is Wiring(0)


def test_a_floating_switch_is_told() -> None:
    rig = Rig()
    for now_ms in range(0, 200, 10):
        rig.bolt(locked=now_ms % 20 == 0, unlocked=False)
        reading = rig.lock.read(now_ms)
    assert reading.wiring is Wiring.LOCK_FLOATING


# --- movements that nobody asked for -------------------------------------------------------------


def settled(*, locked: bool) -> Rig:
    """A lock long at rest."""
    rig = Rig()
    rig.bolt(locked=locked)
    assert rig.hold(2_000) == {BoardFault(0)}, "where it stands at the start is no movement"
    return rig


@pytest.mark.parametrize(
    ("locked", "fault"), [(True, BoardFault.LOCK_OPENED), (False, BoardFault.LOCK_CLOSED)]
)
def test_a_lock_that_moves_by_itself_is_a_fault(locked: bool, fault: BoardFault) -> None:
    rig = settled(locked=locked)
    rig.bolt(locked=not locked)
    assert rig.hold(STEADY_MS) == {BoardFault(0)}
    assert rig.hold(60_000) == {fault}
    rig.bolt(locked=locked)
    assert BoardFault(0) in rig.hold(SHOWN_MS)


def test_a_bolt_that_stops_half_way_open_has_opened() -> None:
    rig = settled(locked=True)
    rig.bolt(locked=False, unlocked=False)
    assert BoardFault.LOCK_OPENED in rig.hold(100)


def test_a_trembling_switch_is_none() -> None:
    rig = settled(locked=True)
    rig.bolt(locked=False)
    found = rig.hold(STEADY_MS - 10)
    rig.bolt(locked=True)
    assert found | rig.hold(1_000) == {BoardFault(0)}


@pytest.mark.parametrize(("locked", "drive"), [(True, UNLOCK), (False, LOCK)])
def test_what_a_drive_moves_within_a_second_was_moved_by_it(locked: bool, drive: LockDrive) -> None:
    rig = settled(locked=locked)
    rig.at(rig.now_ms, drive)
    rig.hold(20)
    rig.at(rig.now_ms, OFF)
    found = rig.hold(DRIVEN_MS - 50)
    rig.bolt(locked=not locked)
    assert found | rig.hold(2_000) == {BoardFault(0)}


@pytest.mark.parametrize(("locked", "drive"), [(True, UNLOCK), (False, LOCK)])
def test_driving_it_to_where_it_went_ends_the_fault(locked: bool, drive: LockDrive) -> None:
    rig = settled(locked=locked)
    rig.bolt(locked=not locked)
    rig.hold(SHOWN_MS + 500)
    rig.at(rig.now_ms, LOCK if drive is UNLOCK else UNLOCK)
    assert BoardFault(0) not in rig.hold(20)
    rig.at(rig.now_ms, drive)
    assert rig.hold(20) == {BoardFault(0)}


def test_an_opened_lock_is_shown_for_a_second_though_the_guard_locks_it_at_once() -> None:
    rig = settled(locked=True)
    rig.bolt(locked=False)
    rig.hold(STEADY_MS + 10)
    rig.at(rig.now_ms, LOCK)
    rig.bolt(locked=True)
    assert rig.hold(SHOWN_MS - 100) == {BoardFault.LOCK_OPENED}
    assert BoardFault(0) in rig.hold(200)


# --- reserve -------------------------------------------------------------------------------------


def test_no_locking_begins_before_the_reserve_is_charged() -> None:
    rig = Rig(RESERVED)
    assert rig.hold(20, 9_999) == {BoardFault.LOCK_CAPACITOR}
    assert rig.at(20, LOCK) == ""
    assert rig.at(30, UNLOCK) == "unlock", "letting go is never refused"
    rig.at(40, OFF)
    assert rig.hold(100, 10_000) == {BoardFault(0)}
    assert rig.at(200, LOCK) == "lock"


def test_a_refused_pulse_is_told_until_there_is_enough_again() -> None:
    watch = ReserveWatch(10_000)
    assert not watch.step(12_000, 0)
    assert not watch.step(9_000, 10), "it may sag for a while"
    watch.refuse()
    assert watch.step(9_000, 20) is BoardFault.LOCK_CAPACITOR
    assert watch.step(9_000, 30) is BoardFault.LOCK_CAPACITOR
    assert not watch.step(12_000, 40)


def test_a_reserve_that_sags_while_the_motor_runs_stops_nothing() -> None:
    rig = Rig(RESERVED)
    rig.hold(10, 12_000)
    rig.at(10, LOCK)
    assert rig.hold(10, 7_000) == {BoardFault(0)}
    assert rig.at(30, LOCK) == "lock"
    rig.at(40, OFF)
    assert rig.hold(RECOVERY_MS - 500, 9_000) == {BoardFault(0)}
    assert rig.at(rig.now_ms, LOCK) == "", "but no other begins"
    assert BoardFault.LOCK_CAPACITOR in rig.hold(600, 9_000)


def test_a_reserve_that_recovers_in_time_may_sag_again() -> None:
    rig = Rig(RESERVED)
    rig.hold(10, 12_000)
    for _ in range(3):
        assert rig.hold(RECOVERY_MS - 100, 9_000) == {BoardFault(0)}
        rig.hold(10, 12_000)


def test_a_reserve_that_can_not_be_measured_is_not_charged() -> None:
    rig = Rig(RESERVED)
    assert rig.hold(FIRST_LOOK_MS, None) == {BoardFault(0)}, "its channel has its turn first"
    assert rig.at(rig.now_ms, LOCK) == "", "but nothing is locked meanwhile"
    assert rig.hold(20, None) >= {BoardFault.LOCK_CAPACITOR}


# --- whatever happens ----------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["lock", "unlock", "off", "read", "safe"]), st.sampled_from([0, 3, 10, 130])
    ),
    max_size=60,
)


def played(rig: Rig, script: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    now_ms = 0
    for order, gap_ms in script:
        now_ms += gap_ms
        if order == "safe":
            rig.lock.make_safe()
        elif order == "read":
            rig.lock.read(now_ms)
        else:
            rig.lock.write(LockDrive[order.upper()], now_ms)
        yield order, now_ms


@given(steps)
def test_never_both_never_the_other_way_at_once_never_after_make_safe(
    script: list[tuple[str, int]],
) -> None:
    rig = Rig()
    both: list[str] = []
    for name in ("lock", "unlock"):
        rig.header.watch(name, lambda high: both.append(rig.driven))
    safe, last, began_ms = False, "", 0
    for order, now_ms in played(rig, script):
        safe = safe or order == "safe"
        assert not (safe and rig.driven)
        assert not (rig.driven and last) or rig.driven == last, "reversed at once"
        if rig.driven and not last:
            began_ms = now_ms
        assert not rig.driven or now_ms - began_ms <= 600, "driven for too long"
        last = rig.driven
    assert "lock unlock" not in both
