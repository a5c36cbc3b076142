"""The cable's coding, judged by the clause table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.clauses import load
from evse.guard.proximity import Cable, cable_rating_a, read_cable

RANGES = load()["proximity"]["range"]
CONFIRM_MS = 200


@pytest.mark.parametrize("row", RANGES, ids=lambda row: str(row["from_ohm"]))
def test_annex_b_range_has_its_rating(row: dict[str, Any]) -> None:
    for ohm in (row["from_ohm"], row.get("nominal_ohm", row["from_ohm"]), row["to_ohm"]):
        assert cable_rating_a(ohm) == row["rating_a"]


def test_the_table_covers_every_ohm() -> None:
    covered = [ohm for row in RANGES for ohm in range(row["from_ohm"], row["to_ohm"] + 1)]
    assert covered == list(range(1_000_001))


def test_no_reading_is_no_rating() -> None:
    assert cable_rating_a(None) == 0


@given(st.integers(80, 2_460), st.integers(80, 2_460))
def test_between_valid_codes_more_ohms_never_carry_more(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert cable_rating_a(low) >= cable_rating_a(high) > 0


@pytest.mark.parametrize("nominal", [r["nominal_ohm"] for r in RANGES if "nominal_ohm" in r])
def test_three_percent_of_tolerance_do_not_raise_the_rating(nominal: int) -> None:
    assert cable_rating_a(round(nominal * 0.97)) == cable_rating_a(nominal)
    assert cable_rating_a(round(nominal * 1.03)) == cable_rating_a(nominal)


def read(cable: Cable, rating_a: int, now_ms: int) -> Cable:
    return read_cable(cable, rating_a, now_ms, confirm_ms=CONFIRM_MS)


def held(cable: Cable, rating_a: int, start_ms: int) -> Cable:
    for now_ms in range(start_ms, start_ms + CONFIRM_MS + 1, 10):
        cable = read(cable, rating_a, now_ms)
    return cable


def test_a_rating_counts_when_it_stays() -> None:
    cable = read(Cable(), 32, 0)
    assert read(cable, 32, CONFIRM_MS - 1).rating_a is None
    assert read(cable, 32, CONFIRM_MS) == Cable(32)


def test_a_bouncing_plug_is_waited_for() -> None:
    cable = Cable()
    for now_ms in range(0, 1_000, 20):
        cable = read(read(cable, 32, now_ms), 0, now_ms + 10)
        assert cable.rating_a is None
    assert held(cable, 32, 1_000) == Cable(32)


@pytest.mark.parametrize("rating_a", [32, 63])
def test_a_rating_never_rises_in_a_session(rating_a: int) -> None:
    assert held(Cable(32), rating_a, 0) == Cable(32)


@pytest.mark.parametrize("rating_a", [0, 13])
def test_a_rating_may_fall(rating_a: int) -> None:
    assert held(Cable(32), rating_a, 0) == Cable(rating_a)


def test_a_short_loss_is_forgiven() -> None:
    cable = read(Cable(32), 0, 0)
    assert cable.candidate_a == 0
    assert read(cable, 32, 10) == Cable(32)


def test_a_lost_coding_is_read_anew() -> None:
    assert held(Cable(0), 63, 0) == Cable(63)


@pytest.mark.parametrize("rating_a", [0, 13, 63])
def test_a_rating_that_stays_leaves_nothing_to_age(rating_a: int) -> None:
    known = Cable(rating_a)
    assert read_cable(known, rating_a, 5, confirm_ms=200) is known
