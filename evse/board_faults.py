"""What a board reports by itself: faults of its protections, and doubts about its own wires.

Part of the vocabulary of the board boundary (evse/model.py); both travel as flags in every status.
"""

from __future__ import annotations

import enum


class BoardFault(enum.IntFlag):
    """What a board reports by itself, from its own inputs and protections, beside ring 1's trips.
    Names and meaning: the published board, lock and residual-current error pages."""

    VENDOR_ERROR = 1
    VENDOR_WARNING = 1 << 1
    PERMANENT = 1 << 2
    BROWN_OUT = 1 << 3
    POWER_LOSS = 1 << 4
    OVER_VOLTAGE = 1 << 5
    UNDER_VOLTAGE = 1 << 6
    OVER_CURRENT = 1 << 7
    ENERGY_MANAGEMENT = 1 << 8
    HIGH_TEMPERATURE = 1 << 9
    """Warm enough to derate."""
    CABLE_HOT = 1 << 10
    """Warm enough to derate."""
    CABLE_TOO_HOT = 1 << 11
    PARTIAL_INSERTION = 1 << 12
    CONNECTOR_VOLTAGE_HIGH = 1 << 13
    BROKEN_LATCH = 1 << 14
    CUT_CABLE = 1 << 15
    TILT = 1 << 16
    WATER_INGRESS = 1 << 17
    ENCLOSURE_OPEN = 1 << 18
    LOCK_CAPACITOR = 1 << 19
    """The lock's emergency supply is not charged."""
    LOCK_OPENED = 1 << 20
    """The lock opened by itself."""
    LOCK_CLOSED = 1 << 21
    """The lock closed by itself."""
    LOCK_VENDOR_ERROR = 1 << 22
    LOCK_VENDOR_WARNING = 1 << 23
    RCD_DC = 1 << 24
    """What tripped the residual-current device was direct current."""
    RCD_AC = 1 << 25
    RCD_VENDOR_ERROR = 1 << 26
    RCD_VENDOR_WARNING = 1 << 27
    COMMUNICATION = 1 << 28
    """The board lost one of its own parts."""


class Wiring(enum.IntFlag):
    """What ring 1 finds wrong with its own wires, converters and outputs: the cause behind a trip
    or a missing reading, for the technician. It opens nothing by itself: what can not be read is
    not believed, and that opens."""

    ADC_SILENT = 1
    """The converter's device can not be asked."""
    ADC_ALL_ONES = 1 << 1
    """Every bit it sends is 1: no supply, no ground, or nothing on the data line."""
    ADC_ALL_ZEROS = 1 << 2
    ADC_RAIL = 1 << 3
    """The pilot's reading stands at an end of the scale."""
    PILOT_NO_PLATEAU = 1 << 4
    """PWM is on, and the samples show no two levels for long."""
    PWM_GONE = 1 << 5
    """The pilot's hardware PWM is not there any more."""
    PWM_ALTERED = 1 << 6
    """It outputs what nobody here has asked for."""
    GPIO_GONE = 1 << 7
    MIRROR_FLOATING = 1 << 8
    """An input that changes more often than any contact can."""
    RCD_FLOATING = 1 << 9
    LOCK_FLOATING = 1 << 10
    INPUT_FLOATING = 1 << 11
    """Any other input: emergency stop, door, tilt, button."""
    LOCK_CONTRADICTS = 1 << 12
    """Both end switches of the lock are active at once."""
    TEMPERATURE_SILENT = 1 << 13
    TEMPERATURE_RANGE = 1 << 14
    """Open or shorted sensor: nothing has that temperature."""
    OVERSLEPT = 1 << 15
    """Ring 1's loop came late, repeatedly: the computer is too busy."""
    NO_REALTIME = 1 << 16
    """Ring 1 may not run as a real-time process here."""


WARNINGS = (
    BoardFault.VENDOR_WARNING
    | BoardFault.HIGH_TEMPERATURE
    | BoardFault.CABLE_HOT
    | BoardFault.LOCK_VENDOR_WARNING
    | BoardFault.RCD_VENDOR_WARNING
)
"""Those that do not open the contactor; every other one does, in the step in which it shows."""
