"""The drawing of the connector lock for docs/hardware.md, with the values of front_end.py."""

from __future__ import annotations

from hil.docs import front_end as fe
from hil.docs.schematic import Sheet


def lock_svg() -> str:
    """The lock's bridge, its reserve, and what tells of a power loss."""
    sheet = Sheet(1_060, 440, "PiEVSE reference front-end: connector lock and its reserve")
    sheet.heading(20, 30, "Connector lock, with a reserve for a power loss")
    _reserve(sheet)
    _bridge(sheet)
    _read_backs(sheet)
    return sheet.svg()


def _reserve(sheet: Sheet) -> None:
    sheet.rail(50, 80, "+12 V")
    sheet.wire((50, 80), (50, 110), (70, 110))
    sheet.diode(70, 150, 110, "Schottky")
    sheet.wire((150, 110), (560, 110))
    sheet.dot(200, 110)
    sheet.dot(300, 110)
    sheet.resistor_down(200, 110, 190, "22 Ω\n10 W")
    sheet.diode_up(300, 110, 190, "Schottky, 3 A")
    sheet.wire((200, 190), (300, 190))
    sheet.dot(250, 190)
    sheet.capacitor_down(
        250,
        190,
        260,
        f"reserve, {fe.reserve_farad():.2f} F: {fe.CELLS} cells of\n{fe.CELL_F:g} F, "
        f"{fe.CELL_V:g} V, balanced",
    )
    sheet.ground(250, 260)
    sheet.wire((250, 205), (200, 205))
    sheet.dot(250, 205)
    sheet.terminal(195, 205, "CH5, over 100 kΩ\nand 20 kΩ", left=True)
    sheet.dot(460, 110)
    sheet.wire((460, 110), (460, 165), (495, 165))
    sheet.box(495, 145, 110, 40, "5 V supply")
    sheet.wire((605, 165), (640, 165))
    sheet.terminal(645, 165, "to the Pi")


def _bridge(sheet: Sheet) -> None:
    sheet.box(560, 85, 120, 50, "switch, on by\nthe watchdog")
    sheet.wire((680, 110), (760, 110))
    sheet.box(760, 70, 110, 120, "bridge\n(H), limited\nto 2 A")
    sheet.wire((870, 95), (930, 95))
    sheet.wire((870, 160), (930, 160))
    sheet.box(930, 85, 80, 85, "motor\n12 V")
    for x, gpio, what in ((790, "GPIO20", "lock"), (840, "GPIO21", "unlock")):
        sheet.wire((x, 190), (x, 250))
        sheet.dot(x, 215)
        sheet.terminal(x, 255, "")
        side = -8 if x < 800 else 8
        anchor = "end" if x < 800 else "start"
        sheet.text(x + side, 280, f"{gpio}\n{what}", anchor=anchor)
    sheet.text(865, 220, "each with 10 kΩ to ground", faint=True)


def _read_backs(sheet: Sheet) -> None:
    sheet.heading(20, 330, "Read back")
    for x, gpio, name, opens in (
        (110, "GPIO5", "closes when locked", False),
        (360, "GPIO6", "closes when unlocked", False),
    ):
        sheet.terminal(x, 360, gpio, left=True)
        sheet.wire((x + 5, 360), (x + 40, 360))
        sheet.contact_down(x + 40, 360, 410, name, opens=opens)
        sheet.ground(x + 40, 410)
    sheet.box(640, 345, 190, 50, "optocoupler, 2 × 68 kΩ,\nrectifier, 10 µF behind")
    sheet.terminal(600, 370, "mains", left=True)
    sheet.wire((605, 370), (640, 370))
    sheet.wire((830, 370), (880, 370))
    sheet.terminal(885, 370, "GPIO4")
