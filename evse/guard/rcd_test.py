"""The self-test of the residual-current device: drive, see it trip, release, see it clear. Pure.

Responsibility: proves, once a session and with the contactor open, that the device's output can
trip and can return. It guarantees a verdict in bounded time and that a test which began before the
car was plugged in does not count for it. Who uses it: the guard, which ignores the device's output
while a test runs and at no other time.
"""

from __future__ import annotations

import msgspec

from evse.model import SelfTest


class RcdTest(msgspec.Struct, frozen=True, gc=False):
    status: SelfTest = SelfTest.NOT_RUN
    driving: bool = False
    """The test current flows."""
    void: bool = False
    """A new session began meanwhile: this run's pass is worth nothing."""
    since_ms: int | None = None
    """When the present half (drive or release) began; None while running: at the next look."""
    owed: bool = False
    """Nothing of ours was driven: it waits for the answer to what a predecessor may have left."""


UNANSWERED = RcdTest(SelfTest.RUNNING, void=True, owed=True)
"""Ring 1 starts so: a predecessor that died may have left its test current on, or its test
unanswered. The output may therefore trip for the time of a test's first half, and has the time of
the second half to clear, before it counts as a trip. Nothing closes while this waits."""


def start(now_ms: int) -> RcdTest:
    """Begin a run."""
    return RcdTest(SelfTest.RUNNING, driving=True, since_ms=now_ms)


def new_session(test: RcdTest) -> RcdTest:
    """A car was plugged in: forget the result; a run under way ends, but proves nothing."""
    if test.status is SelfTest.RUNNING:
        return RcdTest(SelfTest.RUNNING, test.driving, True, test.since_ms, test.owed)
    return test if test.status is SelfTest.NOT_FITTED else RcdTest()


def advance(test: RcdTest, tripped: bool, now_ms: int, *, trip_ms: int, clear_ms: int) -> RcdTest:
    """One look at the device's output. A void run that never clears has proved nothing either: what
    still reads tripped after it is a trip, and the guard latches it as one."""
    if test.status is not SelfTest.RUNNING:
        return test
    since_ms = now_ms if test.since_ms is None else test.since_ms
    test = RcdTest(SelfTest.RUNNING, test.driving, test.void, since_ms, test.owed)
    age_ms = now_ms - since_ms
    if test.driving or test.owed:
        if tripped:
            return RcdTest(SelfTest.RUNNING, False, test.void, now_ms)
        if age_ms < trip_ms:
            return test
        return RcdTest(SelfTest.NOT_RUN if test.owed else SelfTest.FAILED)
    if not tripped:
        return RcdTest(SelfTest.NOT_RUN if test.void else SelfTest.PASSED)
    if age_ms < clear_ms:
        return test
    return RcdTest(SelfTest.NOT_RUN if test.void else SelfTest.FAILED)
