"""Sharing out a current that several lines (L1 to L3 of the supply) have to carry.

Pure, in whole milliamps, so that a sum never exceeds what it was cut from by a rounding error.
"""

from __future__ import annotations

from collections.abc import Sequence

Lines = tuple[int, ...]
"""Which of the supply's lines 0, 1, 2 a car loads; its current is the same on each."""
MA_PER_A = 1_000
_UA_PER_A = 1_000_000


def to_ma(amps: float, most_a: float) -> int:
    """Whole milliamps of `amps`, rounded down, from 0 to `most_a`; 0 for not-a-number."""
    if not amps > 0:
        return 0
    # By way of microamps: 32.3 A has to be 32300 mA, though 32.3 * 1000 is a little less.
    return round(min(amps, most_a) * _UA_PER_A) * MA_PER_A // _UA_PER_A


def raise_equally(
    floors_ma: Sequence[int],
    mosts_ma: Sequence[int],
    lines: Sequence[Lines],
    room_ma: Sequence[int],
) -> list[int]:
    """Raise all by the same amount until each has its most or a full line.

    From equal floors this is the max-min fair share: nobody can get more without taking it from
    somebody who has no more than he. `room_ma` is what is left on each line beside the floors.
    Less than one milliamp per car stays unused.
    """
    shares, room = list(floors_ma), list(room_ma)
    rising = [i for i, floor_ma in enumerate(shares) if floor_ma < mosts_ma[i]]
    while rising:
        users = _users(rising, lines, len(room))
        rising = [i for i in rising if all(room[line] >= users[line] for line in lines[i])]
        if not rising:
            break
        users = _users(rising, lines, len(room))
        rise_ma = min(
            *(room[line] // count for line, count in enumerate(users) if count),
            min(mosts_ma[i] - shares[i] for i in rising),
        )
        for i in rising:
            shares[i] += rise_ma
        room = [left - rise_ma * count for left, count in zip(room, users, strict=True)]
        rising = [i for i in rising if shares[i] < mosts_ma[i]]
    return shares


def _users(rising: Sequence[int], lines: Sequence[Lines], width: int) -> list[int]:
    users = [0] * width
    for i in rising:
        for line in lines[i]:
            users[line] += 1
    return users
