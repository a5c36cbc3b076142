"""Circuit symbols as SVG: what a drawing of a front-end is made of."""

from __future__ import annotations

import html

INK, PAPER, FAINT = "#1f2328", "#ffffff", "#57606a"
_HALF = 9
"""Half the width of a resistor, pixels."""


def kilo(ohm: float) -> str:
    return f"{ohm / 1_000:g} kΩ"


class Sheet:
    """A drawing that grows by calls; coordinates in pixels from the top left."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="sans-serif" font-size="13" fill="{INK}" stroke-linecap="round">',
            f"<title>{html.escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        ]

    def svg(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])

    # --- strokes -------------------------------------------------------------------------------

    def wire(self, *points: tuple[float, float], dashed: bool = False) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        style = f' stroke-dasharray="5 4" stroke="{FAINT}"' if dashed else f' stroke="{INK}"'
        self._parts.append(f'<polyline points="{path}" fill="none" stroke-width="1.5"{style}/>')

    def dot(self, x: float, y: float) -> None:
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3.2"/>')

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", faint: bool = False
    ) -> None:
        fill = f' fill="{FAINT}" font-size="12"' if faint else ""
        for row, line in enumerate(words.split("\n")):
            self._parts.append(
                f'<text x="{x:g}" y="{y + 15 * row:g}" text-anchor="{anchor}"{fill}>'
                f"{html.escape(line)}</text>"
            )

    def heading(self, x: float, y: float, words: str) -> None:
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-weight="bold" font-size="15">'
            f"{html.escape(words)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, words: str) -> None:
        """With its words in the middle."""
        self._rect(x, y, width, height)
        rows = words.count("\n")
        self.text(x + width / 2, y + height / 2 + 5 - 7.5 * rows, words, anchor="middle")

    def _rect(self, x: float, y: float, width: float, height: float) -> None:
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{PAPER}" '
            f'stroke="{INK}" stroke-width="1.5"/>'
        )

    def _filled(self, *points: tuple[float, float], fill: str = INK) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._parts.append(
            f'<polygon points="{path}" fill="{fill}" stroke="{INK}" stroke-width="1.5"/>'
        )

    # --- ends ----------------------------------------------------------------------------------

    def terminal(self, x: float, y: float, name: str, *, left: bool = False) -> None:
        """`left`: its name stands on the left."""
        self._parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{PAPER}" stroke="{INK}" '
            'stroke-width="1.5"/>'
        )
        self.text(x + (-10 if left else 10), y + 5, name, anchor="end" if left else "start")

    def rail(self, x: float, y: float, name: str) -> None:
        """A supply above its wire."""
        self.wire((x - 10, y), (x + 10, y))
        self.text(x, y - 5, name, anchor="middle")

    def ground(self, x: float, y: float, name: str = "") -> None:
        for row, half in enumerate((10, 6, 2)):
            self.wire((x - half, y + 4 * row), (x + half, y + 4 * row))
        if name:
            self.text(x + 14, y + 10, name, faint=True)

    # --- parts on a horizontal wire from x1 to x2 ----------------------------------------------

    def resistor(self, x1: float, x2: float, y: float, value: str) -> None:
        middle = (x1 + x2) / 2
        self.wire((x1, y), (x2, y))
        self._rect(middle - 22, y - _HALF, 44, 2 * _HALF)
        self.text(middle, y - 15, value, anchor="middle")

    def capacitor(self, x1: float, x2: float, y: float, value: str) -> None:
        middle = (x1 + x2) / 2
        self.wire((x1, y), (middle - 4, y))
        self.wire((middle + 4, y), (x2, y))
        for x in (middle - 4, middle + 4):
            self.wire((x, y - 13), (x, y + 13))
        self.text(middle, y - 19, value, anchor="middle")

    def diode(self, x1: float, x2: float, y: float, value: str) -> None:
        """Conducts to the right."""
        middle = (x1 + x2) / 2
        self.wire((x1, y), (x2, y))
        self._filled((middle - 8, y - 8), (middle - 8, y + 8), (middle + 8, y))
        self.wire((middle + 8, y - 8), (middle + 8, y + 8))
        self.text(middle, y - 15, value, anchor="middle")

    def contact(self, x1: float, x2: float, y: float, name: str) -> None:
        """One that opens."""
        self.wire((x1, y), (x1 + 12, y))
        self.wire((x2 - 12, y), (x2, y))
        self.wire((x1 + 12, y), (x2 - 6, y + 9))
        self.wire((x2 - 12, y), (x2 - 12, y + 12))
        self.text((x1 + x2) / 2, y - 14 - 15 * name.count("\n"), name, anchor="middle")

    # --- parts on a vertical wire from y1 down to y2 -------------------------------------------

    def resistor_down(self, x: float, y1: float, y2: float, value: str) -> None:
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, y2))
        self._rect(x - _HALF, middle - 22, 2 * _HALF, 44)
        self.text(x + 15, middle + 5 - 7.5 * value.count("\n"), value)

    def capacitor_down(self, x: float, y1: float, y2: float, value: str) -> None:
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, middle - 4))
        self.wire((x, middle + 4), (x, y2))
        for y in (middle - 4, middle + 4):
            self.wire((x - 13, y), (x + 13, y))
        self.text(x + 18, middle + 5 - 7.5 * value.count("\n"), value)

    def diode_up(self, x: float, y1: float, y2: float, value: str = "") -> None:
        """Conducts upwards."""
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, y2))
        self._filled((x - 8, middle + 8), (x + 8, middle + 8), (x, middle - 8))
        self.wire((x - 8, middle - 8), (x + 8, middle - 8))
        self.text(x + 15, middle + 5 - 7.5 * value.count("\n"), value)

    def zener_down(self, x: float, y1: float, y2: float, value: str) -> None:
        """Conducts downwards, and upwards above its voltage."""
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, y2))
        self._filled((x - 8, middle - 8), (x + 8, middle - 8), (x, middle + 8))
        self.wire(
            (x - 10, middle + 3), (x - 8, middle + 8), (x + 8, middle + 8), (x + 10, middle + 13)
        )
        self.text(x + 15, middle + 5, value)

    def suppressor_down(self, x: float, y1: float, y2: float, value: str) -> None:
        """A transient suppressor for both directions."""
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, y2))
        self._filled((x - 8, middle - 14), (x + 8, middle - 14), (x, middle), fill=PAPER)
        self._filled((x - 8, middle + 14), (x + 8, middle + 14), (x, middle), fill=PAPER)
        self.wire((x - 10, middle), (x + 10, middle))
        self.text(x + 15, middle + 5 - 7.5 * value.count("\n"), value)

    def contact_down(
        self, x: float, y1: float, y2: float, name: str, *, opens: bool = True
    ) -> None:
        self.wire((x, y1), (x, y1 + 12))
        self.wire((x, y2 - 12), (x, y2))
        self.wire((x, y2 - 12), (x + (6 if opens else 12), y1 + 8))
        if opens:
            self.wire((x, y1 + 12), (x + 12, y1 + 12))
        self.text(x + 18, (y1 + y2) / 2 + 5 - 7.5 * name.count("\n"), name)

    def coil_down(self, x: float, y1: float, y2: float, name: str) -> None:
        middle = (y1 + y2) / 2
        self.wire((x, y1), (x, y2))
        self._rect(x - 22, middle - 13, 44, 26)
        self.wire((x - 8, middle + 13), (x + 8, middle - 13))
        self.text(x - 28, middle + 5, name, anchor="end")

    def mosfet(self, x: float, y: float, name: str) -> None:
        """N channel: gate at (x - 30, y), drain at (x, y - 30), source at (x, y + 30)."""
        self.wire((x - 30, y), (x - 16, y))
        self.wire((x - 16, y - 13), (x - 16, y + 13))
        self.wire((x - 11, y - 16), (x - 11, y + 16))
        self.wire((x - 11, y - 11), (x, y - 11), (x, y - 30))
        self.wire((x - 11, y + 11), (x, y + 11), (x, y + 30))
        self._filled((x - 10, y + 11), (x - 3, y + 8), (x - 3, y + 14))
        self.text(x + 10, y + 5, name)

    def buffer(self, x: float, y: float, name: str) -> None:
        """An operational amplifier as a follower: input at (x, y), output at (x + 60, y)."""
        self._filled((x, y - 28), (x, y + 28), (x + 50, y), fill=PAPER)
        self.wire((x + 50, y), (x + 60, y))
        self.text(x + 18, y + 5, name, anchor="middle")
