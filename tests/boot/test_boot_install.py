"""The install script on a system that runs: twice is as good as once, and nothing of it is lost."""

from __future__ import annotations

import shutil

import pytest
from boot_machine import SOURCE, Machine
from test_boot_station import all_up, evse, pids

pytestmark = [pytest.mark.boot, pytest.mark.timeout(300)]

SCRIPT = "/root/pievse/systemd/install.sh --wheels /root/wheels"


def test_an_installed_station_is_brought_up_to_date_where_it_runs(machine: Machine) -> None:
    """Program and units anew; configuration, records and users stay; the station restarts."""
    all_up(machine)
    before = pids(machine)
    inside = machine.tree / "root"
    for part in ("systemd", "docs"):
        shutil.copytree(SOURCE / part, inside / "pievse" / part)
    config = machine.run("md5sum /etc/pievse/station.toml")
    done = machine.run(SCRIPT, timeout_s=200)
    assert done.code == 0, done
    assert "configuration: /etc/pievse/station.toml stays as it is" in done
    assert "starting the station" in done
    all_up(machine)
    assert machine.run("md5sum /etc/pievse/station.toml") == config
    assert not set(before.values()) & set(pids(machine).values())
    assert evse(machine)["state"] == "idle"
