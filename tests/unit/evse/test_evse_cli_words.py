"""The command line's words: the first screen, friendly refusals, a recording decoded."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from evse.cli import main
from evse.cli.ask import explain
from evse.cli.greeting import TIERS, first_screen
from evse.cli.places import (
    SUPERVISOR_SOCKET,
    default_socket,
    default_state_dir,
    run_dir,
    somebody_at,
)
from evse.cli.run import units
from evse.clock import VirtualClock
from evse.config.load import load, parse
from evse.config.station import StationConfig
from evse.run.record import WRITE_EVERY_MS, LinkRecording
from evse.run.supervisor import Supervisor
from evse.run.supervisor_door import SupervisorDoor
from firmware_bridge.capture import HEADER, Direction, Record
from hil.sim.station import StallingStorage, new_database

DEMO = str(files("hil").joinpath("station_demo.toml"))


def station(kind: str = "simulated", port: str = "", interlock: str = "") -> StationConfig:
    config = parse(Path(DEMO).read_text("utf-8"), "station.toml")
    board = msgspec.structs.replace(config.board, kind=kind, port=port, interlock=interlock)
    return msgspec.structs.replace(config, board=board)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pievse {version('pievse')}\n"


def test_a_reader_that_goes_away_ends_a_command_without_a_word() -> None:
    command = [sys.executable, "-m", "evse", "check-config", DEMO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_a_terminal_that_lacks_a_letter_shows_another(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evse", "demo", "--fast", "--brief", "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=50, check=True)
    assert b"OCPP ?" in done.stdout


# --- the first screen -----------------------------------------------------------------------------


def test_every_kind_of_board_has_its_tier() -> None:
    kinds = set(TIERS)
    field = next(f for f in msgspec.structs.fields(type(station().board)) if f.name == "kind")
    assert kinds == set(field.type.__args__)


def test_a_simulated_station_says_what_to_type_next() -> None:
    screen = first_screen(station(), Path("/x/door.sock"))
    assert "tier         simulated: no metal at all" in screen
    assert "PIEVSE_SOCKET=/x/door.sock" in screen
    assert screen.index("sim plug-in") < screen.rindex(" why")


def test_a_house_is_offered_to_be_changed_where_there_is_a_meter_at_its_mains() -> None:
    two = load(Path(DEMO).with_name("station_two.toml"))
    assert "sim house 5 3 -8" in first_screen(two, Path("/x/door.sock"))
    assert "sim house" not in first_screen(station(), Path("/x/door.sock"))


def test_a_door_that_every_command_finds_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIEVSE_SOCKET", raising=False)
    assert "PIEVSE_SOCKET" not in first_screen(station(), default_socket(default_state_dir()))
    monkeypatch.setenv("PIEVSE_SOCKET", "/elsewhere/door.sock")
    assert "PIEVSE_SOCKET=" in first_screen(station(), default_socket(default_state_dir()))
    assert "PIEVSE_SOCKET" not in first_screen(station(), Path("/elsewhere/door.sock"))


def test_a_station_with_metal_is_not_told_to_simulate() -> None:
    serial = first_screen(station("serial", port="/dev/ttyACM0"), Path("/x/door.sock"))
    assert "T2: a microcontroller at /dev/ttyACM0" in serial
    assert "sim plug-in" not in serial
    native = first_screen(station("native", interlock="a safety relay"), Path("/x/door.sock"))
    assert "T3: this computer runs ring 1; a safety relay opens" in native


def test_the_command_to_type_is_how_this_one_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "evse")])
    assert f"{tmp_path}/evse why" in first_screen(station(), Path("/x/door.sock"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "evse" / "__main__.py")])
    assert "-m evse why" in first_screen(station(), Path("/x/door.sock"))
    (tmp_path / "evse").write_text("#!/bin/sh\n")
    (tmp_path / "evse").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "evse")])
    assert "door.sock evse why" in first_screen(station(), Path("/x/door.sock"))


# --- refusals -------------------------------------------------------------------------------------


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A path to which a Unix socket's name can be added."""
    with tempfile.TemporaryDirectory(prefix="c-") as name:
        yield Path(name)


def test_a_station_that_runs_at_the_socket_is_told(
    short_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = short_dir / "d.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert somebody_at(path)
        state = ["--state-dir", str(short_dir)]
        assert main(["run", "--config", DEMO, *state, "--socket", str(path)]) == 1
    assert capsys.readouterr().err == f"a station is running at {path} already\n"
    assert not somebody_at(path)


def test_a_path_that_is_too_long_for_a_socket_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", DEMO, "--state-dir", str(tmp_path / ("d" * 90))]) == 2
    assert "too long for a Unix socket" in capsys.readouterr().err


def test_every_mistake_of_a_configuration_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[station]\nidentty = "x"\n[board]\nkind = "sim"\n')
    assert main(["run", "--config", str(path), "--state-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "did you mean identity?" in said
    assert "[board] kind" in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file"), "no station is running at /x"),
        (ConnectionRefusedError(111, "refused"), "no station is running at /x"),
        (PermissionError(13, "Permission denied"), "you may not talk to the station at /x"),
        (ConnectionError("the door closed"), "went away before it answered"),
        (TimeoutError(), "does not answer"),
    ],
)
def test_why_a_station_can_not_be_asked(
    error: OSError, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(error, Path("/x")) == 1
    assert words in capsys.readouterr().err


def test_a_station_whose_core_is_starting_is_not_taken_for_none(
    short_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as supervisor:
        supervisor.bind(str(short_dir / SUPERVISOR_SOCKET))
        supervisor.listen()
        assert main(["why", "--socket", str(short_dir / "door.sock")]) == 1
    assert "the station's core is starting" in capsys.readouterr().err


def test_the_supervisor_serves_where_it_is_looked_for(tmp_path: Path) -> None:
    door = SupervisorDoor(Supervisor([]), run_dir(tmp_path), evses=1, simulated=True)
    assert door.server.path == default_socket(tmp_path).with_name(SUPERVISOR_SOCKET)


@pytest.mark.parametrize("params", ["[1]", "7", "{", '"x"'])
def test_params_that_are_no_object_are_refused(
    params: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "sys.state", params]) == 2
    assert capsys.readouterr().err.startswith("params are no")


# --- recordings -----------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[tuple[LinkRecording, VirtualClock]]:
    """To `link.cap`, through a database in memory."""
    clock = VirtualClock(5_000)
    database = new_database(clock, print)
    rec = LinkRecording(tmp_path / "link.cap", clock, StallingStorage(database))
    yield rec, clock
    rec.close()
    database.close()


def test_only_the_core_is_told_to_record(tmp_path: Path) -> None:
    found = units(station(), Path(DEMO), tmp_path, tmp_path / "d.sock", tmp_path / "r")
    recorded = [unit.name for unit in found if "--record" in unit.argv]
    assert recorded == ["core"]


def test_a_recording_is_decoded_as_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "link.cap"
    path.write_text(f"{HEADER}\n1500 > 0000\n2500 < 11223300\n")
    assert main(["link", "decode", str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.strip() == "2.500 < ! 1 damaged: 11223300"


@pytest.mark.parametrize(
    ("text", "words"),
    [("hello\n", "line 1"), (f"{HEADER}\nnonsense\n", "line 2"), ("\u00e4\n", "is no recording")],
)
def test_a_file_that_is_no_recording_is_refused(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "link.cap"
    path.write_text(text, "utf-8")
    assert main(["link", "decode", str(path)]) == 1
    assert words in capsys.readouterr().err


def test_a_recording_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["link", "decode", str(tmp_path / "none")]) == 1
    assert "can not be read: No such file" in capsys.readouterr().err


class LoopbackPort:
    """A transport that keeps what is written to it."""

    name = "loopback"
    ready = True

    def __init__(self) -> None:
        self.written = b""

    def start(self, on_data: object, on_ready: object, on_lost: object) -> None:
        self.on_data = on_data

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        """Nothing to close."""


def test_what_crosses_the_wire_is_written_about_once_a_second(
    tmp_path: Path, recording: tuple[LinkRecording, VirtualClock]
) -> None:
    path = tmp_path / "link.cap"
    rec, clock = recording
    port = LoopbackPort()
    rec.around(port).write(b"\x01\x02")
    rec.poll()
    assert path.read_text() == f"{HEADER}\n"
    clock.advance_to(5_000 + WRITE_EVERY_MS)
    rec.poll()
    assert (
        path.read_text() == f"{HEADER}\n{Record(5_000, Direction.TO_BOARD, bytes([1, 2])).line()}\n"
    )
    assert port.written == b"\x01\x02"
    rec.around(port).write(b"\x03")
    rec.close()
    assert path.read_text().endswith("6000 > 03\n")


def test_what_an_earlier_core_recorded_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "link.cap"
    path.write_text("before the crash\n")
    clock = VirtualClock()
    with contextlib.closing(new_database(clock, print)) as database:
        LinkRecording(path, clock, StallingStorage(database)).close()
    assert (tmp_path / "link.cap.1").read_text() == "before the crash\n"


def test_a_disk_that_fails_ends_the_recording_and_nothing_else(
    recording: tuple[LinkRecording, VirtualClock],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rec, _clock = recording
    port = LoopbackPort()
    carried = rec.around(port)
    monkeypatch.setattr(rec._file, "append", _no_space)
    carried.write(b"\x01")
    rec.flush()
    assert "No space left" in rec.failed
    carried.write(b"\x02")
    rec.flush()
    assert port.written == b"\x01\x02"
    assert caplog.text.count("recorded no more") == 1


def _no_space(_record: Record) -> None:
    raise OSError(28, "No space left on device")
