"""Contactor and coil supply watchdog: off first, pull-in once, silence after make_safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.contactor import CoilPins, Contactor, ContactorPins
from drivers.gpio.heartbeat import Heartbeat
from drivers.gpio.lines import Lines
from drivers.gpio.wires import Contact, InputPin, OutputPin
from evse.board_faults import Wiring
from hil.pi.header import MockHeader

NAMES = {"pull": 17, "hold": 27, "second": 5, "mirror": 22, "mirror 2": 23, "beat": 4}
PLAIN = ContactorPins((CoilPins(OutputPin(17)),), (InputPin(22),))
ECONOMISER = ContactorPins((CoilPins(OutputPin(17), OutputPin(27)),), (InputPin(22),), 100)
SERIES = ContactorPins(
    (CoilPins(OutputPin(17), OutputPin(27)), CoilPins(OutputPin(5))),
    (InputPin(22), InputPin(23)),
    100,
)


def bench(pins: ContactorPins = PLAIN) -> tuple[MockHeader, Contactor]:
    header = MockHeader(NAMES)
    return header, Contactor(Lines(header.factory), pins)


def coils(header: MockHeader) -> str:
    """The names of the lines that are on."""
    return " ".join(name for name in ("pull", "hold", "second") if header.pad(name).driven)


def test_off_before_and_after() -> None:
    header, contactor = bench()
    assert coils(header) == ""
    contactor.write(True, 0)
    assert coils(header) == "pull"
    contactor.write(False, 10)
    assert coils(header) == ""


def test_a_coil_without_economiser_keeps_its_only_line() -> None:
    header, contactor = bench()
    for now_ms in range(0, 2_000, 10):
        contactor.write(True, now_ms)
        assert coils(header) == "pull"


def test_the_economiser_pulls_in_once_and_then_holds() -> None:
    header, contactor = bench(ECONOMISER)
    shown = {}
    for now_ms in range(0, 300, 10):
        contactor.write(True, now_ms)
        shown[now_ms] = coils(header)
    assert shown[0] == shown[90] == "pull hold", "never a moment with neither"
    assert shown[100] == shown[290] == "hold"
    contactor.write(False, 300)
    assert coils(header) == ""
    contactor.write(True, 310)
    assert coils(header) == "pull hold", "another closing pulls in anew"


def test_coils_in_series_move_together() -> None:
    header, contactor = bench(SERIES)
    contactor.write(True, 0)
    assert coils(header) == "pull hold second"
    contactor.write(True, 100)
    assert coils(header) == "hold second"
    contactor.write(False, 110)
    assert coils(header) == ""


@pytest.mark.parametrize(
    ("contact", "open_level"), [(Contact.NC, False), (Contact.NO, True)], ids=["nc", "no"]
)
def test_the_mirror_contact_of_either_kind(contact: Contact, open_level: bool) -> None:
    pins = ContactorPins((CoilPins(OutputPin(17)),), (InputPin(22, contact),))
    header, contactor = bench(pins)
    header.drive("mirror", open_level)
    assert contactor.mirror_closed(0) is False
    header.drive("mirror", not open_level)
    assert contactor.mirror_closed(10) is True


def test_a_broken_mirror_wire_reads_as_closed() -> None:
    _, contactor = bench()
    assert contactor.mirror_closed(0) is True


def test_one_welded_of_two_in_series_shows_while_off_and_one_missing_while_on() -> None:
    header, contactor = bench(SERIES)
    header.drive("mirror", True)
    header.drive("mirror 2", False)
    assert contactor.mirror_closed(0) is True
    contactor.write(True, 10)
    assert contactor.mirror_closed(20) is False
    header.drive("mirror 2", True)
    assert contactor.mirror_closed(30) is True


def test_a_floating_mirror_is_told_and_reads_closed() -> None:
    header, contactor = bench()
    readings = []
    for now_ms in range(0, 200, 10):
        header.drive("mirror", now_ms % 20 == 0)
        readings.append(contactor.mirror_closed(now_ms))
    assert contactor.wiring is Wiring.MIRROR_FLOATING
    assert readings[-2:] == [True, True]


def test_a_profile_without_coil_or_mirror_is_refused() -> None:
    with pytest.raises(ProfileError, match="at least one coil and one mirror contact"):
        bench(ContactorPins((CoilPins(OutputPin(17)),), ()))
    with pytest.raises(ProfileError, match="at least one coil"):
        bench(ContactorPins((), (InputPin(22),)))


def test_an_active_low_coil_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"GPIO17 \(coil\): active_high = false"):
        bench(ContactorPins((CoilPins(OutputPin(17, active_high=False)),), (InputPin(22),)))


def test_closing_that_fails_half_way_leaves_nothing_on() -> None:
    header, contactor = bench(SERIES)
    header.lose("second")
    with pytest.raises(GpioUnavailable, match=r"GPIO5 \(coil\)"):
        contactor.write(True, 0)
    assert coils(header) == ""
    header.find()


def test_one_coil_that_takes_no_order_does_not_keep_the_others_on() -> None:
    header, contactor = bench(SERIES)
    contactor.write(True, 0)
    header.lose("pull")
    with pytest.raises(GpioUnavailable, match="GPIO17"):
        contactor.write(False, 10)
    assert coils(header) == "pull"
    header.find()
    contactor.write(False, 20)
    assert coils(header) == "", "the order is given again"


orders = st.lists(
    st.tuples(st.sampled_from(["on", "off", "safe", "lost"]), st.integers(0, 300)), max_size=40
)


@given(orders, st.sampled_from([PLAIN, ECONOMISER, SERIES]))
def test_never_on_after_make_safe_and_never_on_when_off_was_said(
    script: list[tuple[str, int]], pins: ContactorPins
) -> None:
    header, contactor = bench(pins)
    now_ms, safe = 0, False
    for order, gap_ms in script:
        now_ms += gap_ms
        if order == "safe":
            contactor.make_safe()
            safe = True
        elif order == "lost":
            header.lose("second", "pull")
            try:
                contactor.write(True, now_ms)
            except GpioUnavailable:
                assert not safe
            header.find()
        else:
            contactor.write(order == "on", now_ms)
        if safe or order == "off":
            assert coils(header) == ""
        if order == "on" and not safe:
            assert "hold" in coils(header) or pins is PLAIN


# --- coil supply watchdog ------------------------------------------------------------------------


def beating() -> tuple[Heartbeat, list[bool]]:
    header = MockHeader(NAMES)
    edges: list[bool] = []
    beat = Heartbeat(Lines(header.factory), OutputPin(4))
    header.watch("beat", edges.append)
    return beat, edges


def test_one_edge_for_each_healthy_period() -> None:
    beat, edges = beating()
    for now_ms in range(0, 100, 10):
        beat.write(True, now_ms)
    assert edges == [True, False] * 5


def test_several_evses_in_one_period_make_one_edge() -> None:
    beat, edges = beating()
    for now_ms in (0, 0, 1, 4):
        beat.write(True, now_ms)
    assert edges == [True]
    beat.write(True, 5)
    assert edges == [True, False]


def test_an_unhealthy_period_is_silent() -> None:
    beat, edges = beating()
    for now_ms in range(0, 500, 10):
        beat.write(False, now_ms)
    assert edges == []


@given(st.lists(st.tuples(st.sampled_from(["ok", "ill", "safe"]), st.integers(0, 30))))
def test_silent_after_make_safe_and_low(script: list[tuple[str, int]]) -> None:
    beat, edges = beating()
    now_ms, spoken_ms, safe = 0, -1_000, False
    for order, gap_ms in script:
        now_ms += gap_ms
        before = len(edges)
        if order == "safe":
            beat.make_safe()
            safe = True
            assert edges[-1:] in ([], [False])
            continue
        beat.write(order == "ok", now_ms)
        if len(edges) > before:
            assert order == "ok"
            assert not safe
            assert now_ms - spoken_ms >= 5
            spoken_ms = now_ms
