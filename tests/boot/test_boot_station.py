"""The station under systemd: its units come up, a car charges, and who dies or hangs comes back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from boot_machine import Machine, until

pytestmark = [pytest.mark.boot, pytest.mark.timeout(300)]

UNITS = ("pievse-sim", "pievse-core", "pievse-ocpp")
OFFICE = "/var/lib/back-office"


def all_up(machine: Machine) -> None:
    """Every unit, and the link connected."""

    def up() -> bool:
        if any(machine.show(unit, "ActiveState") != "active" for unit in UNITS):
            return False
        state = machine.ask("state")
        return bool(state and state["board"]["up"] and state["ocpp"]["connected"])

    until(up, 60, what="all units active, board and back office connected")


def evse(machine: Machine) -> dict[str, Any]:
    state = machine.ask("state")
    return state["evses"][0] if state else {}


def plug_in(machine: Machine) -> None:
    """Until energy has flowed."""
    machine.ask("sim plug-in")
    until(lambda: evse(machine).get("energy_wh", 0) > 5, 40, what="energy")


def plug_out(machine: Machine) -> None:
    machine.ask("sim plug-out")
    until(lambda: evse(machine).get("state") == "idle", 40, what="an EVSE without a car")


def energised(machine: Machine) -> bool:
    """What the metal itself says, whoever of the station lives."""
    metal = machine.ask("call --socket /run/pievse/plant.sock sim.state", user="root")
    return bool(metal["1"]["energised"])


def told(machine: Machine, action: str) -> list[dict[str, Any]]:
    """What the back office heard."""
    log = json.loads(machine.run(f"cat {OFFICE}/log.json"))
    assert log["complaints"] == []
    return [payload for name, payload in log["log"] if name == action]


def test_units_reach_active_and_nothing_has_failed(machine: Machine) -> None:
    all_up(machine)
    assert machine.run("systemctl is-active pievse.target").code == 0
    assert machine.run("systemctl --failed --plain --no-legend") == ""
    assert machine.show("pievse-core", "StatusText") == "door open at /run/pievse/door.sock"


def test_a_unit_that_this_board_does_not_need_is_skipped_and_no_failure(machine: Machine) -> None:
    assert machine.show("pievse-guard", "ActiveState") == "inactive"
    assert machine.show("pievse-guard", "Result") == "exec-condition"


def test_a_session_charges_and_is_billed(machine: Machine) -> None:
    """Plugged in at the door: the contactor closes, energy counts, the back office hears of it."""
    all_up(machine)
    plug_in(machine)
    now = evse(machine)
    assert (now["state"], now["contactor_closed"], now["lock"]) == ("charging", True, "locked")
    assert "EVSE 1 is charging" in machine.run("evse why", user="technician")
    plug_out(machine)
    until(lambda: told(machine, "StopTransaction"), 20, what="StopTransaction")
    bill = told(machine, "StopTransaction")[-1]["meterStop"]
    assert bill > told(machine, "StartTransaction")[-1]["meterStart"]


def test_whoever_has_no_role_is_not_let_in(machine: Machine) -> None:
    assert "ermission denied" in machine.run("evse why", user="stranger")
    machine.run("usermod --append --groups pievse stranger")
    assert "has no role here" in machine.run("evse why", user="stranger")


def test_a_killed_core_comes_back_and_the_contactor_has_opened(machine: Machine) -> None:
    all_up(machine)
    plug_in(machine)
    before = machine.kill("pievse-core", "KILL")
    until(lambda: not energised(machine), 8, what="an open contactor")
    took_s = until(lambda: machine.pid("pievse-core") not in (0, before), 20, what="a new core")
    all_up(machine)
    assert int(machine.show("pievse-core", "NRestarts")) >= 1
    print(f"killed core: a new one after {took_s:.1f} s")
    plug_out(machine)


def test_a_hung_core_is_noticed_by_the_watchdog_and_comes_back(machine: Machine) -> None:
    """Ring 1 has opened long before that: it is not the watchdog that keeps anybody safe."""
    all_up(machine)
    plug_in(machine)
    began = time.monotonic()
    before = machine.kill("pievse-core", "STOP")
    opened_s = until(lambda: not energised(machine), 8, what="open contactor")
    until(lambda: machine.pid("pievse-core") not in (0, before), 40, what="a new core")
    took_s = time.monotonic() - began
    all_up(machine)
    assert "Watchdog timeout (limit 10s)!" in machine.journal("pievse-core")
    assert took_s < 20
    print(f"hung core: contactor open after {opened_s:.1f} s, a new core after {took_s:.1f} s")
    plug_out(machine)


def test_a_hung_link_is_noticed_and_the_session_goes_on(machine: Machine) -> None:
    all_up(machine)
    plug_in(machine)
    core = machine.pid("pievse-core")
    before = machine.kill("pievse-ocpp", "STOP")
    until(lambda: machine.pid("pievse-ocpp") not in (0, before), 60, what="a new link")
    all_up(machine)
    assert "Watchdog timeout (limit 30s)!" in machine.journal("pievse-ocpp")
    now = evse(machine)
    assert (machine.pid("pievse-core"), now["contactor_closed"]) == (core, True)
    plug_out(machine)


def call(machine: Machine, action: str, **payload: str) -> None:
    """The back office says so."""
    machine.write(f"{OFFICE}/do/{time.monotonic_ns()}.json", json.dumps([action, payload]))


def pids(machine: Machine) -> dict[str, int]:
    return {unit: machine.pid(unit) for unit in UNITS}


def test_a_soft_reset_begins_core_and_link_anew(machine: Machine) -> None:
    """Exit code 80 of the link, the unit that polkit lets it start, new processes."""
    all_up(machine)
    before = pids(machine)
    call(machine, "Reset", type="Soft")
    until(lambda: machine.pid("pievse-core") not in (0, before["pievse-core"]), 60, what="restart")
    all_up(machine)
    after = pids(machine)
    assert after["pievse-ocpp"] != before["pievse-ocpp"]
    assert after["pievse-sim"] == before["pievse-sim"], "ring 1 stays"
    assert "the programs begin anew at the back office's word" in machine.journal("pievse-ocpp")


def test_a_hard_reset_of_a_simulated_station_begins_all_of_it_anew(machine: Machine) -> None:
    """Exit code 81. The computer, which is anybody's, does not reboot."""
    all_up(machine)
    before, boot = pids(machine), boot_id(machine)
    call(machine, "Reset", type="Hard")
    until(lambda: machine.pid("pievse-sim") not in (0, before["pievse-sim"]), 60, what="restart")
    all_up(machine)
    assert not set(before.values()) & set(pids(machine).values())
    assert boot_id(machine) == boot


def boot_id(machine: Machine) -> str:
    return machine.run("cat /proc/sys/kernel/random/boot_id").strip()


def test_each_process_is_shut_in(machine: Machine) -> None:
    """Looked at from within its own view of the files, as root."""
    core, link = machine.pid("pievse-core"), machine.pid("pievse-ocpp")
    for pid, place in (
        (core, "/opt/pievse"),
        (core, "/run/pievse-ocpp"),
        (link, "/etc"),
        (link, "/run/pievse"),
    ):
        tried = machine.run(f"nsenter --target={pid} --mount -- touch {place}/x")
        assert "Read-only file system" in tried, place
    assert "ermission denied" in machine.run("touch /run/pievse/x", user="pievse-ocpp")
    net = f"nsenter --target={core} --net -- cat /proc/net/dev"
    assert [line.split(":")[0].strip() for line in machine.run(net).splitlines()[2:]] == ["lo"]
    for pid in (core, link):
        status = machine.run(f"cat /proc/{pid}/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status


def test_the_link_can_read_the_journal_and_no_one_else_can(machine: Machine) -> None:
    """For diagnostics; who may knock at the door may not."""
    database = "/var/lib/pievse/core.db"
    assert machine.run(f"head -c 6 {database}", user="pievse-ocpp") == "SQLite"
    assert "ermission denied" in machine.run(f"head -c 6 {database}", user="technician")
    assert "ermission denied" in machine.run("ls /var/lib/pievse-ocpp", user="pievse")
    denied = machine.run(f"sh -c 'echo x >> {database}'", user="pievse-ocpp")
    assert "ermission denied" in denied


def test_the_journal_tells_what_happened(machine: Machine) -> None:
    said = machine.journal()
    for words in ("door open at /run/pievse/door.sock", "board up: virtual", "connected to ws://"):
        assert words in said
