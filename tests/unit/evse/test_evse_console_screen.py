"""The live view: what a terminal shows is what was drawn, for few bytes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from evse.console.layout import COLUMNS
from evse.console.screen import ROWS, Screen

LINE_RATE_BPS = 11_520
"""115200 baud, ten bits a letter."""
_TOKEN = re.compile(r"\x1b\[(?:(\d+);(\d+))?([HJK])|([ -~])")


class Vt100:
    """As much of a terminal as the view asks for; anything else fails."""

    def __init__(self) -> None:
        self.rows = ["?" * 80] * 24
        self.at = (0, 0)

    def take(self, out: str) -> None:
        end = 0
        for token in _TOKEN.finditer(out):
            assert token.start() == end, out
            end = token.end()
            self._obey(token[1], token[2], token[3], token[4])
        assert end == len(out)

    def _obey(self, row: str | None, column: str | None, verb: str | None, letter: str) -> None:
        at_row, at_column = self.at
        line = self.rows[at_row]
        if verb == "H":
            self.at = (int(row) - 1, int(column) - 1) if row and column else (0, 0)
        elif verb == "J":
            self.rows[at_row:] = [" " * 80] * (24 - at_row)
        elif verb == "K":
            self.rows[at_row] = line[:at_column].ljust(80)
        else:
            assert at_column < COLUMNS
            self.rows[at_row] = line[:at_column] + letter + line[at_column + 1 :]
            self.at = (at_row, at_column + 1)

    @property
    def text(self) -> list[str]:
        return [row.rstrip() for row in self.rows]


PICTURES = st.lists(st.lists(st.text(max_size=90), max_size=26), min_size=1, max_size=5)


@given(PICTURES)
def test_the_terminal_shows_the_last_picture_whatever_came_before(
    pictures: list[list[str]],
) -> None:
    screen, terminal = Screen(), Vt100()
    for lines in pictures:
        terminal.take(screen.draw(lines))
        wanted = [
            "".join(c if " " <= c <= "~" else "?" for c in line)[:COLUMNS].rstrip()
            for line in lines[:ROWS]
        ]
        assert terminal.text == [*wanted, *[""] * (24 - len(wanted))]


def eight_rows(seconds: int) -> list[str]:
    """Eight EVSEs whose power and volts move a little."""
    return [
        f"   {n}  charging      C         53%   {5.9 + 0.1 * ((seconds + n) % 3):+.1f} V   closed"
        f"     locked      32.0 A {7.0 + 0.1 * (seconds % 5):>6.1f} kW"
        for n in range(1, 9)
    ]


def test_a_redraw_of_eight_rows_that_change_little_takes_at_most_200_bytes() -> None:
    screen = Screen()
    first = len(screen.draw(eight_rows(0)))
    assert first < LINE_RATE_BPS / 2, "even the first picture fits half a second"
    sizes = [len(screen.draw(eight_rows(second))) for second in range(1, 60)]
    assert max(sizes) <= 200


def test_a_picture_that_stays_costs_nothing() -> None:
    screen = Screen()
    screen.draw(["one", "two"])
    assert screen.draw(["one", "two"]) == ""


def test_a_jump_goes_over_what_stays() -> None:
    screen = Screen()
    screen.draw(["power 7.1 kW" + " " * 20 + "9"])
    assert screen.draw(["power 7.2 kW" + " " * 20 + "8"]) == "\x1b[1;9H2\x1b[1;33H8"
