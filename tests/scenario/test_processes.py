"""What processes suffer beside kill -9 and ends: hangs, torn bytes, power cuts."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from proc_station import (
    FORCED_MS,
    WATCHDOG_MS,
    SharedStation,
    Station,
    end_reason,
)

from hil.bench.proc import ProcBench
from hil.bench.station import StationSetup
from hil.trace import Lane

pytestmark = pytest.mark.proc


@pytest.fixture
def charging(shared: SharedStation, request: pytest.FixtureRequest) -> Iterator[Station]:
    """Current flows; afterwards the bill is whole and the metal unharmed."""
    with shared.lent(request) as station:
        station.charge()
        yield station


def same_transaction_goes_on(station: Station, since_seq: int) -> None:
    station.until(lambda: station.bench.probe.metal().closed, 20, "charging goes on")
    names = [heard.name for heard in station.bench.probe.events(since_seq)]
    assert "TransactionFinished" not in names
    assert "SessionResumed" not in names


def unharmed(station: Station, since_ms: int) -> None:
    """It charges, and the contactor has not moved since."""
    assert station.bench.probe.state() == "charging"
    moves = [e for e in station.bench.probe.trace().changes(Lane.CONTACTOR) if e.t_ms > since_ms]
    assert moves == []


# --- hangs ----------------------------------------------------------------------------------------


def test_a_core_that_hangs_loses_its_lease_and_goes_on_afterwards(charging: Station) -> None:
    bench = charging.bench
    seq = bench.probe.events()[-1].seq
    begin_ms = bench.clock.now_ms()
    bench.rig.signal("core", signal.SIGSTOP)
    try:
        charging.without_offer(begin_ms)
        charging.opened_ms(begin_ms, FORCED_MS)
    finally:
        bench.rig.signal("core", signal.SIGCONT)
    same_transaction_goes_on(charging, seq)


def test_a_ring_1_that_hangs_is_cut_off_by_ring_0_and_goes_on_afterwards(
    charging: Station,
) -> None:
    bench = charging.bench
    seq = bench.probe.events()[-1].seq
    begin_ms = bench.clock.now_ms()
    bench.rig.signal("guard", signal.SIGSTOP)
    try:
        charging.opened_ms(begin_ms, WATCHDOG_MS)
        charging.until(lambda: "board" in bench.probe.why(), 5, "the core has noticed")
    finally:
        bench.rig.signal("guard", signal.SIGCONT)
    same_transaction_goes_on(charging, seq)


def test_an_ocpp_link_that_hangs_changes_nothing(charging: Station) -> None:
    bench = charging.bench
    begin_ms = bench.clock.now_ms()
    bench.rig.signal("ocpp", signal.SIGSTOP)
    try:
        bench.clock.run_for(1.5)
        unharmed(charging, begin_ms)
    finally:
        bench.rig.signal("ocpp", signal.SIGCONT)


# --- torn and random bytes ------------------------------------------------------------------------


def test_garbage_on_the_boards_line_is_counted_and_harms_no_session(charging: Station) -> None:
    """Written beside the core's own frames, rarely enough that a lease can live through it."""
    bench, rng = charging.bench, random.Random(bench_seed(charging))
    begin_ms = bench.clock.now_ms()
    bad_frames = link_stats(charging)["board"]["bad_frames"]
    line = os.open(bench.rig.run_dir / "board.tty", os.O_WRONLY | os.O_NOCTTY)
    try:
        for _ in range(8):
            os.write(line, rng.randbytes(rng.randint(1, 60)))
            bench.clock.run_for(0.25)
    finally:
        os.close(line)
    unharmed(charging, begin_ms)
    charging.until(lambda: link_stats(charging)["board"]["bad_frames"] > bad_frames, 5, "counted")


def bench_seed(station: Station) -> int:
    return station.bench.seed


def link_stats(station: Station) -> dict[str, dict[str, int]]:
    stats: dict[str, dict[str, int]] = station.bench.dut.call("sys.state")["link"]
    return stats


def test_garbage_at_the_door_is_answered_counted_and_harms_no_session(charging: Station) -> None:
    bench, rng = charging.bench, random.Random(bench_seed(charging))
    begin_ms = bench.clock.now_ms()
    bad_lines = bench.dut.call("sys.state")["door"]["bad_lines"]
    torn = [rng.randbytes(40).replace(b"\n", b"") + b"\n" for _ in range(20)]
    torn += [b'{"jsonrpc": "2.0", "id": 1, "met\n', b"[]\n", b"{}\n", b"null\n", b'"\xff"\n']
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(bench.rig.run_dir / "door.sock"))
        peer.sendall(b"".join(torn))
        answers = b""
        while answers.count(b"\n") < len(torn):
            answers += peer.recv(65_536)
        peer.sendall(b'{"jsonrpc": "2.0", "id": 7, "method": "sys.why"')  # and never its end
    assert all(b'"error"' in answer for answer in answers.splitlines())
    assert bench.dut.call("sys.state")["door"]["bad_lines"] == bad_lines + len(torn)
    unharmed(charging, begin_ms)


@pytest.mark.parametrize(
    "frame",
    ["", "no JSON", "[2", "{}", "[9, 1]", '[3, "nobody asked", {}]', b"\x00\xff", "x" * (1 << 19)],
    ids=["empty", "text", "torn", "object", "type", "unmatched", "binary", "huge"],
)
def test_garbage_from_the_back_office_harms_no_session(
    charging_on: Station, frame: str | bytes
) -> None:
    bench = charging_on.bench
    begin_ms = bench.clock.now_ms()
    charging_on.csms.send("BENCH-1", frame)
    charging_on.until(lambda: counted(charging_on) > 0 or not linked(charging_on), 10, "noticed")
    charging_on.until(charging_on.registered, 25, "a good connection again")
    unharmed(charging_on, begin_ms)


@pytest.fixture(scope="module")
def charging_on() -> Iterator[Station]:
    """One session for all sorts of garbage: it charges before and after each of them."""
    station = Station()
    try:
        station.charge()
        yield station
        station.to_idle()
        station.bill_is_whole()
        station.nothing_broken()
    finally:
        station.close()


def counted(station: Station) -> int:
    rpc = station.bench.dut.call("ocpp.state")["rpc"]
    return int(rpc["malformed"]) + int(rpc["unmatched_replies"]) + int(rpc["oversized"])


def linked(station: Station) -> bool:
    return bool(station.bench.dut.call("ocpp.state")["is_connected"])


def test_a_station_without_meter_and_back_office_charges_and_keeps_its_processes() -> None:
    bench = ProcBench(StationSetup(meter=False, evses=2))
    try:
        bench.ev.plug()
        bench.clock.run_until(lambda: bench.probe.metal().closed, within=15)
        bench.clock.run_for(1)
        assert bench.rig.processes()["core"]["restarts"] == 0
        assert bench.at(2).probe.state() == "idle"
    finally:
        bench.close()


# --- power ------------------------------------------------------------------------------------


def test_a_power_cut_while_charging_is_told_as_such_and_billed(charging: Station) -> None:
    bench = charging.bench
    seq = bench.probe.events()[-1].seq
    begin_ms = bench.clock.now_ms()
    bench.mains.cut()
    charging.opened_ms(begin_ms, WATCHDOG_MS)
    bench.mains.restore()
    assert end_reason(bench.probe.events(seq)) == "PowerLoss"


def test_a_power_cut_asked_for_at_the_door_ends_by_itself(charging: Station) -> None:
    bench = charging.bench
    seq = bench.probe.events()[-1].seq
    begin_ms = bench.clock.now_ms()
    assert bench.dut.call("sim.power_cut", off_s=0.5) is True
    charging.opened_ms(begin_ms, WATCHDOG_MS)
    bench.rig.lose_core()
    bench.rig.wait_for_core()
    assert end_reason(bench.probe.events(seq)) == "PowerLoss"


def test_a_second_station_on_one_state_directory_is_refused_in_words(charging: Station) -> None:
    bench = charging.bench
    begin_ms = bench.clock.now_ms()
    directory, config = str(bench.rig.child.directory), str(bench.rig.child.config_path)
    words = ("evse", "run", "--config", config, "--sim", "--state-dir", directory)
    second = subprocess.run((sys.executable, "-m", *words), capture_output=True, timeout=30)
    assert second.returncode == 1
    assert b"is running" in second.stderr
    assert b"Traceback" not in second.stderr
    unharmed(charging, begin_ms)
