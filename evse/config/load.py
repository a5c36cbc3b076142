"""Station configuration: one TOML file in, one valid immutable value out, or all its mistakes.

A station does not start on a doubtful configuration: an unknown key, a value out of range or a
contradiction raises `ConfigError`, whose text is meant for the person who wrote the file.
"""

from __future__ import annotations

import json
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evse.config.checks import disagreements, resolved
from evse.config.read import ConfigError, Reader
from evse.config.station import StationConfig
from evse.config.values import Table

MAX_FILE_BYTES = 65_536


def load(path: str | Path) -> StationConfig:
    """The configuration in the file `path`. Raises ConfigError with every mistake found."""
    name = Path(path).name
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError([f"{name}: is larger than {MAX_FILE_BYTES} bytes"])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{name}: line {line} is not UTF-8 text"]) from error
    return parse(text, name)


def parse(text: str, name: str = "station.toml") -> StationConfig:
    """The configuration that `text` spells; `name` stands before each mistake's sentence."""
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # also what int() says to a number of 5000 digits
        raise ConfigError([f"{name}: is not TOML: {error}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{name}: is not TOML: nested too deeply"]) from error
    reader = Reader(name)
    config = reader.table(StationConfig, values)
    if config is None:
        raise ConfigError(reader.problems)
    if problems := disagreements(config):
        raise ConfigError(f"{name}: {problem}" for problem in problems)
    return resolved(config)


def guard_config_crc(config: StationConfig) -> int:
    """CRC-32 of all that ring 1 must agree on with the core; the board's hello carries it.

    What only the core uses (tariffs, URLs, limits below the rating) does not change it.
    """
    relevant = [
        {
            "id": evse.id,
            "connector": evse.connector,
            "lock": evse.lock is not None,
            "max_current_a": evse.max_current_a,
            "phases": evse.phases,
            "phase_switch": evse.phase_switch.mode != "never",
            "timing": evse.timing,
            "ventilation": evse.ventilation,
        }
        for evse in config.evses
    ]
    return zlib.crc32(msgspec.json.encode(relevant, order="sorted"))


def effective(config: StationConfig) -> str:
    """`config` with all defaults as TOML text for people; tokens are counted, not shown."""
    return "\n".join(_table_lines(config, "")).strip() + "\n"


def _table_lines(table: Table, path: str) -> Iterator[str]:
    """Plain values first: TOML puts whatever follows a sub-table's header into that sub-table."""
    inner: list[tuple[str, str, Table | dict[str, int]]] = []
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        key = f"{path}.{field.encode_name}" if path else field.encode_name
        if isinstance(value, Table) or (isinstance(value, dict) and value):
            inner.append((f"\n[{key}]", key, value))
        elif isinstance(value, tuple) and any(isinstance(entry, Table) for entry in value):
            inner.extend((f"\n[[{key}]]", key, entry) for entry in value)
        elif field.name == "tokens" and value:
            yield f"# tokens: {len(value)}, not shown"
        elif value is not None and value != {}:
            yield f"{field.encode_name} = {_toml(value)}"
    for header, key, value in inner:
        yield header
        if isinstance(value, Table):
            yield from _table_lines(value, key)
        else:
            yield from (f"{name} = {_toml(value[name])}" for name in sorted(value))


def _toml(value: object) -> str:
    """A string, number, boolean or sequence of them as TOML, which JSON happens to spell alike."""
    return json.dumps(value, ensure_ascii=False)
