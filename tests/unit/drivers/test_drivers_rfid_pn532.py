"""UM0701-02: frames and the poll of a PN532, against a chip that was made without the driver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfid.events import Back, Lost, ReaderEvent, Refused, Token
from drivers.rfid.pn532 import ECHO, NO_ANSWER, NOISE, PERIOD_MS, REFUSES, Pn532, uid_of
from drivers.rfid.pn532_frames import (
    MAX_BUFFERED,
    MAX_EXTENDED,
    Decoder,
    Frame,
    Information,
    Short,
    encode,
)
from drivers.rfid.presentations import Presentations, TokenRules
from evse.types.authorization import IdTokenType
from hil.rfid.in_memory import MemoryReader
from hil.rfid.pn532_chip import RF, SCAN, Pn532Chip

CARD = bytes.fromhex("04a2b3c4d5e6f7")
INFORMATION = st.builds(Information, st.integers(0, 255), st.binary(max_size=MAX_EXTENDED - 1))
FRAMES = st.one_of(st.sampled_from(Short), INFORMATION)


# --- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (Information(0xD4, b"\x02"), "0000ff02fed4022a00"),
        (Information(0xD4, b"\x14\x01\x00\x00"), "0000ff05fbd4140100001700"),
        (Information(0xD4, b"\x4a\x01\x00"), "0000ff04fcd44a0100e100"),
        (Information(0xD5, bytes.fromhex("0332010607")), "0000ff06fad50332010607e800"),
        (Information(0x7F), "0000ff01ff7f8100"),
        (Short.ACK, "0000ff00ff00"),
        (Short.NACK, "0000ffff0000"),
    ],
)
def test_um0701_6_2_1_frames_as_they_are_published(frame: Frame, wire: str) -> None:
    assert encode(frame).hex() == wire
    assert Decoder().feed(bytes.fromhex(wire)) == [frame]


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_frames_arrive_however_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    wire = b"".join(encode(frame) for frame in frames)
    decoder, found, at = Decoder(), [], 0
    while at < len(wire):
        size = cuts[at % len(cuts)]
        found += decoder.feed(wire[at : at + size])
        at += size
    assert found == frames


@given(st.binary(max_size=80), INFORMATION)
def test_a_frame_behind_noise_is_found_once_the_noise_can_be_no_frame(
    noise: bytes, frame: Information
) -> None:
    decoder = Decoder()
    found = decoder.feed(noise + encode(frame))
    found += decoder.feed(bytes(MAX_BUFFERED))
    assert frame in found


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_no_bytes_make_the_decoder_raise_or_grow(chunks: list[bytes]) -> None:
    decoder = Decoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert len(decoder._buffer) <= MAX_BUFFERED


@given(INFORMATION, st.data())
def test_one_wrong_byte_never_makes_another_frame_of_the_same_length(
    frame: Information, data: st.DataObject
) -> None:
    wire = bytearray(encode(frame)[:-1])
    at = data.draw(st.integers(3, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    found = Decoder().feed(bytes(wire))
    assert all(
        not isinstance(other, Information) or len(other.data) != len(frame.data) for other in found
    )


def test_too_much_for_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="266 bytes"):
        encode(Information(0xD4, bytes(265)))


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        ("00", ""),
        ("0101000408041a2b3c4d", "1a2b3c4d"),
        ("010100440007" + CARD.hex(), CARD.hex()),
        ("010103440a0a" + "0102030405060708090a", "0102030405060708090a"),
        ("010100440008" + "88" + CARD.hex(), CARD.hex()),
        ("01010344000c" + "88010203" + "88040506" + "0708090a", "0102030405060708090a"),
        ("010100440007" + CARD.hex() + "0675338102", CARD.hex()),
        ("010100440007" + CARD.hex()[:-2], ""),
        ("01010044", ""),
        ("", ""),
    ],
)
def test_um0701_7_3_5_the_uid_in_an_answer(answer: str, uid: str) -> None:
    assert uid_of(bytes.fromhex(answer)).hex() == uid


@given(st.binary(max_size=40))
def test_any_answer_gives_a_uid_or_none(answer: bytes) -> None:
    assert len(uid_of(answer)) <= len(answer)


# --- the poll -------------------------------------------------------------------------------------


class Bench:
    """Driver and chip in virtual time."""

    def __init__(self, **rules: object) -> None:
        self.events: list[ReaderEvent] = []
        self.now_ms = 1_000
        self.chip = Pn532Chip()
        dialect = Pn532(Presentations(TokenRules(**rules)))  # type: ignore[arg-type]  # by keyword
        self.reader = MemoryReader(dialect, self.chip, self.events.append)
        self.reader.plug(self.now_ms)

    def run(self, span_ms: int) -> list[ReaderEvent]:
        """What was told meanwhile."""
        end_ms, before, turns = self.now_ms + span_ms, len(self.events), 0
        while (due_ms := self.reader.next_deadline_ms) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.reader.poll(self.now_ms)
            turns += 1
            assert turns < 20 * span_ms / PERIOD_MS + 50, "it spins"
        self.now_ms = end_ms
        return self.events[before:]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def started(bench: Bench) -> Bench:
    assert bench.run(1_000) == [Back("answers: PN532, firmware 1.6")]
    return bench


def test_a_sleeping_chip_is_woken_and_says_what_it_is(bench: Bench) -> None:
    started(bench)


def test_a_card_that_stays_is_one_token_though_it_is_found_each_time(bench: Bench) -> None:
    started(bench).chip.place(CARD)
    assert bench.run(20_000) == [Token("04A2B3C4D5E6F7", IdTokenType.ISO14443)]
    assert bench.chip.commands.count(RF) >= bench.chip.commands.count(SCAN) - 1


def test_a_card_that_went_and_came_is_a_token_again(bench: Bench) -> None:
    started(bench).chip.place(CARD)
    bench.run(1_000)
    bench.chip.remove()
    bench.run(600)
    bench.chip.place(CARD)
    assert bench.run(1_000) == [], "it was away for less than gone_ms"
    bench.chip.remove()
    bench.run(2_000)
    bench.chip.place(CARD)
    assert len(bench.run(1_000)) == 1


def test_a_phone_is_refused_in_words_once_though_its_uid_changes(bench: Bench) -> None:
    started(bench)
    for number in range(8):
        bench.chip.place(bytes([0x08, 1, 2, number]), ats=b"\x75\x77")
        bench.run(PERIOD_MS)
    (event,) = bench.events[1:]
    assert isinstance(event, Refused)
    assert "random UID" in event.says


def test_a_phone_is_taken_where_that_is_wanted_once_while_it_is_held() -> None:
    bench = started(Bench(allow_random=True))
    for number in range(8):
        bench.chip.place(bytes([0x08, 1, 2, number]))
        bench.run(PERIOD_MS)
    (event,) = bench.events[1:]
    assert event == Token("08010200", IdTokenType.ISO14443)


@pytest.mark.parametrize(
    ("knob", "value", "says"),
    [
        ("mute", True, NO_ANSWER),
        ("echo", True, ECHO),
        ("refuses", frozenset({0x14}), REFUSES),
        ("refuses", frozenset({SCAN}), REFUSES),
        ("version", b"\x07\x02\x00\x03", REFUSES),
    ],
)
def test_what_is_wrong_is_told_once_and_that_it_is_over(
    bench: Bench, knob: str, value: object, says: tuple[str, str]
) -> None:
    well = getattr(bench.chip, knob)
    setattr(bench.chip, knob, value)
    bench.reader.plug(bench.now_ms)
    found = bench.run(60_000)
    assert set(found) == {Lost(*says)}
    setattr(bench.chip, knob, well)
    assert bench.run(5_000) == [Back("answers: PN532, firmware 1.6")]


def test_noise_instead_of_answers_is_called_noise() -> None:
    dialect, events = Pn532(Presentations(TokenRules())), []
    dialect.opened(0)
    for now_ms in range(0, 10_000, 50):
        dialect.take_output()
        events += dialect.received(b"\x13\xfe\x7a\x00", now_ms)
        events += dialect.poll(now_ms)
    assert set(events) == {Lost(*NOISE)}


def test_a_chip_that_lost_its_supply_is_woken_again_and_a_held_card_is_no_new_one(
    bench: Bench,
) -> None:
    started(bench).chip.place(CARD)
    bench.run(1_000)
    bench.chip.power_on()
    assert bench.run(5_000) == [], "one disturbed answer is nothing to speak of"
    bench.chip.mute = True
    assert bench.run(30_000)[0] == Lost(*NO_ANSWER)
    bench.chip.mute = False
    assert bench.run(5_000) == [Back("answers: PN532, firmware 1.6")]


def test_a_card_that_was_taken_away_while_the_reader_was_gone_is_a_new_one(bench: Bench) -> None:
    started(bench).chip.place(CARD)
    bench.run(1_000)
    bench.reader.unplug(bench.now_ms)
    bench.run(60_000)
    bench.chip.remove()
    bench.reader.plug(bench.now_ms)
    bench.run(3_000)
    bench.chip.place(CARD)
    assert bench.run(1_000) == [Token("04A2B3C4D5E6F7", IdTokenType.ISO14443)]


def test_a_held_card_over_an_unplugged_reader_is_no_new_one(bench: Bench) -> None:
    started(bench).chip.place(CARD)
    bench.run(1_000)
    bench.reader.unplug(bench.now_ms)
    bench.run(60_000)
    bench.reader.plug(bench.now_ms)
    assert bench.run(10_000) == [Back("answers: PN532, firmware 1.6")]


@pytest.mark.parametrize("answer_ms", [0, 100, 900])
@pytest.mark.parametrize("noise", [b"", b"\x00\xff\x31", b"\x55" * 40])
def test_slow_answers_behind_noise_are_heard(answer_ms: int, noise: bytes) -> None:
    bench = Bench()
    bench.chip.answer_ms, bench.chip.noise = answer_ms, noise
    bench.chip.place(CARD)
    assert bench.run(8_000) == [
        Back("answers: PN532, firmware 1.6"),
        Token("04A2B3C4D5E6F7", IdTokenType.ISO14443),
    ]


def test_a_chip_without_a_card_is_asked_every_400_ms_and_no_more_often(bench: Bench) -> None:
    started(bench)
    before = len(bench.chip.commands)
    bench.run(60_000)
    assert 296 <= len(bench.chip.commands) - before <= 302


def test_a_lost_chip_is_asked_every_two_seconds(bench: Bench) -> None:
    bench.chip.mute = True
    turns = 0
    while (due_ms := bench.reader.next_deadline_ms) is not None and due_ms < 61_000:
        bench.reader.poll(due_ms)
        turns += 1
    assert turns < 70


def test_acknowledgements_without_an_answer_are_no_answer() -> None:
    dialect, events = Pn532(Presentations(TokenRules())), []
    dialect.opened(0)
    for now_ms in range(0, 20_000, 20):
        events += dialect.received(encode(Short.ACK), now_ms)
        events += dialect.poll(now_ms)
    assert set(events) == {Lost(*NO_ANSWER)}


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2_000)), max_size=30))
def test_no_bytes_at_any_time_make_the_poll_raise_or_stall(
    story: list[tuple[bytes, int]],
) -> None:
    dialect, now_ms = Pn532(Presentations(TokenRules())), 0
    dialect.opened(now_ms)
    for data, pause_ms in story:
        now_ms += pause_ms
        dialect.received(data, now_ms)
        dialect.poll(now_ms)
        dialect.take_output()
        assert dialect.next_deadline_ms is not None
