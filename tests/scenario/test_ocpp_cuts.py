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


def test_a_day_with_outages_and_no_death_is_billed_exactly() -> None:
    day = Day(Knife())
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
    assert int(promised) <= points()
