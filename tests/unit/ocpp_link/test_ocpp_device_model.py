"""The device model: one place for every setting, whoever reads or writes it."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import Rig

from ocpp_link.device.catalogue import Row, load
from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.device.settings import Settings
from ocpp_link.device.values import DataType, parse, text_of
from ocpp_link.memory.database import Database

LINK = Path(__file__).parents[3] / "ocpp_link"


class Held:
    """A device model over settings that somebody holds."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.model = DeviceModel(lambda: self.settings, self._apply)
        self.told: list[tuple[str, str]] = []
        self.model.on_change.append(lambda row, text: self.told.append((row.v16, text)))

    def _apply(self, settings: Settings) -> None:
        self.settings = settings

    def row(self, key: str) -> Row:
        row = self.model.key(key)
        assert row is not None, key
        return row

    def write(self, key: str, text: str) -> WriteStatus:
        return self.model.write(self.row(key), text).status


@pytest.mark.parametrize("row", [row for row in load() if row.field], ids=lambda row: row.field)
def test_every_default_is_a_value_of_its_own_variable(row: Row) -> None:
    text = text_of(getattr(Settings(), row.field))
    held = Held()
    assert held.model.write(row, text).status is WriteStatus.ACCEPTED
    assert held.settings == Settings()


@functools.cache
def read_in_the_link() -> frozenset[str]:
    """Every attribute that some module of the link reads, outside of the device model itself."""
    return frozenset(
        node.attr
        for path in LINK.rglob("*.py")
        if path.parent.name != "device"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    )


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_every_setting_has_an_effect_somewhere(field: str) -> None:
    """A key that answers `Accepted` and does nothing is a defect: somebody reads the field."""
    assert field in read_in_the_link(), f"nothing in the link reads Settings.{field}"


def test_what_is_refused_changes_nothing_and_says_why() -> None:
    held = Held()
    result = held.model.write(held.row("MeterValueSampleInterval"), "-1")
    assert result.status is WriteStatus.REJECTED
    assert "whole number" in result.says
    assert held.settings == Settings()
    assert held.told == []


def test_a_change_is_told_once_and_a_read_only_variable_is_never_written() -> None:
    held = Held()
    held.model.facts["evses"] = lambda: "2"
    assert held.write("HeartbeatInterval", " 60 ") is WriteStatus.ACCEPTED
    assert held.write("NumberOfConnectors", "3") is WriteStatus.READ_ONLY
    assert held.told == [("HeartbeatInterval", "60")]


def test_a_variable_whose_part_is_not_there_does_not_exist() -> None:
    held = Held()
    assert held.model.key("NumberOfConnectors") is None
    assert held.model.find("ChargingStation", "NumberOfConnectors") is None


def test_a_secret_is_written_through_its_guard_and_never_read() -> None:
    held, kept = Held(), []

    def guard(value: object) -> WriteStatus:
        kept.append(value)
        return WriteStatus.ACCEPTED

    held.model.guards["authorization_key"] = guard
    assert held.write("AuthorizationKey", "0123456789abcdef0123") is WriteStatus.ACCEPTED
    assert kept == ["0123456789abcdef0123"]
    assert held.model.read(held.row("AuthorizationKey")) is None
    assert held.told == []


def test_a_guard_may_refuse_a_value_of_the_right_form() -> None:
    held = Held()
    held.model.guards["security_profile"] = lambda _value: WriteStatus.REJECTED
    assert held.write("SecurityProfile", "1") is WriteStatus.REJECTED
    assert held.settings.security_profile == 0


def test_names_are_found_in_any_case_and_one_place_is_taken_once() -> None:
    held = Held()
    assert held.row("heartbeatINTERVAL") is held.model.find("ocppcommctrlr", "HEARTBEATINTERVAL")
    with pytest.raises(ValueError, match="there already"):
        held.model.add([load()[0]])


@given(st.text(max_size=30), st.sampled_from(DataType))
def test_a_text_is_a_value_or_refused_in_words(text: str, type_: DataType) -> None:
    try:
        value = parse(text, type_)
    except ValueError:
        return
    assert parse(text_of(value), type_) == value


def test_only_what_was_changed_is_kept_over_a_restart(tmp_path: Path) -> None:
    """The configuration goes on to rule what the back office never touched."""
    rig = Rig(database=Database(tmp_path / "a.db"), settings=Settings(ping_interval_s=10)).start()
    assert rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "7"})[1] == {
        "status": "Accepted"
    }
    again = Rig(database=Database(tmp_path / "a.db"), settings=Settings(ping_interval_s=20))
    assert again.engine.station.settings.sample_interval_s == 7
    assert again.engine.station.settings.ping_interval_s == 20
