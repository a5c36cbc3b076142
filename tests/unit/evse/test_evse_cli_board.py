"""`evse board`, as a technician and as his impatience use it."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from evse.cli import main
from evse.cli.board_call import ring_1_runs
from evse.cli.board_keeper import watched
from evse.cli.board_sensors import read_by_its_own

ROOT = Path(__file__).parents[3]
ENDED_WITHIN_S = 20


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A native station, named by its file."""
    path = tmp_path / "station.toml"
    text = (ROOT / "hil" / "station_free.toml").read_text("utf-8")
    native = 'kind = "native"\nprofile = "pievse-reference"\ninterlock = "relay K1"'
    text = text.replace('kind = "simulated"', native)
    path.write_text(text.replace('kind = "modbus"', 'kind = "modbus"\nport = "/dev/ttyUSB0"'))
    return path


def test_the_list_names_each_step(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "check", "--config", str(station), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "supply-12v                the pilot's +12 V supply"
    assert len(lines) == 21


def test_without_a_terminal_the_walk_is_printed_and_nothing_is_touched(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", "check", "--config", str(station), "--step", "evse1.pilot-pwm"]) == 2
    told = capsys.readouterr()
    assert "53.3 % high (32 A)" in told.out
    assert "GPIO12 (header pin 32)" in told.out
    assert "run it at a terminal" in told.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--step", "pilot"], 2, "no step 'pilot': supply-12v, "),
        (["--profile", "pievse-referense"], 1, "did you mean pievse-reference?"),
    ],
)
def test_what_is_wrong_with_the_call_is_said(
    station: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, says: str
) -> None:
    assert main(["board", "check", "--config", str(station), *options]) == code
    assert says in capsys.readouterr().err


def test_a_simulated_station_wants_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    simulated = str(ROOT / "hil" / "station_free.toml")
    assert main(["board", "check", "--config", simulated, "--list"]) == 2
    assert "give --profile, of pievse-" in capsys.readouterr().err
    again = ["board", "check", "--config", simulated, "--list", "--profile", "pievse-reference"]
    assert main(again) == 0


def test_without_the_libraries_of_the_pins_every_command_says_how_to_get_them(
    station: Path, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "sys.modules['gpiozero'] = None\n"
        "from evse.cli import main\n"
        "path = sys.argv[1]\n"
        "print(main(['board', 'check', '--config', path, '--list']))\n"
        "print(main(['check-config', path]))\n"
        "print(main(['guard', '--config', path, '--make-safe']))\n"
        "print(main(['run', '--config', path, '--state-dir', sys.argv[2]]))\n"
        "print(main(['check-config', path, '--needs', 'temperature']))\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", script, str(station), str(tmp_path / "state")),
        capture_output=True,
        text=True,
        timeout=ENDED_WITHIN_S,
        check=False,
    )
    assert done.stdout.split() == ["1", "1", "1", "1", "3"]
    assert done.stderr.count("install pievse[gpio]") == 4
    assert "Traceback" not in done.stderr


class Seat:
    """A terminal with the command running at it."""

    def __init__(self, station: Path, *options: str) -> None:
        self.report = station.with_name("record.json")
        command = [sys.executable, "-m", "evse", "board", "check", "--config", str(station)]
        command += ["--report", str(self.report), "--fake", *options]
        ours, theirs = pty.openpty()
        self._fd: int | None = ours
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.shown = ""

    def read_until(self, text: str) -> None:
        assert self._fd is not None
        timer = threading.Timer(ENDED_WITHIN_S, self.process.kill)
        timer.start()
        try:
            while text not in self.shown:
                self.shown += os.read(self._fd, 4_096).decode()
        finally:
            timer.cancel()

    def type(self, text: str) -> None:
        assert self._fd is not None
        self.shown = ""
        os.write(self._fd, text.encode())

    def hang_up(self) -> None:
        assert self._fd is not None
        os.close(self._fd)
        self._fd = None
        self.process.send_signal(signal.SIGHUP)  # as the kernel does to who owns the terminal

    def end(self) -> int:
        try:
            return self.process.wait(ENDED_WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()
            if self._fd is not None:
                os.close(self._fd)


def test_a_walk_at_a_terminal_and_its_record(station: Path) -> None:
    seat = Seat(station, "--step", "supply-12v", "--step", "evse1.pilot-pwm")
    seat.read_until("Enter begins")
    seat.type("\n")
    seat.read_until("Enter begins")
    seat.type("\n")
    seat.read_until("(y or n)")
    seat.type("y\n")
    seat.read_until("2 pass, 0 fail, 0 skip")
    assert seat.end() == 0
    record = msgspec.json.decode(seat.report.read_bytes())
    assert record["simulated"] is True
    assert record["interlock"] == "relay K1"
    assert [one["verdict"] for one in record["findings"]] == ["pass", "pass"]
    assert "strict_gpiod" in record["notes"][0]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda seat: seat.process.send_signal(signal.SIGINT), 130),
        (lambda seat: seat.process.send_signal(signal.SIGTERM), 128 + signal.SIGTERM),
        (Seat.hang_up, 128 + signal.SIGHUP),
        (lambda seat: seat.type("q\n"), 1),
    ],
    ids=["ctrl-c", "term", "hang-up", "quit"],
)
def test_however_it_is_ended_the_record_says_that_it_is_not_complete(
    station: Path, end: Callable[[Seat], None], code: int
) -> None:
    seat = Seat(station, "--step", "evse1.pilot-pwm")
    seat.read_until("Enter begins")
    seat.type("\n")
    seat.read_until("(y or n)")
    end(seat)
    assert seat.end() == code
    assert msgspec.json.decode(seat.report.read_bytes())["complete"] is False


def test_a_guard_that_runs_keeps_its_pins(tmp_path: Path) -> None:
    assert ring_1_runs(tmp_path, tmp_path) == ""
    (tmp_path / "run").mkdir()
    for place, says in ((tmp_path, "systemctl stop pievse-guard"), (tmp_path / "run", "evse run")):
        with socket.socket(socket.AF_UNIX) as guard:
            guard.bind(str(place / "board.sock"))
            guard.listen()
            assert says in ring_1_runs(tmp_path, tmp_path)
        (place / "board.sock").unlink()


def test_a_check_reads_slow_sensors_by_a_reader_of_its_own() -> None:
    with read_by_its_own([]) as path:
        assert not Path(path).exists()
    with read_by_its_own(["w1:28-000000000000"]) as path:
        folder = Path(path).parent
        assert folder.is_dir()
    assert not folder.exists()


# who makes safe after a kill


@pytest.mark.parametrize(("killed", "made_safe"), [(True, True), (False, False)])
def test_a_killed_walk_is_made_safe_by_its_keeper(
    tmp_path: Path, killed: bool, made_safe: bool
) -> None:
    told = tmp_path / "safe"
    script = (
        "import sys, time\n"
        "from evse.cli.board_keeper import watched\n"
        "with watched(['/usr/bin/env', 'touch', sys.argv[1]]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        if killed:
            process.kill()
            process.stdout.read()  # the keeper has it too: its end is the keeper's end
        else:
            process.communicate(b"\n")
    assert told.exists() is made_safe


def test_an_exception_inside_is_a_death_too(tmp_path: Path) -> None:
    told = tmp_path / "safe"
    with pytest.raises(RuntimeError), watched(["/usr/bin/env", "touch", str(told)]):
        raise RuntimeError
    assert told.exists()
