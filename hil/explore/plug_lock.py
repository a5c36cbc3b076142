"""When the plug may be unlocked, and how its motor is driven."""

from __future__ import annotations

from evse.board_faults import BoardFault
from evse.guard.lock_drive import LockDrive
from evse.model import LockTarget, PilotState
from hil.explore.moment import Invariant, Moment, When


def _unlock_is_asked(m: Moment) -> bool:
    if m.after.lock.drive is not LockDrive.UNLOCK or m.opening:
        return True
    if m.hardware.unlocks_on_power_loss and BoardFault.POWER_LOSS in m.seen.faults:
        return True
    if m.leave is not None:
        return m.leave.lock is LockTarget.UNLOCK
    at_a = m.after.pilot.state is PilotState.A
    patience_ms = m.timing.unlock_after_a_ms if at_a else m.timing.f_unlock_ms
    return m.idle_ms is not None and m.idle_ms >= patience_ms


def _unlock_wanted(m: Moment) -> bool:
    leave = m.leave
    wanted = leave is not None and leave.lock is LockTarget.UNLOCK
    return wanted or m.before.lock.drive is LockDrive.UNLOCK


PLUG_LOCK = (
    Invariant(
        "never_closes_while_unlocking_is_wanted",
        "A permit that also says unlock closes nothing.",
        ("lease",),
        lambda m: not _unlock_wanted(m),
        When.CLOSES,
    ),
    Invariant(
        "no_unlock_while_coil_or_mirror_is_closed",
        "It vetoes unlocking while the coil is on or the mirror reads closed.",
        (),
        lambda m: (
            m.after.lock.drive is not LockDrive.UNLOCK or not (m.after.coil or m.seen.mirror_closed)
        ),
    ),
    Invariant(
        "no_unlock_while_the_contactor_travels",
        "It vetoes unlocking until the contactor has had its release time.",
        ("coil",),
        lambda m: (
            m.after.lock.drive is not LockDrive.UNLOCK
            or (m.coil_ms >= m.timing.mirror_release_ms and not m.before.coil)
        ),
    ),
    Invariant(
        "unlocks_only_when_asked",
        "Lease lost: the lock stays, and opens at A (or F) with the contactor open after its time; "
        "mains lost: where it has a supply of its own it opens.",
        ("lease", "idle", "opening"),
        _unlock_is_asked,
    ),
    Invariant(
        "lock_pulses_are_bounded",
        "The motor is driven at most lock_pulse_ms at a time.",
        ("pulse",),
        lambda m: m.pulse_ms < m.timing.lock_pulse_ms,
    ),
    Invariant(
        "lock_pulses_are_spaced",
        "The motor rests lock_pause_ms between pulses and before a reversal.",
        ("pulse",),
        lambda m: not m.pause_broken,
    ),
    Invariant(
        "forced_unlock_forbids_closing",
        "A forced unlock forbids closing until the car is unplugged.",
        ("forced",),
        lambda m: not m.forced,
        When.CLOSES,
    ),
)
