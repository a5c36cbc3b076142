"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
PLACE = re.compile(r"`((?:evse|hil|drivers|firmware_bridge|ocpp_link|tests|docs)/[\w./]*)`")


def anchors(page: Path) -> set[str]:
    """The names that a code host gives to the headings of a page, and those set by hand."""
    text = page.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    given = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return given | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        led_to = page.parent / target if target else page
        assert led_to.exists(), (page.name, target)
        assert not anchor or anchor in anchors(led_to), (page.name, target, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_and_folder_that_is_named_exists(page: Path) -> None:
    named = PLACE.findall(page.read_text("utf-8"))
    assert [place for place in named if not (ROOT / place).exists()] == []
