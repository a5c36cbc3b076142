"""The soft over-current guardian: a car that takes more than it was offered.

Pure. It judges the current offered by the pilot against what the meter says, phase by phase, on
whatever phases the meter reports (a missing one counts as 0 A; a loss of the meter is somebody
else's fault). It keeps watching while the car pauses. A trip stays until `State()` is made anew
at unplug. The circuit breaker protects the cable; this protects a shared fuse from one car.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from evse.clock import earliest_after

NOISE_A = 0.5
TOLERANCE = 1.10
TIMEOUT_MS = 7_000
MIN_TIMEOUT_MS = 6_000
"""EVerest EvseManager: (offered + 0.5 A) x 1.10 for 7000 ms, never under 6000 ms."""
FOLLOW_MS = 5_000
"""The car's time to follow a lower duty (IEC 61851-1 Table A.6 sequence 6)."""

Amps = tuple[float | None, float | None, float | None]


class Policy(msgspec.Struct, frozen=True):
    """Raises ValueError out of range."""

    noise_a: float = NOISE_A
    tolerance: float = TOLERANCE
    timeout_ms: int = TIMEOUT_MS

    def __post_init__(self) -> None:
        if self.timeout_ms < MIN_TIMEOUT_MS:
            raise ValueError(
                f"soft over-current: timeout_ms {self.timeout_ms} is under {MIN_TIMEOUT_MS}"
            )
        if not (self.noise_a >= 0 and self.tolerance >= 1):
            raise ValueError("soft over-current: the tolerance would trip at the offer itself")

    def allowed_a(self, offered_a: float) -> float:
        """What a car may take of `offered_a` without being called disobedient."""
        return (offered_a + self.noise_a) * self.tolerance


DEFAULT_POLICY = Policy()


class Trip(msgspec.Struct, frozen=True):
    """Which phase (1 to 3) took how much, and how much it was allowed."""

    phase: int
    current_a: float
    allowed_a: float


_NOT_OVER = (None, None, None)


class State(msgspec.Struct, frozen=True):
    """What the guardian remembers of one plugged-in car."""

    offered_a: float = 0.0
    lowered_ms: int | None = None
    over_since_ms: tuple[int | None, int | None, int | None] = _NOT_OVER
    trip: Trip | None = None


def step(
    state: State,
    offered_a: float,
    current_a: Amps,
    now_ms: int,
    policy: Policy = DEFAULT_POLICY,
) -> State:
    """`offered_a` is what the pilot signals now, 0 without PWM. The sign of a current is the
    direction of the flow and does not matter."""
    if state.trip is not None:
        return state
    lowered_ms = now_ms if offered_a < state.offered_a else state.lowered_ms
    allowed_a = policy.allowed_a(offered_a)
    (first_ms, second_ms, third_ms), (first_a, second_a, third_a) = state.over_since_ms, current_a
    over_since_ms = (
        _over_since(first_ms, abs(first_a or 0.0), allowed_a, now_ms),
        _over_since(second_ms, abs(second_a or 0.0), allowed_a, now_ms),
        _over_since(third_ms, abs(third_a or 0.0), allowed_a, now_ms),
    )
    if over_since_ms == state.over_since_ms == _NOT_OVER and offered_a == state.offered_a:
        return state
    state = State(offered_a, lowered_ms, over_since_ms)
    for phase, since_ms in enumerate(state.over_since_ms, start=1):
        if since_ms is not None and now_ms >= _trips_ms(since_ms, lowered_ms, policy):
            over_a = abs(current_a[phase - 1] or 0.0)
            return replace(state, trip=Trip(phase, over_a, allowed_a))
    return state


def next_deadline_ms(state: State, now_ms: int, policy: Policy = DEFAULT_POLICY) -> int | None:
    """When the present excess, if it lasts, becomes a trip."""
    if state.trip is not None or state.over_since_ms == _NOT_OVER:
        return None
    begun = (since_ms for since_ms in state.over_since_ms if since_ms is not None)
    return earliest_after(now_ms, *(_trips_ms(at, state.lowered_ms, policy) for at in begun))


def _over_since(since_ms: int | None, amps: float, allowed_a: float, now_ms: int) -> int | None:
    # Written so that not-a-number counts as over.
    if amps <= allowed_a:
        return None
    return now_ms if since_ms is None else since_ms


def _trips_ms(since_ms: int, lowered_ms: int | None, policy: Policy) -> int:
    """A car that is being lowered step by step is given its time to follow each step, but in
    all no more than twice the timeout."""
    due_ms = since_ms + policy.timeout_ms
    if lowered_ms is None:
        return due_ms
    return min(max(due_ms, lowered_ms + FOLLOW_MS), since_ms + 2 * policy.timeout_ms)
