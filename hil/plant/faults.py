"""Every fault that the plant can have, by name."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "diode_short": "the car's pilot diode conducts both ways: the low half mirrors the high one",
    "pilot_short": "CP to PE through 80 ohm (test A.4.9): state E",
    "pilot_open": "the CP wire is broken: the station sees A, the car sees no pilot",
    "ventilation": "the car asks for ventilation: state D instead of C",
    "pp_open": "the plug's PP line is broken",
    "pp_short": "the plug's PP line is shorted",
    "rcd_dc": "10 mA of smooth DC residual current, whatever the contactor does",
    "leak_dc": "10 mA of smooth DC residual current in the car: only while energised",
    "rcd_test_dead": "the test input of the residual-current monitor does nothing",
    "contactor_weld": "the power contacts stay closed once they are closed",
    "contactor_stuck_closed": "the power contacts close by themselves and stay closed",
    "contactor_stuck_open": "the power contacts open, or never close",
    "mirror_stuck_open": "the mirror contact reads open whatever the contacts do",
    "mirror_stuck_closed": "the mirror contact reads closed whatever the contacts do",
    "phase_contact_stuck": "the phase contact stays where it is",
    "phase_contact_open": "the phase contact opens by itself: L1 alone is connected",
    "lock_jam": "the bolt does not move",
    "lock_feedback_lost": "neither end switch of the lock reads",
    "over_temperature": "the temperature sensor reads 95 degrees Celsius",
    "emergency_stop": "the emergency stop is pressed",
    "adc_stuck": "the pilot's converter gives no verdict",
    "adc_rail": "the pilot's converter reads +15 V in both halves",
    "mains_lost": "no voltage on any phase; the controller's own supply is buffered",
    "phase_lost": "no voltage on phase 2",
    "power_cut": "the station's control supply is gone: coil drops, bolt stays, sensors are dead",
    "meter_frozen": "the meter answers with old values",
    "meter_silent": "the meter does not answer",
    "meter_replaced": "the meter is another one, whose counter begins at 0",
    "meter_jumped": "the meter's counter is 1 MWh ahead",
    "meter_phantom": "the meter measures another load of 10 A on L1 too",
    "meter_odd": "the meter reads 20 V on L2",
    "meter_unsigned": "the meter does not sign any more",
    "supply_sag": "the board's own +12 V is at 10 V",
}

FAULT_RESIDUAL_MA = 10.0
FAULT_TEMPERATURE_DC = 950
FAULT_RAIL_MV = 15_000
FAULT_SUPPLY_MV = 10_000
FAULT_PP_SHORT_OHM = 5
FAULT_LOST_PHASE = 1
"""Index of the phase that `phase_lost` takes away."""
