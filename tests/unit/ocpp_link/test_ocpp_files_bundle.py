"""Bundles: what is in them, from when, without secrets, and whatever state the sources are in."""

from __future__ import annotations

import gzip
import io
import json
import os
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evse.journal.rows import MIGRATIONS
from evse.support.redaction import HIDDEN, redacted
from ocpp_link.files import bundle
from ocpp_link.files.jobs import Bundle, Extract, Outcome


def build(job: Bundle) -> dict[str, bytes]:
    assert bundle.build(job, lambda _done: None).outcome is Outcome.DONE
    with gzip.open(job.path) as packed, tarfile.open(fileobj=io.BytesIO(packed.read())) as tar:
        return {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar.getmembers()}


def lines(path: Path, hours: range) -> str:
    path.write_text("".join(f'{{"time":"2026-01-01T{h:02}:00:00Z","n":{h}}}\n' for h in hours))
    return str(path)


def hours(content: bytes) -> list[int]:
    return [json.loads(line)["n"] for line in content.splitlines()]


def journal(path: Path) -> str:
    with sqlite3.connect(path) as db:
        for step in MIGRATIONS:
            db.executescript(step)
        for seq in range(1, 4):
            event = {
                "event": "Authorized",
                "timestamp": f"2026-01-01T{seq:02}:00:00Z",
                "id_token": {"value": "DEADBEEF", "type": "ISO14443"},
            }
            db.execute("INSERT INTO event VALUES (?, 1, 0, ?)", (seq, json.dumps(event)))
    db.close()
    return str(path)


def test_5_9_the_window_of_the_request_is_what_is_uploaded(tmp_path: Path) -> None:
    """OCPP 1.6 §6.25: oldest and latest logging information to include; both ends are inside."""
    frames = lines(tmp_path / "frames", range(6))
    found = build(
        Bundle(
            str(tmp_path / "out" / "b.tar.gz"),
            oldest="2026-01-01T02:00:00+00:00",
            latest="2026-01-01T04:00:00Z",
            extracts=(Extract("frames.jsonl", frames),),
            journal=journal(tmp_path / "journal.db"),
        )
    )
    assert hours(found["frames.jsonl"]) == [2, 3, 4]
    assert [json.loads(line)["seq"] for line in found["journal.jsonl"].splitlines()] == [2, 3]


def test_files_are_joined_oldest_first_and_may_be_missing_or_torn(tmp_path: Path) -> None:
    lines(tmp_path / "a.1.jsonl", range(2))
    new = lines(tmp_path / "a.jsonl", range(2, 4))
    with Path(new).open("a") as file:
        file.write('{"time":"2026-01-01T04:')
    job = Bundle(
        str(tmp_path / "b.gz"),
        extracts=(
            Extract("frames.jsonl", new),
            Extract("security.jsonl", str(tmp_path / "gone.jsonl")),
        ),
        journal=str(tmp_path / "no" / "journal.db"),
    )
    found = build(job)
    assert hours(b"".join(found["frames.jsonl"].splitlines(keepends=True)[:4])) == [0, 1, 2, 3]
    assert b"can not be read" in found["journal.jsonl"]
    assert found["security.jsonl"] == b""


def test_a_bundle_has_no_tokens_of_people(tmp_path: Path) -> None:
    """Who charged is not in the journal's extract; what the station says of itself goes in."""
    found = build(
        Bundle(
            str(tmp_path / "b.gz"),
            journal=journal(tmp_path / "journal.db"),
            documents={"versions.json": "{}"},
        )
    )
    assert b"DEADBEEF" not in found["journal.jsonl"]
    assert found["versions.json"] == b"{}"


def test_n01_fr_03_the_security_log_is_lines_in_plain_gzip(tmp_path: Path) -> None:
    """Whitepaper N01.FR.03; its lines begin with their time where they are no JSON."""
    log = tmp_path / "security.log"
    log.write_text("2026-01-01T00:00:00Z Startup\n2026-01-02T00:00:00Z ResetOrReboot\n")
    job = Bundle(
        str(tmp_path / "s.gz"),
        oldest="2026-01-01T12:00:00Z",
        extracts=(Extract("security.log", str(log)),),
        plain=True,
    )
    bundle.build(job, lambda _done: None)
    assert gzip.decompress(Path(job.path).read_bytes()) == b"2026-01-02T00:00:00Z ResetOrReboot\n"


def test_of_what_is_too_long_the_newest_stays(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bundle, "MAX_PART_BYTES", 200)
    frames = lines(tmp_path / "frames", range(24))
    found = build(Bundle(str(tmp_path / "b.gz"), extracts=(Extract("f", frames),)))
    assert hours(found["f"]) == [19, 20, 21, 22, 23]


def test_the_newest_flights_of_ring_1_go_along_unchanged(tmp_path: Path) -> None:
    flights = tmp_path / "flight"
    flights.mkdir()
    for number in range(10):
        path = flights / f"flight-evse1-00000001-{number}.flight"
        path.write_bytes(b'{"flight":1}')
        os.utime(path, (number, number))
    job = Bundle(str(tmp_path / "b.tar.gz"), flights=str(flights))
    found = build(job)
    assert sorted(found) == [f"flight/flight-evse1-00000001-{n}.flight" for n in range(2, 10)]
    assert set(found.values()) == {b'{"flight":1}'}
    nothing = build(Bundle(str(tmp_path / "c.tar.gz"), flights=str(tmp_path / "nowhere")))
    assert nothing == {"flight/none.txt": b"nothing was recorded\n"}


NAMES = st.sampled_from(["password", "AuthorizationKey", "idTag", "token", "pin", "url", "power"])
TREES = st.recursive(
    st.text(min_size=1, max_size=5) | st.integers(1, 9),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["password", "basic_auth_key", "idTag", "console_pin", "AuthorizationKey"]),
    TREES,
)
def test_whatever_is_below_a_secret_name_is_hidden(name: str, tree: Any) -> None:
    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for member in value.values() for leaf in leaves(member)]
        if isinstance(value, list):
            return [leaf for member in value for leaf in leaves(member)]
        return [value]

    assert set(leaves(redacted({name: tree}))) <= {HIDDEN}
