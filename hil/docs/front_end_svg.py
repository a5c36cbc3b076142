"""The drawings of docs/hardware.md: the reference front-end, with the values of front_end.py."""

from __future__ import annotations

from hil.docs import front_end as fe
from hil.docs.schematic import Sheet


def kilo(ohm: float) -> str:
    return f"{ohm / 1_000:g} kΩ"


def pilot_svg() -> str:
    """Generator and measurement of the pilot, PP, temperature, supplies."""
    sheet = Sheet(1_060, 700, "PiEVSE reference front-end: pilot, PP, temperature")
    _generator(sheet)
    _measurement(sheet)
    _slow_channels(sheet)
    return sheet.svg()


def _generator(sheet: Sheet) -> None:
    sheet.heading(20, 30, "Pilot generator")
    sheet.terminal(90, 130, "GPIO12", left=True)
    sheet.wire((95, 130), (250, 130))
    sheet.resistor_down(160, 60, 130, "10 kΩ")
    sheet.rail(160, 60, "3.3 V")
    sheet.dot(160, 130)
    sheet.box(250, 95, 150, 70, "level shifter\nhigh: +12 V\nlow: −12 V")
    sheet.wire((300, 95), (300, 70))
    sheet.rail(300, 70, "+12 V")
    sheet.wire((300, 165), (300, 185))
    sheet.wire((290, 185), (310, 185))
    sheet.text(300, 201, "−12 V", anchor="middle")
    sheet.text(330, 80, "edges < 2 µs, R on < 20 Ω", faint=True)
    sheet.wire((400, 130), (430, 130))
    sheet.resistor(430, 530, 130, f"R1 {kilo(fe.SOURCE_OHM)} 1 %, 0.5 W")
    sheet.wire((530, 130), (980, 130))
    sheet.terminal(985, 130, "CP")
    sheet.dot(600, 130)
    sheet.dot(720, 130)
    sheet.suppressor_down(720, 130, 215, "15 V both ways,\n< 100 pF")
    sheet.ground(720, 215, "PE")
    sheet.dot(880, 130)
    sheet.capacitor_down(880, 130, 215, "220 pF")
    sheet.ground(880, 215, "PE")


def _measurement(sheet: Sheet) -> None:
    divider = fe.PILOT_DIVIDER
    sheet.heading(20, 250, "Pilot measurement")
    sheet.resistor_down(600, 130, 300, f"{kilo(divider.signal_ohm)} 0.1 %")
    sheet.resistor(430, 600, 300, f"{kilo(divider.reference_ohm)} 0.1 %")
    sheet.wire((430, 300), (430, 280))
    sheet.rail(430, 280, "3.3 V ref")
    sheet.dot(600, 300)
    sheet.resistor_down(600, 300, 400, f"{kilo(divider.ground_ohm)}\n0.1 %")
    sheet.ground(600, 400)
    sheet.wire((600, 300), (800, 300))
    sheet.dot(710, 300)
    sheet.diode_up(710, 255, 300)
    sheet.rail(710, 255, "3.3 V")
    sheet.diode_up(710, 300, 350, "BAT54S")
    sheet.ground(710, 350)
    sheet.buffer(800, 300, "×1")
    sheet.dot(860, 300)
    sheet.wire((860, 300), (860, 375))
    sheet.terminal(860, 380, "to the gate", left=True)
    sheet.resistor(860, 960, 300, "470 Ω")
    sheet.dot(960, 300)
    sheet.capacitor_down(960, 300, 400, "470 pF")
    sheet.ground(960, 400)
    sheet.wire((960, 300), (990, 300))
    sheet.terminal(995, 300, "CH0")
    sheet.text(
        20,
        290,
        f"{divider.input_mv(0) / 1000:.2f} V at 0 V, {divider.share:.3f} V a volt\n"
        f"source {kilo(divider.source_ohm)}; no capacitor here:\n"
        "edges of 2 to 10 µs have to pass",
        faint=True,
    )


def _slow_channels(sheet: Sheet) -> None:
    sheet.heading(20, 460, "PP, temperature, supplies, reserve")
    _pulled_up(sheet, 130, "1 kΩ 1 %", "CH1", "PP of the socket")
    _pulled_up(sheet, 350, "10 kΩ 1 %", "CH2", "")
    sheet.resistor_down(350, 580, 650, "")
    sheet.text(335, 612, "NTC 10 kΩ\nB 3950", anchor="end")
    sheet.ground(350, 650)
    divider = fe.PILOT_DIVIDER
    sheet.terminal(540, 580, "±12 V", left=True)
    sheet.resistor(545, 660, 580, kilo(divider.signal_ohm))
    sheet.dot(660, 580)
    sheet.resistor_down(660, 510, 580, kilo(divider.reference_ohm))
    sheet.rail(660, 510, "3.3 V ref")
    sheet.resistor_down(660, 580, 650, kilo(divider.ground_ohm))
    sheet.ground(660, 650)
    sheet.wire((660, 580), (760, 580))
    sheet.dot(745, 580)
    sheet.capacitor_down(745, 580, 650, "100 nF")
    sheet.ground(745, 650)
    sheet.terminal(765, 580, "CH3, CH4")
    top_ohm, low_ohm = fe.RESERVE_DIVIDER_OHM
    sheet.terminal(925, 510, "reserve", left=True)
    sheet.wire((930, 510), (950, 510))
    sheet.resistor_down(950, 510, 580, kilo(top_ohm))
    sheet.dot(950, 580)
    sheet.resistor_down(950, 580, 650, kilo(low_ohm))
    sheet.ground(950, 650)
    sheet.wire((950, 580), (1_000, 580))
    sheet.terminal(1_005, 580, "CH5")
    sheet.text(960, 690, "and 100 nF", faint=True)
    sheet.text(640, 690, "twice: one for each supply", faint=True)


def _pulled_up(sheet: Sheet, x: float, pull_up: str, channel: str, outside: str) -> None:
    sheet.resistor_down(x, 510, 580, pull_up)
    sheet.rail(x, 510, "3.3 V ref")
    sheet.dot(x, 580)
    sheet.wire((x, 580), (x + 80, 580))
    sheet.dot(x + 65, 580)
    sheet.capacitor_down(x + 65, 580, 650, "100 nF")
    sheet.ground(x + 65, 650)
    sheet.terminal(x + 85, 580, channel)
    if outside:
        sheet.wire((x, 580), (x, 650), (x - 30, 650))
        sheet.terminal(x - 35, 650, "PP", left=True)
        sheet.text(x - 110, 690, outside, faint=True)


def coil_svg() -> str:
    """The contactor's coil, and everything that can take its supply away."""
    sheet = Sheet(1_060, 590, "PiEVSE reference front-end: the coil's supply, ring 0")
    sheet.heading(
        20, 30, "The coil: four in series can open it, and the first three need no software"
    )
    sheet.rail(50, 110, "+12 V")
    sheet.wire((50, 110), (50, 130), (90, 130))
    sheet.contact(90, 210, 130, "1 emergency stop\n(first contact)")
    sheet.contact(240, 360, 130, "2 RCD, RDC-DD\n(their own contact)")
    sheet.wire((210, 130), (240, 130))
    sheet.wire((360, 130), (420, 130))
    sheet.box(420, 100, 130, 60, "3 high-side\nswitch")
    sheet.wire((550, 130), (760, 130), (760, 170))
    sheet.coil_down(760, 170, 270, "contactor K")
    sheet.dot(760, 150)
    sheet.dot(760, 285)
    sheet.wire((760, 150), (860, 150), (860, 160))
    sheet.diode_up(860, 160, 215, "1N4007")
    sheet.zener_down(860, 215, 270, "zener 24 V")
    sheet.wire((860, 270), (860, 285), (760, 285))
    sheet.wire((760, 270), (760, 320))
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
    _gate(sheet)
    _read_backs(sheet)
    return sheet.svg()


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


def lock_svg() -> str:
    """The lock's bridge, its reserve, and what tells of a power loss."""
    sheet = Sheet(1_060, 440, "PiEVSE reference front-end: connector lock and its reserve")
    sheet.heading(20, 30, "Connector lock, with a reserve for a power loss")
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
    return sheet.svg()
