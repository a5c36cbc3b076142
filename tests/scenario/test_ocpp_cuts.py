"""Nothing lost, nothing told twice: the link is killed at every point of a day with outages.

The points lie around every frame and around everything that its disk does; hil/cuts tells how.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.cuts.day import Day, points, try_cut
from hil.cuts.knife import Knife

PARTS = 8
DOCUMENT = Path(__file__).parents[2] / "docs" / "ocpp.md"


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_day_with_outages_and_no_death_is_billed_exactly(version: str) -> None:
    day = Day(Knife(), version)
    world = day.run()
    assert day.verdict() == []
    assert len(day.expected) == 4
    assert world.drops >= 4


@pytest.mark.parametrize("part", range(PARTS))
def test_a_link_that_dies_anywhere_loses_nothing_and_doubles_nothing(part: int) -> None:
    wrong = [words for at in range(part + 1, points() + 1, PARTS) for words in try_cut(at)]
    assert wrong == []


def test_the_document_promises_no_more_points_than_are_tried() -> None:
    promised = DOCUMENT.read_text("utf-8").partition("killed at each of ")[2].split()[0]
    assert int(promised) <= min(points(), points("2.0.1"))


@pytest.mark.parametrize("part", range(PARTS))
def test_2_0_1_e13_no_number_is_missing_and_none_is_told_twice_wherever_it_dies(part: int) -> None:
    """OCPP 2.0.1 §1.3.3, E01.FR.07, E12, E13: the same day in events with numbers."""
    places = range(1 + part, points("2.0.1") + 1, PARTS)
    assert [words for at in places for words in try_cut(at, "2.0.1")] == []
