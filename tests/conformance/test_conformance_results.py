"""results.toml and the cases say the same; the page made of it is tested with the other pages."""

from __future__ import annotations

import re
from pathlib import Path

from hil.docs.conformance import not_played, results

HERE = Path(__file__).parent
PUBLISHED_16 = 107
PUBLISHED_201 = 424
"""For charging stations."""


def written(folder: str) -> list[str]:
    """The ids of a version's cases; one case may be several tests."""
    return [
        case
        for file in sorted((HERE / folder).glob("test_*.py"))
        for case in re.findall(r"^def test_(TC_\w+?_CS)\(", file.read_text("utf-8"), re.MULTILINE)
    ]


def rows(version: str) -> set[str]:
    return {case for case, row in results().items() if row.version == version}


def test_every_published_case_of_1_6_has_a_row_and_a_test() -> None:
    cases = written("v16")
    assert len(cases) == len(set(cases)) == PUBLISHED_16
    assert set(cases) == rows("1.6")


def test_every_case_of_2_0_1_that_is_written_has_a_row() -> None:
    cases = written("v201")
    assert len(cases) == len(set(cases))
    assert set(cases) == rows("2.0.1")


def test_every_published_case_of_2_0_1_is_played_or_says_why_not() -> None:
    left = not_played()
    named = [f"{case}_CS" for each in left.case for case in each.ids]
    assert len(named) == len(set(named))
    assert not set(named) & rows("2.0.1")
    elsewhere = sum(block.cases for block in left.block)
    assert len(named) + len(rows("2.0.1")) + elsewhere == PUBLISHED_201
