"""What a station's commands say of a configuration, before anything is started."""

from pathlib import Path

import pytest

from evse.cli.places import load_or_explain

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
