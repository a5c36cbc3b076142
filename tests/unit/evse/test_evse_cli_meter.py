"""`evse meter`, as its user sees it, against foreign slaves on a line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
from foreign_meters import FOREIGN, line_of

from evse.cli import main, meter_watch
from evse.cli.meter_table import table
from evse.model import MeterReading
from hil.plant.meter_sim import sealed


@contextmanager
def on_line(models: dict[int, str]) -> Iterator[str]:
    """Foreign meters by unit, served from another thread: the command has its own event loop."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[str] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with line_of({unit: FOREIGN[model] for unit, model in models.items()}) as port:
            found.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


HEARD: list[bytes] = []
"""What was sent on the line of `heard_instead`."""


@contextmanager
def heard_instead(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A line on which `answer` says what comes."""
    HEARD.clear()
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while (asked := os.read(master, 512)) != b"end":
                HEARD.append(asked)
                os.write(master, answer(asked))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(slave, b"end")
        thread.join()
        os.close(master)
        os.close(slave)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_read_shows_phases_across_and_quantities_down(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({1: "sdm630"}) as port:
        assert main(["meter", "read", "--model", "sdm630", "--port", port]) == 0
    head, *rows = said(capsys).splitlines()
    assert head.startswith(f"Eastron SDM630, unit 1 at {port} (9600 8N1), in ")
    assert rows == [
        "                       L1             L2             L3          total",
        "voltage           230.1 V        229.8 V        231.0 V",
        "current           16.00 A        15.98 A         0.05 A",
        "power              1845 W         1830 W            5 W         3680 W",
        "frequency                                                     49.90 Hz",
        "imported                                                 12345.670 kWh",
        "exported                                                     7.500 kWh",
    ]


def test_read_raw_shows_each_value_with_its_registers(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({33: "iskra_wm3m4"}) as port:
        options = ["--port", port, "--parity", "N", "--stop-bits", "1", "--raw"]
        assert main(["meter", "read", "--model", "iskra_wm3m4", *options]) == 0
    told = said(capsys)
    assert "voltage_l1_v      0x006b (107)    t5  ff00 08fd           230.1" in told
    assert "0x01a2 (418)    i32  0012 d687           x 10^ 0001 at 0x019e 12345670" in told
    assert "not sure of this model: parity and stop bits" in told


def test_read_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({9: "dvh4013"}) as port:
        options = ["--port", port, "--unit", "9", "--parity", "N", "--json"]
        assert main(["meter", "read", "--model", "dvh4013", *options]) == 0
    assert '"power_w": 3680.0' in said(capsys)


STATION = """
[station]
identity = "M-1"
[board]
kind = "serial"
port = "/dev/ttyS0"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "cable"
max_current_a = 16.0
[evse.meter]
kind = "modbus"
model = "pro380"
port = "{port}"
unit = 4
parity = "N"
[authorization]
mode = "free"
"""


def test_a_configuration_names_the_meter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "station.toml"
    with on_line({4: "pro380"}) as port:
        file.write_text(STATION.format(port=port))
        assert main(["meter", "read", "--config", str(file)]) == 0
        assert said(capsys).startswith("Inepro PRO380-Mod, unit 4")
        assert main(["meter", "read", "--config", str(file), "--evse", "mains"]) == 2
    assert "--evse mains has no meter; there: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "name the meter: --model and --port, or --config station.toml"),
        (["--model", "smd630", "--port", "x"], "did you mean sdm630?"),
        (["--model", "eem350", "--port", "x"], "say baud, parity, stop_bits"),
        (["--model", "dvh4013", "--port", "x"], "has no usual address: give --unit"),
    ],
)
def test_what_is_missing_is_asked_for(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meter", "read", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["read", "--unit", "300"], "'300' is no whole number from 1 to 247"),
        (["read", "--unit", "x"], "'x' is no whole number from 1 to 247"),
        (["read", "--baud", "5"], "'5' is no whole number from 1200"),
        (["doctor", "--times", "0"], "'0' is no whole number from 1"),
        (["watch", "--every", "0"], "'0' is no number from 0.1 to 3600"),
        (["watch", "--every", "often"], "'often' is no number"),
        (["watch", "--every", "nan"], "'nan' is no number"),
        (["scan", "--timeout-ms", "-5"], "'-5' is no whole number from 20 to 5000"),
    ],
)
def test_numbers_out_of_bounds_are_refused(
    command: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["meter", *command, "--port", "x"])
    assert words in capsys.readouterr().err


def test_a_port_that_is_not_there_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    for command in (["read", "--model", "sdm630"], ["scan"]):
        assert main(["meter", *command, "--port", nowhere]) == 1
        assert f"{nowhere} is not there: its adapter is unplugged" in capsys.readouterr().err


def test_a_silent_line_gets_the_doctors_words(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({7: "sdm630"}) as port:
        options = ["--model", "sdm630", "--port", port, "--timeout-ms", "50"]
        assert main(["meter", "read", *options]) == 1
        told = capsys.readouterr().err
        assert f"-> nothing answers at {port} (9600 8N1). Check the meter's supply" in told
        assert main(["meter", "doctor", *options, "--times", "2"]) == 1
        assert "01 04 00 00 00 4c f1 ff -> silent" in said(capsys)
        assert main(["meter", "doctor", *options, "--unit", "7", "--times", "3"]) == 0
        assert "3 of 3 answers were sound" in said(capsys)
        other = ["--model", "pro380", "--parity", "N", "--unit", "7", "--port", port]
        assert main(["meter", "doctor", *other]) == 1
        assert "unit 7 has no register 0x50" in said(capsys)


def test_watch_gives_one_line_for_each_reading_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with on_line({1: "sdm630"}) as port:
        options = ["--model", "sdm630", "--port", port, "--every", "0.1", "--count", "2"]
        assert main(["meter", "watch", *options]) == 0
    first, second = said(capsys).splitlines()
    for line in (first, second):
        assert line[8:] == ("  230.1 229.8 231.0 V  16.00 15.98 0.05 A  3680 W  12345.670 kWh")


def test_watch_redraws_a_terminal_and_ends_cleanly_by_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    drawn: list[MeterReading] = []

    def drawn_then_interrupted(reading: MeterReading) -> list[str]:
        drawn.append(reading)
        if len(drawn) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return table(reading)

    monkeypatch.setattr(meter_watch, "table", drawn_then_interrupted)
    with on_line({1: "sdm630"}) as port:
        options = ["--model", "sdm630", "--port", port, "--every", "0.1"]
        assert main(["meter", "watch", *options]) == 0
    told = said(capsys)
    assert told.startswith("\x1b[?25l\x1b[H\x1b[JEastron SDM630, unit 1 at ")
    assert told.count("\x1b[H\x1b[J") == 2
    assert told.endswith("\x1b[?25h")


def test_watch_goes_on_over_a_failure_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    options = ["--model", "sdm630", "--port", nowhere, "--every", "0.1", "--count", "2"]
    assert main(["meter", "watch", *options]) == 0
    lines = said(capsys).splitlines()
    assert len(lines) == 2
    assert "its adapter is unplugged or has another name now. Plug it in" in lines[1]
    assert lines[1].count("is not there") == 1


def test_a_port_that_the_station_holds_is_told_with_where_to_look_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = tmp_path / "door.sock"
    monkeypatch.setenv("PIEVSE_SOCKET", str(door))
    with (
        on_line({1: "sdm630"}) as port,
        serial.Serial(port, 9_600, exclusive=True),
        socket.socket(socket.AF_UNIX) as listener,
    ):
        command = ["meter", "read", "--model", "sdm630", "--port", port]
        assert main(command) == 1
        assert f"`fuser {port}` names it" in capsys.readouterr().err
        listener.bind(str(door))
        listener.listen()
        assert main(command) == 1
        told = capsys.readouterr().err
    assert "the station is running and reads its meters itself" in told
    assert "`evse console`" in told


def test_scan_finds_who_answers_and_which_models_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({1: "em340", 3: "abb_b23", 33: "iskra_wm3m4"}) as port:
        options = ["--port", port, "--units", "1-3,33", "--timeout-ms", "50", "--parity", "N"]
        assert main(["meter", "scan", *options]) == 0
    told = said(capsys)
    assert "4 addresses; at most" in told
    assert told.index("9600 8N1") < told.index("unit 1 answers")
    units = told.split("unit ")[1:]
    assert [one.split(maxsplit=1)[0] for one in units if "answers" in one] == ["1", "33", "3"]
    fits = {one.split(maxsplit=1)[0]: one for one in units if "answers" in one}
    assert fits["1"].splitlines()[1].split()[0] == "em340"
    assert "em24" not in fits["1"]
    assert fits["3"].splitlines()[1].split()[0] == "abb_b23"
    assert fits["33"].splitlines()[1].split()[0] == "iskra_wm3m4"
    assert "230.1 229.8 231.0 V  16.00 15.98 0.05 A  3680 W  12345.670 kWh" in fits["33"]
    assert 'model = "em340"' in fits["1"]


def test_models_with_the_same_registers_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({1: "sdm630"}) as port:
        options = ["--port", port, "--units", "1", "--timeout-ms", "50", "--parity", "N"]
        assert main(["meter", "scan", *options]) == 0
    told = said(capsys)
    assert 'model = "sdm630"  # or sdm72d_m_v2, sdm54: its label tells' in told
    assert "em111" not in told


def test_scan_ends_in_words_where_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with on_line({99: "sdm630"}) as port:
        options = ["--port", port, "--units", "1", "--timeout-ms", "20", "--baud", "115200"]
        assert main(["meter", "scan", *options, "--parity", "N"]) == 1
    assert "swap A and B" in capsys.readouterr().err
    assert main(["meter", "scan", "--port", port, "--units", "0-3"]) == 2
    assert "no addresses from 1 to 247" in capsys.readouterr().err


def test_scan_goes_on_past_settings_that_the_port_can_not_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A pty has no parity."""
    with on_line({99: "sdm630"}) as port:
        options = ["--port", port, "--units", "1", "--timeout-ms", "20", "--baud", "9600"]
        assert main(["meter", "scan", *options]) == 1
        assert "nothing answers at" in capsys.readouterr().err
        assert main(["meter", "scan", *options, "--parity", "E"]) == 1
        assert f"the adapter at {port} can not do 9600 8E1" in capsys.readouterr().err


def test_scan_sends_nothing_but_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a device that answers each of them with an exception, so that all models are tried."""
    with heard_instead(lambda asked: sealed(bytes([asked[0], asked[1] | 0x80, 4]))) as port:
        options = ["--port", port, "--units", "1-3", "--timeout-ms", "20", "--baud", "9600"]
        assert main(["meter", "scan", *options, "--parity", "N"]) == 0
    assert "unit 3 answers at 9600 8N1; its registers fit no model" in said(capsys)
    assert len(HEARD) > 20
    assert all(len(asked) == 8 and asked[1] in (3, 4) for asked in HEARD)


def test_scan_tells_what_came_instead_of_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with heard_instead(lambda _asked: b"login: \r\n") as port:
        options = ["--port", port, "--units", "1", "--timeout-ms", "20", "--baud", "9600"]
        assert main(["meter", "scan", *options, "--parity", "N"]) == 1
    told = capsys.readouterr().err
    assert f"what comes at {port} is no Modbus RTU" in told
    assert "a login console" in told


def test_models_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meter", "models"]) == 0
    told = said(capsys)
    assert "sdm630            Eastron SDM630" in told
    assert all(name in told for name in FOREIGN)
    assert main(["meter", "models", "em24"]) == 0
    assert "doubts        9600 8N1 as delivered is not confirmed" in said(capsys)
    assert main(["meter", "models", "em42"]) == 1
    assert "did you mean em24?" in capsys.readouterr().err
