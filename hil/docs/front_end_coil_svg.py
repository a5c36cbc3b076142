"""The drawing of the coil's supply for docs/hardware.md, with the values of front_end.py."""

from __future__ import annotations

from hil.docs import front_end as fe
from hil.docs.schematic import Sheet, kilo


def coil_svg() -> str:
    """The contactor's coil, and everything that can take its supply away."""
    sheet = Sheet(1_060, 590, "PiEVSE reference front-end: the coil's supply, ring 0")
    sheet.heading(
        20, 30, "The coil: four in series can open it, and the first three need no software"
    )
    _chain(sheet)
    _coil(sheet)
    _driver(sheet)
    _gate(sheet)
    _read_backs(sheet)
    return sheet.svg()


def _chain(sheet: Sheet) -> None:
    sheet.rail(50, 110, "+12 V")
    sheet.wire((50, 110), (50, 130), (90, 130))
    sheet.contact(90, 210, 130, "1 emergency stop\n(first contact)")
    sheet.contact(240, 360, 130, "2 RCD, RDC-DD\n(their own contact)")
    sheet.wire((210, 130), (240, 130))
    sheet.wire((360, 130), (420, 130))
    sheet.box(420, 100, 130, 60, "3 high-side\nswitch")


def _coil(sheet: Sheet) -> None:
    sheet.wire((550, 130), (760, 130), (760, 170))
    sheet.coil_down(760, 170, 270, "contactor K")
    sheet.dot(760, 150)
    sheet.dot(760, 285)
    sheet.wire((760, 150), (860, 150), (860, 160))
    sheet.diode_up(860, 160, 215, "1N4007")
    sheet.zener_down(860, 215, 270, "zener 24 V")
    sheet.wire((860, 270), (860, 285), (760, 285))
    sheet.wire((760, 270), (760, 320))


def _driver(sheet: Sheet) -> None:
    sheet.mosfet(760, 350, "4 logic-level MOSFET")
    sheet.wire((760, 380), (760, 400))
    sheet.ground(760, 400)
    sheet.resistor(590, 700, 350, "100 Ω")
    sheet.wire((700, 350), (730, 350))
    sheet.dot(590, 350)
    sheet.terminal(560, 350, "GPIO17", left=True)
    sheet.wire((565, 350), (590, 350))
    sheet.resistor_down(590, 350, 425, "10 kΩ")
    sheet.ground(590, 425)


def _gate(sheet: Sheet) -> None:
    least_ms, nominal_ms, most_ms = fe.monostable_ms()
    low_mv, high_mv = fe.gate_mv()
    sheet.box(420, 210, 130, 40, "and")
    sheet.wire((485, 210), (485, 160))
    sheet.box(
        150,
        205,
        210,
        62,
        f"watchdog, retriggerable:\n{fe.MONOSTABLE_OHM / 1000:g} kΩ × "
        f"{fe.MONOSTABLE_F * 1e6:g} µF = {nominal_ms:.0f} ms\n({least_ms:.0f} to {most_ms:.0f} ms)",
    )
    sheet.wire((360, 225), (420, 225))
    sheet.terminal(60, 235, "", left=True)
    sheet.text(30, 222, "GPIO23")
    sheet.capacitor(65, 150, 235, "100 nF")
    upper, middle, lower = (kilo(ohm) for ohm in fe.GATE_OHM)
    sheet.box(
        150,
        300,
        260,
        78,
        f"window: {low_mv / 1000:.2f} to {high_mv / 1000:.2f} V of pilot\n"
        f"{upper}, {middle}, {lower}\nfrom 3.3 V ref to ground,\ntwo comparators",
    )
    sheet.wire((410, 320), (445, 320), (445, 250))
    sheet.box(
        150,
        410,
        260,
        62,
        f"positive peak detector,\n220 kΩ, 100 nF to 1.65 V\n(τ = {fe.GATE_TAU_MS:g} ms)",
    )
    sheet.wire((280, 410), (280, 378))
    sheet.terminal(60, 440, "", left=True)
    sheet.text(30, 425, "pilot, buffered")
    sheet.wire((65, 440), (150, 440))
    sheet.text(150, 492, "pilot gate: state C or D, or no coil", faint=True)
    sheet.text(460, 275, "test button, inside:\nbridges the gate", faint=True)


def _read_backs(sheet: Sheet) -> None:
    sheet.heading(20, 530, "Read back")
    for x, gpio, name in (
        (160, "GPIO26", "emergency stop,\nsecond contact"),
        (420, "GPIO24", "RCD's output"),
        (680, "GPIO22", "mirror contact of K"),
    ):
        sheet.terminal(x, 540, gpio, left=True)
        sheet.contact_down(x + 40, 520, 570, name)
        sheet.wire((x + 5, 540), (x + 20, 540), (x + 20, 520), (x + 40, 520))
        sheet.ground(x + 40, 570)
    sheet.text(900, 540, "each: pull-up inside, 1 kΩ\nin series, 100 nF at the pin", faint=True)
