"""Releases under systemd: an update by OCPP, one that does not get up, and a reboot. Run last."""

from __future__ import annotations

import json

import pytest
from boot_machine import Machine, until
from test_boot_station import all_up, boot_id, call, evse, pids, told

pytestmark = [pytest.mark.boot, pytest.mark.timeout(400)]

HOME = "/opt/pievse"
FILES = "http://127.0.0.1:8000"


def program(machine: Machine) -> str:
    """Where the core's own code lies."""
    return machine.run(f"tr '\\0' '\\n' < /proc/{machine.pid('pievse-core')}/environ")


def update(machine: Machine, version: str) -> list[str]:
    """The statuses that the back office heard of it, until the last one."""
    before = len(told(machine, "FirmwareStatusNotification"))
    location = f"{FILES}/{version}.tar.gz"
    call(machine, "UpdateFirmware", location=location, retrieve_date="2026-01-01T00:00:00Z")

    def statuses() -> list[str]:
        heard = told(machine, "FirmwareStatusNotification")
        return [payload["status"] for payload in heard[before:]]

    ends = ("Installed", "InstallationFailed", "DownloadFailed")
    until(lambda: statuses()[-1:] and statuses()[-1] in ends, 180, what=f"the end of {version}")
    return statuses()


def test_a_release_in_current_is_what_starts_and_the_venv_where_there_is_none(
    machine: Machine,
) -> None:
    all_up(machine)
    assert "PYTHONPATH" not in program(machine)
    machine.run(f"ln -s releases/1.0.0 {HOME}/current && systemctl restart pievse.target")
    all_up(machine)
    assert f"PYTHONPATH={HOME}/releases/1.0.0/lib\n" in program(machine)
    until(lambda: "1.0.0" in firmware(machine), 20, what="BootNotification of 1.0.0")


def firmware(machine: Machine) -> str:
    return str(told(machine, "BootNotification")[-1].get("firmwareVersion"))


def test_an_update_arrives_by_ocpp_and_proves_itself(machine: Machine) -> None:
    """Downloaded by the link, installed by root's unit, started by systemd, confirmed by itself."""
    all_up(machine)
    before = pids(machine)
    statuses = update(machine, "2.0.0")
    assert statuses == ["Downloading", "Downloaded", "Installing", "Installed"]
    all_up(machine)
    assert machine.run(f"readlink {HOME}/current").strip() == "releases/2.0.0"
    assert machine.run(f"test -e {HOME}/trial.json").code == 1
    assert firmware(machine) == "2.0.0"
    assert machine.run(f"stat --format=%U {HOME}/releases/2.0.0/lib/evse/core.py") == "root\n"
    assert not set(before.values()) & set(pids(machine).values()), "ring 1 too has the new program"


def test_a_package_that_the_key_did_not_sign_is_not_installed(machine: Machine) -> None:
    all_up(machine)
    assert update(machine, "2.5.0")[-1] == "InstallationFailed"
    assert machine.run(f"readlink {HOME}/current").strip() == "releases/2.0.0"


def test_a_release_that_does_not_get_up_is_taken_back(machine: Machine) -> None:
    """Its programs raise at once: neither core nor link ever runs, and systemd counts."""
    all_up(machine)
    assert update(machine, "3.0.0")[-1] == "InstallationFailed"
    all_up(machine)
    assert machine.run(f"readlink {HOME}/current").strip() == "releases/2.0.0"
    assert "3.0.0 did not get up in 3 starts" in machine.journal("pievse-ocpp")
    until(lambda: evse(machine)["state"] == "idle", 20, what="an EVSE that is not held any more")


def test_who_fails_too_often_rests_for_a_minute_and_is_started_again(machine: Machine) -> None:
    all_up(machine)
    config = "/etc/pievse/station.toml"
    machine.run(f"cp -p {config} /root/kept && echo nonsense >> {config}")
    machine.run("systemctl restart pievse-core")
    again = "pievse-again@pievse-core"
    until(lambda: machine.show(again, "ActiveState") == "activating", 60, what="its limit")
    assert machine.show("pievse-core", "ActiveState") == "failed"
    machine.run(f"cp -p /root/kept {config}")
    until(lambda: machine.show("pievse-core", "ActiveState") == "active", 90, what="the core")
    all_up(machine)


def test_a_hard_reset_reboots_a_computer_that_is_a_charger(machine: Machine) -> None:
    """One with a serial board; there is none at its port, which is a fault and no obstacle."""
    config = "/etc/pievse/station.toml"
    text = machine.run(f"cat {config}")
    text = text.replace('"simulated"', '"serial"\nport = "/dev/ttyAMA0"')
    text = text.replace('kind = "modbus"\nmodel = "sdm630"', 'kind = "none"')
    machine.run(f"cat > {config} <<'END'\n{text}END")
    machine.run("systemctl restart pievse.target")

    def connected() -> bool:
        state = machine.ask("state")
        return bool(state and state["ocpp"]["connected"])

    until(connected, 60, what="a link without a board")
    assert machine.show("pievse-sim", "ActiveState") == "inactive"
    before = boot_id(machine)
    call(machine, "Reset", type="Hard")
    machine.await_reboot()
    assert boot_id(machine) != before
    until(connected, 60, what="the station after its reboot")
    reasons = json.loads(machine.run("cat /var/lib/back-office/log.json"))
    assert reasons["complaints"] == []


def test_the_station_is_uninstalled_and_its_records_stay(machine: Machine) -> None:
    done = machine.run("/root/pievse/systemd/install.sh --uninstall")
    assert done.code == 0, done
    left = "ls -d /opt/pievse /usr/local/bin/evse /usr/local/lib/systemd/system/pievse* 2>/dev/null"
    assert machine.run(left) == ""
    assert machine.run("systemctl list-units --all --plain --no-legend 'pievse-*.service'") == ""
    assert (
        machine.run("test -s /var/lib/pievse/core.db && test -s /etc/pievse/station.toml").code == 0
    )
