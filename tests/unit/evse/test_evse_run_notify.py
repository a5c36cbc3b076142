"""sd_notify(3): what the service manager is told, over real sockets."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.run.notify import SHARE, Notifier, Watchdog, notifier, watchdog


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A manager's socket, and what it puts into NOTIFY_SOCKET."""
    name = f"@pievse-{secrets.token_hex(8)}"
    address = name if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(1)
        yield listening, address


def test_readiness_and_status_reach_the_manager(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    tells = notifier({"NOTIFY_SOCKET": address})
    assert tells.ready("door open at\n/run/door.sock")
    assert listening.recv(200) == b"READY=1\nSTATUS=door open at /run/door.sock"
    assert tells.status("one EVSE")
    assert listening.recv(200) == b"STATUS=one EVSE"
    assert tells.stopping()
    assert listening.recv(200).startswith(b"STOPPING=1")


def test_nobody_listens_and_nothing_is_told() -> None:
    assert notifier({}).ready("up")


def test_a_manager_that_went_costs_the_process_nothing(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "gone")).ready("up")


def test_an_address_that_is_no_unix_socket_can_not_be_told() -> None:
    assert not notifier({"NOTIFY_SOCKET": "vsock:2:1"}).ready("up")


def test_the_manager_full_of_messages_never_blocks_the_loop(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(path)
        tells = Notifier(path)
        assert not all(tells.tell("WATCHDOG=1") for _ in range(5_000))


class Told:
    """A manager that takes a message or does not."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.takes = True

    def __call__(self, message: str) -> bool:
        if self.takes:
            self.messages.append(message)
        return self.takes


def test_the_watchdog_is_fed_by_turns_at_a_third_of_its_time() -> None:
    told = Told()
    dog = Watchdog(told, 900)
    for now_ms in range(0, 901, 100):
        dog.fed(now_ms)
    assert told.messages == ["WATCHDOG=1"] * 4  # at 0, 300, 600, 900


def test_what_was_not_taken_is_told_again_with_the_next_turn() -> None:
    told = Told()
    dog = Watchdog(told, 900)
    told.takes = False
    dog.fed(0)
    told.takes = True
    dog.fed(10)
    assert told.messages == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
def test_no_watchdog_is_fed_where_none_is_wanted_of_this_process(
    environment: dict[str, str],
) -> None:
    told = Told()
    watchdog(told, environment).fed(0)
    assert told.messages == []


@pytest.mark.parametrize("pid", ["", str(os.getpid())], ids=["anybody", "us"])
def test_the_pace_is_the_manager_s(pid: str) -> None:
    dog = watchdog(Told(), {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": pid})
    assert dog.pace_ms == 10_000 // SHARE


@given(
    period_ms=st.integers(30, 60_000),
    steps=st.lists(st.integers(0, 20_000), max_size=60),
)
def test_turns_that_come_in_time_never_let_the_watchdog_run_out(
    period_ms: int, steps: list[int]
) -> None:
    """Whatever the turns' rhythm: two messages are never further apart than a share and the turn
    that came late; and never more come than are wanted."""
    told: list[int] = []
    now_ms = 0

    def tell(_message: str) -> bool:
        told.append(now_ms)
        return True

    dog = Watchdog(tell, period_ms)
    longest = 0
    dog.fed(now_ms)
    for step in steps:
        step %= max(1, period_ms // 2)
        longest = max(longest, step)
        now_ms += step
        dog.fed(now_ms)
    gaps = [after - before for before, after in itertools.pairwise(told)]
    assert all(gap >= dog.pace_ms for gap in gaps)
    assert all(gap < dog.pace_ms + max(longest, 1) for gap in gaps)
    assert now_ms - told[-1] < max(dog.pace_ms, 1)
