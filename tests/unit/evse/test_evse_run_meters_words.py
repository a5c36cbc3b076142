"""The log speaks of a meter in words, not in the shapes of the program."""

import pytest

from evse.metering.plausibility import Finding
from evse.metering.supervisor import (
    FindingCleared,
    FindingRaised,
    HealthChanged,
    MeterChange,
    MeterHealth,
)
from evse.run.meters import words


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (HealthChanged(MeterHealth.FRESH, "the meter answers"), "the meter answers"),
        (FindingRaised(Finding.NO_NUMBER, "power is not a number"), "power is not a number"),
        (FindingCleared(Finding.NO_NUMBER), "no number is over"),
    ],
)
def test_a_change_is_told_in_words(change: MeterChange, says: str) -> None:
    assert words(change) == says
