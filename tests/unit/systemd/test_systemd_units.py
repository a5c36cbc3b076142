"""The units as systemd itself reads them, and each name in them held against what it names."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evse.cli import COMMANDS
from evse.cli.check_config import NOT_NEEDED
from evse.cli.check_config import UNITS as UNITS_ASKED
from evse.door.peer import DoorTable
from evse.run.process import EXIT_RESTART_APPLICATION, EXIT_RESTART_HARDWARE
from ocpp_link.files.release_unit import UNIT

HOUSE = Path(__file__).parents[3] / "systemd"
UNITS = sorted((HOUSE / "units").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
EXPOSURE = {
    "pievse-core.service": 2.0,
    "pievse-ocpp.service": 2.0,
    "pievse-guard.service": 1.5,
    "pievse-temperature.service": 1.5,
    "pievse-sim.service": 1.5,
    "pievse-console@.service": 1.5,
    "pievse-install-release.service": 3.0,
}
"""At most; `systemd-analyze security` calls 0 safe and 10 open to all."""
systemd_analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    systemd_analyze is None, reason="no systemd-analyze on this computer (apt install systemd)"
)


def settings(path: Path, key: str) -> list[str]:
    """The values that a unit gives a setting."""
    lines = path.read_text("utf-8").splitlines()
    return [value for name, _, value in (line.partition("=") for line in lines) if name == key]


def commands(path: Path) -> list[str]:
    return [
        command.lstrip("+-!@:")
        for key in ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStopPost")
        for command in settings(path, key)
    ]


@needs_systemd
def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    """Their programs are put where a unit may find them, and are nothing but executable."""
    units = tmp_path / "units"
    units.mkdir()
    for path in UNITS:
        text = path.read_text("utf-8").replace("/opt/pievse", str(tmp_path))
        (units / path.name).write_text(text, "utf-8")
        for command in commands(units / path.name):
            program = Path(shlex.split(command)[0])
            if program.is_relative_to(tmp_path) and not program.exists():
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text("#!/bin/sh\n", "utf-8")
                program.chmod(0o755)
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", *map(str, sorted(units.iterdir()))),
        env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize(("name", "most"), EXPOSURE.items())
def test_a_process_is_exposed_no_more_than_is_agreed(name: str, most: float) -> None:
    """The core and the link at most 2.0."""
    done = subprocess.run(
        ("systemd-analyze", "security", "--offline=yes", "--no-pager", HOUSE / "units" / name),
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= most


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_unit_calls_the_command_as_the_command_takes_it(path: Path) -> None:
    for command in commands(path):
        for found in re.finditer(r"/opt/pievse/bin/evse (\S+)([^'&;]*)", command):
            name, options = found[1], shlex.split(found[2])
            parser = argparse.ArgumentParser()
            importlib.import_module(COMMANDS[name][0]).add(parser, name)
            parser.parse_args(options)


def test_who_is_not_needed_is_told_apart_from_what_can_not_be_read() -> None:
    """A unit of a broken release must start, fail and be counted; it must not be skipped."""
    for script in ("needs", "begin-anew"):
        text = (HOUSE / "libexec" / script).read_text("utf-8")
        assert f"[ $? -ne {NOT_NEEDED} ]" in text
    wanted = [found for path in SERVICES for found in settings(path, "ExecCondition")]
    assert sorted(wanted) == [f"/opt/pievse/libexec/needs {unit}" for unit in sorted(UNITS_ASKED)]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_scripts_that_a_unit_calls_are_there(path: Path) -> None:
    for command in commands(path):
        for script in re.findall(r"/opt/pievse/libexec/(\S+)", command):
            assert os.access(HOUSE / "libexec" / script, os.X_OK), script


@pytest.mark.parametrize(
    "path", [*(HOUSE / "libexec").iterdir(), HOUSE / "install.sh"], ids=lambda path: path.name
)
def test_scripts_can_be_read_by_a_plain_shell(path: Path) -> None:
    assert path.read_text("utf-8").startswith("#!/bin/sh\n")
    subprocess.run(("sh", "-n", path), check=True)


def test_every_user_and_group_of_a_unit_is_made() -> None:
    made = set(re.findall(r"^[gu] (\S+)", (HOUSE / "sysusers.conf").read_text("utf-8"), re.M))
    made |= {"tty"}  # of every Linux
    for path in SERVICES:
        for key in ("User", "Group", "SupplementaryGroups"):
            assert set(" ".join(settings(path, key)).split()) <= made, path.name


def test_the_groups_that_the_configuration_has_by_default_are_made() -> None:
    made = re.findall(r"^[gu] (\S+)", (HOUSE / "sysusers.conf").read_text("utf-8"), re.M)
    table = DoorTable()
    for names in (table.admins, table.technicians, table.providers, table.observers, table.ocpp):
        assert {name.lstrip("@") for name in names} <= set(made)


def test_what_polkit_lets_the_link_start_is_what_there_is() -> None:
    rule = (HOUSE / "pievse.rules").read_text("utf-8")
    pattern = re.search(r"/(\^pievse-.*\$)/", rule)
    assert pattern is not None
    names = ["pievse-restart", "pievse-reboot", "pievse-install-release"]
    clock = "pievse-set-clock@1795280400.250"
    for name in [*names, clock]:
        assert re.fullmatch(pattern[1], f"{name}.service"), name
        unit = re.sub(r"@.*", "@", name)
        assert (HOUSE / "units" / f"{unit}.service").is_file()
    others = {path.name for path in UNITS} - {f"{name}.service" for name in names}
    assert not [name for name in others if re.fullmatch(pattern[1], name)]
    assert re.fullmatch(pattern[1], UNIT)


@pytest.mark.parametrize(
    "name",
    [
        "pievse-set-clock@.service",
        "pievse-set-clock@1795280400.service",
        "pievse-set-clock@now.service",
        "pievse-set-clock@1795280400.250 -s x.service",
        "pievse-rebootxservice",
        "xpievse-reboot.service",
        "pievse-reboot.service\nx",
    ],
)
def test_polkit_s_pattern_is_held_at_both_ends(name: str) -> None:
    pattern = re.search(r"/(\^pievse-.*\$)/", (HOUSE / "pievse.rules").read_text("utf-8"))
    assert pattern is not None
    assert not re.fullmatch(pattern[1], name)


def test_the_link_s_exit_codes_are_told_apart_by_the_script_and_fail_no_unit() -> None:
    script = (HOUSE / "libexec/after-ocpp").read_text("utf-8")
    started = dict(re.findall(r"^(\d+)\)[^;]*? start (\S+)", script, re.M | re.S))
    assert started == {
        str(EXIT_RESTART_APPLICATION): "pievse-restart.service",
        str(EXIT_RESTART_HARDWARE): "pievse-reboot.service",
    }
    wanted = [f"{EXIT_RESTART_APPLICATION} {EXIT_RESTART_HARDWARE}"]
    assert settings(HOUSE / "units/pievse-ocpp.service", "SuccessExitStatus") == wanted


def test_nobody_gives_up_for_ever() -> None:
    """Who failed too often is started again in a minute: no technician stands beside a charger."""
    for name in ("core", "ocpp", "guard", "sim"):
        path = HOUSE / f"units/pievse-{name}.service"
        assert settings(path, "Restart") == ["always"]
        assert settings(path, "OnFailure") == ["pievse-again@%N.service"]


def install(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    command = (HOUSE / "install.sh", *arguments)
    environment = {"PATH": path or os.environ["PATH"]}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_script_says_how_it_is_used() -> None:
    assert install("--help").stdout.startswith("usage: sudo systemd/install.sh")
    wrong = install("--no-such-thing")
    assert (wrong.returncode, wrong.stderr[:6]) == (2, "usage:")
    assert install("--root").stderr == "install.sh: --root needs a value\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the script refuses whoever is not root before that")
@pytest.mark.parametrize(
    ("pretended", "words"),
    [
        ("version_info = (3, 10)", "PiEVSE needs Python 3.11 to 3.13"),
        ("version_info = (3, 14)", "PiEVSE needs Python 3.11 to 3.13"),
        ("version_info = (2, 7)", "PiEVSE needs Python 3.11 to 3.13"),
        ('base_prefix = "/home/pi/.pyenv/versions/3.11.9"', "lies in a home directory"),
        ('base_prefix = "/root/.local"', "lies in a home directory"),
    ],
)
def test_the_script_refuses_a_python_that_the_units_can_not_run_on(
    tmp_path: Path, pretended: str, words: str
) -> None:
    """And has changed nothing: here it could not, for it finds no program to do it with."""
    for program in ("sh", "id", "uname", "dirname"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    python = tmp_path / "python"
    pretends = f"import sys\\nsys.version_info = (3, 11)\\nsys.{pretended}\\n%s"
    script = f"#!/bin/sh\nprintf '{pretends}' \"$2\" | exec {sys.executable} -\n"
    python.write_text(script, "utf-8")
    python.chmod(0o755)
    done = install("--python", str(python), "--no-start", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
