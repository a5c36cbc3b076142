"""A defective core renews nothing: the exception ends the process, and ring 1 opens."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path

from evse.config.load import parse
from evse.run.core import CoreProcess


class SilentLink:
    """A link that is up; counts the permits that would leave."""

    class session:  # noqa: N801 as BoardLink names it
        up = True
        stats = None

    def __init__(self) -> None:
        self.permits = 0

    def permit(self, *_evse: object, **_wish: object) -> bool:
        self.permits += 1
        return True

    def start(self) -> None: ...
    def stop(self) -> None: ...


def process(folder: Path) -> tuple[CoreProcess, SilentLink]:
    text = files("hil").joinpath("station_free.toml").read_text("utf-8")
    run_dir = folder / "run"
    run_dir.mkdir()
    core = CoreProcess(parse(text), state_dir=folder, socket=run_dir / "door.sock", run_dir=run_dir)
    link = SilentLink()
    core._link = link  # type: ignore[assignment]
    return core, link


def broken() -> None:
    raise ArithmeticError("a defect")


def test_a_live_turn_that_raises_renews_nothing_any_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        core.core.poll = broken  # type: ignore[method-assign]
        async with asyncio.timeout(10):
            await core.run()
        assert core.failed
        before = link.permits
        core._renew()
        assert link.permits == before == 0

    asyncio.run(scenario())


def test_a_callback_that_raises_ends_the_core(tmp_path: Path) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(core.on_loop_exception)
        loop.call_later(0.25, broken)
        async with asyncio.timeout(10):
            await core.run()
        assert core.failed
        assert link.permits > 0, "it had been renewing until then"

    asyncio.run(scenario())


def test_a_core_that_is_asked_to_stop_denies_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        core, link = process(tmp_path)
        wishes: list[object] = []
        link.permit = lambda _evse, **wish: bool(wishes.append(wish) or True)  # type: ignore[method-assign]
        asyncio.get_running_loop().call_later(0.25, core.stop)
        async with asyncio.timeout(10):
            await core.run()
        assert not core.failed
        assert wishes[-1]["close"] is False  # type: ignore[index]
        assert wishes[-1]["duty_bp"] == 10_000  # type: ignore[index]

    asyncio.run(scenario())
