"""A time limit on somebody's clock."""

from __future__ import annotations

import asyncio

import pytest
from wire_rig import Hours, run, turns

from ocpp_link.wire.within import within


class Work:
    """Ends when told, and remembers how it ended."""

    def __init__(self) -> None:
        self.ended = ""
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        try:
            return await self.done
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


def test_work_that_ends_in_time_gives_its_result_or_its_error() -> None:
    async def test() -> None:
        hours, work = Hours(), Work()
        work.done.set_result(7)
        assert await within(5, work.run(), hours.sleep) == 7
        work = Work()
        work.done.set_exception(KeyError("x"))
        with pytest.raises(KeyError):
            await within(5, work.run(), hours.sleep)
        assert hours.waits_s == []

    run(test)


def test_work_that_takes_too_long_is_cancelled() -> None:
    async def test() -> None:
        hours, work = Hours(), Work()
        task = asyncio.ensure_future(within(5, work.run(), hours.sleep))
        await turns()
        hours.pass_s(4.9)
        await turns()
        assert not task.done()
        hours.pass_s(0.1)
        with pytest.raises(TimeoutError, match="within 5 s"):
            await task
        assert work.ended == "cancelled"

    run(test)


def test_who_is_cancelled_takes_its_work_along() -> None:
    async def test() -> None:
        hours, work = Hours(), Work()
        task = asyncio.ensure_future(within(5, work.run(), hours.sleep))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (work.ended, hours.waits_s) == ("cancelled", [])

    run(test)


def test_work_that_ends_at_the_last_moment_counts() -> None:
    async def test() -> None:
        hours, work = Hours(), Work()
        task = asyncio.ensure_future(within(5, work.run(), hours.sleep))
        await turns()
        work.done.set_result(7)
        hours.pass_s(5)
        assert await task == 7

    run(test)
