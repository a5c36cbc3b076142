"""After a guard that was killed: the coils first, whatever else is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, load_profile
from drivers.board.rescue import LastBoard, Rescue
from drivers.gpio.lock import HeldPins, LockPins
from drivers.gpio.wires import InputPin, OutputPin
from evse.clock import VirtualClock
from evse.guard.facts import Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import X1_BP
from evse.run.native import LAST_BOARD, make_last_safe
from hil.pi.desk import Desk

BUSY = Outputs(coil=True, duty_bp=5_333, lock_drive=LockDrive.LOCK, rcd_test=True, phases=3)
COIL, MIRROR, BUTTON, PHASES, SOLENOID = 17, 22, 18, 13, 20


class Killed:
    """A board whose guard was killed while everything was on, by a kernel that keeps outputs."""

    def __init__(self, profile: BoardProfile | None = None, drive: Outputs = BUSY) -> None:
        self.profile = profile or load_profile("pievse-reference")
        self.clock = VirtualClock(1_000)
        self.desk = Desk(self.profile, 1, self.clock.now_ms)
        self.header = self.desk.pi.header
        board = NativeBoard(self.desk.pi, self.profile, 1, pause=self.pause)
        for _period in range(50):
            self.pause(10)
            board.read(1, self.clock.now_ms())
            board.write(1, drive, self.clock.now_ms())
            board.flush()
        self.header.die(keeps_outputs=True)

    def pause(self, span_ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + span_ms)

    def rescued(self) -> list[str]:
        return Rescue(self.desk.pi, LastBoard(self.profile, 1), self.pause).run()


def test_it_is_on_before_and_off_afterwards() -> None:
    killed = Killed()
    assert killed.header.level(COIL)
    assert killed.rescued() == []
    assert not killed.header.level(COIL)
    assert killed.desk.pi.wires[1].duty_bp == X1_BP


def _no_button(killed: Killed) -> None:
    killed.header.lose(BUTTON)


def _no_mirror(killed: Killed) -> None:
    killed.header.lose(MIRROR)


def _no_lock(killed: Killed) -> None:
    killed.header.lose(20)


def _no_pwm(killed: Killed) -> None:
    killed.desk.pi.pwm.chips[0].there = False


@pytest.mark.parametrize("breaks", [_no_button, _no_mirror, _no_lock, _no_pwm])
def test_nothing_else_that_is_broken_leaves_the_coil_on(breaks: Callable[[Killed], None]) -> None:
    killed = Killed()
    breaks(killed)
    killed.rescued()
    assert not killed.header.level(COIL)
    killed.header.find()


def test_what_could_not_be_done_is_told() -> None:
    killed = Killed()
    _no_pwm(killed)
    (problem,) = killed.rescued()
    assert "config.txt" in problem


def test_the_phase_contact_moves_when_the_contactor_has_had_its_time() -> None:
    killed = Killed()
    moved: list[int] = []
    opened: list[int] = []
    killed.header.watch(PHASES, lambda high: None if high else moved.append(killed.clock.now_ms()))
    killed.header.watch(COIL, lambda high: None if high else opened.append(killed.clock.now_ms()))
    killed.rescued()
    assert moved[0] - opened[0] >= 250


@pytest.mark.parametrize(("welded", "held"), [(True, True), (False, False)])
def test_a_solenoid_keeps_the_plug_of_a_contactor_that_stays_closed(
    welded: bool, held: bool
) -> None:
    reference = load_profile("pievse-reference")
    lock = LockPins(actuator=HeldPins(OutputPin(SOLENOID)), locked=InputPin(5))
    evse = msgspec.structs.replace(reference.evse[0], lock=lock, lock_reserve=None)
    killed = Killed(msgspec.structs.replace(reference, evse=(evse,)))
    killed.header.drive(MIRROR, welded)
    problems = killed.rescued()
    assert killed.header.level(SOLENOID) is held
    assert bool(problems) is welded


def test_the_board_that_was_driven_is_rescued_and_not_the_one_that_is_configured_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Killed()
    monkeypatch.setattr("evse.run.native.sleep_ms", killed.pause)
    assert make_last_safe(tmp_path, killed.desk.pi) is None
    (tmp_path / LAST_BOARD).write_bytes(b"{")
    assert make_last_safe(tmp_path, killed.desk.pi) is None
    (tmp_path / LAST_BOARD).write_bytes(msgspec.json.encode(LastBoard(killed.profile, 1)))
    assert make_last_safe(tmp_path, killed.desk.pi) == []
    assert not killed.header.level(COIL)
