"""A time limit on whatever clock the owner has: real, scaled or virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Sleep = Callable[[float], Coroutine[Any, Any, object]]
"""Seconds; `asyncio.sleep`, or the simulation's."""


async def within(limit_s: float, work: Awaitable[T], sleep: Sleep) -> T:
    """The result of `work`, or TimeoutError after `limit_s`; `work` is cancelled then, and when
    this is cancelled, and has ended either way."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(sleep(limit_s))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"not within {limit_s:g} s")
        return task.result()
    finally:
        for one in (task, timer):
            one.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
