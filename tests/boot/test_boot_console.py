"""A technician's terminal in place of a login, on a line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from boot_machine import Machine
from test_boot_station import all_up

pytestmark = [pytest.mark.boot, pytest.mark.timeout(120)]

PIN = "482913"


def test_a_console_on_a_line_answers_and_acts_for_who_knows_the_pin(machine: Machine) -> None:
    all_up(machine)
    shutil.copy(Path(__file__).with_name("on_a_line.py"), machine.tree / "usr/local/lib")
    machine.run("install -d -o pievse-console -m 0700 /var/lib/pievse-console")
    place = "--state-dir /var/lib/pievse-console"
    set_pin = machine.run(f"echo {PIN} | evse console --set-pin {place}", user="pievse-console")
    assert set_pin.code == 0, set_pin
    said = machine.run(
        f"python3 /usr/local/lib/on_a_line.py why disable 'unlock {PIN}' disable enable quit"
    )
    print(said)
    assert "PiEVSE console at /run/pievse/door.sock" in said
    assert "EVSE 1 is not charging because no car is plugged in." in said
    assert "evse#" in said, "the PIN opens it"
    assert "not allowed" not in said
    why = machine.journal()
    assert "pievse-console" in why
