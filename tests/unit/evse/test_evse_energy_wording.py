"""Each way in which a shared supply leaves an EVSE without current has its own sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evse.energy.mains import Mode, Phase
from evse.energy.standing import Mains, Part, Standing
from evse.energy.wording import clock, shortage

MAINS = Mains(
    mode=Mode.SMART,
    phase=Phase.WAITING,
    limit_a=25.0,
    sum_limit_a=None,
    fallback_a=7.0,
    current_a=(20.0, 20.0, 20.0),
    age_ms=400,
    lost=False,
    solar_stop_left_ms=None,
    blocked_left_ms=None,
)
LOST = replace(MAINS, phase=Phase.FALLBACK, lost=True)
CHARGES = Part(evse=1, grant_a=13.0, admitted=True, waits=False, rests_left_ms=None)
RESTS = Part(evse=2, grant_a=0.0, admitted=False, waits=True, rests_left_ms=33_500)
TURNS = Standing(fuse_a=13.0, budget_a=13.0, mains=None, turn_left_ms=247_000, evses=())


def at_the_mains(mains: Mains, budget_a: float = 0.0) -> Standing:
    return replace(TURNS, mains=mains, budget_a=budget_a, turn_left_ms=None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            TURNS,
            "there is not enough for 6 A to everybody, and the EVSEs take turns; the next one"
            " begins in 4:07",
        ),
        (
            replace(TURNS, mains=LOST, budget_a=7.0),
            "until it does, the EVSEs share 7 A; there is not enough for 6 A to everybody",
        ),
        (
            replace(TURNS, evses=(CHARGES, RESTS)),
            "it had to stop for lack of current and waits for at least 0:34",
        ),
        (at_the_mains(LOST, 5.0), "share 7 A, and less than 6 A can not be offered"),
        (at_the_mains(MAINS, 5.9), "the site leaves less than 6 A of the 25 A at the mains"),
        (at_the_mains(replace(MAINS, mode=Mode.SOLAR)), "there is not enough sun"),
        (
            at_the_mains(replace(MAINS, phase=Phase.HARD_SHORTAGE, blocked_left_ms=59_001)),
            "the mains were overloaded; nobody starts again for 1:00",
        ),
        (
            at_the_mains(replace(MAINS, mode=Mode.SOLAR, blocked_left_ms=8_000)),
            "there was too little sun; nobody starts again for 0:08",
        ),
        (replace(TURNS, turn_left_ms=None), "still taken by a car that was lowered"),
    ],
)
def test_a_shortage_is_named(found: Standing, words: str) -> None:
    assert words in shortage(found, 2)


@pytest.mark.parametrize(
    ("ms", "shown"), [(0, "0:00"), (1, "0:01"), (60_000, "1:00"), (3_599_001, "60:00")]
)
def test_a_span_is_rounded_up_to_a_second(ms: int, shown: str) -> None:
    assert clock(ms) == shown
