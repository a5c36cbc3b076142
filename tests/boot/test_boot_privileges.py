"""What the link's user may start, and that it may start nothing else."""

from __future__ import annotations

import json

import pytest
from boot_machine import Machine, until
from test_boot_station import OFFICE, all_up

pytestmark = [pytest.mark.boot, pytest.mark.timeout(120)]

LINK = "pievse-ocpp"
REFUSED = (
    "systemctl start pievse-guard.service",
    "systemctl start pievse-console@ttyS0.service",
    "systemctl start pievse-set-clock@x.service",
    "systemctl start pievse-set-clock@1795280400.250x.service",
    "systemctl start 'pievse-set-clock@1795280400.250.service.service'",
    "systemctl start apt-daily.service",
    "systemctl stop pievse-core.service",
    "systemctl restart pievse-core.service",
    "systemctl restart pievse-restart.service",
    "systemctl kill pievse-core.service",
    "systemctl mask pievse-core.service",
    "systemctl enable apt-daily.service",
    "systemctl set-property pievse-core.service CPUQuota=1%",
    "systemctl daemon-reload",
    "systemctl reboot",
    "systemctl poweroff",
    "systemd-run --pipe /bin/true",
)


@pytest.mark.parametrize("command", REFUSED)
def test_the_link_s_user_may_do_nothing_else(machine: Machine, command: str) -> None:
    said = machine.run(f"{command} --no-ask-password", user=LINK)
    assert said.code != 0, said
    assert any(word in said for word in ("denied", "authentication required", "not permitted")), (
        said
    )


@pytest.mark.parametrize("user", ["technician", "stranger", "pievse"])
@pytest.mark.parametrize("unit", ["pievse-reboot", "pievse-restart", "pievse-install-release"])
def test_nobody_else_may_start_what_the_link_may(machine: Machine, user: str, unit: str) -> None:
    said = machine.run(f"systemctl start --no-ask-password {unit}.service", user=user)
    assert said.code != 0, said


def test_the_link_s_user_may_start_a_restart_by_name(machine: Machine) -> None:
    all_up(machine)
    before = machine.pid("pievse-core")
    assert machine.run("systemctl start pievse-restart.service", user=LINK) == ""
    until(lambda: machine.pid("pievse-core") not in (0, before), 30, what="a new core")
    all_up(machine)


def test_the_back_office_s_time_reaches_the_unit_that_sets_the_clock(machine: Machine) -> None:
    """Its clock is an hour ahead. The unit's command is replaced here: a container must not set the
    computer's clock, and could not."""
    asked = [float(line) for line in machine.run("cat /run/clock-asked").split()]
    boot = json.loads(machine.run(f"cat {OFFICE}/log.json"))
    assert boot["complaints"] == []
    now = float(machine.run("date +%s"))
    assert asked
    assert all(3_000 < wanted - now <= 3_601 for wanted in asked)
