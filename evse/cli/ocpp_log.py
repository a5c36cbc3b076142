"""`evse ocpp log`: what crossed the wire, CALLs with their answers and how long those took."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from evse.run.ocpp import FRAME_LOG
from ocpp_link.wire.exchanges import Exchange, Pairing, Statistics, read_line, time_of
from ocpp_link.wire.frame_log import Direction, Line
from ocpp_link.wire.rotated_file import parts

POLL_S = 0.2
ARROWS = {Direction.SENT: "→", Direction.RECEIVED: "←", Direction.LINK: "·"}


def run(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file or arguments.state_dir / FRAME_LOG
    if not parts(path) and not arguments.follow:
        print(f"there is no log of frames at {path}", file=sys.stderr)
        return 1
    statistics = Statistics()
    found = False
    try:
        for exchange in _exchanges(lines(path, follow=arguments.follow)):
            if _wanted(exchange, arguments):
                found = True
                statistics.add(exchange)
                print(_raw(exchange) if arguments.raw else shown(exchange), flush=arguments.follow)
    except KeyboardInterrupt:
        print()
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    if not found:
        print(f"nothing in {path} is what was asked for", file=sys.stderr)
    elif not arguments.raw:
        print("\n".join(summary(statistics)))
    return 0


def _exchanges(found: Iterable[Line]) -> Iterator[Exchange]:
    pairing = Pairing()
    for line in found:
        yield from pairing.take(line)
    yield from pairing.rest()


def _wanted(exchange: Exchange, arguments: argparse.Namespace) -> bool:
    line = exchange.line
    if arguments.since is not None:
        when = time_of(line)
        if when is None or when < arguments.since:
            return False
    if arguments.action:
        return line.action.lower() in {action.lower() for action in arguments.action} and (
            exchange.is_error or not arguments.errors
        )
    return exchange.is_error or not arguments.errors or line.direction is Direction.LINK


# Reading


def lines(path: Path, *, follow: bool) -> Iterator[Line]:
    """Those of the older files, then of `path`; with `follow`, what is appended to it, for ever,
    also after it was rotated. Raises OSError."""
    for part in parts(path)[:-1]:
        with part.open("rb") as older:
            yield from _whole_lines(older)
    while True:
        if path.exists():
            with path.open("rb") as file:
                yield from _whole_lines(file)
                while follow and not _was_rotated(path, file):
                    time.sleep(POLL_S)
                    yield from _whole_lines(file)
                yield from _whole_lines(file)
        if not follow:
            return
        time.sleep(POLL_S)


def _whole_lines(file: BinaryIO) -> Iterator[Line]:
    """Up to the end, or to a line that is still being written."""
    while text := file.readline():
        if not text.endswith(b"\n"):
            file.seek(-len(text), os.SEEK_CUR)
            return
        if (line := read_line(text)) is not None:
            yield line


def _was_rotated(path: Path, file: BinaryIO) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return True
    return not os.path.samestat(now, os.fstat(file.fileno()))


# Showing


def shown(exchange: Exchange) -> str:
    """One or two lines for a person."""
    line = exchange.line
    when = time_of(line)
    head = when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if when else line.time
    arrow = ARROWS[line.direction]
    if exchange.is_call:
        call = f"{head} {arrow} {line.action} {_payload(line)}"
        return call if line.type == 6 else f"{call}\n{'':>{len(head)}} {_answer(exchange)}"
    if line.direction is Direction.LINK:
        return f"{head} {arrow} {line.words}"
    if line.type:
        return f"{head} {arrow} an answer to no CALL: {_said(line)}"
    return f"{head} {arrow} no frame of OCPP-J: {line.words}"


def _answer(exchange: Exchange) -> str:
    answer = exchange.answer
    if answer is None:
        return f"{'':>2}no answer"
    latency = "" if exchange.latency_ms is None else f"{exchange.latency_ms} ms "
    return f"{ARROWS[answer.direction]} {latency}{_said(answer)}"


def _said(answer: Line) -> str:
    if answer.type == 4:
        return f"CALLERROR {answer.code}: {answer.words or 'without a word'} {_payload(answer)}"
    return _payload(answer)


def _payload(line: Line) -> str:
    if line.left_out_chars:
        return f"({line.left_out_chars} characters, too long for the log)"
    return "" if line.payload is msgspec.UNSET else bytes(line.payload).decode()


def _raw(exchange: Exchange) -> str:
    found = [exchange.line, *([exchange.answer] if exchange.answer else [])]
    return "\n".join(msgspec.json.encode(line).decode() for line in found)


def summary(statistics: Statistics) -> Iterator[str]:
    """What it adds up to."""
    yield ""
    head = "action"
    if statistics.actions:
        yield f"  {head:<32} {'calls':>6} {'errors':>7} {'silent':>7} {'median':>9} {'worst':>9}"
    for (direction, action), count in sorted(
        statistics.actions.items(), key=lambda item: -item[1].calls
    ):
        yield (
            f"{ARROWS[direction]} {action:<32} {count.calls:>6} {count.errors:>7} "
            f"{count.unanswered:>7} {_ms(count.median_ms):>9} {_ms(count.longest_ms):>9}"
        )
    yield (
        f"{statistics.connections} connections, {statistics.losses} failures of the link, "
        f"{statistics.unreadable} unreadable frames, {statistics.unmatched} answers to no CALL"
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
