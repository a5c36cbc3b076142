"""The guard's unit, with the native drivers on a Pi made of memory: how it is started, shut in,
watched and ended. What it does to real pins nobody has seen."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boot_machine import Machine, until
from test_boot_station import all_up, evse

pytestmark = [pytest.mark.boot, pytest.mark.timeout(200)]

CONFIG = "/etc/pievse/station.toml"
STATION = """
[station]
identity = "PIEVSE-1"
[board]
kind = "native"
bench = true
profile = "pievse-reference"
[[evse]]
id = 1
evse_id = "DE*PNX*E1234567*1"
connector = "socket"
max_current_a = 32.0
[evse.meter]
kind = "none"
[authorization]
mode = "free"
"""
PROGRAM = "/opt/pievse/venv/bin/python -P /usr/local/lib/native_guard.py"
REPLACED = f"""[Service]
ExecStart=
ExecStart={PROGRAM} --config {CONFIG} --run-dir /run/pievse-guard
ExecStopPost=
ExecStopPost=/bin/sh -c '{PROGRAM} --config {CONFIG} --make-safe && echo "safe: $SERVICE_RESULT"'
"""
DROP_IN = "/etc/systemd/system/pievse-guard.service.d/memory.conf"


@pytest.fixture(scope="module")
def native(machine: Machine) -> Iterator[Machine]:
    """The station with a native board, until the end of this file."""
    all_up(machine)
    shutil.copy(Path(__file__).with_name("native_guard.py"), machine.tree / "usr/local/lib")
    pip = "/opt/pievse/venv/bin/python -m pip install --quiet --no-index --find-links /root/wheels"
    assert machine.run(f"{pip} gpiozero").code == 0
    machine.write(DROP_IN, REPLACED)
    machine.run(f"cp -p {CONFIG} /root/simulated && systemctl daemon-reload")
    machine.run(f"cat > {CONFIG} <<'END'\n{STATION}END")
    machine.run("systemctl restart pievse.target")
    yield machine
    machine.run(f"cp -p /root/simulated {CONFIG}; rm {DROP_IN}; systemctl daemon-reload")
    machine.run("systemctl reset-failed 'pievse-*'; systemctl restart pievse.target")
    all_up(machine)


def charges(machine: Machine) -> None:
    until(lambda: evse(machine).get("contactor_closed"), 40, what="a closed contactor")


def test_a_native_station_charges_through_the_guard_s_own_socket(native: Machine) -> None:
    """Two users, and a socket between them that nobody else may open."""
    charges(native)
    assert native.show("pievse-guard", "ActiveState") == "active"
    assert native.show("pievse-sim", "ActiveState") == "inactive"
    assert native.ask("state")["board"]["board"].startswith("native ")
    refused = native.run("ls /run/pievse-guard/", user="technician")
    assert "ermission denied" in refused


def test_the_guard_runs_in_real_time_without_a_privilege(native: Machine) -> None:
    """That its memory is locked, and that it is killed last of all where memory is short, can not
    be seen here: a container may have neither."""
    charges(native)
    pid = native.pid("pievse-guard")
    scheduled = native.run(f"chrt --pid {pid}")
    assert "SCHED_FIFO" in scheduled
    assert "current scheduling priority: 50" in scheduled
    assert "CapEff:\t0000000000000000" in native.run(f"cat /proc/{pid}/status")
    tried = native.run(f"nsenter --target={pid} --mount -- touch /opt/pievse/x /run/pievse/x")
    assert tried.count("Read-only file system") == 2


def test_a_hung_guard_is_aborted_within_two_seconds_and_made_safe(native: Machine) -> None:
    """The core stays, and the session goes on when the guard is back."""
    charges(native)
    core = native.pid("pievse-core")
    session = evse(native)["session"]
    began = time.monotonic()
    before = native.kill("pievse-guard", "STOP")
    until(lambda: native.pid("pievse-guard") != before, 10, what="the end of the hung guard")
    took_s = time.monotonic() - began
    until(lambda: "safe: watchdog" in native.journal("pievse-guard"), 10, what="made safe")
    assert "Watchdog timeout (limit 1s)!" in native.journal("pievse-guard")
    charges(native)
    assert (native.pid("pievse-core"), evse(native)["session"]) == (core, session)
    print(f"hung guard: aborted after {took_s:.1f} s")


def test_a_killed_guard_is_made_safe_and_comes_back(native: Machine) -> None:
    charges(native)
    before = native.kill("pievse-guard", "KILL")
    until(lambda: "safe: signal" in native.journal("pievse-guard"), 10, what="made safe")
    until(lambda: native.pid("pievse-guard") not in (0, before), 20, what="a new guard")
    charges(native)


def test_a_guard_without_pins_fails_in_words_and_takes_nobody_with_it(native: Machine) -> None:
    """The unit as it is installed, on a computer that is no Pi."""
    native.run(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart pievse-guard")
    until(lambda: int(native.show("pievse-guard", "NRestarts") or 0) >= 1, 30, what="a restart")
    assert native.run("systemctl is-active pievse-core").code == 0
    until(lambda: not native.ask("state")["board"]["up"], 20, what="a core that misses its board")
    print(native.journal("pievse-guard")[-1_500:])
