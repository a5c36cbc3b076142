"""`evse replay`: what happened around a fault, and whether the guard decides it again likewise."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from evse.cli.places import SYSTEM_RUN_DIR, default_state_dir
from evse.cli.places import run_dir as run_dir_of
from evse.guard.flight_file import MAX_BYTES
from evse.guard.flight_read import FlightError, Recorded, read
from evse.guard.replay import Decided, replay
from evse.guard.timeline import Row, permit, plain, timeline
from evse.run.flight import DIRECTORY, by_age
from evse.run.kernel_name import kernel_name

HEAD = (
    f"{'t/s':>9} {'hi/mV':>7} {'lo/mV':>7} {'pilot':<7} {'offer':<7} {'permit':<6} "
    f"{'coil':<4} {'mirror':<6} {'lock':<8} what"
)
COLUMNS = (
    "t_ms", "now_ms", "hi_mv", "lo_mv", "pilot", "duty_bp", "permit", "permit_duty_bp", "coil",
    "mirror_closed", "lock", "lock_drive", "rcd_tripped", "rcd_test", "emergency_stop", "pp_ohm",
    "cable_a", "temperature_dc", "current_ma", "supply_12v_mv", "phases", "faults", "reason",
    "fired", "differs",
)  # fmt: skip


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="a flight; left out: list those here")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default_state_dir(),
        help="whose flights are listed (default: %(default)s)",
    )
    parser.add_argument("--torn", action="store_true", help="take what is left of a torn file")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--csv", action="store_true", help="every period as a line, with a head")
    shape.add_argument("--plot", type=Path, metavar="FILE.html", help="draw it there")


def run(arguments: argparse.Namespace) -> int:
    """1 where something is decided otherwise than it was, or the file is not whole."""
    if arguments.file is None:
        return _list(arguments.state_dir)
    try:
        flight = _load(arguments.file, torn=arguments.torn)
    except OSError as error:
        print(f"{arguments.file}: {error.strerror}", file=sys.stderr)
        return 1
    except FlightError as error:
        hint = "" if arguments.torn else "; --torn shows what is left of a torn one"
        print(_printable(f"{arguments.file}: {error}{hint}"), file=sys.stderr)
        return 1
    periods = list(replay(flight))
    if arguments.csv:
        _write_csv(flight, periods)
    elif arguments.plot:
        return _plot(flight, periods, arguments.plot)
    else:
        for line in (*_introduce(flight, arguments.file.name), *_table(timeline(flight, periods))):
            print(_printable(line))
    return _judge(flight, periods, out=sys.stderr if arguments.csv else sys.stdout)


def _load(path: Path, *, torn: bool) -> Recorded:
    """Raises OSError or FlightError."""
    with path.open("rb") as file:
        return read(file.read(MAX_BYTES), torn=torn)


def _printable(line: str) -> str:
    """A file may come from anywhere, and a terminal obeys what it is shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _list(state_dir: Path) -> int:
    """What there is to replay, the newest last."""
    places = [place / DIRECTORY for place in (state_dir, run_dir_of(state_dir), SYSTEM_RUN_DIR)]
    try:
        found = [path for place in places if place.is_dir() for path in by_age(place)]
    except OSError as error:
        print(f"{state_dir}: {error}", file=sys.stderr)
        return 1
    for path in found:
        print(_printable(f"{path}  {_caption(path)}"))
    if not found:
        print(f"no flights in {places[0]}: nothing was wrong, or ring 1 runs on another board")
    return 0


def _caption(path: Path) -> str:
    try:
        flight = _load(path, torn=True)
    except (OSError, FlightError) as error:
        return str(error)
    trigger = flight.header.trigger
    return f"{flight.header.origin.utc}  {trigger.cause.value}: {trigger.detail}"


# --- showing --------------------------------------------------------------------------------------


def _introduce(flight: Recorded, name: str) -> Iterator[str]:
    header = flight.header
    origin = header.origin
    yield f"{name}: EVSE {origin.evse} of {origin.station or 'a station'}, {origin.utc}"
    same = "the same" if origin.kernel == kernel_name() else f"{kernel_name()}: it has changed"
    yield f"  recorded by pievse {origin.version}, kernel {origin.kernel} (here: {same})"
    for trigger in flight.triggers:
        at_s = (trigger.at_ms - header.trigger.at_ms) / 1000
        yield f"  kept because of: {trigger.cause.value} {trigger.detail} ({at_s:+.3f} s)"
    if flight.torn:
        yield f"  {flight.torn}"
    yield ""


def _table(rows: Iterator[Row]) -> Iterator[str]:
    yield HEAD
    for row in rows:
        head = (
            f"{row.t_ms / 1000:>+9.3f} {_mv(row.hi_mv):>7} {_mv(row.lo_mv):>7} {row.pilot:<7} "
            f"{row.offer:<7} {row.permit:<6} {'on' if row.coil else 'off':<4} "
            f"{'closed' if row.mirror_closed else 'open':<6} {row.lock:<8} "
        )
        first, *rest = row.says or ("",)
        yield (head + first).rstrip()
        yield from (" " * len(head) + line for line in rest)


def _mv(value: int | None) -> str:
    return "-" if value is None else str(value)


def _write_csv(flight: Recorded, periods: list[Decided]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    zero_ms = flight.header.trigger.at_ms
    writer.writerows(_values(period, zero_ms) for period in periods)


def _values(period: Decided, zero_ms: int) -> tuple[object, ...]:
    record, state = period.record, period.state
    inputs, outputs, sample = record.inputs, record.outputs, record.inputs.sample
    return (
        record.now_ms - zero_ms,
        record.now_ms,
        None if sample is None else sample.hi_mv,
        None if sample is None else sample.lo_mv,
        state.pilot.state.name,
        outputs.duty_bp,
        permit(period),
        state.permit.duty_bp,
        int(outputs.coil),
        int(inputs.mirror_closed),
        period.seen.lock.name.lower(),
        outputs.lock_drive.name.lower(),
        int(inputs.rcd_tripped),
        int(outputs.rcd_test),
        int(inputs.emergency_stop),
        inputs.pp_ohm,
        state.cable.rating_a,
        inputs.temperature_dc,
        inputs.current_ma,
        inputs.supply_12v_mv,
        outputs.phases,
        int(inputs.faults),
        state.reason.name,
        " ".join(period.fired),
        " ".join(difference.what for difference in period.differences),
    )


def _plot(flight: Recorded, periods: list[Decided], path: Path) -> int:
    from evse.cli.replay_plot import page  # the plot is the bench's, and nobody else's here

    try:
        path.write_text(page(flight, periods), "utf-8")
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"drawn in {path}")
    return _judge(flight, periods, out=sys.stdout)


def _judge(flight: Recorded, periods: list[Decided], *, out: TextIO) -> int:
    """Say whether every decision is the same again; the exit code."""
    if flight.unknown:
        names = _printable(", ".join(flight.unknown))
        print(f"not compared, for this kernel has no such: {names}", file=out)
    guessed = sum(period.guessed for period in periods)
    if guessed:
        print(f"not compared: {guessed} period(s) with more commands than are kept", file=out)
    differing = [period for period in periods if period.differences]
    if differing:
        print("\n".join(_otherwise(flight, differing)), file=out)
        return 1
    print(f"decided again: all {len(periods) - guessed} periods alike, bit for bit", file=out)
    return 1 if flight.torn else 0


def _otherwise(flight: Recorded, differing: list[Decided]) -> Iterator[str]:
    first = differing[0]
    at_s = (first.record.now_ms - flight.header.trigger.at_ms) / 1000
    what = "; ".join(
        f"{d.what}: {plain(d.recorded)} recorded, {plain(d.decided)} now" for d in first.differences
    )
    yield f"decided otherwise in {len(differing)} period(s), first at {at_s:+.3f} s: {what}"
    if flight.header.origin.kernel == kernel_name():
        yield "by the very kernel that recorded it: that is a defect; report it with the file"
