"""docs/safety.md: no claim without a test, and every number from memory is marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from evse.clauses import unverified
from hil.docs import safety
from hil.errors import ClaimError

PAGE = safety.ROOT / "docs" / "safety.md"


def test_every_claim_has_a_test_that_exists() -> None:
    claims = safety.load_claims()
    assert len({claim.says for claim in claims}) == len(claims) > 0


@pytest.mark.parametrize(
    "test", ["tests/unit/evse/test_evse_guard.py::test_that_nobody_wrote", "tests/none.py::test_x"]
)
def test_a_claim_whose_test_is_not_there_can_not_be_written(
    test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = tmp_path / "claims.toml"
    claims.write_text(f'[[claim]]\nsays = "It is safe."\nclause = "own"\ntests = ["{test}"]\n')
    monkeypatch.setattr(safety, "CLAIMS", claims)
    with pytest.raises(ClaimError, match="no test"):
        safety.load_claims()


def test_the_page_is_what_claims_rules_and_numbers_say() -> None:
    assert PAGE.read_text("utf-8") == safety.safety_markdown()


def test_each_number_from_memory_is_marked_on_the_page() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    marked = [
        line
        for line in lines
        if line.endswith("**from memory of a paid standard, not confirmed** |")
    ]
    assert [line.split("`")[1] for line in marked] == [row.where for row in unverified()]
