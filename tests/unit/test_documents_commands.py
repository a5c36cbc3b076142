"""What the pages tell a technician to type can be typed."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from msgspec.structs import replace

from drivers.board.fitted import board_problems, missing
from drivers.board.profile import parse_profile
from evse.cli import COMMANDS
from evse.config.load import parse
from evse.faults import catalogue
from hil.docs.faults import anchor

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["hardware.md", "install.md", "meters.md", "rfid.md", "service.md", "units.md"]
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(?:sudo )?(evse [^`]+)`")


def fenced(page: str) -> list[str]:
    """Each `evse ...` that is to be typed, without comment and sudo."""
    blocks = FENCE.findall((DOCS / page).read_text("utf-8"))
    lines = [line for kind, block in blocks if kind != "toml" for line in block.splitlines()]
    typed = [line.partition("  #")[0].strip().removeprefix("sudo ") for line in lines]
    return [line for line in typed if line.startswith("evse ")]


def named(page: str) -> list[str]:
    """Each that is named in a sentence, where what everybody knows is left out."""
    return INLINE.findall(FENCE.sub("", (DOCS / page).read_text("utf-8")))


def _of_all(found: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    return [(page, command) for page in PAGES for command in dict.fromkeys(found(page))]


def parse_command(command: str) -> None:
    """Raises SystemExit for one that is refused."""
    name, *arguments = shlex.split(command)[1:]
    assert name in COMMANDS, command
    module = import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(prog=f"evse {name}")
    module.add(parser, name)
    parser.parse_args(arguments)


@pytest.mark.parametrize(("page", "command"), _of_all(fenced))
def test_each_command_is_taken_by_its_own_parser(page: str, command: str) -> None:
    parse_command(command)


@pytest.mark.parametrize(("page", "command"), _of_all(named))
def test_each_command_that_is_named_exists(
    page: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        parse_command(command)
    except SystemExit:
        assert "required" in capsys.readouterr().err


def test_each_wiring_fault_has_its_row_with_what_decides() -> None:
    page = (DOCS / "service.md").read_text("utf-8")
    section = page.partition("## Wiring faults")[2].partition("\n## ")[0]
    wiring = [
        fault for fault in catalogue() if any(by.startswith("wiring") for by in fault.raised_by)
    ]
    assert wiring
    for fault in wiring:
        assert f"| [{fault.sub_type}](faults.md#{anchor(fault)})" in section


def tables_of(page: str, first: str) -> str:
    """The one TOML block of the page that has the line `first`."""
    blocks = FENCE.findall((DOCS / page).read_text("utf-8"))
    (found,) = (text for kind, text in blocks if kind == "toml" and first in text.splitlines())
    return found


def test_the_way_begins_with_a_configuration_that_the_reference_board_can_be() -> None:
    config = parse(tables_of("install.md", "[station]"))
    assert config.board.bench
    assert board_problems(config) == []


def test_the_least_board_of_the_way_suits_a_station_with_a_cable() -> None:
    profile = parse_profile(tables_of("install.md", "[heartbeat]"), "board.toml")
    config = parse(tables_of("install.md", "[station]"))
    (socket,) = config.evses
    assert missing(profile, (socket,)) != []
    assert missing(profile, (replace(socket, connector="cable", lock=None),)) == []
