"""The drawing of the pilot for docs/hardware.md, with the values of front_end.py."""

from __future__ import annotations

from hil.docs import front_end as fe
from hil.docs.schematic import Sheet, kilo


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
