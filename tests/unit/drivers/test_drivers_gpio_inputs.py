"""Residual current, contacts and the stop button: a broken wire is never the safe reading."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ProfileError
from drivers.gpio.button import DEBOUNCE_MS, RELEASED_MS, STUCK_MS, PressCounter
from drivers.gpio.inputs import (
    MAINS_BACK_MS,
    MAINS_LOST_MS,
    MEANINGS,
    Contacts,
    Input,
    InputsReading,
)
from drivers.gpio.lines import Lines
from drivers.gpio.pulse import FRESH_MS
from drivers.gpio.rcd import LONGEST_TEST_MS, Rcd, RcdPins
from drivers.gpio.wires import Contact, InputPin, OutputPin, WiredTo
from evse.board_faults import BoardFault, Wiring
from hil.pi.header import MockHeader

# --- residual current ----------------------------------------------------------------------------

RCD_NAMES = {"trip": 22, "dc": 23, "test": 24}
TWO_OUTPUTS = RcdPins(InputPin(22), InputPin(23), OutputPin(24))


def rcd(pins: RcdPins = TWO_OUTPUTS) -> tuple[MockHeader, Rcd]:
    """Nothing has tripped: both outputs conduct to ground."""
    header = MockHeader(RCD_NAMES)
    header.drive("trip", False)
    header.drive("dc", False)
    return header, Rcd(Lines(header.factory), pins)


def test_an_rcd_that_trips() -> None:
    header, device = rcd(RcdPins(InputPin(22)))
    assert device.read(0) == (False, BoardFault(0), Wiring(0))
    header.drive("trip", True)
    assert device.read(10) == (True, BoardFault(0), Wiring(0)), "one output does not say of what"


def test_a_broken_wire_of_an_rcd_is_a_trip() -> None:
    header, device = rcd()
    header.drive("trip", None)
    assert device.read(0).tripped


def test_an_rcd_whose_contact_closes_when_it_trips_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"GPIO22 \(RCD\): contact = \"no\" can not tell"):
        rcd(RcdPins(InputPin(22, Contact.NO)))


@pytest.mark.parametrize(
    ("trip", "direct", "fault"),
    [
        (True, False, BoardFault.RCD_AC),
        (False, True, BoardFault.RCD_DC),
        (True, True, BoardFault.RCD_DC),
    ],
)
def test_two_outputs_tell_direct_from_alternating(
    trip: bool, direct: bool, fault: BoardFault
) -> None:
    header, device = rcd()
    header.drive("trip", trip)
    header.drive("dc", direct)
    assert device.read(0)[:2] == (True, fault)


@pytest.mark.parametrize("wire", ["trip", "dc"])
def test_a_floating_wire_of_an_rcd_is_a_trip_and_is_told(wire: str) -> None:
    header, device = rcd()
    for now_ms in range(0, 300, 10):
        header.drive(wire, now_ms % 20 == 0)
        reading = device.read(now_ms)
    assert reading.tripped
    assert reading.wiring is Wiring.RCD_FLOATING


def test_a_test_lasts_as_long_as_it_is_ordered() -> None:
    header, device = rcd()
    assert not header.level("test")
    device.write(True, 0)
    assert header.level("test")
    device.write(False, 10)
    assert not header.level("test")


def test_a_test_ends_after_its_longest_time() -> None:
    header, device = rcd()
    shown = {}
    for now_ms in range(0, 3_000, 10):
        device.write(True, now_ms)
        shown[now_ms] = header.level("test")
    assert shown[LONGEST_TEST_MS - 10]
    assert not any(shown[now_ms] for now_ms in range(LONGEST_TEST_MS, 3_000, 10))
    device.write(False, 3_000)
    device.write(True, 3_010)
    assert header.level("test")


def test_a_test_whose_order_is_not_repeated_lapses() -> None:
    header, device = rcd()
    device.write(True, 0)
    device.read(FRESH_MS - 10)
    assert header.level("test")
    device.read(FRESH_MS)
    assert not header.level("test")


def test_no_test_after_make_safe() -> None:
    header, device = rcd()
    device.write(True, 0)
    device.make_safe()
    assert not header.level("test")
    device.write(True, 10)
    assert not header.level("test")


def test_a_device_without_test_input_is_not_tested() -> None:
    header, device = rcd(RcdPins(InputPin(22)))
    device.write(True, 0)
    device.read(500)
    device.make_safe()
    assert header.pad("test").driven is None


# --- contacts ------------------------------------------------------------------------------------

WIRES = {kind: InputPin(5 + index) for index, kind in enumerate(Input)}
FAULTS = {kind: row.fault for kind, row in MEANINGS.items() if row.fault}


class Station:
    """A station with every contact there is; all conduct to ground, which is at rest."""

    def __init__(self, pins: Mapping[Input, InputPin] = WIRES) -> None:
        self.header = MockHeader({kind.value: pin.gpio for kind, pin in pins.items()})
        for kind in pins:
            self.header.drive(kind.value, False)
        self.contacts = Contacts(Lines(self.header.factory), pins)
        self.now_ms = -10

    def after(self, for_ms: int) -> InputsReading:
        """The last of the readings of so long, one every 10 ms."""
        for _ in range(0, for_ms, 10):
            self.now_ms += 10
            reading = self.contacts.read(self.now_ms)
        return reading


def test_every_input_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Input)


def test_all_at_rest() -> None:
    assert Station().after(1_000) == (False, BoardFault(0), Wiring(0), 0)


@pytest.mark.parametrize(("kind", "fault"), FAULTS.items(), ids=[kind.value for kind in FAULTS])
def test_each_contact_becomes_its_fault_and_clears(kind: Input, fault: BoardFault) -> None:
    station = Station()
    station.after(50)
    steady_ms, clear_ms = MEANINGS[kind].steady_ms, MEANINGS[kind].clear_ms
    for active, lasts_ms, before, after in (
        (True, steady_ms, BoardFault(0), fault),
        (False, clear_ms, fault, BoardFault(0)),
    ):
        station.header.drive(kind.value, active)
        assert station.after(lasts_ms).faults == before
        assert station.after(10).faults == after


@pytest.mark.parametrize("kind", FAULTS, ids=[kind.value for kind in FAULTS])
def test_a_contact_that_trembles_is_at_rest(kind: Input) -> None:
    station = Station()
    steady_ms = MEANINGS[kind].steady_ms
    for _ in range(3):
        station.header.drive(kind.value, True)
        assert station.after(steady_ms).faults == BoardFault(0)
        station.header.drive(kind.value, False)
        assert station.after(10).faults == BoardFault(0)


@given(
    flicker_ms=st.lists(
        st.tuples(st.integers(3, 200), st.integers(3, 800)), min_size=5, max_size=12
    )
)
def test_mains_that_flicker_are_lost_and_back_once_in_6_s_at_most(
    flicker_ms: list[tuple[int, int]],
) -> None:
    """So the lock's reserve is not pumped empty, whatever the rhythm."""
    station = Station({Input.MAINS: WIRES[Input.MAINS]})
    changes = []
    lost = False
    for away, there in flicker_ms:
        for active, periods in ((True, away), (False, there)):
            station.header.drive("mains", active)
            for _ in range(periods):
                if bool(station.after(10).faults) is not lost:
                    lost = not lost
                    changes.append(station.now_ms)
    losses = changes[::2]
    assert all(b - a >= MAINS_LOST_MS + MAINS_BACK_MS for a, b in itertools.pairwise(losses))


def test_mains_of_150_ms_on_and_off_are_there() -> None:
    station = Station({Input.MAINS: WIRES[Input.MAINS]})
    for away in [True, False] * 200:
        station.header.drive("mains", away)
        assert station.after(150).faults == BoardFault(0)


@pytest.mark.parametrize("kind", [kind for kind in Input if MEANINGS[kind].protects])
def test_a_broken_wire_protects(kind: Input) -> None:
    station = Station()
    station.header.drive(kind.value, None)
    reading = station.after(MAINS_LOST_MS + 50)
    assert reading.emergency_stop if kind is Input.EMERGENCY_STOP else reading.faults


@pytest.mark.parametrize("kind", [kind for kind in Input if MEANINGS[kind].protects])
def test_a_contact_that_closes_is_refused_where_it_protects(kind: Input) -> None:
    with pytest.raises(ProfileError, match=kind.value):
        Station({kind: InputPin(5, Contact.NO)})


def test_the_emergency_stop_is_not_filtered() -> None:
    station = Station()
    station.header.drive("emergency_stop", True)
    assert station.contacts.read(0).emergency_stop


def test_a_floating_emergency_stop_is_pressed_and_told() -> None:
    station = Station({Input.EMERGENCY_STOP: InputPin(5)})
    flip = iter(range(1_000))
    station.header.drive("emergency_stop", lambda: next(flip) % 2 == 0)
    reading = station.after(300)
    assert reading == (True, BoardFault(0), Wiring.INPUT_FLOATING, 0)


def test_a_floating_stop_button_is_not_pressed() -> None:
    station = Station({Input.STOP_BUTTON: InputPin(5, Contact.NO, WiredTo.GROUND)})
    flip = iter(range(1_000))
    station.header.drive("stop_button", lambda: next(flip) % 2 == 0)
    reading = station.after(2_000)
    assert reading == (False, BoardFault(0), Wiring.INPUT_FLOATING, 0)


def test_the_stop_button_counts() -> None:
    station = Station({Input.STOP_BUTTON: InputPin(5, Contact.NO, WiredTo.GROUND)})
    for count in (1, 2, 3):
        station.header.drive("stop_button", False)
        assert station.after(100).presses == count
        station.header.drive("stop_button", True)
        assert station.after(100).presses == count


# --- presses -------------------------------------------------------------------------------------


def pressed(*spans: tuple[bool, int]) -> int:
    """Presses after contacts of so many milliseconds, read every 10 ms."""
    counter, now_ms = PressCounter(), 0
    for contact, length_ms in spans:
        for _ in range(0, length_ms, 10):
            counter.step(contact, now_ms)
            now_ms += 10
    return counter.presses


def test_a_glance_is_no_press() -> None:
    assert pressed((False, 100), (True, DEBOUNCE_MS), (False, 100)) == 0
    assert pressed((False, 100), (True, DEBOUNCE_MS + 10), (False, 100)) == 1


def test_a_button_held_from_the_start_is_one_press() -> None:
    assert pressed((True, 120_000)) == 1
    assert pressed((True, 120_000), (False, 2_000), (True, 100)) == 2


def test_a_button_that_hangs_is_one_press_though_its_contact_comes_and_goes() -> None:
    hanging = [(False, 200), (True, 300)] * 20
    assert pressed((False, 100), (True, STUCK_MS + 100), *hanging) == 1
    assert pressed((True, STUCK_MS + 100), (False, RELEASED_MS + 20), (True, 100)) == 2


def test_presses_wrap() -> None:
    counter = PressCounter()
    counter.presses = 2**16 - 1
    counter.step(True, 0)
    assert counter.step(True, DEBOUNCE_MS) == 0


bounces = st.lists(st.sampled_from([True, False]), max_size=3)


@given(st.lists(st.tuples(bounces, st.integers(5, 100), bounces, st.integers(5, 100)), max_size=20))
def test_presses_are_counted_once_each_however_they_bounce(
    presses: list[tuple[list[bool], int, list[bool], int]],
) -> None:
    """A contact bounces for at most 30 ms at each edge, then stands for at least 50 ms."""
    counter, now_ms = PressCounter(), 0
    for count, (closing, held, opening, rest) in enumerate(presses, start=1):
        for contact in [*closing, *[True] * held, *opening, *[False] * rest]:
            counter.step(contact, now_ms)
            now_ms += 10
        assert counter.presses == count
