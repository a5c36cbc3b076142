"""docs/protocol.md is what the table says."""

from __future__ import annotations

from pathlib import Path

from evse.model import CommandVerb, Reason
from firmware_bridge.codec import SCHEMA_HASH
from firmware_bridge.protocol_doc import protocol_markdown
from firmware_bridge.table import TABLE

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == protocol_markdown(), "type: make docs"


def test_the_page_names_every_message_field_and_value() -> None:
    page = protocol_markdown()
    assert f"{SCHEMA_HASH:08x}" in page
    for layout in TABLE:
        assert f"### 0x{layout.type_id:02x} {layout.name}\n" in page
        assert all(f"| `{field.name}` |" in page for field in layout.fields)
    assert all(f"{reason.value} = {reason.name}" in page for reason in Reason)
    assert all(f"{verb.value} = {verb.name}" in page for verb in CommandVerb)


def test_offsets_add_up_to_the_size_of_the_message() -> None:
    for layout in TABLE:
        assert 1 + sum(field.kind.size for field in layout.fields) == layout.size
