"""One life of the core's process: it ends when it is asked to, or at the first defect.

A defect is an exception in the core, whoever called it: nothing is renewed from then on, ring 1
opens, and the unit's restart begins from the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

_log = logging.getLogger(__name__)


class Life:
    """Belongs on the event loop; `failed` and `stopping` are never taken back."""

    def __init__(self) -> None:
        self.failed = False
        self.stopping = False
        self._end = asyncio.Event()

    def stop(self) -> None:
        """End in good order: ring 1 opens first."""
        self.stopping = True
        self._end.set()

    def fail(self, error: BaseException | None) -> None:
        """End at once, of a defect."""
        self.failed = True
        _log.critical("the core failed; no lease is renewed any more", exc_info=error)
        self._end.set()

    def guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        """Callbacks of the loop: an exception in the core ends the core, not only the callback."""

        def call(*args: Any) -> None:
            if self.failed:
                return
            try:
                act(*args)
            except Exception as error:  # noqa: BLE001 supervisor: fails safe and ends the process
                self.fail(error)

        return call

    def on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop let out: a peer's wire is nothing, all else is a defect."""
        error = context.get("exception")
        if isinstance(error, OSError) or error is None:
            loop.default_exception_handler(context)
        else:
            self.fail(error)

    async def last(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """Until `stop` or `fail`. A task that ends by itself is a defect; none is cancelled."""
        ended = asyncio.create_task(self._end.wait())
        done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        for task in tasks:
            if task in done and not task.cancelled():
                self.fail(task.exception() or RuntimeError(f"{task.get_name()} ended by itself"))
