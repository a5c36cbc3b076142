"""A defective core renews nothing: the exception ends the process, and ring 1 opens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from station_rig import Peer

from evse.config.load import parse
from evse.model import X1_BP
from evse.run.core import CoreProcess
from evse.run.notify import watchdog
from firmware_bridge.link import BoardLink


class SilentLink:
    """A link that is up; keeps the permits that would leave, as (close, duty_bp)."""

    def __init__(self) -> None:
        self.session = SimpleNamespace(up=True, stats=None)
        self.permits: list[tuple[object, object]] = []

    def permit(self, _evse: int, *, close: bool, duty_bp: int, **_more: object) -> bool:
        self.permits.append((close, duty_bp))
        return True

    def start(self) -> None: ...
    def stop(self) -> None: ...


def process(folder: Path, more: str = "") -> tuple[CoreProcess, SilentLink]:
    text = files("hil").joinpath("station_free.toml").read_text("utf-8") + more
    run_dir = folder / "run"
    run_dir.mkdir()
    core = CoreProcess(parse(text), state_dir=folder, socket=run_dir / "door.sock", run_dir=run_dir)
    link = SilentLink()
    core.board.link = cast(BoardLink, link)
    return core, link


def broken() -> None:
    raise ArithmeticError("a defect")


def test_a_live_turn_that_raises_renews_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        monkeypatch.setattr(core.core, "poll", broken)
        async with asyncio.timeout(10):
            await core.run()
        assert core.life.failed
        core.board.renew()
        assert link.permits == []

    asyncio.run(scenario())


def test_a_callback_that_raises_ends_the_core(tmp_path: Path) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(core.life.on_loop_exception)
        loop.call_later(0.25, broken)
        async with asyncio.timeout(10):
            await core.run()
        assert core.life.failed
        assert link.permits, "it had been renewing until then"

    asyncio.run(scenario())


def test_a_core_that_is_asked_to_stop_denies_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        asyncio.get_running_loop().call_later(0.25, core.life.stop)
        async with asyncio.timeout(10):
            await core.run()
        assert not core.life.failed
        assert link.permits[-1] == (False, X1_BP)

    asyncio.run(scenario())


def test_a_task_that_ends_by_itself_is_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None: ...

    async def scenario() -> None:
        core, link = process(tmp_path)
        assert core._sim is not None
        monkeypatch.setattr(core._sim, "run", nothing)
        async with asyncio.timeout(10):
            await core.run()
        assert core.life.failed
        renewed = len(link.permits)
        core.board.renew()
        assert len(link.permits) == renewed

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "the configuration has no [ocpp]"),
        (
            '\n[ocpp]\nurl = "ws://127.0.0.1:9/ocpp"\n',
            "the OCPP process is not connected to the core",
        ),
    ],
)
def test_whoever_asks_the_back_office_learns_why_nobody_answers(
    tmp_path: Path, table: str, why: str
) -> None:
    async def scenario() -> None:
        core, _link = process(tmp_path, table)
        error = Peer(core.hub).error("ocpp.get_variables", {})
        assert error[1] == f"nobody provides ocpp.* now: {why}"
        asyncio.get_running_loop().call_later(0.1, core.life.stop)
        async with asyncio.timeout(10):
            await core.run()

    asyncio.run(scenario())


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def told(self) -> list[str]:
        found: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.socket.recv(500).decode().splitlines()[0])
        return found


def test_the_manager_hears_of_a_ready_core_and_of_good_turns_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    manager = Manager(tmp_path / "notify")

    async def scenario() -> None:
        core, _ = process(tmp_path)
        core.life.guarded(core._turn)()
        assert manager.told() == ["WATCHDOG=1"]
        core._watchdog = watchdog(core._manager.tell)  # due at once
        monkeypatch.setattr(core.core, "poll", broken)
        core.life.guarded(core._turn)()
        assert manager.told() == [], "a turn that raised must not feed"
        async with asyncio.timeout(10):
            await core.run()
        assert manager.told() == ["READY=1", "STOPPING=1"]

    asyncio.run(scenario())
    manager.socket.close()
