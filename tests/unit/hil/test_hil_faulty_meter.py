"""How the meter of a plant reads with each of its faults, and that it heals."""

from __future__ import annotations

from hil.plant.faulty_meter import JUMP_WH, ODD_V, PHANTOM_A, FaultyMeter
from hil.plant.model import Driven, MeterTruth, PlantConfig
from hil.plant.plant import Plant


def charging() -> tuple[Plant, FaultyMeter]:
    """A car has drawn 16 A on three phases for a while."""
    plant = Plant(PlantConfig(noise_mv=0, coil_watchdog_ms=None), seed=1)
    plant.car.plug(32, 16.0, 3)
    plant.drive(Driven(coil=True, duty_bp=2_666), 0)
    plant.advance(60_000)
    return plant, FaultyMeter(plant)


def read(meter: FaultyMeter, now_ms: int) -> MeterTruth:
    truth = meter.read(now_ms)
    assert truth is not None
    return truth


def test_a_sound_meter_reads_the_truth() -> None:
    plant, meter = charging()
    truth = read(meter, 60_000)
    assert truth == plant.meter(60_000)
    assert truth.energy_import_wh > 100


def test_a_silent_meter_reads_nothing_until_it_is_healed() -> None:
    plant, meter = charging()
    plant.set_fault("meter_silent")
    assert meter.read(61_000) is None
    plant.set_fault("meter_silent", False)
    assert read(meter, 62_000) == plant.meter(62_000)


def test_a_frozen_meter_keeps_what_it_read_first() -> None:
    plant, meter = charging()
    plant.set_fault("meter_frozen")
    first = read(meter, 61_000)
    assert read(meter, 120_000) == first
    plant.set_fault("meter_frozen", False)
    assert read(meter, 120_000).energy_import_wh > first.energy_import_wh


def test_a_replaced_meter_counts_from_0_and_the_old_one_had_gone_on() -> None:
    plant, meter = charging()
    plant.set_fault("meter_replaced")
    assert read(meter, 60_000).energy_import_wh == 0
    assert 100 < read(meter, 120_000).energy_import_wh < read(meter, 180_000).energy_import_wh
    plant.set_fault("meter_replaced", False)
    assert read(meter, 180_000) == plant.meter(180_000)


def test_jump_phantom_and_odd_change_one_value_each() -> None:
    plant, meter = charging()
    truth = read(meter, 60_000)
    plant.set_fault("meter_jumped")
    assert read(meter, 60_000).energy_import_wh == truth.energy_import_wh + JUMP_WH
    plant.set_fault("meter_jumped", False)
    plant.set_fault("meter_phantom")
    assert read(meter, 60_000).current_a == (
        truth.current_a[0] + PHANTOM_A,
        *truth.current_a[1:],
    )
    plant.set_fault("meter_phantom", False)
    plant.set_fault("meter_odd")
    assert read(meter, 60_000).voltage_v == (truth.voltage_v[0], ODD_V, truth.voltage_v[2])
