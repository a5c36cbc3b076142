"""`evse sessions`: what was charged, as a table, CSV or JSON."""

from __future__ import annotations

import argparse
import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evse.cli.ask import ask, explain
from evse.cli.places import add_socket
from evse.clock import parse_time
from evse.door.jsonrpc import RpcError
from evse.history import Charge, Page, page

WH_DIGITS = 3
"""A meter tells no more, and a sum of floats would show more."""
COLUMNS = ("began", "ended", "evse", "token", "energy_wh", "duration_s", "reason", "running")
HEAD = f"{'began (UTC)':<17} {'ended':<8} {'EVSE':>4}  {'token':<8} {'kWh':>9}  {'h:mm':>7}  reason"


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    add_socket(parser)
    parser.add_argument(
        "--state-dir", type=Path, help="read this directory of a station that does not run"
    )
    parser.add_argument("--since", type=_date, metavar="DATE", help="began then (UTC) or later")
    parser.add_argument("--until", type=_date, metavar="DATE", help="began before then (UTC)")
    parser.add_argument("--evse", type=int, help="of this EVSE alone")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--csv", action="store_true", help="one line a session, with a head")
    shape.add_argument("--json", action="store_true", help="an object with sessions and totals")
    shape.add_argument(
        "--delete-before", type=_date, metavar="DATE", help="forget what ended before then"
    )


def _date(text: str) -> str:
    """RFC 3339 of what was typed: a day, or a time with its offset."""
    try:
        when = parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-30") from error
    utc = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return utc.astimezone(UTC).isoformat()


def run(arguments: argparse.Namespace) -> int:
    if arguments.delete_before and arguments.state_dir:
        print("--delete-before asks a running station; leave --state-dir out", file=sys.stderr)
        return 2
    try:
        if arguments.delete_before:
            params = {"before": arguments.delete_before}
            gone = ask(arguments.socket, "history.delete_before", params)
            print(f"{gone['deleted']} events and {gone['logs']} session logs are forgotten")
            return 0
        found = list(_stored(arguments) if arguments.state_dir else _asked(arguments))
    except sqlite3.Error as error:
        print(f"{arguments.state_dir}: {error}", file=sys.stderr)
        return 1
    except (RpcError, OSError) as error:
        return explain(error, arguments.socket)
    _print(found, arguments)
    return 0


def _asked(arguments: argparse.Namespace) -> Iterator[Charge]:
    """All pages of a running station. Raises RpcError or OSError."""
    params: dict[str, Any] = {"after_seq": 0}
    if arguments.since:
        params["from"] = arguments.since
    if arguments.until:
        params["to"] = arguments.until
    if arguments.evse is not None:
        params["evse"] = arguments.evse
    while params["after_seq"] is not None:
        found = msgspec.convert(ask(arguments.socket, "history.sessions", params), Page)
        yield from found.sessions
        params["after_seq"] = found.after_seq


def _stored(arguments: argparse.Namespace) -> Iterator[Charge]:
    """The file of a station, left as it is. Raises sqlite3.Error."""
    path = (arguments.state_dir / "core.db").absolute()
    closed = not path.with_name("core.db-wal").exists()  # then no file need be made to read it
    uri = f"{path.as_uri()}?mode=ro{'&immutable=1' * closed}"
    db = sqlite3.connect(uri, uri=True)
    since, until = (
        None if text is None else parse_time(text).timestamp()
        for text in (arguments.since, arguments.until)
    )
    try:
        after_seq: int | None = 0
        while after_seq is not None:
            found = page(db, since=since, until=until, evse=arguments.evse, after_seq=after_seq)
            yield from found.sessions
            after_seq = found.after_seq
    finally:
        db.close()


def _print(found: list[Charge], arguments: argparse.Namespace) -> None:
    if arguments.json:
        body = {"sessions": [_record(s) for s in found], "totals": totals(found)}
        print(json.dumps(body, indent=2))
    elif arguments.csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_record(session) for session in found)
    else:
        print("\n".join(table(found)))


def _record(session: Charge) -> dict[str, Any]:
    values = {**msgspec.structs.asdict(session), "duration_s": duration_s(session)}
    if session.energy_wh is not None:
        values["energy_wh"] = round(session.energy_wh, WH_DIGITS)
    return {name: values[name] for name in COLUMNS}


def duration_s(session: Charge) -> int | None:
    """None while it runs, and where its end is not known."""
    if session.ended is None:
        return None
    return round((parse_time(session.ended) - parse_time(session.began)).total_seconds())


def totals(found: list[Charge]) -> dict[str, Any]:
    return {
        "sessions": len(found),
        "running": sum(session.running for session in found),
        "energy_wh": round(sum(session.energy_wh or 0.0 for session in found), WH_DIGITS),
    }


def table(found: list[Charge]) -> list[str]:
    """A head, a line a session, and the totals."""
    total = totals(found)
    running = f", {total['running']} running" if total["running"] else ""
    kwh = f"{total['energy_wh'] / 1000:>9.3f}"
    last = f"{total['sessions']} session(s){running}"
    return [HEAD, *(_line(session) for session in found), f"{last:<41} {kwh} kWh"]


def _line(session: Charge) -> str:
    began = parse_time(session.began).astimezone(UTC)
    energy = "-" if session.energy_wh is None else f"{session.energy_wh / 1000:.3f}"
    seconds = duration_s(session)
    spent = "-" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02}"
    return (
        f"{began:%Y-%m-%d %H:%M}  {_end(session, began):<8} {session.evse:>4}  "
        f"{session.token or '-':<8} {energy:>9}  {spent:>7}  {_reason(session)}"
    )


def _end(session: Charge, began: datetime) -> str:
    if session.ended is None:
        return "running" if session.running else "unknown"
    ended = parse_time(session.ended).astimezone(UTC)
    days = (ended.date() - began.date()).days
    return f"{ended:%H:%M}{f'+{days}d' if days else ''}"


def _reason(session: Charge) -> str:
    if session.reason is not None:
        return session.reason
    return "charging" if session.register_wh is not None and session.running else "-"
