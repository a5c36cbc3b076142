"""`evse support`: whatever lives and whatever is broken, a bundle; and no secret in it anywhere."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import socketserver
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.cli import main
from evse.config.station import StationConfig
from evse.journal.rows import MIGRATIONS
from evse.run.flight import DIRECTORY
from evse.run.ocpp import FRAME_LOG, SECURITY, SECURITY_LOG
from evse.support.pack import CONTENTS, Part, pack
from evse.support.redaction import pseudonyms, redacted
from ocpp_link.memory.database import MIGRATIONS as LINK_MIGRATIONS
from ocpp_link.security.credentials import Credentials
from ocpp_link.security.part import CREDENTIALS
from ocpp_link.security.profiles import Standing

KEY = "Canary/key+0123456789"
NEW_KEY = "CanaryOtherKey9876543"
PASSWORD = "canary-p@ss/word"
CARDS = ("CA4A5F00", "CA4A5F01", "CA4A5F02", "CA4A5F03", "CA4A5F04", "CA4A5F05", "CA4A5F06")
MAID = "DE-CAN-CARY00001-X"
CANARIES = (KEY, NEW_KEY, PASSWORD, MAID, *CARDS)

CONFIG = f"""
[station]
identity = "CP1"
[board]
kind = "simulated"
[authorization]
mode = "list"
tokens = ["{CARDS[0]}", "{MAID}"]
free_token = "{CARDS[1]}"
master_pass_group_id = "{CARDS[2]}"
[ocpp]
url = "wss://csms.example/ocpp"
basic_auth_key_file = "KEYFILE"
[[evse]]
id = 1
evse_id = "DE*PNX*E1234567*1"
connector = "cable"
max_current_a = 32
"""
LOG = "\n".join(
    (
        f"core INFO card {CARDS[0].lower()} is good",
        f"ocpp WARNING wss://CP1:{PASSWORD}@csms.example refused {KEY}",
        f"ocpp INFO new key {NEW_KEY} ({NEW_KEY.encode().hex()}), {MAID} and {CARDS[5]}",
        "-----BEGIN EC PRIVATE KEY-----\nCANARYPEM\n-----END EC PRIVATE KEY-----",
    )
)


def event(card: str) -> dict[str, Any]:
    return {
        "uuid": "u",
        "event": "TransactionStarted",
        "timestamp": "2026-01-01T00:00:00Z",
        "transaction_started": {
            "id_tag": {
                "id_token": {"value": card, "type": "ISO14443"},
                "parent_id_token": {"value": CARDS[3], "type": "Central"},
                "authorization_type": "RFID",
            }
        },
    }


def make_core_db(path: Path) -> None:
    with sqlite3.connect(path) as db:
        for step in MIGRATIONS:
            db.executescript(step)
        for seq in range(1, 11):
            body = json.dumps(event(CARDS[4])).encode()
            db.execute("INSERT INTO event VALUES (?, 1, 0, ?)", (seq, body))
        db.execute("INSERT INTO event VALUES (11, 1, 0, ?)", (b"\xff no JSON",))
        db.execute("INSERT INTO snapshot VALUES (1, ?)", (json.dumps(event(CARDS[0])).encode(),))
    db.close()


def make_link_db(path: Path) -> None:
    with sqlite3.connect(path) as db:
        for step in LINK_MIGRATIONS:
            db.executescript(step)
        for kind, name, body in (
            ("token", CARDS[5].lower(), {"status": "Accepted", "parent": CARDS[3]}),
            ("listed", CARDS[6].lower(), {"status": "Accepted"}),
            ("setting", "AuthorizationKey", KEY),
            ("reservation", "1", {"id_token": MAID}),
        ):
            row = (kind, name, json.dumps(body).encode())
            db.execute("INSERT INTO item VALUES (?, ?, ?)", row)
        record = json.dumps({"id_tag": CARDS[4]}).encode()
        db.execute(
            "INSERT INTO record (session, kind, seq, body) VALUES ('s', 'x', 1, ?)", (record,)
        )
    db.close()


class Station:
    """What a station leaves on its disk; every secret it may have is a canary."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.state_dir = root / "state"
        self.run_dir = root / "run"
        self.config = root / "station.toml"
        for directory in (self.state_dir / SECURITY, self.state_dir / DIRECTORY, self.run_dir):
            directory.mkdir(parents=True)
        key_file = root / "key"
        key_file.write_text(KEY + "\n")
        self.config.write_text(CONFIG.replace("KEYFILE", str(key_file)))
        make_core_db(self.state_dir / "core.db")
        make_link_db(self.state_dir / "ocpp.db")
        kept = Credentials(Standing(1, 1), (NEW_KEY.encode(),))
        (self.state_dir / SECURITY / CREDENTIALS).write_bytes(msgspec.json.encode(kept))
        (self.state_dir / "console.pin").write_text(KEY)
        frame = f'[2,"1","StartTransaction",{{"idTag":"{CARDS[5]}"}}]\n'
        (self.state_dir / FRAME_LOG).write_text(frame)
        (self.state_dir / SECURITY_LOG).write_text(f'{{"time":"x","tech":"{CARDS[6]}"}}\n')
        (self.state_dir / DIRECTORY / "flight-evse1-1-1.flight").write_bytes(b'{"flight":1}\n')
        journalctl = root / "bin" / "journalctl"
        journalctl.parent.mkdir()
        journalctl.write_text(f"#!/bin/sh\ncat <<'END'\n{LOG}\nEND\n")
        journalctl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{journalctl.parent}:/usr/bin:/bin")

    def support(self, *words: str) -> int:
        return main(
            [
                "support",
                "--socket",
                str(self.run_dir / "door.sock"),
                "--state-dir",
                str(self.state_dir),
                "--config",
                str(self.config),
                "--out",
                str(self.root / "out.tar.gz"),
                *words,
            ]
        )

    def bundle(self) -> dict[str, str]:
        with tarfile.open(self.root / "out.tar.gz") as tar:
            return {
                member.name.removeprefix("pievse-support/"): (
                    tar.extractfile(member) or io.BytesIO()
                )
                .read()
                .decode()
                for member in tar.getmembers()
            }


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    return Station(tmp_path, monkeypatch)


class Door(socketserver.StreamRequestHandler):
    """Answers like a station whose answers are full of tokens."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            call = json.loads(line)
            answer: Any = {"token": CARDS[0], "password": PASSWORD, "said": f"card {CARDS[5]}"}
            if call["method"] == "sys.state":
                row = {"evse": 1, "why": f"EVSE 1 waits for {CARDS[4]}."}
                answer = {"evses": [row], **answer}
            reply = {"jsonrpc": "2.0", "id": call["id"], "result": answer}
            self.wfile.write(json.dumps(reply).encode() + b"\n")


@pytest.fixture
def living(station: Station) -> Iterator[Station]:
    with socketserver.ThreadingUnixStreamServer(str(station.run_dir / "door.sock"), Door) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield station
        server.shutdown()
        thread.join()


def secrets_in(bundle: dict[str, str]) -> list[str]:
    return [
        f"{canary} in {name}"
        for name, content in bundle.items()
        for canary in (*CANARIES, "CANARYPEM", NEW_KEY.encode().hex())
        if canary.lower() in content.lower() or canary in name
    ]


# --- what is in it --------------------------------------------------------------------------------


def test_of_a_living_station_everything_is_there_and_no_secret(living: Station) -> None:
    assert living.support() == 0
    bundle = living.bundle()
    assert secrets_in(bundle) == []
    assert {
        "why.txt",
        "state.json",
        "inspect-1.json",
        "configuration.json",
        "versions.txt",
        "computer.txt",
        "statistics.json",
        "journal.jsonl",
        "services.log",
        "ocpp-frames.jsonl",
        "ocpp-security.jsonl",
        "flight/flight-evse1-1-1.flight",
        CONTENTS,
    } <= set(bundle)
    assert "EVSE 1 waits for token-" in bundle["why.txt"]
    assert "wss://csms.example/ocpp" in bundle["configuration.json"]
    assert bundle["flight/flight-evse1-1-1.flight"] == '{"flight":1}\n'
    assert "pievse " in bundle["versions.txt"]
    assert (living.root / "out.tar.gz").stat().st_mode & 0o777 == 0o600


def test_the_same_card_has_the_same_name_everywhere(living: Station) -> None:
    assert living.support() == 0
    bundle = living.bundle()
    first = json.loads(bundle["configuration.json"])["authorization"]["tokens"][0]
    assert json.loads(bundle["state.json"])["token"] == first
    assert f"core INFO card {first} is good" in bundle["services.log"]
    assert len(bundle["journal.jsonl"].splitlines()) == 11


def test_of_a_dead_station_what_is_on_the_disk_is_there(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    assert station.support() == 0
    bundle = station.bundle()
    assert secrets_in(bundle) == []
    assert "state.json" not in bundle
    assert "MISSING  state.json: the station does not tell: nobody is there" in bundle[CONTENTS]
    counts = json.loads(bundle["statistics.json"])
    assert counts["core.db"]["events"] == 11
    assert counts["ocpp.db"]["waiting"] == {"x": 1}
    told = capsys.readouterr().out
    assert "MISSING  state.json" in told
    assert "Keys, passwords and card numbers are left out." in told


def test_a_link_with_a_directory_of_its_own_is_found(station: Station) -> None:
    own = station.root / "state-ocpp"
    own.mkdir()
    for name in ("ocpp.db", FRAME_LOG, SECURITY_LOG, SECURITY):
        (station.state_dir / name).rename(own / name)
    assert station.support() == 0
    bundle = station.bundle()
    assert secrets_in(bundle) == []
    assert json.loads(bundle["statistics.json"])["ocpp.db"]["waiting"] == {"x": 1}
    assert "StartTransaction" in bundle["ocpp-frames.jsonl"]


def test_of_a_computer_without_a_station_a_bundle_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path, monkeypatch)
    station.state_dir = tmp_path / "nowhere"
    station.config = tmp_path / "no.toml"
    monkeypatch.setenv("PATH", "")
    assert station.support() == 0
    bundle = station.bundle()
    assert "--config names another" in bundle["configuration-problem.txt"]
    assert "MISSING  services.log: there is no journalctl here" in bundle[CONTENTS]
    assert "MISSING  journal.jsonl: there is none" in bundle[CONTENTS]
    assert "MISSING  flight/none.txt: nothing was recorded" in bundle[CONTENTS]


def test_damaged_databases_are_told_and_stop_nothing(station: Station) -> None:
    for name in ("core.db", "ocpp.db"):
        (station.state_dir / name).write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    assert station.support() == 0
    bundle = station.bundle()
    assert "MISSING  journal.jsonl: it can not be read" in bundle[CONTENTS]
    assert "it can not be read" in json.loads(bundle["statistics.json"])["ocpp.db"]


def test_a_configuration_with_mistakes_is_shown_without_its_secrets(station: Station) -> None:
    station.config.write_text(
        station.config.read_text().replace(CARDS[1], f"{CARDS[1]} with blanks").replace("32", "99")
    )
    assert station.support() == 0
    bundle = station.bundle()
    assert secrets_in({n: c for n, c in bundle.items() if n.startswith("configuration")}) == []
    assert "max_current_a" in bundle["configuration-problem.txt"]
    assert '"max_current_a": 99' in bundle["configuration.json"]


def test_a_configuration_that_is_no_toml_is_left_out(station: Station) -> None:
    station.config.write_text(CONFIG + f'password = "{PASSWORD}')
    assert station.support() == 0
    bundle = station.bundle()
    assert "configuration.json" not in bundle
    assert "is no TOML; it is left out" in bundle["configuration-problem.txt"]


def test_a_file_that_is_there_is_not_overwritten(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    (station.root / "out.tar.gz").write_text("mine")
    assert station.support() == 1
    assert "File exists" in capsys.readouterr().err
    assert (station.root / "out.tar.gz").read_text() == "mine"


def test_recording_where_nobody_records_is_told(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    assert station.support("--record") == 1
    assert "no ring 1 on this computer records" in capsys.readouterr().err


# --- what may never be in it ----------------------------------------------------------------------


def texts_by_place(kind: type, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each text of the configuration whose name or type is a token's, alone in its nest."""
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]  # a struct
        yield from _nested(field.type, field.encode_name, f"{path}.{field.encode_name}")


def _nested(kind: Any, name: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(kind, msgspec.inspect.Metadata):
        yield from _nested(kind.type, name, path)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for one in kind.types:
            yield from _nested(one, name, path)
    elif isinstance(kind, msgspec.inspect.StructType):
        for place, inner in texts_by_place(kind.cls, path):
            yield place, {name: inner}
    elif isinstance(kind, msgspec.inspect.VarTupleType):
        for place, inner in _nested(kind.item_type, name, path):
            yield place, {name: [inner[name]]}
    elif isinstance(kind, msgspec.inspect.StrType) and _is_secret(kind, name):
        yield path, {name: CARDS[0]}


def _is_secret(kind: msgspec.inspect.StrType, name: str) -> bool:
    is_token = kind.pattern == r"^[!-~]{1,36}\Z"
    words = ("token", "password", "secret", "passphrase", "group_id")
    return is_token or any(word in name for word in words)


def test_every_token_that_the_configuration_can_hold_is_hidden() -> None:
    places = dict(texts_by_place(StationConfig))
    assert {".authorization.tokens", ".authorization.free_token"} <= set(places)
    shown = pseudonyms(b"key")
    leaking = [
        place
        for place, values in places.items()
        if CARDS[0] in json.dumps(redacted(values, pseudonym=shown))
        or CARDS[0] in json.dumps(redacted(values))
    ]
    assert leaking == []


# --- its size -------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(0, 60_000), max_size=8), seed=st.integers(0, 1_000))
def test_a_bundle_never_grows_over_its_bound(sizes: list[int], seed: int) -> None:
    noise = random.Random(seed)
    parts = [Part(f"{n}", noise.randbytes(size)) for n, size in enumerate(sizes)]
    file = io.BytesIO()
    listed = pack(file, parts, utc_s=0, max_bytes=150_000)
    assert len(file.getvalue()) <= 150_000
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        names = [member.name.removeprefix("pievse-support/") for member in tar.getmembers()]
    left_out = [line for line in listed if line.startswith("MISSING")]
    assert len(names) == len(parts) - len(left_out) + 1
    assert names[-1] == CONTENTS
    assert all("the bundle is full" in line for line in left_out)


def test_a_card_that_was_refused_and_is_in_no_database_is_hidden_in_frames(
    station: Station,
) -> None:
    record = base64.b64encode(b"OCMF|the customer|").decode()
    signed = json.dumps({"signedMeterData": record})
    lines = (
        {"type": 2, "action": "Authorize", "payload": {"idTag": "BADCA4D0"}},
        {"type": 2, "payload": {"idToken": {"idToken": "BADCA4D0", "type": "ISO14443"}}},
        {"type": 2, "payload": {"sampledValue": [{"format": "SignedData", "value": signed}]}},
        {"type": 2, "payload": {"key": "HeartbeatInterval", "value": "30"}},
    )
    torn = '{"type": 2, "payload": {"idTag": "BADCA4'
    text = "\n".join([*map(json.dumps, lines), torn])
    (station.state_dir / FRAME_LOG).write_text(text)
    assert station.support() == 0
    frames = station.bundle()["ocpp-frames.jsonl"]
    assert "BADCA4" not in frames
    assert record not in frames
    first, second, _, setting, _ = frames.splitlines()
    name = json.loads(first)["payload"]["idTag"]
    assert name.startswith("token-")
    assert json.loads(second)["payload"]["idToken"] == {"idToken": name, "type": "ISO14443"}
    assert json.loads(setting)["payload"] == {"key": "HeartbeatInterval", "value": "30"}


# --- what others put there ------------------------------------------------------------------------


def test_no_link_of_others_is_followed(station: Station) -> None:
    """Who packs is often root, and the link's directory belongs to what faces the internet."""
    shadow = station.root / "shadow"
    shadow.write_text("CANARYPEM")
    for name in (FRAME_LOG, SECURITY_LOG, "core.db", "ocpp.db"):
        (station.state_dir / name).unlink()
        (station.state_dir / name).symlink_to(shadow)
    (station.state_dir / DIRECTORY / "a.flight").symlink_to(shadow)
    assert station.support() == 0
    bundle = station.bundle()
    assert not any("CANARYPEM" in part for name, part in bundle.items() if name != "services.log")
    assert "MISSING  ocpp-frames.jsonl: it can not be read" in bundle[CONTENTS]


def test_nothing_is_opened_that_keeps_its_reader_waiting(station: Station) -> None:
    for name in (FRAME_LOG, "core.db", "ocpp.db", f"{SECURITY}/{CREDENTIALS}"):
        (station.state_dir / name).unlink()
        os.mkfifo(station.state_dir / name)
    os.mkfifo(station.state_dir / DIRECTORY / "a.flight")
    assert station.support() == 0
    assert "journal.jsonl: it can not be read" in station.bundle()[CONTENTS]


def test_a_file_whose_name_is_no_text_is_packed_and_acts_on_no_terminal(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsencode(station.state_dir / DIRECTORY) + b"/\xff\n\x1b[2J.flight"
    with open(odd, "wb") as file:
        file.write(b"odd")
    assert station.support() == 0
    assert station.bundle()["flight/? ?[2J.flight"] == "odd"
    assert "\x1b" not in capsys.readouterr().out


def test_a_directory_that_may_not_be_read_is_told_and_stops_nothing(station: Station) -> None:
    directory = station.state_dir / DIRECTORY
    (directory / "flight-evse1-1-1.flight").unlink()
    directory.rmdir()
    directory.write_text("no directory")
    assert station.support() == 0
    assert "MISSING  flight/of-state.txt: " in station.bundle()[CONTENTS]


def test_rows_that_nobody_would_write_stop_nothing(station: Station) -> None:
    with sqlite3.connect(station.state_dir / "ocpp.db") as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("INSERT INTO item VALUES ('token', x'00ff', '[]')")
        db.execute("INSERT INTO item VALUES ('listed', 'deep', ?)", (b"[" * 100_000,))
        nested = b'{"a":' * 300 + b"1" + b"}" * 300
        db.execute("INSERT INTO item VALUES ('listed', 'deeper', ?)", (nested,))
    db.close()
    assert station.support() == 0
    assert secrets_in(station.bundle()) == []
