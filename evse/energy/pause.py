"""From the limit to the offer: pause below 6 A, resume with hysteresis, ramp up, keep the pace.

Pure. Guarantees: the offer is 0 or at least 6 A and never more than the limit, but for a lowering
that may wait; what a safety source lowers goes out at once; a pause goes out at once; between
two other changes a charging car has its 5 s; a limit that only flutters around 6 A does not
work the contactor.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from evse.clock import earliest_after
from evse.limits import DUTY_INTERVAL_MS, MIN_OFFER_A, Effective

RESUME_MARGIN_A = 0.5
"""Own: a measured limit resumes charging from 6.5 A ..."""
RESUME_DWELL_MS = 60_000
"""... that lasted so long (SmartEVSE waits 60 s after a shortage) ..."""
RESUME_STEADY_MS = 300_000
"""... or from 6 A that lasted so long (own), so that a limit just at 6 A does resume."""
MS_PER_S = 1_000


class Policy(msgspec.Struct, frozen=True):
    """How to resume and to rise. Raises ValueError out of range."""

    margin_a: float = RESUME_MARGIN_A
    dwell_ms: int = RESUME_DWELL_MS
    steady_ms: int = RESUME_STEADY_MS
    ramp_a_per_s: float | None = None
    """Fastest rise; None = at once, as IEC 61851-1 Table A.6 sequence 6 wants of a command."""

    def __post_init__(self) -> None:
        if not self.margin_a >= 0:
            raise ValueError(f"resume: margin_a {self.margin_a} is negative")
        if not 0 <= self.dwell_ms <= self.steady_ms:
            raise ValueError(
                f"resume: dwell_ms {self.dwell_ms} must lie between 0 and steady_ms"
                f" {self.steady_ms}"
            )
        if self.ramp_a_per_s is not None and not self.ramp_a_per_s > 0:
            raise ValueError(f"ramp: {self.ramp_a_per_s} A/s does not rise")


DEFAULT_POLICY = Policy()


class Offer(msgspec.Struct, frozen=True):
    """What is offered, and since when. A new one may start at once."""

    offered_a: float = 0.0
    """0 = paused (X1)."""
    changed_ms: int = 0
    damped: bool = False
    """The pause came from a measured limit: resume with hysteresis."""
    enough_since_ms: int | None = None
    clear_since_ms: int | None = None
    """Paused: since when the limit is at 6 A, and at 6 A and the margin, without a break."""


def step(offer: Offer, wanted: Effective, now_ms: int, policy: Policy = DEFAULT_POLICY) -> Offer:
    """What to offer at `now_ms` under the limit `wanted`."""
    if not wanted.enough:
        return _pause(offer, wanted, now_ms)
    if offer.offered_a == 0:
        return _resume(offer, wanted, now_ms, policy)
    target_a = _target_a(offer, wanted, policy)
    urgent = wanted.safety_a < offer.offered_a
    due = now_ms - offer.changed_ms >= DUTY_INTERVAL_MS
    if target_a == offer.offered_a or not (urgent or due):
        return offer
    return Offer(offered_a=target_a, changed_ms=now_ms)


def next_deadline_ms(
    offer: Offer, wanted: Effective, now_ms: int, policy: Policy = DEFAULT_POLICY
) -> int | None:
    """When `step` may change the offer under the same limit."""
    if offer.offered_a:
        pending = _target_a(offer, wanted, policy) != offer.offered_a
        return offer.changed_ms + DUTY_INTERVAL_MS if pending else None
    enough_ms, clear_ms = offer.enough_since_ms, offer.clear_since_ms
    return earliest_after(
        now_ms,
        None if clear_ms is None else clear_ms + policy.dwell_ms,
        None if enough_ms is None else enough_ms + policy.steady_ms,
    )


def _pause(offer: Offer, wanted: Effective, now_ms: int) -> Offer:
    fresh = offer.offered_a != 0
    damped = wanted.measured or (offer.damped and not fresh)
    return Offer(changed_ms=now_ms if fresh else offer.changed_ms, damped=damped)


def _resume(offer: Offer, wanted: Effective, now_ms: int, policy: Policy) -> Offer:
    clear = wanted.limit_a >= MIN_OFFER_A + policy.margin_a
    enough_ms = now_ms if offer.enough_since_ms is None else offer.enough_since_ms
    clear_ms = now_ms if offer.clear_since_ms is None else offer.clear_since_ms
    waited = now_ms - enough_ms >= policy.steady_ms or (
        clear and now_ms - clear_ms >= policy.dwell_ms
    )
    if offer.damped and not waited:
        return replace(offer, enough_since_ms=enough_ms, clear_since_ms=clear_ms if clear else None)
    first_a = wanted.limit_a if policy.ramp_a_per_s is None else MIN_OFFER_A
    return Offer(offered_a=first_a, changed_ms=now_ms)


def _target_a(offer: Offer, wanted: Effective, policy: Policy) -> float:
    """Where the offer goes next: down at once, up by no more than one interval's ramp."""
    if policy.ramp_a_per_s is None or wanted.limit_a <= offer.offered_a:
        return wanted.limit_a
    rise_a = policy.ramp_a_per_s * DUTY_INTERVAL_MS / MS_PER_S
    return min(wanted.limit_a, offer.offered_a + rise_a)
