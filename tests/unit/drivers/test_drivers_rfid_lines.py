"""Readers that print or type: what becomes a token, what is refused and in which words."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfid.events import Back, ReaderEvent, Refused, Token
from drivers.rfid.keyboard import KEYS, UNFINISHED_MS, Keyboard
from drivers.rfid.presentations import FLOOD, MAX_HELD, Presentations, TokenRules
from drivers.rfid.serial_line import GAP_MS, SerialLine, Terminator
from evse.types.authorization import IdTokenType

ISO14443 = IdTokenType.ISO14443


def rules(**given_rules: Any) -> Presentations:
    return Presentations(TokenRules(**given_rules))


def serial(terminator: Terminator = "newline", **given_rules: Any) -> SerialLine:
    line = SerialLine(rules(**given_rules), terminator)
    line.opened(0)
    return line


def values(events: list[ReaderEvent]) -> list[str]:
    return [event.value for event in events if isinstance(event, Token)]


# --- spelling -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given_rules", "value"),
    [
        ("04A2B3C4D5E6F7", {}, "04A2B3C4D5E6F7"),
        ("04a2b3c4d5e6f7", {}, "04A2B3C4D5E6F7"),
        ("04:a2:b3:c4", {}, "04A2B3C4"),
        ("0x04 A2-B3.C4", {}, "04A2B3C4"),
        ("04A2B3C4", {"reversed": True}, "C4B3A204"),
        ("0102030405060708090a", {}, "0102030405060708090A"),
        ("77771716", {"format": "decimal"}, "04A2B3C4"),
        ("0077771716", {"format": "decimal"}, "04A2B3C4"),
        ("3300106756", {"format": "decimal", "reversed": True}, "04A2B3C4"),
        ("1303926388549367", {"format": "decimal", "uid_bytes": 7}, "04A1EA0533E6F7"),
        ("E004010012345678", {"type": IdTokenType.ISO15693}, "E004010012345678"),
        ("0800AABBCC", {"type": IdTokenType.Local}, "0800AABBCC"),
        ("4711", {"type": IdTokenType.KeyCode, "format": "text"}, "4711"),
        ("aB-7", {"type": IdTokenType.Local, "format": "text"}, "aB-7"),
    ],
)
def test_a_line_becomes_a_token(text: str, given_rules: dict[str, Any], value: str) -> None:
    (event,) = rules(**given_rules).line(text, 0)
    kind = given_rules.get("type", ISO14443)
    assert event == Token(value, kind)


@pytest.mark.parametrize(
    ("text", "given_rules", "says"),
    [
        ("04A2B3C", {}, "check format"),
        ("hello", {}, "check format"),
        ("04A2B3C4D5", {}, "5 bytes"),
        ("04A2B3C4", {"type": IdTokenType.ISO15693}, "has 8"),
        ("4294967296", {"format": "decimal"}, "decimal number of 4 bytes"),
        ("+1", {"format": "decimal", "uid_bytes": 7}, "7 bytes"),
        ("٣", {"format": "decimal"}, "decimal number"),
        ("9" * 4000, {"format": "decimal"}, "decimal number"),
        ("08A2B3C4", {}, "random UID"),
        ("a code", {"format": "text"}, "no space"),
        ("x" * 37, {"format": "text"}, "1 to 36"),
    ],
)
def test_what_is_no_token_is_refused_in_words(
    text: str, given_rules: dict[str, Any], says: str
) -> None:
    (event,) = rules(**given_rules).line(text, 0)
    assert isinstance(event, Refused)
    assert says in event.says
    assert len(event.says) < 250
    assert text not in event.says, "a log repeats no card"


def test_whoever_watches_sees_what_was_read_of_a_card_that_is_refused() -> None:
    (event,) = rules(format="decimal").line("04A2B3C4D5E6F7", 0)
    assert isinstance(event, Refused)
    assert event.read == "'04A2B3C4D5E6F7'"


def test_a_code_that_is_refused_is_not_repeated() -> None:
    (event,) = rules(format="text").line("my secret", 0)
    assert "secret" not in str(event)


def test_an10927_only_a_single_size_uid_of_iso_14443_can_be_random() -> None:
    assert values(rules().uid(bytes.fromhex("08a2b3c4d5e6f7"), 0))
    assert values(rules(type=IdTokenType.Local).uid(bytes.fromhex("08a2b3c4"), 0))
    assert values(rules(reversed=True).uid(bytes.fromhex("08a2b3c4"), 0)), "its first is c4"
    assert not values(rules(reversed=True).uid(bytes.fromhex("c4b3a208"), 0))


@given(st.text(max_size=80), st.sampled_from(["hex", "decimal", "text"]), st.integers(1, 18))
def test_no_line_makes_it_raise_and_every_token_is_one_that_may_be_presented(
    text: str, spelling: str, size: int
) -> None:
    for kind in (ISO14443, IdTokenType.ISO15693, IdTokenType.KeyCode):
        for event in rules(format=spelling, uid_bytes=size, type=kind).line(text, 0):
            if isinstance(event, Token):
                assert 1 <= len(event.value) <= 36
                assert event.value.isascii()
                assert event.value.isprintable()


# --- presentations --------------------------------------------------------------------------------


def test_two_cards_in_turns_are_two_tokens() -> None:
    held, told = rules(), []
    for now_ms in range(0, 5_000, 250):
        told += held.uid(b"\x01" * 4 if now_ms % 500 else b"\x02" * 4, now_ms)
    assert values(told) == ["02020202", "01010101"]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4_000)), max_size=60))
def test_a_card_is_told_exactly_when_it_was_not_seen_for_gone_ms(
    story: list[tuple[int, int]],
) -> None:
    """But of more cards than MAX_HELD, which may be told again."""
    held, now_ms, seen_ms = rules(burst=100), 0, dict[int, int]()
    for card, pause_ms in story:
        now_ms += pause_ms
        told = bool(held.uid(bytes([card + 16] * 4), now_ms))
        others = [c for c, at_ms in seen_ms.items() if at_ms >= seen_ms.get(card, now_ms)]
        if len(others) <= MAX_HELD:
            assert told == (now_ms - seen_ms.get(card, -10_000) >= 1_500)
        seen_ms[card] = now_ms
        assert len(held._seen_ms) <= MAX_HELD


@given(st.lists(st.integers(0, 8_000), max_size=80))
def test_whatever_comes_at_most_ten_presentations_are_told_within_30_s(pauses: list[int]) -> None:
    held, now_ms, told_ms, floods_ms = rules(), 0, list[int](), list[int]()
    for number, pause_ms in enumerate(pauses):
        now_ms += pause_ms
        for event in held.uid((0x10000000 + number).to_bytes(4, "big"), now_ms):
            if event == Refused(FLOOD):
                floods_ms.append(now_ms)
            else:
                told_ms.append(now_ms)
    assert all(b - a >= 30_000 for a, b in zip(told_ms, told_ms[10:], strict=False))
    assert all(b - a >= 30_000 for a, b in pairwise(floods_ms))


def test_ten_people_in_a_queue_are_served() -> None:
    held = rules()
    told = [e for n in range(40) for e in held.uid(bytes([n + 16] * 4), 3_000 * n)]
    assert len(values(told)) == 40


# --- a serial line --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_line_ends_with_cr_lf_or_both_and_may_come_in_pieces(end: bytes) -> None:
    line = serial()
    found = [event for byte in b"04A2B3C4" + end for event in line.received(bytes([byte]), 10)]
    assert values(found) == ["04A2B3C4"]


def test_a_reader_that_repeats_itself_tells_one_card() -> None:
    line = serial()
    found = [e for t in range(0, 9_000, 500) for e in line.received(b"04A2B3C4\r\n", t)]
    assert values(found) == ["04A2B3C4"]
    assert values(line.received(b"04A2B3C4\r\n", 12_000)) == ["04A2B3C4"]


def test_stx_and_etx_frame_a_line() -> None:
    line = serial("etx", type=IdTokenType.Local)
    assert values(line.received(b"\x020800AABBCC\x03", 0)) == ["0800AABBCC"]


def test_a_pause_ends_a_line_where_nothing_else_does() -> None:
    line = serial("gap")
    assert line.received(b"04A2", 0) == []
    assert line.received(b"B3C4", 50) == []
    assert line.next_deadline_ms == 50 + GAP_MS
    assert values(line.poll(50 + GAP_MS)) == ["04A2B3C4"]
    assert line.next_deadline_ms is None
    assert line.received(b"04A2B3C5\r\n", 10_000) == []
    assert values(line.poll(20_000)) == ["04A2B3C5"], "an end that nobody waits for does no harm"


def test_a_wrong_baud_rate_is_named_once() -> None:
    line = serial()
    found = line.received(b"\xf8\x80\x1c\r\xf8\x80\x1c\r", 0)
    (event,) = found
    assert isinstance(event, Refused)
    assert "check baud" in event.says


def test_a_line_without_an_end_names_the_terminator() -> None:
    line = serial("etx")
    line.received(b"04A2B3C4", 0)
    (event,) = line.poll(3_000)
    assert isinstance(event, Refused)
    assert "check terminator" in event.says
    assert values(line.received(b"04A2B3C4\x03", 9_000)) == ["04A2B3C4"], "and begins anew"


@given(
    st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 3_000)), max_size=20),
    st.sampled_from(["newline", "etx", "gap"]),
)
def test_no_bytes_make_a_line_raise_or_grow(
    story: list[tuple[bytes, int]], terminator: Terminator
) -> None:
    line, now_ms = serial(terminator), 0
    for data, pause_ms in story:
        now_ms += pause_ms
        line.received(data, now_ms)
        line.poll(now_ms)
        assert len(line._line) <= 64


# --- a keyboard -----------------------------------------------------------------------------------

CODES = {letter: code for code, letter in KEYS.items() if code < 71}
EVENTS = [struct.Struct("<qqHHi"), struct.Struct("<iiHHi")]


def typed(text: str, event: struct.Struct, *, end: int = 28) -> bytes:
    """As a wedge types: each key down and up, and a report behind each."""
    wire = b""
    for code in (*(CODES[letter] for letter in text), end):
        for value in (1, 0):
            wire += event.pack(1, 2, 4, 4, 458_756) + event.pack(1, 2, 1, code, value)
            wire += event.pack(1, 2, 0, 0, 0)
    return wire


def keyboard(event: struct.Struct, **given_rules: Any) -> Keyboard:
    board = Keyboard(rules(**given_rules), event=event)
    assert board.opened(0) == [Back("is there and may type at any time")]
    return board


@pytest.mark.parametrize(("event", "size"), list(zip(EVENTS, (24, 16), strict=True)))
@pytest.mark.parametrize("end", [28, 96, 15])
def test_a_wedge_types_a_card_on_kernels_of_64_and_32_bits(
    event: struct.Struct, size: int, end: int
) -> None:
    assert event.size == size
    found = keyboard(event).received(typed("04a2b3c4", event, end=end), 0)
    assert values(found) == ["04A2B3C4"]


def test_digits_of_the_keypad_and_the_shift_key_count() -> None:
    event = EVENTS[0]
    keys = [(79, 1), (80, 1), (42, 1), (30, 1), (42, 0), (48, 1), (81, 1), (82, 1), (96, 1)]
    wire = b"".join(event.pack(0, 0, 1, code, value) for code, value in keys)
    board = keyboard(event, format="text", type=IdTokenType.KeyCode)
    assert board.received(wire, 0) == [Token("12Ab30", IdTokenType.KeyCode)]


def test_a_key_that_repeats_itself_is_one_key() -> None:
    event = EVENTS[0]
    wire = b"".join(event.pack(0, 0, 1, 2, value) for value in (1, 2, 2, 2, 0))
    board = keyboard(event, format="text")
    assert values(board.received(wire + event.pack(0, 0, 1, 28, 1), 0)) == ["1"]


def test_a_line_with_lost_keys_is_dropped_and_the_next_one_counts() -> None:
    event = EVENTS[0]
    board = keyboard(event)
    dropped = typed("04a2", event)[: -6 * event.size] + event.pack(0, 0, 0, 3, 0)
    assert board.received(dropped + typed("b3c4", event), 0) == []
    assert values(board.received(typed("04a2b3c4", event), 10)) == ["04A2B3C4"]


def test_half_a_code_is_forgotten() -> None:
    event = EVENTS[0]
    board = keyboard(event)
    board.received(typed("04a2", event)[: -6 * event.size], 0)
    board.poll(UNFINISHED_MS)
    assert values(board.received(typed("04a2b3c4", event), 6_000)) == ["04A2B3C4"]


@given(st.lists(st.binary(max_size=100), max_size=20), st.sampled_from(EVENTS))
def test_no_bytes_make_a_keyboard_raise_or_grow(chunks: list[bytes], event: struct.Struct) -> None:
    board = keyboard(event)
    for now_ms, chunk in enumerate(chunks):
        board.received(chunk, now_ms)
        assert len(board._partial) < event.size
        assert len(board._line) <= 64


@given(st.text(alphabet="0123456789abcdef", min_size=8, max_size=8), st.integers(1, 50))
def test_a_card_arrives_however_its_events_are_cut(text: str, cut: int) -> None:
    event = EVENTS[0]
    board, wire, found = keyboard(event, allow_random=True), typed(text, event), []
    for at in range(0, len(wire), cut):
        found += board.received(wire[at : at + cut], 0)
    assert values(found) == [text.upper()]
