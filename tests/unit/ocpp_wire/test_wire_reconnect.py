"""When to try again, and what to offer then."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.wire.failure import Failure, Phase
from ocpp_link.wire.reconnect import STABLE_MS, Backoff, BackoffSettings
from ocpp_link.wire.subprotocols import ATTEMPTS_AS_LIST, Offers, is_about_versions


def test_5_3_the_wait_doubles_repeat_times_and_then_stays() -> None:
    """OCPP 2.0.1 part 4 §5.3: doubled at most RetryBackOffRepeatTimes, then the last one again."""
    randoms = iter([0.5, 0.5, 0.5, 0.25])
    backoff = Backoff(BackoffSettings(2.0, 4.0, 3), lambda: next(randoms))
    assert [backoff.wait_s() for _ in range(6)] == [4.0, 6.0, 10.0, 17.0, 17.0, 17.0]


def test_5_3_only_a_connection_that_lasted_makes_the_wait_short_again() -> None:
    """OCPP 2.0.1 part 4 §5.3; pitfall 24. A server that lets in and throws out is no success."""
    backoff = Backoff(BackoffSettings(2.0, 0.0, 3), lambda: 0.0)
    for _ in range(4):
        backoff.wait_s()
        backoff.survived(STABLE_MS - 1)
    assert backoff.wait_s() == 16.0
    backoff.survived(STABLE_MS)
    assert backoff.wait_s() == 2.0


def test_new_settings_are_in_effect_at_the_next_wait() -> None:
    settings = BackoffSettings(2.0, 0.0, 1)
    backoff = Backoff(lambda: settings, lambda: 0.0)
    assert [backoff.wait_s() for _ in range(3)] == [2.0, 4.0, 4.0]
    settings = BackoffSettings(3.0, 0.0, 1)
    assert backoff.wait_s() == 6.0


def test_another_endpoint_begins_with_the_shortest_wait() -> None:
    backoff = Backoff(BackoffSettings(2.0, 0.0, 5), lambda: 0.0)
    backoff.wait_s()
    backoff.begin_anew()
    assert backoff.wait_s() == 2.0


@given(
    settings=st.builds(
        BackoffSettings,
        wait_minimum_s=st.floats(0, 1e4),
        random_range_s=st.floats(0, 1e4),
        repeat_times=st.integers(0, 60),
    ),
    random=st.floats(0, 1, exclude_max=True),
    failures=st.integers(1, 100),
)
def test_24_no_station_stays_away_for_longer_than_the_longest_wait(
    settings: BackoffSettings, random: float, failures: int
) -> None:
    """Pitfall 24: never give up, and no gaps of a quarter of an hour."""
    backoff = Backoff(settings, lambda: random)
    waits = [backoff.wait_s() for _ in range(failures)]
    assert all(0 <= wait <= settings.longest_s for wait in waits)
    assert all(a <= b for a, b in pairwise(waits))


def test_3_1_2_the_versions_are_offered_in_order_of_preference() -> None:
    """OCPP-J 1.6 §3.1.2."""
    offers = Offers(("ocpp2.0.1", "ocpp1.6"))
    assert offers.now == ("ocpp2.0.1", "ocpp1.6")
    offers.agreed()
    assert offers.now == ("ocpp2.0.1", "ocpp1.6")


BOTH = ("ocpp2.0.1", "ocpp1.6")
NEW, OLD = ("ocpp2.0.1",), ("ocpp1.6",)


def offered(offers: Offers, refusals: int) -> list[tuple[str, ...]]:
    """So many that are refused."""
    seen = []
    for _ in range(refusals):
        seen.append(offers.now)
        offers.refused()
    return seen


def test_1_a_server_that_chokes_on_a_list_is_offered_each_version_alone() -> None:
    """Pitfall 1. After the last one, the list again."""
    offers = Offers(BOTH)
    assert offered(offers, ATTEMPTS_AS_LIST + 3) == [BOTH] * ATTEMPTS_AS_LIST + [NEW, OLD, BOTH]


def test_a_station_does_not_stay_with_the_version_that_it_likes_least() -> None:
    """The list comes first again, and one refusal of it is enough where it was refused before."""
    offers = Offers(BOTH)
    offered(offers, ATTEMPTS_AS_LIST + 1)
    assert offers.now == OLD
    offers.agreed()
    assert offered(offers, 3) == [BOTH, OLD, NEW]
    offers.agreed()
    assert offered(offers, ATTEMPTS_AS_LIST + 1)[-2:] == [BOTH, NEW]


@pytest.mark.parametrize(
    ("phase", "status", "about"),
    [
        (Phase.SUBPROTOCOL, 0, True),
        (Phase.HTTP, 0, True),
        (Phase.HTTP, 400, True),
        (Phase.HTTP, 500, True),
        (Phase.HTTP, 401, False),
        (Phase.HTTP, 404, False),
        (Phase.HTTP, 503, False),
        (Phase.TLS, 0, False),
        (Phase.TCP, 0, False),
    ],
)
def test_a_wrong_key_or_an_outage_is_not_about_versions(
    phase: Phase, status: int, about: bool
) -> None:
    assert is_about_versions(Failure(phase, "words", status)) is about


def test_refusals_before_an_agreement_do_not_count() -> None:
    offers = Offers(BOTH)
    for _ in range(10):
        offers.refused()
        offers.agreed()
    assert offers.now == BOTH


def test_a_single_version_is_all_there_is_to_offer() -> None:
    assert set(offered(Offers(OLD), 9)) == {OLD}
    with pytest.raises(ValueError):
        Offers(())
