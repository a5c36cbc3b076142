"""The parts together: what real cars take behind their pilots never exceeds the shared fuse."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evse.energy import pause
from evse.energy.claims import ALL_LINES, Claim
from evse.energy.current_guard import FOLLOW_MS
from evse.energy.granting import RELEASE_MS
from evse.energy.sharing import Fuse, Sharing
from evse.energy.sharing import step as share
from evse.energy.waterfill import Lines
from evse.limits import DUTY_INTERVAL_MS, Limit, Sources

TICK_MS = 500
CUT_OFF_MS = 6_000
"""IEC 61851-1 Table A.6 sequence 10.2: then the contactor opens under load."""


class Car:
    """Takes all that was offered within its time to follow: the worst that is allowed."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.sources = Sources()
        self.offer = pause.Offer()
        self._offered: list[tuple[int, float]] = []

    def obey(self, now_ms: int) -> None:
        self.offer = pause.step(self.offer, self.sources.effective(now_ms), now_ms)
        self._offered.append((now_ms, self.offer.offered_a))

    def takes_a(self, now_ms: int) -> float:
        now_a = self.offer.offered_a
        patience_ms = FOLLOW_MS if now_a else CUT_OFF_MS
        self._offered = [row for row in self._offered if now_ms - row[0] <= CUT_OFF_MS]
        return max([now_a, *(a for at, a in self._offered if now_ms - at < patience_ms)])


station = st.lists(st.sampled_from([(0,), (1,), (2,), ALL_LINES]), min_size=1, max_size=5)
events = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.integers(0, 4),
        st.sampled_from([0.0, 6.0, 9.0, 16.0, 32.0]),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(station, events, st.sampled_from([6.0, 13.0, 20.0, 32.0]))
def test_the_worst_obedient_cars_stay_within_the_fuse_at_every_moment(
    lines: list[Lines], script: list[tuple[int, int, float]], fuse_a: float
) -> None:
    fuse = Fuse(limit_a=fuse_a, safe_a=0, slice_ms=40_000, dwell_ms=10_000)
    cars, sharing, now_ms = [Car(on) for on in lines], Sharing(), 0
    own = [32.0] * len(cars)
    for ticks, which, limit_a in script:
        own[which % len(cars)] = limit_a
        for _ in range(ticks):
            claims = [
                Claim(evse=n, wants=True, limit_a=own[n], lines=car.lines)
                for n, car in enumerate(cars)
            ]
            sharing = share(sharing, claims, fuse, now_ms, budget_a=(fuse_a,) * 3)
            for n, car in enumerate(cars):
                car.sources.put("own", Limit(source="own", limit_a=own[n]))
                car.sources.put("fuse", sharing.limit(n))
                car.obey(now_ms)
            for line in range(3):
                load_a = sum(car.takes_a(now_ms) for car in cars if line in car.lines)
                assert load_a <= fuse_a + 1e-9
            now_ms += TICK_MS


def test_a_lower_grant_reaches_the_pilot_at_once_a_higher_one_after_5_s() -> None:
    car = Car(ALL_LINES)
    offers = []
    for now_ms, limit_a in [(0, 32.0), (1_000, 10.0), (2_000, 20.0), (6_100, 20.0)]:
        car.sources.put("fuse", Limit(source="station fuse", limit_a=limit_a, safety=True))
        car.obey(now_ms)
        offers.append(car.offer.offered_a)
    assert offers == [32, 10, 10, 20]
    assert DUTY_INTERVAL_MS >= 5_000


def test_who_comes_upon_more_lines_waits_until_the_others_there_have_followed() -> None:
    """A phase contact that moved from one phase to three: what was granted on the one line was
    granted on no other one."""
    fuse = Fuse(limit_a=32.0, safe_a=0)
    one, three = _claims((0,)), _claims(ALL_LINES)
    sharing, now_ms = Sharing(), 0
    for now_ms in range(0, 60_000, 1_000):
        sharing = share(sharing, one, fuse, now_ms, budget_a=(32.0,) * 3)
    assert (sharing.limit(1).limit_a, sharing.limit(2).limit_a) == (16, 32)
    sharing = share(sharing, three, fuse, now_ms, budget_a=(32.0,) * 3)
    assert (sharing.limit(1).limit_a, sharing.limit(2).limit_a) == (0, 16)
    sharing = share(sharing, three, fuse, now_ms + RELEASE_MS, budget_a=(32.0,) * 3)
    assert (sharing.limit(1).limit_a, sharing.limit(2).limit_a) == (16, 16)


def _claims(lines: Lines) -> list[Claim]:
    """A car whose own limit is 16 A on `lines`, and another one on L2 alone."""
    return [
        Claim(evse=1, wants=True, limit_a=16.0, lines=lines),
        Claim(evse=2, wants=True, limit_a=32.0, lines=(1,)),
    ]
