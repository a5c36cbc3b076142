"""Dynamic load balancing on a mains meter, and charging from solar surplus.

Pure: `step` turns a state and a reading into what all EVSEs together may take per phase. The
numbers are those of SmartEVSE 3.5 (the de-facto home load balancer), read off its source. Beyond
it: where several cars do not fit, its `stop all` gives way to the turns of `evse.energy.sharing`,
and where the current of the EVSEs is known, the room is reckoned from that and not from their
budget, so that room that nobody takes does not wind the budget up and a car that is still
following is not lowered twice. Acts once on each new reading; a reading that is too old, or
none, means the configured fallback.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from evse.energy.mains import Balance, Mode, Phase, Reading, Site
from evse.limits import MIN_OFFER_A

RAISE_DIVISOR = 4
"""A quarter of the room at each reading; lowering is at once and whole."""
GRAINS_PER_A = 10
"""SmartEVSE reckons in tenths of an ampere."""
HARD_ROUNDS = 3
"""So many readings over the mains limit at the lowest budget are a hard shortage ..."""
HARD_FACTOR = 2
"""... and one over this multiple of it."""
RESTART_MS = 60_000
SOLAR_SETTLE_MS = 40_000
"""A car that starts is left at the minimum for so long, to show what it takes."""
SOLAR_FALLS: tuple[tuple[float, float], ...] = ((1.0, 0.5), (0.3, 0.1))
"""(import above, fall), amps; up to the last one is the dead band."""
SOLAR_HALVING_A = 2.0
"""Above this import half of it is taken off."""
SOLAR_RISES: tuple[tuple[float, float], ...] = ((1.0, 0.5), (0.0, 0.1))
"""(surplus above, rise), amps."""


def step(
    balance: Balance, mode: Mode, site: Site, reading: Reading | None, cars: int, now_ms: int
) -> Balance:
    """`reading` is the newest one there is; `cars` counts the EVSEs that want to charge."""
    if mode is Mode.NORMAL:
        phase = Phase.RUNNING if cars else Phase.IDLE
        return Balance(budget_a=site.most_a if cars else 0.0, phase=phase, admitted=cars)
    if reading is None or not reading.sound or now_ms - reading.taken_ms >= site.mains_lost_ms:
        return _fall_back(balance, site, cars)
    if balance.seen_ms is not None and reading.taken_ms <= balance.seen_ms:
        return balance
    balance = replace(balance, seen_ms=reading.taken_ms)
    if cars == 0:
        return Balance(seen_ms=reading.taken_ms, blocked_ms=balance.blocked_ms)
    if balance.budget_a < MIN_OFFER_A:
        return _start(balance, mode, site, reading, now_ms)
    balance = _count_overload(balance, site, reading)
    if _hard_shortage(balance, site, reading):
        return _stop(balance, Phase.HARD_SHORTAGE, now_ms)
    available_a = _available_a(site, reading, balance.budget_a)
    if available_a < balance.budget_a:
        balance = replace(balance, budget_a=_grain(max(available_a, MIN_OFFER_A)))
    if mode is Mode.SOLAR:
        return _follow_sun(balance, site, reading, cars, available_a, now_ms)
    risen_a = balance.budget_a + max(0.0, available_a - balance.budget_a) / RAISE_DIVISOR
    budget_a = _grain(min(risen_a, site.most_a))
    return replace(balance, budget_a=budget_a, phase=Phase.RUNNING, admitted=cars, stop_ms=None)


def next_deadline_ms(balance: Balance, site: Site, now_ms: int) -> int | None:
    """When the mains meter counts as lost. All else waits for a reading."""
    if balance.seen_ms is None or balance.phase is Phase.FALLBACK:
        return None
    lost_ms = balance.seen_ms + site.mains_lost_ms
    return lost_ms if lost_ms > now_ms else None


def _fall_back(balance: Balance, site: Site, cars: int) -> Balance:
    budget_a = site.fallback_a if cars else 0.0
    return Balance(
        budget_a=min(budget_a, site.most_a),
        phase=Phase.FALLBACK,
        admitted=cars,
        seen_ms=balance.seen_ms,
        blocked_ms=balance.blocked_ms,
    )


def _available_a(site: Site, reading: Reading, budget_a: float) -> float:
    """What the EVSEs may take on the worst phase: the mains less everybody else."""
    evse_a = (budget_a,) * 3 if reading.evse_a is None else reading.evse_a
    rest_a = [mains - own for mains, own in zip(reading.mains_a, evse_a, strict=True)]
    available_a = site.max_mains_a - max(rest_a)
    if site.max_sum_a is not None:
        available_a = min(available_a, (site.max_sum_a - sum(rest_a)) / 3)
    return available_a


def _start(balance: Balance, mode: Mode, site: Site, reading: Reading, now_ms: int) -> Balance:
    blocked = balance.blocked_ms is not None and now_ms < balance.blocked_ms
    room = _admits(site, mode, reading, 0.0, MIN_OFFER_A)
    if blocked or not room:
        phase = balance.phase if blocked else Phase.WAITING
        return Balance(phase=phase, seen_ms=balance.seen_ms, blocked_ms=balance.blocked_ms)
    return Balance(
        budget_a=MIN_OFFER_A,
        phase=Phase.RUNNING,
        admitted=1,
        seen_ms=balance.seen_ms,
        settled_ms=now_ms + SOLAR_SETTLE_MS,
    )


def _admits(site: Site, mode: Mode, reading: Reading, budget_a: float, needed_a: float) -> bool:
    """Is there room for so much in all, and, from the sun, surplus for a start?"""
    fits = min(_available_a(site, reading, budget_a), site.most_a) >= needed_a
    return fits and (mode is not Mode.SOLAR or -sum(reading.mains_a) > site.solar_start_a)


def _count_overload(balance: Balance, site: Site, reading: Reading) -> Balance:
    # Before this reading lowers the budget: cars have to be given time to follow.
    over = max(reading.mains_a) > site.max_mains_a
    if site.max_sum_a is not None:
        over = over or sum(reading.mains_a) > site.max_sum_a
    lowest = balance.budget_a <= MIN_OFFER_A
    return replace(balance, over_rounds=balance.over_rounds + 1 if over and lowest else 0)


def _hard_shortage(balance: Balance, site: Site, reading: Reading) -> bool:
    far_over = max(reading.mains_a) > HARD_FACTOR * site.max_mains_a
    return far_over or balance.over_rounds >= HARD_ROUNDS


def _stop(balance: Balance, phase: Phase, now_ms: int) -> Balance:
    return Balance(phase=phase, seen_ms=balance.seen_ms, blocked_ms=now_ms + RESTART_MS)


def _follow_sun(
    balance: Balance, site: Site, reading: Reading, cars: int, available_a: float, now_ms: int
) -> Balance:
    balance = _admit_one(balance, site, reading, cars, now_ms)
    change_a = _solar_change_a(sum(reading.mains_a) - site.solar_import_a)
    settling = balance.settled_ms is not None and now_ms < balance.settled_ms
    if settling and change_a > 0:
        change_a = 0.0
    most_a = max(MIN_OFFER_A, min(available_a, site.most_a))
    floor_a = min(balance.admitted * MIN_OFFER_A, most_a)
    wanted_a = balance.budget_a + change_a
    stop_ms = balance.stop_ms
    if wanted_a > floor_a:
        stop_ms = None
    elif wanted_a < floor_a and stop_ms is None:
        stop_ms = now_ms + site.solar_stop_ms
    if stop_ms is not None and now_ms >= stop_ms:
        return _stop(balance, Phase.WAITING, now_ms)
    phase = Phase.RUNNING if stop_ms is None else Phase.SOFT_SHORTAGE
    budget_a = _grain(min(max(wanted_a, floor_a), most_a))
    return replace(balance, budget_a=budget_a, phase=phase, stop_ms=stop_ms)


def _admit_one(balance: Balance, site: Site, reading: Reading, cars: int, now_ms: int) -> Balance:
    admitted = min(balance.admitted, cars)
    needed_a = (admitted + 1) * MIN_OFFER_A
    if admitted < cars and _admits(site, Mode.SOLAR, reading, balance.budget_a, needed_a):
        return replace(balance, admitted=admitted + 1, settled_ms=now_ms + SOLAR_SETTLE_MS)
    return replace(balance, admitted=admitted)


def _solar_change_a(import_a: float) -> float:
    """How far the budget moves for a sum of the phases that is bought (or sold, below 0)."""
    if import_a > SOLAR_HALVING_A:
        return -import_a / 2
    fall_a = next((fall for above, fall in SOLAR_FALLS if import_a > above), 0.0)
    rise_a = next((rise for above, rise in SOLAR_RISES if -import_a > above), 0.0)
    return rise_a - fall_a


def _grain(amps: float) -> float:
    """Rounded down to the grain."""
    return math.floor(round(amps * GRAINS_PER_A, 6)) / GRAINS_PER_A
