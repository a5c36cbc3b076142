"""What a guard process asks of the kernel: to run when it wants to, and never to wait for memory.

Each is tried, and each refusal becomes a plain sentence: a board on a bench runs without, and says
so. The garbage collector is switched off: what ring 1 makes in a period has no cycles, and a
collection is a pause that nobody can plan.
"""

from __future__ import annotations

import ctypes
import gc
import os

PRIORITY = 50
"""Of SCHED_FIFO, 1 to 99; threaded interrupts have 50 too."""
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
"""mlockall(2)."""


def become_realtime(priority: int = PRIORITY) -> list[str]:
    """FIFO scheduling and locked memory; what was refused, as sentences."""
    problems = []
    if problem := _fifo(priority):
        problems.append(problem)
    if problem := _lock_memory():
        problems.append(problem)
    return problems


def freeze_garbage() -> None:
    """Nothing is collected from now on. Call it when everything that lives long is made."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _fifo(priority: int) -> str:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return (
            f"no real-time scheduling ({error.strerror}): a busy computer will delay ring 1. Start "
            "it by its unit, or give it CAP_SYS_NICE"
        )
    return ""


def _lock_memory() -> str:
    """What is touched stays in memory. With what is mapped and never touched (most of an
    interpreter's libraries) it would be three times as much."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return ""
    return (
        f"memory is not locked ({os.strerror(ctypes.get_errno())}): ring 1 may wait for a disk. "
        "Start it by its unit, or give it CAP_IPC_LOCK"
    )
