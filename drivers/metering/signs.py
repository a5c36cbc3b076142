"""What bytes that are no answer tell: one sign for what came instead. Pure; any bytes will do."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator

from drivers.metering.exchange import Exchange
from drivers.metering.frames import ANSWER_OVERHEAD, answers_in, is_intact, requests_in
from drivers.metering.map import Line
from drivers.metering.uart import heard_as

BAUDS = (9_600, 19_200, 38_400, 115_200, 57_600, 4_800, 2_400, 1_200)
"""What meters are set to, the usual ones first."""
TOLD_BY = 2
"""Bytes of the answer's beginning that must be as foretold before a line setting is named."""
FEW = 2
"""Stray bytes; a shorter thing than any frame."""
RUNS = frozenset(
    {0x00, 0xFF, 0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0x01, 0x03, 0x07, 0x0F, 0x1F, 0x3F, 0x7F}
)
"""Bytes without more than one change of level: slower bits than ours are seen as such."""
MOSTLY = 0.8
LONG_ENOUGH = 4


class Sign(enum.StrEnum):
    """What is seen of one unit."""

    PORT_MISSING = "port_missing"
    PORT_HELD = "port_held"
    PORT_FORBIDDEN = "port_forbidden"
    PORT_REFUSES = "port_refuses"
    PORT_FAILED = "port_failed"
    SILENT = "silent"
    """Nobody on the line answers."""
    WENT_SILENT = "went_silent"
    """It answered once."""
    SILENT_ALONE = "silent_alone"
    PATCHY = "patchy"
    """Sometimes nothing comes."""
    ECHO_ONLY = "echo_only"
    LATE = "late"
    OTHER_UNIT = "other_unit"
    OTHER_FUNCTION = "other_function"
    OTHER_MASTER = "other_master"
    OTHER_LINE = "other_line"
    """As if sent with other line settings, which are told."""
    OTHER_SPEED = "other_speed"
    """As if sent with other line settings."""
    LOST_START = "lost_start"
    CUT_SHORT = "cut_short"
    CLASH = "clash"
    """Begins right and is damaged behind, each time."""
    DOUBLED = "doubled"
    """One sound answer behind the other."""
    SPORADIC = "sporadic"
    """Damaged sometimes."""
    STRAY = "stray"
    GIBBERISH = "gibberish"
    REFUSES_FUNCTION = "refuses_function"
    REFUSES_ADDRESS = "refuses_address"
    REFUSES_COUNT = "refuses_count"
    BROKEN = "broken"
    BUSY = "busy"
    GATEWAY = "gateway"
    REFUSES = "refuses"


def sign_of(exchange: Exchange, line: Line) -> tuple[Sign, str]:
    """The sign of a garbled answer, and what it names: a unit, a line setting, a function, or
    nothing."""
    sent, heard = exchange.sent, exchange.heard.removeprefix(exchange.sent)
    if len(heard) <= FEW:
        return Sign.STRAY, ""
    if (whole := _of_whole_frames(sent, heard)) is not None:
        return whole
    head = head_of(sent)
    if head and (setting := _as_if_sent_with(head, heard, line)):
        return Sign.OTHER_LINE, setting
    if head and any(is_intact(head[:lost] + heard) for lost in range(1, len(head) + 1)):
        return Sign.LOST_START, ""
    if head and heard.startswith(head):
        short = len(heard) < ANSWER_OVERHEAD + head[2]
        return (Sign.CUT_SHORT if short else Sign.CLASH), ""
    return _of_no_frame(sent, heard), ""


def head_of(sent: bytes) -> bytes:
    """How the answer to the read `sent` begins; b"" if it is no read."""
    if len(sent) < 6 or sent[1] not in (3, 4):
        return b""
    return bytes([sent[0], sent[1], min(2 * int.from_bytes(sent[4:6], "big"), 255)])


def _of_whole_frames(sent: bytes, heard: bytes) -> tuple[Sign, str] | None:
    """Sound frames that are not the awaited one."""
    unit, function = sent[:1], sent[1:2]
    if any(frame != sent for frame in requests_in(heard)):
        return Sign.OTHER_MASTER, ""  # with or without what it was answered
    answers = answers_in(heard)
    for frame in answers:
        if frame[:1] != unit:
            return Sign.OTHER_UNIT, str(frame[0])
    for frame in answers:
        return (Sign.LATE, "") if frame[1:2] == function else (Sign.OTHER_FUNCTION, str(frame[1]))
    return None


def _of_no_frame(sent: bytes, heard: bytes) -> Sign:
    if len(heard) >= LONG_ENOUGH and sum(byte in RUNS for byte in heard) >= MOSTLY * len(heard):
        return Sign.OTHER_SPEED
    if sent[:1] and heard.startswith(sent[:2]):
        return Sign.CLASH
    return Sign.GIBBERISH


def _as_if_sent_with(head: bytes, heard: bytes, line: Line) -> str:
    if heard.startswith(head):
        return ""
    for other, told in _foretold(head, line):
        if len(told) >= TOLD_BY and heard.startswith(told) and not head.startswith(told):
            return other
    return ""


@functools.lru_cache(maxsize=16)
def _foretold(head: bytes, line: Line) -> tuple[tuple[str, bytes], ...]:
    """How `head` would be heard if it was sent with each other setting."""
    return tuple(
        (other.words, heard_as(head, other, line)) for other in _others(line) if other != line
    )


def _others(line: Line) -> Iterator[Line]:
    """Settings that a meter may have, those of the same speed first."""
    for baud in (line.baud, *(one for one in BAUDS if one != line.baud)):
        yield Line(baud=baud, parity="N")
        yield Line(baud=baud, parity="E")
        yield Line(baud=baud, parity="O")
