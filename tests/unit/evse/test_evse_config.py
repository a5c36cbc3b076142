"""A station starts on a valid configuration or says everything that is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.config.access import AuthorizationTable
from evse.config.evse import MeterTable
from evse.config.load import effective, guard_config_crc, load, parse
from evse.config.ocpp import OcppTable
from evse.config.read import ConfigError
from evse.config.station import BoardTable, StationTable

DEMO = Path(__file__).parents[3] / "hil" / "station_demo.toml"

MAINS = """
[mains]
max_mains_a = 25
fallback_a = {}
[mains.meter]
kind = "{}"
port = "/dev/ttyG"
"""

FULL = """
[station]
identity = "ST-1"
vendor = "Maker"
model = "Wall"
serial = "0042"
fuse_a = 63.0
[board]
kind = "simulated"
port = "/dev/ttyB"
baud = 115200
bench = false
interlock = ""
[[evse]]
id = 1
evse_id = "DE*PNX*E1234567*1"
connector = "socket"
max_current_a = 32.0
phases = 3
nominal_voltage_v = 230.0
ventilation = false
connector_type = "sType2"
[evse.meter]
kind = "modbus"
model = "sdm630"
port = "/dev/ttyM"
unit = 1
baud = 9600
parity = "N"
stop_bits = 1
timeout_ms = 500
poll_ms = 1000
stale_ms = 5000
lost_ms = 10000
[evse.lock]
unlock_after_stop = true
[evse.timing]
c1_open_ms = 600
[[evse]]
id = 2
evse_id = "DE*PNX*E1234567*2"
connector = "cable"
max_current_a = 16.0
phases = 1
connector_type = "cType2"
[evse.meter]
kind = "modbus"
port = "/dev/ttyM"
unit = 2
baud = 9600
parity = "N"
stop_bits = 1
[authorization]
mode = "ocpp"
[ocpp]
url = "ws://localhost:9000/ocpp"
identity = "ST-1"
versions = ["1.6"]
ping_interval_s = 60
basic_auth_key_file = "/etc/pievse/key"
[limits]
default_a = 16.0
[journal]
keep_days = 30
"""


def changed(*pairs: tuple[str, str], text: str = FULL) -> str:
    """`text` with each first occurrence replaced; a replacement that hits nothing is a mistake."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def problems(*pairs: tuple[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(changed(*pairs))
    return caught.value.problems


def only_problem(*pairs: tuple[str, str]) -> str:
    (problem,) = problems(*pairs)
    return problem


def test_the_demonstration_station_is_valid() -> None:
    config = load(DEMO)
    assert config.station.identity == "PIEVSE-1"
    assert config.evses[0].meter.kind == "modbus"


def test_every_key_of_a_full_file_arrives() -> None:
    config = parse(FULL)
    assert config.station.fuse_a == 63.0
    assert config.board.port == "/dev/ttyB"
    assert [evse.max_current_a for evse in config.evses] == [32.0, 16.0]
    assert config.evses[0].timing == {"c1_open_ms": 600}
    assert config.evses[1].meter.unit == 2
    assert config.ocpp is not None
    assert config.ocpp.basic_auth_key_file == "/etc/pievse/key"
    assert config.journal.keep_days == 30


def test_values_that_follow_from_others_are_filled_in() -> None:
    config = parse(
        changed(
            ('connector_type = "sType2"\n', ""),
            ('connector_type = "cType2"\n', ""),
            ("[evse.lock]\nunlock_after_stop = true\n", ""),
            ('identity = "ST-1"\nversions', "versions"),
        )
    )
    assert [evse.connector_type for evse in config.evses] == ["sType2", "cType2"]
    assert config.evses[0].lock is not None, "a socket implies a lock"
    assert config.evses[1].lock is None
    assert config.ocpp is not None
    assert config.ocpp.identity == "ST-1"


def test_the_first_pings_come_within_a_back_offices_read_deadline_of_60_s() -> None:
    config = parse(changed(("ping_interval_s = 60\n", "")))
    assert config.ocpp is not None
    assert config.ocpp.ping_interval_s == 30


def test_a_misspelt_key_names_file_place_and_the_nearest_known_key() -> None:
    assert (
        "station.toml: [evse 1] max_curent_a is not known; did you mean max_current_a?"
        in problems(("max_current_a", "max_curent_a"))
    )


def test_a_key_that_resembles_nothing_lists_what_is_known() -> None:
    assert only_problem(("keep_days = 30", "keep_days = 30\nxyzzy = 1")) == (
        "station.toml: [journal] xyzzy is not known; known here: keep_days, max_mb"
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "max_current_a = 32.0",
            "max_current_a = 100",
            "[evse 1] max_current_a = 100 must be a number from 6 to 80",
        ),
        (
            "max_current_a = 32.0",
            "max_current_a = nan",
            "[evse 1] max_current_a = nan must be a number from 6 to 80",
        ),
        (
            "max_current_a = 32.0",
            f"max_current_a = 0x{'f' * 5000}",
            "[evse 1] max_current_a = a number beyond 64 bits must be a number from 6 to 80",
        ),
        ("phases = 3", "phases = 2", "[evse 1] phases = 2 must be one of 1, 3"),
        ("phases = 3", "phases = 3.0", "[evse 1] phases = 3.0 must be one of 1, 3"),
        (
            "ventilation = false",
            'ventilation = "no"',
            '[evse 1] ventilation = "no" must be true or false',
        ),
        (
            "unit = 1",
            "unit = true",
            "[evse 1.meter] unit = true must be a whole number from 1 to 247",
        ),
        (
            'versions = ["1.6"]',
            'versions = ["1.6", "2.1"]',
            '[ocpp] versions[2] = "2.1" must be one of "1.6"',
        ),
        ('versions = ["1.6"]', "versions = []", "[ocpp] versions has 0 entries"),
        ('model = "Wall"', "model = {}", "[station] model = a table must be 1 to 20 printable"),
        ("[journal]\nkeep_days = 30", "", ""),
        (
            'identity = "ST-1"\nvendor',
            'identity = "ST 1"\nvendor',
            '[station] identity = "ST 1" must be 1 to 48 of',
        ),
        (
            "ws://localhost:9000/ocpp",
            "ws://me:secret@localhost/",
            '[ocpp] url = "ws://me:secret@localhost/" must be ws:// or wss://',
        ),
        (
            "c1_open_ms = 600",
            "c1_open_ms = 0",
            "[evse 1.timing] c1_open_ms = 0 must be a whole number from 1 to 600000",
        ),
        ("[evse.meter]\nkind", "[evse.meter.x]\nkind", "[evse 1.meter] x is not known"),
        ("[board]", "[[board]]", "board must be a table, not an array"),
    ],
)
def test_type_and_range_errors_name_key_value_and_what_is_allowed(
    old: str, new: str, sentence: str
) -> None:
    if sentence:
        assert any(f"station.toml: {sentence}" in one for one in problems((old, new)))
    else:
        assert parse(changed((old, new))).journal.keep_days == 365


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (StationTable, {"identity": "ST-1\n"}),
        (StationTable, {"identity": "ST-1", "serial": "42\n"}),
        (BoardTable, {"kind": "serial", "port": "/dev/ttyS0\n"}),
        (MeterTable, {"model": "sdm630\n"}),
        (AuthorizationTable, {"mode": "list", "tokens": ["CARD\n"]}),
        (OcppTable, {"url": "ws://h/ocpp\n"}),
        (OcppTable, {"url": "ws://h/ocpp", "identity": "ST-1\n"}),
    ],
)
def test_a_trailing_line_break_is_refused_by_the_type_itself(
    table: type[msgspec.Struct], values: dict[str, object]
) -> None:
    with pytest.raises(msgspec.ValidationError, match="regex"):
        msgspec.convert(values, table)


def test_all_mistakes_of_a_file_are_reported_at_once() -> None:
    assert (
        len(
            problems(
                ("phases = 3", "phases = 2"),
                ("keep_days", "keep_dais"),
                ("default_a = 16.0", "default_a = -1"),
            )
        )
        == 3
    )


def test_missing_tables_and_keys_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("[station]\n")
    assert set(caught.value.problems) == {
        "station.toml: [station] identity is missing",
        "station.toml: board is missing",
        "station.toml: evse is missing",
        "station.toml: authorization is missing",
    }


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("id = 2", "id = 3")], "[evse 2] id = 3 must be 2"),
        ([("E1234567*2", "E1234567*1")], "[evse 2] evse_id = DE*PNX*E1234567*1 is already"),
        ([("unit = 2", "unit = 1")], "[evse 2.meter] unit = 1 is already taken on /dev/ttyM"),
        (
            [('unit = 2\nbaud = 9600\nparity = "N"', 'unit = 2\nbaud = 9600\nparity = "E"')],
            "[evse 2.meter] baud, parity and stop_bits must be those of [evse 1.meter]",
        ),
        (
            [("/dev/ttyM", "/dev/ttyB")],
            "[evse 1.meter] port = /dev/ttyB is already that of [board]",
        ),
        ([("stale_ms = 5000", "stale_ms = 900")], "must have poll_ms < stale_ms < lost_ms"),
        (
            [
                ('connector = "socket"', 'connector = "cable"'),
                ('connector_type = "sType2"', 'connector_type = "cType2"'),
            ],
            "[evse 1.lock] only a socket has a lock",
        ),
        (
            [('connector_type = "sType2"', 'connector_type = "cType2"')],
            '[evse 1] connector_type = cType2 does not fit connector = "socket"',
        ),
        ([("c1_open_ms", "c1_opn_ms")], "c1_opn_ms is not known; did you mean c1_open_ms?"),
        ([('mode = "ocpp"', 'mode = "list"')], '[authorization] tokens is missing; mode = "list"'),
        (
            [('mode = "ocpp"', 'mode = "free"\ntokens = ["A"]')],
            '[authorization] tokens are of no use with mode = "free"',
        ),
        (
            [('mode = "ocpp"', 'mode = "list"\ntokens = ["ab", "AB"]')],
            "[authorization] tokens[2] is already in the list",
        ),
        (
            [("[journal]", MAINS.format(49, "modbus") + "[journal]")],
            "[mains] fallback_a = 49 is more than the 48 A that the EVSEs may take at all",
        ),
        (
            [
                ("phases = 3", "phases = 1"),
                ("[evse.meter]", '[evse.phase_switch]\nmode = "both"\n[evse.meter]'),
            ],
            "[evse 1.phase_switch] needs phases = 3; this EVSE has 1",
        ),
        (
            [("[journal]", MAINS.format(16, "none") + "[journal]")],
            '[mains.meter] kind = "none" measures nothing',
        ),
        (
            [
                (
                    "[evse.meter]",
                    "[[evse.derating]]\nat_c = 60\nfactor = 0.5\nleave_c = 61\n[evse.meter]",
                )
            ],
            "[evse 1.derating] derating curve: what begins at 60 C must end below it, not at 61 C",
        ),
        ([("bench = false", "bench = true")], "[board] profile, bench and interlock are for"),
    ],
)
def test_tables_that_contradict_each_other_are_refused(
    pairs: list[tuple[str, str]], sentence: str
) -> None:
    assert sentence in only_problem(*pairs)


def test_a_fuse_may_carry_less_than_all_evses_at_their_ratings() -> None:
    assert parse(changed(("fuse_a = 63.0", "fuse_a = 20"))).station.fuse_a == 20.0


def test_authorization_by_the_back_office_needs_a_back_office() -> None:
    start, end = FULL.index("[ocpp]"), FULL.index("[limits]")
    with pytest.raises(ConfigError, match=r'mode = "ocpp" needs the table \[ocpp\]'):
        parse(FULL[:start] + FULL[end:])


def test_a_real_board_needs_ports_and_refuses_shortened_times() -> None:
    found = problems(
        ('kind = "simulated"', 'kind = "serial"'), ('port = "/dev/ttyB"\n', ""), ("/dev/ttyM", "")
    )
    assert [one.removeprefix("station.toml: ") for one in found] == [
        '[board] port is missing; kind = "serial" needs it',
        '[evse 1.timing] is for tests: allowed only with [board] kind = "simulated"',
        '[evse 1.meter] port is missing; kind = "modbus" needs it',
    ]


def test_t3_native_without_interlock_or_bench_is_refused_twice() -> None:
    found = problems(
        ('kind = "simulated"', 'kind = "native"'), ("[evse.timing]\nc1_open_ms = 600", "")
    )
    assert any("profile is missing" in one for one in found)
    assert any('needs interlock = "…"' in one for one in found)


def test_t3_native_with_an_interlock_still_needs_to_know_its_wires() -> None:
    problem = only_problem(
        ('kind = "simulated"', 'kind = "native"'),
        ('interlock = ""', 'interlock = "Relay KM2"'),
        ("[evse.timing]\nc1_open_ms = 600", ""),
    )
    assert "profile is missing" in problem


def test_t3_native_with_interlock_and_profile_is_a_station() -> None:
    text = changed(
        ('kind = "simulated"', 'kind = "native"\nprofile = "pievse-reference"'),
        ('interlock = ""', 'interlock = "Relay KM2"'),
        ("[evse.timing]\nc1_open_ms = 600", ""),
    )
    assert parse(text).board.profile == "pievse-reference"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[station\n", "is not TOML"),
        (b"[station]\nidentity = '\xff'\n", "line 2 is not UTF-8 text"),
        (b"a = " + b"[" * 5_000, "nested too deeply"),
        (b"a = " + b"9" * 5_000, "is not TOML"),
        (b"#" * 70_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_by_name(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^broken\.toml: ") as caught:
        load(path)
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_guard_checksum_changes_with_what_ring_1_must_know_and_with_nothing_else() -> None:
    crc = guard_config_crc(parse(FULL))
    same = [("keep_days = 30", "keep_days = 31"), ("max_current_a = 32.0", "max_current_a = 32")]
    other = [
        ("ventilation = false", "ventilation = true"),
        ("max_current_a = 32.0", "max_current_a = 31"),
        ("c1_open_ms = 600", "c1_open_ms = 601"),
        ("phases = 3", "phases = 1"),
    ]
    assert {guard_config_crc(parse(changed(pair))) for pair in same} == {crc}
    assert len({guard_config_crc(parse(changed(pair))) for pair in other} | {crc}) == 5
    assert 0 <= crc < 2**32


def test_effective_configuration_reads_back_as_itself() -> None:
    for config in (parse(FULL), load(DEMO)):
        assert parse(effective(config)) == config


def test_effective_configuration_hides_tokens() -> None:
    config = parse(changed(('mode = "ocpp"', 'mode = "list"\ntokens = ["DEADBEEF"]')))
    assert "DEADBEEF" not in effective(config)
    assert "# tokens: 1, not shown" in effective(config)
    shown = tomllib.loads(effective(config))["authorization"]
    assert shown["mode"] == "list"
    assert "tokens" not in shown


LINES = FULL.splitlines()
VALUE_LINES = [number for number, line in enumerate(LINES) if " = " in line]
WRONG_VALUES = st.one_of(
    st.sampled_from(
        ["nan", "-inf", "1e400", "true", "1979-05-27", "[[]]", "{a = 1}", '""', "-0", "0xfffffff"]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(st.characters(codec="ascii", exclude_characters="'\n\r\x7f", min_codepoint=32)).map(
        lambda text: f"'{text}'"
    ),
)


def mistakes(lines: list[str]) -> tuple[str, ...]:
    """What is wrong with a file of these lines; nothing if it is valid."""
    try:
        parse("\n".join(lines))
    except ConfigError as error:
        return error.problems
    return ()


@given(st.sampled_from(VALUE_LINES), WRONG_VALUES)
def test_any_value_anywhere_is_accepted_or_refused_with_its_key(number: int, value: str) -> None:
    key = LINES[number].split(" = ")[0]
    found = mistakes([*LINES[:number], f"{key} = {value}", *LINES[number + 1 :]])
    assert not found or any(key in problem for problem in found)


@given(st.sampled_from(VALUE_LINES), st.from_regex(r"\A[a-z_]{1,20}\Z"))
def test_any_unknown_key_anywhere_is_refused_by_name(number: int, key: str) -> None:
    if any(line.startswith(f"{key} = ") for line in LINES):
        return
    value = LINES[number].split(" = ", 1)[1]
    found = mistakes([*LINES[:number], f"{key} = {value}", *LINES[number + 1 :]])
    assert any(key in problem for problem in found)


@given(st.data())
def test_random_edits_of_the_text_raise_nothing_but_config_errors(data: st.DataObject) -> None:
    text = FULL
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.text(max_size=6)) + text[at + cut :]
    assert all(problem.startswith("station.toml: ") for problem in mistakes([text]))
