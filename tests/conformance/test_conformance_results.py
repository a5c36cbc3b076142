"""results.toml and the cases say the same; the page made of it is tested with the other pages."""

from __future__ import annotations

import re
from pathlib import Path

from hil.docs.conformance import results

CASES = Path(__file__).parent / "v16"
PUBLISHED = 107


def test_every_published_case_has_a_row_and_a_test_and_no_test_lacks_one() -> None:
    written = [
        case
        for file in sorted(CASES.glob("test_*.py"))
        for case in re.findall(r"^def test_(TC_\w+?_CS)\(", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(written) == len(set(written)) == PUBLISHED
    assert set(written) == {case for case, row in results().items() if row.version == "1.6"}
