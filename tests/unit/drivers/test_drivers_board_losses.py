"""A board that loses one part: the others go on doing what opens."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.board.losses import GIVE_UP_MS, Losses
from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, load_profile
from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.lock import HeldPins, LockPins
from drivers.gpio.wires import InputPin, OutputPin
from evse.board_faults import BoardFault, Wiring
from evse.clock import VirtualClock
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import X1_BP
from hil.pi.desk import Desk

CHARGING = Outputs(coil=True, duty_bp=5_000)
STOPPED = Outputs()
COIL, MIRROR, BUTTON, WATCHDOG = 17, 22, 18, 23


class Rig:
    """A board on a desk, period by period."""

    def __init__(self, profile: BoardProfile | None = None) -> None:
        self.profile = profile or load_profile("pievse-reference")
        self.clock = VirtualClock(1_000)
        self.evses = len(self.profile.evse)
        self.desk = Desk(self.profile, self.evses, self.clock.now_ms)
        self.header = self.desk.pi.header
        self.board = NativeBoard(self.desk.pi, self.profile, self.evses, pause=self._pause)
        self.edges = 0
        self.header.watch(WATCHDOG, self._edge)

    def _edge(self, _high: bool) -> None:
        self.edges += 1

    def _pause(self, span_ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + span_ms)

    def run(self, span_ms: int, outputs: Outputs) -> dict[int, Inputs]:
        """What was read last of each EVSE."""
        told = {}
        for _period in range(span_ms // 10):
            self._pause(10)
            for evse in range(1, self.evses + 1):
                told[evse] = self.board.read(evse, self.clock.now_ms())
                self.board.write(evse, outputs, self.clock.now_ms())
            self.board.flush()
        return told

    @property
    def duty_bp(self) -> int:
        return self.desk.pi.wires[1].duty_bp


Make = Callable[..., Rig]


@pytest.fixture
def make() -> Iterator[Make]:
    """Rigs whose pins are found again at the end, so that the library can let go of them."""
    made: list[Rig] = []

    def one(profile: BoardProfile | None = None) -> Rig:
        made.append(Rig(profile))
        return made[-1]

    yield one
    for rig in made:
        rig.header.find()
        rig.board.close()


def test_a_coil_that_takes_no_orders_leaves_the_pilot_to_stop_the_energy(make: Make) -> None:
    rig = make()
    rig.run(500, CHARGING)
    rig.header.lose(COIL)
    told = rig.run(20, STOPPED)[1]
    assert rig.duty_bp == X1_BP
    assert Wiring.GPIO_GONE in told.wiring
    assert BoardFault.COMMUNICATION in told.faults


def test_the_watchdog_starves_while_the_coil_is_deaf_until_the_process_gives_up(make: Make) -> None:
    rig = make()
    rig.run(500, CHARGING)
    rig.header.lose(COIL)
    rig.run(20, STOPPED)
    fed = rig.edges
    rig.run(1_000, STOPPED)
    assert rig.edges == fed
    with pytest.raises(GpioUnavailable, match="coil has been lost for 5 s"):
        rig.run(GIVE_UP_MS, STOPPED)


def test_a_loss_is_told_once_and_its_return_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make()
    rig.run(500, STOPPED)
    with caplog.at_level(logging.INFO):
        rig.header.lose(MIRROR)
        rig.run(2_000, STOPPED)
        rig.header.find()
        rig.run(100, STOPPED)
    assert len(caplog.records) == 2
    assert "GPIO22" in caplog.records[0].getMessage()
    assert "evse 1 mirror contact is back" in caplog.records[1].getMessage()


def test_a_lasting_loss_leaves_no_garbage_to_a_guard_that_collects_none(make: Make) -> None:
    rig = make()
    rig.run(500, STOPPED)
    rig.header.lose(COIL)
    gc.collect()
    gc.disable()
    try:
        rig.run(1_000, STOPPED)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_button_that_can_not_be_read_blinds_neither_pilot_nor_mirror(make: Make) -> None:
    """A mirror that is asked no more while the coil lets go looks like a weld."""
    rig = make()
    rig.run(500, CHARGING)
    rig.header.lose(BUTTON)
    told = rig.run(400, STOPPED)[1]
    assert told.sample is not None
    assert not told.mirror_closed
    assert BoardFault.COMMUNICATION in told.faults


def _two_evses() -> BoardProfile:
    """Two EVSEs, and one emergency stop for both."""
    peaks = load_profile("pievse-peaks")
    stop = {kind: pin for each in peaks.evse for kind, pin in each.inputs.items()}
    alone = tuple(msgspec.structs.replace(each, inputs={}) for each in peaks.evse)
    return msgspec.structs.replace(peaks, inputs=stop, evse=alone)


def test_station_contacts_that_can_not_be_read_open_every_evse(make: Make) -> None:
    rig = make(_two_evses())
    rig.run(500, STOPPED)
    rig.header.lose(*(pin.gpio for pin in rig.profile.inputs.values()))
    for told in rig.run(100, STOPPED).values():
        assert BoardFault.COMMUNICATION in told.faults
        assert Wiring.GPIO_GONE in told.wiring


def test_what_one_evse_loses_keeps_the_other_going(make: Make) -> None:
    rig = make(load_profile("pievse-peaks"))
    rig.run(500, STOPPED)
    rig.header.lose(rig.profile.evse[0].contactor.mirrors[0].gpio)
    told = rig.run(100, STOPPED)
    assert BoardFault.COMMUNICATION in told[1].faults
    assert BoardFault.COMMUNICATION not in told[2].faults


def test_a_weld_starves_the_watchdog_that_feeds_its_coil(make: Make) -> None:
    rig = make()
    rig.run(500, STOPPED)
    rig.header.drive(MIRROR, True)  # an nc mirror to ground: open, so the contactor is closed
    rig.run(400, STOPPED)
    fed = rig.edges
    rig.run(500, STOPPED)
    assert rig.edges == fed


def _with_solenoid() -> BoardProfile:
    reference = load_profile("pievse-reference")
    lock = LockPins(actuator=HeldPins(OutputPin(20)), locked=InputPin(5))
    evse = msgspec.structs.replace(reference.evse[0], lock=lock, lock_reserve=None)
    return msgspec.structs.replace(reference, evse=(evse,))


@pytest.mark.parametrize(("welded", "held"), [(True, True), (False, False)])
def test_a_held_solenoid_keeps_the_plug_of_a_contactor_that_has_not_let_go(
    make: Make, welded: bool, held: bool
) -> None:
    rig = make(_with_solenoid())
    rig.run(500, Outputs(lock_drive=LockDrive.LOCK))
    rig.header.drive(MIRROR, welded)
    rig.board.close()
    assert rig.header.level(20) is held


def test_two_pilots_on_one_channel_of_the_computer_are_refused() -> None:
    peaks = load_profile("pievse-peaks")
    first, second = peaks.evse
    assert first.pilot.pwm_gpio == 12
    pilot = msgspec.structs.replace(second.pilot, pwm_gpio=18, reset=OutputPin(13))
    both = msgspec.structs.replace(
        peaks, evse=(first, msgspec.structs.replace(second, pilot=pilot))
    )
    with pytest.raises(ProfileError, match="one PWM channel"):
        Rig(both)


@given(st.lists(st.lists(st.sampled_from("abc"), unique=True), max_size=60))
def test_each_loss_and_each_return_is_told_once(periods: list[list[str]]) -> None:
    said: list[str] = []
    losses = Losses(said.append)
    lost: set[str] = set()
    for number, failing in enumerate(periods):
        before = len(said)
        for part in failing:
            losses.note(part, GpioUnavailable(part), number * 10)
            losses.note(part, GpioUnavailable(part), number * 10)
        losses.end_period(number * 10)
        assert len(said) - before == len(lost ^ set(failing))
        lost = set(failing)
