"""The bus doctor names the cause from what a master sees, and survives any bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.metering.doctor import Diagnosis, diagnose
from drivers.metering.exchange import REMEMBERED, Exchange, History, Outcome
from drivers.metering.map import Line
from drivers.metering.remedies import REMEDIES
from drivers.metering.signs import Sign
from drivers.metering.uart import heard_as
from hil.plant.meter_sim import sealed

LINE = Line(baud=9_600)
PORT = "/dev/ttyUSB0"
ASKED = sealed(bytes([1, 4, 0, 0, 0, 76]))
VALUES = struct.pack(">38f", *(230.0 + one / 7 for one in range(38)))
ANSWER = sealed(bytes([1, 4, 152]) + VALUES)


def garbled(heard: bytes, unit: int = 1, sent: bytes = ASKED) -> Exchange:
    return Exchange(unit, Outcome.GARBLED, sent, heard)


def silent(unit: int = 1, heard: bytes = b"") -> Exchange:
    return Exchange(unit, Outcome.SILENT, ASKED, heard)


def sound(unit: int = 1) -> Exchange:
    return Exchange(unit, Outcome.ANSWERED, ASKED)


def refused(code: int) -> Exchange:
    return Exchange(1, Outcome.REJECTED, ASKED, b"", code)


def of(*seen: Exchange, line: Line = LINE) -> Diagnosis:
    found = diagnose(seen, 1, line, PORT)
    assert found is not None
    assert found.says in found.words
    assert "{" not in found.words
    return found


SIGNS = [
    ([silent()], Sign.SILENT, "nothing answers at /dev/ttyUSB0 (9600 8N1)"),
    ([sound(7), silent()], Sign.SILENT_ALONE, "unit 1 is silent while others"),
    ([sound(), sound(), silent()], Sign.PATCHY, "left 1 of the last 3 requests"),
    (
        [sound(), silent(), silent(), silent()],
        Sign.WENT_SILENT,
        "unit 1 at /dev/ttyUSB0 answers no",
    ),
    ([sound(), sound(2), *[silent()] * 3], Sign.SILENT_ALONE, "while others at"),
    ([sound(2), sound(), *[silent()] * 3], Sign.WENT_SILENT, "answers no more"),
    ([sound(), *[garbled(ANSWER[:-1] + b"\x00")] * 3], Sign.CLASH, "two devices have one address"),
    ([silent(heard=ASKED)], Sign.ECHO_ONLY, "only our own request comes back"),
    ([garbled(ASKED + b"\x00\xff\x00")], Sign.GIBBERISH, "is no Modbus RTU"),
    ([garbled(sealed(bytes([1, 4, 4, 0, 0, 0, 0])))], Sign.LATE, "one request late"),
    ([garbled(sealed(bytes([7, 4, 152]) + VALUES))], Sign.OTHER_UNIT, "unit 7 answers what unit 1"),
    ([garbled(sealed(bytes([7, 0x84, 2])))], Sign.OTHER_UNIT, "unit 7 answers what unit 1"),
    (
        [garbled(sealed(bytes([1, 3, 152]) + VALUES))],
        Sign.OTHER_FUNCTION,
        "with function 3 when asked with 4",
    ),
    ([garbled(sealed(bytes([9, 3, 0, 10, 0, 2])))], Sign.OTHER_MASTER, "another master asks"),
    (
        [garbled(sealed(bytes([9, 3, 0, 10, 0, 1])) + sealed(bytes([9, 3, 2, 0, 7])))],
        Sign.OTHER_MASTER,
        "another master asks",
    ),
    ([garbled(ANSWER[2:])], Sign.LOST_START, "the first bytes of unit 1's answers are lost"),
    ([garbled(ANSWER[:100])], Sign.CUT_SHORT, "end too early"),
    ([garbled(ANSWER[:-1] + b"\x00")], Sign.CLASH, "two devices have one address"),
    ([garbled(ANSWER[:40] + ANSWER[10:])], Sign.CLASH, "two devices have one address"),
    (
        [sound(), Exchange(1, Outcome.DOUBLED), sound(), silent()],
        Sign.DOUBLED,
        "two devices answer as unit 1",
    ),
    ([sound(), garbled(ANSWER[:-1] + b"\x00")], Sign.SPORADIC, "1 of the last 2 answers"),
    ([sound(), garbled(b"\x00"), sound()], Sign.SPORADIC, "1 of the last 3 answers"),
    ([garbled(b"\xff")], Sign.STRAY, "the line floats"),
    ([garbled(b"\x00\xf8\x00\xff\xe0\x00")], Sign.OTHER_SPEED, "another baud rate or parity"),
    ([garbled(b"login: \r\n")], Sign.GIBBERISH, "is no Modbus RTU"),
    ([refused(1)], Sign.REFUSES_FUNCTION, "does not know function 4"),
    ([refused(2)], Sign.REFUSES_ADDRESS, "has no register 0x0000"),
    ([refused(3)], Sign.REFUSES_COUNT, "refuses to tell 76 registers from 0x0000 on"),
    ([refused(4)], Sign.BROKEN, "a failure of its own"),
    ([refused(6)], Sign.BUSY, "it is busy"),
    ([refused(11)], Sign.GATEWAY, "does not reach unit 1"),
    ([refused(99)], Sign.REFUSES, "exception 99"),
    ([Exchange(1, Outcome.PORT_MISSING)], Sign.PORT_MISSING, "is not there"),
    ([Exchange(1, Outcome.PORT_HELD)], Sign.PORT_HELD, "another program holds"),
    ([Exchange(1, Outcome.PORT_FORBIDDEN)], Sign.PORT_FORBIDDEN, "may not be opened"),
    ([Exchange(1, Outcome.PORT_REFUSES)], Sign.PORT_REFUSES, "can not do 9600 8N1"),
    ([Exchange(1, Outcome.PORT_FAILED)], Sign.PORT_FAILED, "can not be opened"),
]


@pytest.mark.parametrize(("seen", "sign", "words"), SIGNS, ids=lambda one: str(one)[:30])
def test_each_sign_has_its_sentence(seen: list[Exchange], sign: Sign, words: str) -> None:
    found = of(*seen)
    assert found.sign is sign
    assert words in found.says
    assert found.do.endswith(".")


def test_one_that_answered_before_what_is_remembered_is_not_taken_for_a_new_one() -> None:
    found = diagnose([silent()] * 32, 1, LINE, PORT, answered=True)
    assert found is not None
    assert found.sign is Sign.WENT_SILENT
    assert "swap" not in found.do


def test_every_sign_is_tested_and_has_a_remedy() -> None:
    assert {sign for _seen, sign, _words in SIGNS} | {Sign.OTHER_LINE} == set(Sign)
    assert set(REMEDIES) == set(Sign)


def test_all_well_and_nothing_asked_are_no_diagnosis() -> None:
    assert diagnose([sound(), sound()], 1, LINE, PORT) is None
    assert diagnose([silent(2)], 1, LINE, PORT) is None


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (Line(baud=9_600, parity="E"), Line(baud=9_600)),
        (Line(baud=2_400), Line(baud=9_600)),
        (Line(baud=4_800), Line(baud=9_600)),
        (Line(baud=9_600), Line(baud=19_200)),
        (Line(baud=9_600), Line(baud=115_200)),
        (Line(baud=9_600), Line(baud=9_600, parity="E")),
    ],
    ids=lambda line: line.words,
)
@pytest.mark.parametrize("function", [3, 4])
def test_an_answer_with_other_line_settings_is_recognised_by_how_it_is_heard(
    sent: Line, line: Line, function: int
) -> None:
    asked = sealed(bytes([1, function, 0, 0, 0, 76]))
    answer = sealed(bytes([1, function, 152]) + VALUES)
    heard = heard_as(answer, sent, line)
    if heard == answer:
        pytest.skip("the receiver does not mind that parity")
    found = of(garbled(heard, sent=asked), line=line)
    assert found.sign in (Sign.OTHER_LINE, Sign.OTHER_SPEED, Sign.CLASH, Sign.CUT_SHORT)
    if found.sign is Sign.OTHER_LINE:
        assert sent.words in found.says


def test_even_parity_read_without_it_is_named() -> None:
    """Function 3 has two bits set: its parity bit is low where a stop bit is awaited."""
    asked = sealed(bytes([1, 3, 0, 0, 0, 76]))
    answer = sealed(bytes([1, 3, 152]) + VALUES)
    found = of(garbled(heard_as(answer, Line(baud=9_600, parity="E"), LINE), sent=asked))
    assert found.says.startswith("what comes at /dev/ttyUSB0 looks like 9600 8E1")


def test_a_slower_line_is_named() -> None:
    found = of(garbled(heard_as(ANSWER, Line(baud=2_400), LINE)))
    assert found.says.startswith("what comes at /dev/ttyUSB0 looks like 2400 8N1")


@given(st.binary(max_size=300))
def test_what_is_heard_with_the_same_settings_is_what_was_sent(data: bytes) -> None:
    for line in (LINE, Line(baud=1_200, parity="E"), Line(baud=115_200, parity="O", stop_bits=2)):
        assert heard_as(data, line, line) == data


def test_a_known_pattern_of_a_slower_line() -> None:
    """0x0F at half our speed is two low bit times of ours, eight high, eight low, two high."""
    assert heard_as(b"\x0f", Line(baud=4_800), LINE) == b"\xfe\x80"
    assert heard_as(b"\x00", Line(baud=4_800), LINE) == b"\x00\x00"


def test_one_that_is_asked_seldom_is_judged_by_its_own_last_exchanges() -> None:
    history = History()
    with pytest.raises(LookupError):
        history.last  # noqa: B018 it is the access that raises
    for number in range(200):
        history.add(sound(2))
        if number == 0 or number % 60 == 59:
            history.add(sound() if number == 0 else silent())
    assert history.last == sound(2)
    found = diagnose(history, 1, LINE, PORT)
    assert found is not None
    assert found.sign is Sign.SILENT_ALONE
    assert len(list(history)) <= 2 * REMEMBERED


exchanges = st.builds(
    Exchange,
    st.integers(0, 3),
    st.sampled_from(Outcome),
    st.one_of(st.just(ASKED), st.binary(max_size=12)),
    st.one_of(st.binary(max_size=300), st.binary(max_size=20).map(lambda tail: ASKED + tail)),
    st.integers(0, 255),
    st.booleans(),
)
lines = st.builds(
    Line,
    baud=st.sampled_from([1_200, 9_600, 115_200]),
    parity=st.sampled_from(["N", "E", "O"]),
    stop_bits=st.sampled_from([1, 2]),
)


@given(st.lists(exchanges, max_size=6), lines)
def test_no_bytes_make_the_doctor_raise(seen: list[Exchange], line: Line) -> None:
    found = diagnose(seen, 1, line, PORT)
    assert found is None or found.do


@given(st.integers(0, 156), st.integers(1, 255))
def test_no_damaged_answer_makes_the_doctor_raise(at: int, change: int) -> None:
    damaged = bytearray(ANSWER)
    damaged[at] ^= change
    assert of(garbled(bytes(damaged))).do
