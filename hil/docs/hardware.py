"""`docs/hardware.md`: a written page whose tables are computed.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; the rest of the page is kept.
"""

from __future__ import annotations

import re
from pathlib import Path

from hil.docs.front_end_tables import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hardware.md"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def hardware_markdown() -> str:
    """The page with its tables anew."""
    return refreshed(PAGE.read_text("utf-8"), tables())


def refreshed(page: str, computed: dict[str, str]) -> str:
    """Raises ValueError for a table that nobody computes, and for one that the page lacks."""
    named = [found[1] for found in _TABLE.findall(page)]
    if sorted(named) != sorted(computed):
        raise ValueError(f"the page has the tables {named}, and computed are {sorted(computed)}")
    return _TABLE.sub(lambda found: f"{found[1]}\n{computed[found[2]]}\n\n{found[3]}", page)
