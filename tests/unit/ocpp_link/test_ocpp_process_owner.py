"""Who started the link's process hears that it is ready, and of each turn that went well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ocpp_bench import QUICK, run

from ocpp_link.config import LinkConfig
from ocpp_link.ports import StationInfo
from ocpp_link.process import LinkProcess


class Watcher:
    """Whoever watches the process."""

    def __init__(self, socket: Path) -> None:
        self.door_was_open = False
        self.turns: list[int] = []
        self._socket = socket

    def ready(self) -> None:
        self.door_was_open = self._socket.is_socket()

    def turned(self, now_ms: int) -> None:
        self.turns.append(now_ms)


def config(place: Path) -> LinkConfig:
    return LinkConfig(
        url="ws://127.0.0.1:9/ocpp",
        identity="CP1",
        door=place / "core.sock",
        socket=place / "ocpp.sock",
        database=place / "link.db",
        station=StationInfo(vendor="PiEVSE", model="Bench"),
        backoff=QUICK,
    )


def test_a_link_is_ready_with_its_door_and_takes_turns_without_a_core_or_a_back_office(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        watcher = Watcher(tmp_path / "ocpp.sock")
        process = LinkProcess(config(tmp_path), watcher)
        task = asyncio.create_task(process.run())
        while not watcher.turns:  # noqa: ASYNC110 the turn is not ours to await
            await asyncio.sleep(0.002)
        assert watcher.door_was_open
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await process.end_jobs()
        assert process.close() == ""

    run(scenario)


def test_a_turn_that_raises_is_not_told_and_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ArithmeticError("a defect")

    async def scenario() -> None:
        watcher = Watcher(tmp_path / "ocpp.sock")
        process = LinkProcess(config(tmp_path), watcher)
        monkeypatch.setattr(process.engine, "poll", broken)
        with pytest.raises(ExceptionGroup) as raised:
            await process.run()
        assert raised.group_contains(ArithmeticError)
        assert watcher.turns == []
        await process.end_jobs()
        process.close()

    run(scenario)
