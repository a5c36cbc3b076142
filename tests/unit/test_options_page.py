"""docs/options.md names keys and defaults that the configuration has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from evse.config.evse import EvseTable
from evse.config.station import StationConfig

PAGE = (Path(__file__).parents[2] / "docs" / "options.md").read_text("utf-8")
ROW = re.compile(r"^\| [^|]+ \| `\[+([\w.]+)\]+ (\w+)` \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)


def default_of(table: str, key: str) -> object:
    """What a file that leaves `key` out has; NODEFAULT for a key that it must have."""
    place: type[msgspec.Struct] = StationConfig
    for part in table.split("."):
        fields = {field.encode_name: field for field in msgspec.structs.fields(place)}
        place = EvseTable if part == "evse" else type(fields[part].default)
        if place in (type(None), type(msgspec.NODEFAULT)):
            place = fields[part].type
    fields = {field.encode_name: field for field in msgspec.structs.fields(place)}
    return fields[key].default


def test_the_table_is_read() -> None:
    assert len(ROWS) == PAGE.split("## Options that are left out")[0].count("\n| ") - 1


@pytest.mark.parametrize(("table", "key", "told"), ROWS)
def test_an_option_has_its_key_and_its_default(table: str, key: str, told: str) -> None:
    default = default_of(table, key)
    if default is msgspec.NODEFAULT:
        assert told == "required"
    else:
        assert json.loads(told.strip("`")) == default
