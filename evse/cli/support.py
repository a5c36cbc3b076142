"""`evse support`: one file for whoever helps, without secrets, whatever of the station lives."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evse.cli.places import add_socket, default_state_dir
from evse.cli.support_live import computer, live, service_log
from evse.config.load import load
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.run.flight import DIRECTORY, ask_for_flight, by_age
from evse.run.ocpp import FRAME_LOG, SECURITY, SECURITY_LOG
from evse.support import stored
from evse.support.pack import Part, pack
from evse.support.redaction import Prose, Pseudonym, pseudonyms, redacted, tokens_in
from ocpp_link.security.credentials import Credentials
from ocpp_link.security.part import CREDENTIALS
from ocpp_link.wire.redaction import Redaction
from ocpp_link.wire.rotated_file import parts as log_parts

CONFIG = Path("/etc/pievse/station.toml")
MAX_CONFIG_BYTES = 65_536
MAX_KEY_BYTES = 64
MAX_CREDENTIALS_BYTES = 65_536
RECORD_WAIT_S = 20.0
POLL_S = 0.2
README = """\
What a PiEVSE station knows of itself, for whoever helps. Passwords and keys are left out. Of cards
there are names that are the same for the same card within this file, and mean nothing elsewhere.
contents.txt lists what is here, and what is missing and why. `evse replay` shows a flight/*.flight.
"""


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    add_socket(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.tar.gz", help="default: named by time")
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help="of the station (default: %(default)s)"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default_state_dir(),
        help="of the station (default: %(default)s)",
    )
    parser.add_argument("--run-dir", type=Path, help="of the station (default: where the door is)")
    parser.add_argument(
        "--lines", type=_count, default=2_000, help="of the services' log (default: %(default)s)"
    )
    parser.add_argument(
        "--record", action="store_true", help="have ring 1 record its last minute first"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError("a number from 1 to 100000")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    path: Path = arguments.out or Path(f"pievse-support-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    run_dir: Path = arguments.run_dir or arguments.socket.parent
    if arguments.record and not _record(run_dir):
        return 1
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        with os.fdopen(handle, "wb") as file:
            listed = pack(file, _parts(arguments, run_dir), utc_s=int(now.timestamp()))
    except BaseException as error:
        path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    print("\n".join(listed))
    print(f"\n{path}: {path.stat().st_size} bytes. Keys, passwords and card numbers are left out.")
    return 0


def _parts(arguments: argparse.Namespace, run_dir: Path) -> Iterator[Part]:
    """The most needed first; all texts cleaned of what must not leave."""
    state_dir: Path = arguments.state_dir
    link_dir = _link_dir(state_dir)
    pseudonym = pseudonyms(secrets.token_bytes(16))
    values, config, problem = _configuration(arguments.config)
    prose = Prose(
        pseudonym,
        tokens=stored.tokens(state_dir, link_dir) | tokens_in(values),
        secrets=_secrets(config, link_dir),
    )
    for part in _texts(arguments, values, problem, pseudonym):
        cleaned = prose.clean(part.content.decode("utf-8", errors="replace"))
        yield msgspec.structs.replace(
            part, content=cleaned.encode(), missing=prose.clean(part.missing)
        )
    yield from stored.flights({run_dir / DIRECTORY, state_dir / DIRECTORY})


def _texts(
    arguments: argparse.Namespace,
    values: dict[str, Any],
    problem: str,
    pseudonym: Pseudonym,
) -> Iterator[Part]:
    state_dir: Path = arguments.state_dir
    link_dir = _link_dir(state_dir)
    yield Part("README.txt", README.encode())
    yield from live(arguments.socket, pseudonym)
    if values:
        shown = stored.text(redacted(values, pseudonym=pseudonym))
        yield Part("configuration.json", shown, note=problem and "with mistakes")
    if problem:
        yield Part("configuration-problem.txt", f"{problem}\n".encode())
    yield from computer(state_dir)
    yield stored.part("statistics.json", lambda: stored.statistics(state_dir, link_dir))
    yield stored.part(
        "journal.jsonl",
        lambda: stored.journal(state_dir, pseudonym),
        note=f"the newest {stored.MAX_EVENTS} events",
    )
    yield service_log(arguments.lines)
    for name, log in (("ocpp-frames.jsonl", FRAME_LOG), ("ocpp-security.jsonl", SECURITY_LOG)):
        yield stored.part(name, partial(_log, link_dir / log, pseudonym))


def _link_dir(state_dir: Path) -> Path:
    """Where the link keeps what is its own: under systemd it is another user's."""
    own = state_dir.with_name(f"{state_dir.name}-ocpp")
    with contextlib.suppress(OSError):  # who may not look there finds nothing in either
        if own.is_dir():
            return own
    return state_dir


def _log(log: Path, pseudonym: Pseudonym) -> bytes:
    """By the names of the fields: a card that was refused is in no database."""
    redaction = Redaction(hide_tokens=True, pseudonym=pseudonym)
    return stored.each_line(stored.tail(log_parts(log)), redaction.value, redaction.unreadable)


# --- secrets --------------------------------------------------------------------------------------


def _configuration(path: Path) -> tuple[dict[str, Any], StationConfig | None, str]:
    """What the file says, what it means, and what is wrong with it. Of a file that is no TOML
    nothing is shown: its secrets could not be told from the rest."""
    try:
        with path.open("rb") as file:
            values = tomllib.loads(file.read(MAX_CONFIG_BYTES).decode())
    except OSError as error:
        return {}, None, f"{path} can not be read: {error.strerror}; --config names another"
    except (ValueError, RecursionError):
        return {}, None, f"{path} is no TOML; it is left out"
    try:
        return values, load(path), ""
    except ConfigError as error:
        return values, None, str(error)


def _secrets(config: StationConfig | None, link_dir: Path) -> set[str]:
    """The AuthorizationKey, as it is configured and as the back office has changed it."""
    found: set[bytes] = set()
    if config is not None and config.ocpp is not None and config.ocpp.basic_auth_key_file:
        with contextlib.suppress(OSError), Path(config.ocpp.basic_auth_key_file).open("rb") as file:
            found.add(file.read(MAX_KEY_BYTES).strip())
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        with stored.plain(link_dir / SECURITY / CREDENTIALS) as file:
            kept = file.read(MAX_CREDENTIALS_BYTES)
        found |= set(msgspec.json.decode(kept, type=Credentials).passwords)
    texts = {key.decode("utf-8", errors="replace") for key in found}
    return texts | {key.hex() for key in found} | {key.hex().upper() for key in found}


# --- recording ------------------------------------------------------------------------------------


def _record(run_dir: Path) -> bool:
    """Ask ring 1 for a recording, and wait for it. False where none came; it was told why."""
    directory = run_dir / DIRECTORY
    try:
        if not directory.is_dir():
            print(f"{directory} is not there: no ring 1 on this computer records", file=sys.stderr)
            return False
        before = {path.name for path in by_age(directory)}
        ask_for_flight(directory, "evse support")
        give_up_s = time.monotonic() + RECORD_WAIT_S
        while time.monotonic() < give_up_s:
            if {path.name for path in by_age(directory)} - before:
                return True
            time.sleep(POLL_S)
    except OSError as error:
        print(f"{directory}: {error.strerror}", file=sys.stderr)
        return False
    print("ring 1 recorded nothing; is it running? Without --record it goes", file=sys.stderr)
    return False
