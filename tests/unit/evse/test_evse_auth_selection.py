"""Which EVSE a token is for (types.authorization SelectionAlgorithm)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.authorization.selection import Place, choose
from evse.types.authorization import SelectionAlgorithm as By

EMPTY, TWO_CARS = [Place(1), Place(2)], [Place(1), Place(2, 5), Place(3, 4)]


@pytest.mark.parametrize(
    ("algorithm", "empty", "two_cars"),
    [
        (By.FindFirst, 1, 2),
        (By.PlugEvents, None, 3),
        (By.PlugEventsLIFO, None, 2),
        (By.UserInput, None, None),
    ],
)
def test_each_algorithm_with_and_without_cars(
    algorithm: By, empty: int | None, two_cars: int
) -> None:
    assert choose(algorithm, EMPTY) == empty
    assert choose(algorithm, TWO_CARS) == two_cars


PLACES = st.lists(
    st.builds(Place, evse=st.integers(1, 8), plug_in=st.none() | st.integers(1, 99)),
    unique_by=lambda place: place.evse,
)


@given(st.sampled_from(By), PLACES)
def test_only_a_place_is_chosen_and_a_car_goes_before_an_empty_evse(
    algorithm: By, places: list[Place]
) -> None:
    found = choose(algorithm, places)
    by_number = {place.evse: place for place in places}
    assert found is None or found in by_number
    if len(places) == 1:
        assert found == places[0].evse
    elif found is not None and any(place.plug_in for place in places):
        assert by_number[found].plug_in is not None


@given(PLACES)
def test_the_order_in_which_places_are_told_decides_nothing(places: list[Place]) -> None:
    cars = [place.plug_in for place in places if place.plug_in is not None]
    if len(set(cars)) == len(cars):
        for algorithm in By:
            assert choose(algorithm, places) == choose(algorithm, places[::-1])
