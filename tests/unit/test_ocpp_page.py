"""The configuration in docs/ocpp.md is one that loads, and has every key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evse.config.files import FilesTable
from evse.config.ocpp import FrameLogTable, OcppTable, PricingTable
from evse.config.security import SecurityTable

PAGE = Path(__file__).parents[2] / "docs" / "ocpp.md"
TABLES = {
    "security": SecurityTable,
    "frame_log": FrameLogTable,
    "files": FilesTable,
    "pricing": PricingTable,
}


@pytest.fixture
def written() -> dict[str, Any]:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    table = tomllib.loads(block)["ocpp"]
    assert isinstance(table, dict)
    return table


def test_it_loads(written: dict[str, Any]) -> None:
    msgspec.convert(written, OcppTable)


def test_it_names_every_key(written: dict[str, Any]) -> None:
    assert set(written) == set(OcppTable.__struct_fields__)
    for name, table in TABLES.items():
        assert set(written[name]) == set(table.__struct_fields__), name
