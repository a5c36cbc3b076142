"""The native board: safe before it is configured, when it is closed, and after its process died."""

from __future__ import annotations

import msgspec
import pytest

from drivers.board.losses import GIVE_UP_MS
from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, load_profile, profile_names
from drivers.errors import GpioUnavailable
from evse.board_faults import BoardFault, Wiring
from evse.clock import VirtualClock
from evse.config.station import StationConfig
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import F_BP, X1_BP
from evse.run.native import make_safe
from hil.bench.station import StationSetup
from hil.pi.desk import Desk

PERIOD_MS = 10
BUSY = Outputs(coil=True, duty_bp=5_333, lock_drive=LockDrive.LOCK, rcd_test=True, phases=3)
BOTH = pytest.mark.parametrize("name", profile_names())


class Rig:
    """A board over metal, in virtual time."""

    def __init__(self, name: str = "pievse-reference") -> None:
        self.profile: BoardProfile = load_profile(name)
        self.clock = VirtualClock(1_000)
        self.evses = len(self.profile.evse)
        self.desk = Desk(self.profile, self.evses, self.clock.now_ms)
        self.pi, self.header = self.desk.pi, self.desk.pi.header
        self.paused_ms = 0
        self.told: dict[int, Inputs] = {}
        self.board = self.begin()

    def begin(self) -> NativeBoard:
        self.board = NativeBoard(self.pi, self.profile, self.evses, pause=self.pause)
        return self.board

    def pause(self, span_ms: int) -> None:
        self.paused_ms += span_ms
        self.clock.advance_to(self.clock.now_ms() + span_ms)

    def run(self, span_ms: int, outputs: Outputs | None = None) -> Inputs:
        """Of all EVSEs; None: nothing is driven."""
        for _period in range(span_ms // PERIOD_MS):
            self.clock.advance_to(self.clock.now_ms() + PERIOD_MS)
            now_ms = self.clock.now_ms()
            for evse in range(1, self.evses + 1):
                self.told[evse] = self.board.read(evse, now_ms)
                if outputs is not None:
                    self.board.write(evse, outputs, now_ms)
            if outputs is not None:
                self.board.flush()
        return self.told[1]

    def driven(self) -> list[Outputs]:
        return [wires._outputs() for wires in self.pi.wires.values()]

    def at_rest(self) -> bool:
        """Every pad an input or low, every pilot at X1, no heartbeat."""
        pads = [self.header.pad(gpio) for gpio in range(28)]
        quiet = all(pad.driven in (None, 0.0) for pad in pads)
        still = [(each.coil, each.duty_bp, each.rcd_test) for each in self.driven()]
        off = all(each.lock_drive is LockDrive.OFF for each in self.driven())
        return quiet and off and still == [(False, X1_BP, False)] * self.evses


@BOTH
def test_a_computer_before_any_board_drives_nothing(name: str) -> None:
    rig = Rig(name)
    rig.board.close()
    desk = Desk(rig.profile, rig.evses, rig.clock.now_ms)
    assert all(desk.pi.header.pad(gpio).driven is None for gpio in range(28))
    for wires in desk.pi.wires.values():
        outputs = wires._outputs()
        assert (outputs.coil, outputs.rcd_test) == (False, False)
        assert (outputs.duty_bp, outputs.lock_drive) == (X1_BP, LockDrive.OFF)


@BOTH
def test_a_board_that_nobody_has_written_to_is_at_rest(name: str) -> None:
    rig = Rig(name)
    assert rig.at_rest()
    rig.run(500)
    assert rig.at_rest()
    assert not rig.desk.plants[1].driven.coil


@BOTH
def test_a_closed_board_is_at_rest_and_stays_so(name: str) -> None:
    rig = Rig(name)
    rig.run(300, BUSY)
    assert all(each.coil and each.duty_bp == 5_333 for each in rig.driven())
    rig.board.close()
    assert rig.at_rest()
    rig.board.write(1, BUSY, rig.clock.now_ms())
    rig.board.flush()
    rig.board.close()
    assert rig.at_rest()


@BOTH
@pytest.mark.parametrize("keeps_outputs", [True, False])
@pytest.mark.parametrize("duty_bp", [5_333, F_BP])
def test_after_a_killed_guard_make_safe_leaves_all_at_rest(
    name: str, keeps_outputs: bool, duty_bp: int
) -> None:
    rig = Rig(name)
    rig.run(300, Outputs(coil=True, duty_bp=duty_bp, lock_drive=LockDrive.LOCK, rcd_test=True))
    rig.header.die(keeps_outputs=keeps_outputs)
    assert rig.driven()[0].coil is keeps_outputs, "what the kernel makes of it"
    assert rig.driven()[0].duty_bp == duty_bp, "the PWM runs on, whatever the kernel"
    config = StationSetup(evses=rig.evses).config()
    assert make_safe(native(config, name), rig.pi, pause=rig.pause) == []
    assert rig.at_rest()


def native(config: StationConfig, name: str) -> StationConfig:
    board = msgspec.structs.replace(config.board, kind="native", profile=name)
    return msgspec.structs.replace(config, board=board)


def test_what_can_not_be_made_safe_is_said_and_the_rest_is_done() -> None:
    rig = Rig()
    rig.run(300, BUSY)
    rig.header.die(keeps_outputs=True)
    rig.pi.pwm.chips[0].there = False
    problems = make_safe(native(StationSetup().config(), rig.profile.name), rig.pi, pause=rig.pause)
    assert len(problems) == 1
    assert "no PWM chip of device" in problems[0]
    assert not rig.driven()[0].coil


def test_a_dead_guard_feeds_no_watchdog() -> None:
    rig = Rig()
    rig.run(300, BUSY)
    plant = rig.desk.plants[1]
    assert plant.energised
    rig.header.die(keeps_outputs=True)
    rig.clock.advance_to(rig.clock.now_ms() + 250)
    plant.advance(rig.clock.now_ms())
    assert rig.driven()[0].coil
    assert not plant.energised


# the phase contact


def phase_edges(rig: Rig) -> list[tuple[str, bool, int]]:
    edges: list[tuple[str, bool, int]] = []
    for name, gpio in (("coil", 17), ("phases", 13)):
        rig.header.watch(
            gpio, lambda high, name=name: edges.append((name, high, rig.clock.now_ms()))
        )
    return edges


def test_a_closing_board_lets_the_phase_contact_go_when_the_contactor_has() -> None:
    rig = Rig()
    rig.run(200, Outputs(phases=3))
    rig.run(300, Outputs(coil=True, phases=3))
    edges = phase_edges(rig)
    rig.board.close()
    (coil, _, coil_ms), (phases, _, phases_ms) = edges
    assert (coil, phases) == ("coil", "phases")
    assert 10 <= phases_ms - coil_ms <= 60
    assert rig.desk.plants[1].violations[-1:] == [] or all(
        one.rule != "phases_switched_under_load" for one in rig.desk.plants[1].violations
    )


def test_a_welded_contactor_delays_the_end_by_its_longest_release_and_no_more() -> None:
    rig = Rig()
    rig.run(200, Outputs(phases=3))
    rig.run(300, Outputs(coil=True, phases=3))
    rig.desk.plants[1].set_fault("contactor_weld")
    rig.board.close()
    assert rig.paused_ms == 250
    assert rig.at_rest()


def test_a_new_guard_waits_for_the_contactor_that_a_dead_one_left_on() -> None:
    rig = Rig()
    rig.run(200, Outputs(phases=3))
    rig.run(300, Outputs(coil=True, phases=3))
    rig.header.die(keeps_outputs=True)
    edges = phase_edges(rig)
    rig.begin()
    names = [name for name, high, _ in edges if not high]
    assert names == ["coil", "phases"]
    assert edges[-1][2] - edges[0][2] >= 10
    rig.board.close()


def test_an_open_contactor_is_waited_for_by_nobody() -> None:
    rig = Rig()
    rig.run(300, Outputs(phases=3))
    rig.board.close()
    assert rig.paused_ms == 0


# what goes and comes back


def test_pins_that_are_gone_are_told_and_given_up_after_a_while() -> None:
    rig = Rig()
    rig.run(300, BUSY)
    rig.header.lose()
    told = rig.run(PERIOD_MS, BUSY)
    assert Wiring.GPIO_GONE in told.wiring
    assert BoardFault.COMMUNICATION in told.faults
    with pytest.raises(GpioUnavailable):
        rig.run(GIVE_UP_MS + PERIOD_MS, BUSY)
    rig.header.find()
    rig.board.close()
    assert rig.at_rest()


def test_pins_that_come_back_in_time_are_read_again() -> None:
    rig = Rig()
    rig.run(300)
    rig.header.lose()
    rig.run(1_000, Outputs())
    rig.header.find()
    rig.run(50, Outputs())
    told = rig.run(PERIOD_MS, Outputs())
    assert told.wiring == Wiring(0)
    assert told.sample is not None


def test_no_edge_for_the_watchdog_while_a_part_is_gone() -> None:
    rig = Rig()
    rig.run(300, Outputs())
    edges: list[bool] = []
    rig.header.watch(23, edges.append)
    rig.pi.pwm.chips[0].there = False
    rig.run(1_500, Outputs(duty_bp=5_333))
    quiet = len(edges)
    rig.run(500, Outputs(duty_bp=5_333))
    assert len(edges) == quiet


def test_a_burst_that_takes_several_calls_is_told_with_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    assert caplog.records == []
    rig.board.close()
    rig.pi.converter._bufsiz = 4_096
    rig.begin()
    (told,) = {record.getMessage() for record in caplog.records}
    assert "options spidev bufsiz=65536" in told
    rig.board.close()
