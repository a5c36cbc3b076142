"""What a station's commands say of a configuration, before anything is started."""

import os
from pathlib import Path

import pytest

from evse.cli.places import load_or_explain, make_state_dir

HERE = Path(__file__).parents[3] / "hil"


@pytest.mark.parametrize(
    ("table", "place"), [("[evse.meter]", "evse 1.meter"), ("[mains.meter]", "mains.meter")]
)
def test_an_unknown_meter_model_is_told_before_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, place: str
) -> None:
    text = (HERE / "station_two.toml").read_text()
    head, rest = text.split(table, 1)
    file = tmp_path / "x.toml"
    file.write_text(head + table + rest.replace('"sdm630"', '"sdm63"', 1))
    assert load_or_explain(file) is None
    said = capsys.readouterr().err
    assert said == f"x.toml: [{place}] meter model 'sdm63' is not known; did you mean sdm630?\n"


def test_known_meters_are_accepted() -> None:
    assert load_or_explain(HERE / "station_two.toml") is not None


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_new_state_directory_is_for_its_owner_and_its_group(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make_state_dir(tmp_path / "lib" / "pievse")
    finally:
        os.umask(before)
    assert (tmp_path / "lib" / "pievse").stat().st_mode & 0o7777 == 0o750


def test_a_state_directory_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    make_state_dir(tmp_path, str(os.getgid()))
    assert tmp_path.stat().st_mode & 0o7777 == 0o711


def test_members_of_the_doors_group_get_through_to_it(tmp_path: Path) -> None:
    gid = max(os.getgroups() or [os.getgid()])
    make_state_dir(tmp_path / "state", str(gid))
    found = (tmp_path / "state").stat()
    assert (found.st_gid, found.st_mode & 0o7777) == (gid, 0o750)


@pytest.mark.parametrize("group", ["no-such-group-here", "4294967294"])
def test_a_group_that_can_not_be_had_costs_no_state(tmp_path: Path, group: str) -> None:
    make_state_dir(tmp_path / "state", group)
    assert (tmp_path / "state").stat().st_mode & 0o7777 == 0o750
