"""The page of OCPP 2.0.1 is written anew wherever what it claims has changed."""

from __future__ import annotations

from pathlib import Path

from hil.docs.conformance import results
from hil.docs.ocpp201 import ocpp201_markdown, use_cases

PAGE = Path(__file__).parents[3] / "docs" / "ocpp201.md"


def test_the_page_is_fresh_and_names_only_tests_that_are_there() -> None:
    assert PAGE.read_text("utf-8") == ocpp201_markdown()


def test_every_case_that_passes_is_named_on_the_page() -> None:
    named = [case for each in use_cases() for case in each.cases]
    passing = {
        case.removesuffix("_CS")
        for case, row in results().items()
        if row.version == "2.0.1" and row.result == "pass"
    }
    assert len(named) == len(set(named))
    assert passing - set(named) == set()
