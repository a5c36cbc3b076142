"""The command line: which call at the door a command means, and what is refused before any call."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evse.cli import COMMANDS, charge_now, main
from evse.cli import sim as sim_commands
from evse.cli.check_config import UNITS, needs
from evse.cli.places import default_socket, run_dir
from evse.cli.run import simulated, units
from evse.config.load import parse
from evse.config.station import StationConfig
from hil.plant.ev import VARIANTS
from hil.plant.model import CABLE_OHM

TOML = """
[station]
identity = "CLI-1"
[board]
kind = "{kind}"
port = "{port}"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "socket"
max_current_a = 32.0
[evse.meter]
kind = "modbus"
port = "/dev/ttyUSB1"
[[evse]]
id = 2
evse_id = "DE*PNX*E2*1"
connector = "cable"
max_current_a = 16.0
[authorization]
mode = "free"
"""
OCPP = '[ocpp]\nurl = "ws://127.0.0.1:9/ocpp"\n'


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short name, wherever it is: sockets are to be in it."""
    return tmp_path_factory.mktemp("t")


def station(kind: str = "simulated", extra: str = "") -> StationConfig:
    port = "" if kind == "simulated" else "/dev/ttyS0"
    return parse(TOML.format(kind=kind, port=port) + extra, "station.toml")


def meaning(*words: str) -> tuple[str, dict[str, Any]]:
    parser = ArgumentParser()
    sim_commands.add(parser, "sim")
    return sim_commands.request(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "method", "params"),
    [
        (("plug-out",), "sim.plug_out", {"evse": 1}),
        (("plug-out", "--evse", "2"), "sim.plug_out", {"evse": 2}),
        (("ev-pause",), "sim.ev_pause", {"evse": 1}),
        (("ev-resume",), "sim.ev_resume", {"evse": 1}),
        (
            ("plug-in", "--amps", "8", "--phases", "1", "--cable-a", "20", "--variant", "rude"),
            "sim.plug_in",
            {
                "evse": 1,
                "delay_s": 0.0,
                "draw": {"amps": 8.0, "phases": 1},
                "cable_a": 20,
                "variant": "rude",
            },
        ),
        (("swipe", "ABC"), "sim.swipe", {"id_token": {"value": "ABC", "type": "ISO14443"}}),
        (
            ("swipe", "ABC", "--evse", "2"),
            "sim.swipe",
            {"id_token": {"value": "ABC", "type": "ISO14443"}, "evses": [2]},
        ),
        (
            ("fault", "contactor_weld"),
            "sim.set_fault",
            {"evse": 1, "fault": "contactor_weld", "active": True},
        ),
        (
            ("fault", "lock_jam", "--clear"),
            "sim.set_fault",
            {"evse": 1, "fault": "lock_jam", "active": False},
        ),
        (("power-cut",), "sim.power_cut", {"off_s": 1.0}),
        (
            ("power-cut", "core", "ocpp", "--off-s", "3"),
            "sim.power_cut",
            {"processes": ["core", "ocpp"], "off_s": 3.0},
        ),
        (("house", "5", "3.5", "-8"), "sim.house", {"amps": [5.0, 3.5, -8.0]}),
        (("house",), "sim.house", {}),
        (("state",), "sim.state", {}),
    ],
)
def test_what_a_simulation_command_asks(
    words: tuple[str, ...], method: str, params: dict[str, Any]
) -> None:
    assert meaning(*words) == (method, params)


@pytest.mark.parametrize("amps", [("5",), ("5", "3"), ("1", "2", "3", "4")])
def test_a_house_has_three_lines(amps: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        meaning("house", *amps)
    assert ended.value.code == 2
    assert "R, S and T" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "shown"),
    [(True, "true"), ("Processing", "Processing"), ({"1": 2}, '{\n  "1": 2\n}')],
)
def test_an_answer_is_shown_as_json_or_as_a_word(
    answer: object, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sim_commands, "ask", lambda *_asked: answer)
    assert main(["sim", "plug-out"]) == 0
    assert capsys.readouterr().out == f"{shown}\n"


class DelayingStation:
    """EVSE 1 charges, EVSE 2 waits out a random delay; keeps what it was asked to change."""

    def __init__(self) -> None:
        self.cancelled: list[int] = []

    def __call__(self, _socket: Path, method: str, params: dict[str, Any]) -> Any:
        if method == "sys.state":
            return {"evses": [{"evse": 1, "delay": None}, {"evse": 2, "delay": {"left_s": 240}}]}
        assert method == "uk_random_delay.cancel"
        self.cancelled.append(params["evse"])
        return None


@pytest.mark.parametrize(
    ("words", "code", "cancelled", "told"),
    [
        ((), 0, [2], "EVSE 1: no random delay is running\nEVSE 2: the random delay is over\n"),
        (("2",), 0, [2], "EVSE 2: the random delay is over\n"),
        (("1",), 0, [], "EVSE 1: no random delay is running\n"),
        (("3",), 1, [], "evse 3 is not here: one of [1, 2]\n"),
    ],
)
def test_charge_now_ends_the_delay_of_one_evse_or_of_all(
    words: tuple[str, ...],
    code: int,
    cancelled: list[int],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    station = DelayingStation()
    monkeypatch.setattr(charge_now, "ask", station)
    assert main(["charge-now", *words]) == code
    assert station.cancelled == cancelled
    out = capsys.readouterr()
    assert told in (out.out, out.err)


def test_a_command_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["charge"]) == 2
    told = capsys.readouterr()
    assert "there is no command 'charge'; did you mean charge-now?" in told.err
    assert told.out == ""


def test_help_names_every_temper_of_a_car_and_every_cable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["sim", "plug-in", "--help"])
    words = set(capsys.readouterr().out.replace(",", " ").split())
    assert {*VARIANTS, *map(str, CABLE_OHM)} <= words


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    told = capsys.readouterr().out
    assert all(command in told for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"evse {command}" in capsys.readouterr().out


def test_a_call_whose_params_are_no_json_is_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["call", "sys.state", "{torn"]) == 2
    assert "params are not JSON" in capsys.readouterr().err


def test_without_a_station_a_command_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--socket", str(tmp_path / "door.sock")]
    for words in (["why"], ["state"], ["charge-now"], ["call", "sys.state"]):
        assert main([*words, *nowhere]) == 1
        assert "no station is running" in capsys.readouterr().err
    for words in (["plug-in"], ["swipe"], ["house"], ["power-cut"]):
        assert main(["sim", *nowhere, *words]) == 1
        assert "no station is running" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "station.toml")
    assert main(["check-config", path]) == 1
    assert path in capsys.readouterr().err
    assert main(["run", "--config", path, "--sim", "--state-dir", str(tmp_path)]) == 1
    assert path in capsys.readouterr().err


def test_a_state_directory_that_can_not_be_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, taken = tmp_path / "s.toml", tmp_path / "t"
    path.write_text(TOML.format(kind="simulated", port=""), "utf-8")
    taken.write_text("a file", "utf-8")
    assert main(["run", "--config", str(path), "--sim", "--state-dir", str(taken)]) == 1
    assert f"--state-dir {taken} can not be used" in capsys.readouterr().err


# --- what `run` starts ----------------------------------------------------------------------------


def names(config: StationConfig) -> list[str]:
    state_dir = Path("/state")
    return [
        unit.name for unit in units(config, Path("/c.toml"), state_dir, default_socket(state_dir))
    ]


def test_a_simulated_station_brings_its_metal() -> None:
    assert names(station()) == ["plant", "guard", "meter-1", "core"]
    metal = [
        unit.name
        for unit in units(station(), Path("/c.toml"), Path("/state"), Path("/s.sock"))
        if unit.simulated_metal
    ]
    assert metal == ["plant", "meter-1"], "ring 1 is of the computer: it dies in a power cut"


def test_a_meter_at_the_mains_is_metal_too_and_answers_to_its_own_address() -> None:
    mains = '[mains]\nmax_mains_a = 25\n[mains.meter]\nkind = "modbus"\nunit = 9\n'
    config = station(extra=mains)
    assert names(config) == ["plant", "guard", "meter-1", "meter-mains", "core"]
    found = {u.name: u for u in units(config, Path("/c.toml"), Path("/state"), Path("/s.sock"))}
    meter = found["meter-mains"]
    assert meter.simulated_metal
    assert meter.leaves == ("/state/run/meter-mains.tty",)
    assert meter.argv[-2:] == ("--unit", "9")


def test_a_station_with_a_board_is_its_core_alone() -> None:
    assert names(station("serial")) == ["core"]


def test_a_back_office_takes_its_own_process() -> None:
    assert names(station("serial", OCPP)) == ["core", "ocpp"]


def test_sim_puts_any_station_on_simulated_metal() -> None:
    config = simulated(station("serial"))
    assert config.board.kind == "simulated"
    assert names(config)[0] == "plant"


def test_every_process_gets_the_same_files() -> None:
    state_dir, socket = Path("/state"), Path("/door.sock")
    found = {u.name: u.argv for u in units(station(extra=OCPP), Path("/c.toml"), state_dir, socket)}
    for name in ("core", "ocpp"):
        assert found[name][:3] == (sys.executable, "-m", "evse")
        given = json.dumps(found[name][3:])
        for word in ("--config", "/c.toml", "--state-dir", "/state", "--socket", "--sim"):
            assert word in given
    assert str(run_dir(state_dir)) in found["plant"]
    assert str(run_dir(state_dir)) in found["guard"]


def test_a_user_that_this_computer_does_not_have_is_told_beside_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    toml = TOML.format(kind="simulated", port="") + '[door]\nadmins = ["no-such-user-1"]\n'
    path.write_text(toml, "utf-8")
    assert main(["check-config", str(path)]) == 0
    told = capsys.readouterr()
    assert '"no-such-user-1" is not known on this computer' in told.err
    assert 'admins = ["no-such-user-1"]' in told.out


# --- a station whose processes somebody else starts (docs/units.md) ------------------------------


@pytest.mark.parametrize(
    ("kind", "needed"), [("simulated", ["sim"]), ("native", ["guard"]), ("serial", [])]
)
def test_a_configuration_tells_which_processes_it_needs(kind: str, needed: list[str]) -> None:
    config = station()
    board = msgspec.structs.replace(config.board, kind=kind)
    config = msgspec.structs.replace(config, board=board, ocpp=None)
    assert [unit for unit in UNITS if needs(config, unit)] == needed


@pytest.mark.parametrize(("more", "code"), [("", 3), (OCPP, 0), ("x", 1)])
def test_the_exit_code_says_whether_a_process_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, code: int
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(TOML.format(kind="simulated", port="") + more, "utf-8")
    assert main(["check-config", str(path), "--needs", "ocpp"]) == code
    said = capsys.readouterr()
    assert (said.out, bool(said.err)) == ("", code == 1)


def test_metal_alone_is_asked_of_a_simulated_station_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(TOML.format(kind="serial", port="/dev/ttyAMA0"), "utf-8")
    arguments = ["run", "--config", str(path), "--state-dir", str(tmp_path / "t"), "--metal"]
    assert main(arguments) == 2
    assert "--metal is for a simulated board alone" in capsys.readouterr().err
