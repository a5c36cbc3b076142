"""OCPP 1.6 §3.16, §4.7: when the meters are sampled, and what a sample says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import FakeClock, Rig

from evse.clock import parse_time
from evse.types.powermeter import Powermeter
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import MAX_SAMPLES, Database
from ocpp_link.metering.measurands import (
    MEASURANDS,
    delivers,
    is_supported,
    measured,
    number,
    register_wh,
)
from ocpp_link.metering.samples import FRESH_MS
from ocpp_link.metering.station_meter import sum_of
from ocpp_link.records import RecordKind, SampleContext, TxRecord
from ocpp_link.v16.meter_values import MAX_TRANSACTION_DATA, transaction_data
from ocpp_link.v16.transactions import render

REGISTER = "Energy.Active.Import.Register"


def values(rig: Rig, connector: int | None = None) -> list[dict[str, Any]]:
    """The MeterValue of each message."""
    sent = rig.brain.sent("MeterValues")
    assert all(len(payload["meterValue"]) == 1 for payload in sent)
    return [
        payload["meterValue"][0] for payload in sent if connector in (None, payload["connectorId"])
    ]


def contexts(rig: Rig) -> set[str]:
    return {each["context"] for value in values(rig) for each in value["sampledValue"]}


def times(rig: Rig, connector: int | None = None) -> list[str]:
    return [value["timestamp"][11:23] for value in values(rig, connector)]


def configure(rig: Rig, **keys: str) -> list[str]:
    return [
        rig.ask("ChangeConfiguration", {"key": key, "value": value})[1]["status"]
        for key, value in keys.items()
    ]


def live(rig: Rig, seconds: int, evses: tuple[int, ...] = (1,)) -> None:
    """Let time pass, with meters that are read every second."""
    for _ in range(seconds):
        rig.run(1)
        for evse in evses:
            rig.meter(evse)


# --- in a transaction -----------------------------------------------------------------------------


def test_tc_070_samples_are_an_interval_apart_from_the_start_on(rig: Rig) -> None:
    """OCPP 1.6 §3.16.1, §9.1.19: the first one interval after the start."""
    configure(rig, MeterValueSampleInterval="7")
    live(rig, 3)
    rig.plug_in()
    rig.start_transaction()
    live(rig, 22)
    assert times(rig) == ["00:00:10.000", "00:00:17.000", "00:00:24.000"]
    assert contexts(rig) == {"Sample.Periodic"}


def test_tc_070_an_empty_list_means_the_register(rig: Rig) -> None:
    """OCPP 1.6 §9.1.17, errata 3.15: samples that are configured are sent."""
    configure(rig, MeterValuesSampledData="", MeterValueSampleInterval="5")
    rig.plug_in()
    rig.start_transaction()
    live(rig, 5)
    (sample,) = values(rig)[0]["sampledValue"]
    assert sample["measurand"] == REGISTER


def test_tc_036_what_was_sampled_offline_keeps_its_times_and_its_order(rig: Rig) -> None:
    """OCPP 1.6 §3.7: oldest first, before anything new."""
    configure(rig, MeterValueSampleInterval="10")
    rig.plug_in()
    rig.start_transaction()
    live(rig, 12)
    rig.disconnect()
    live(rig, 33)
    rig.connect()
    live(rig, 10)
    assert times(rig) == [f"00:00:{second}0.000" for second in range(1, 6)]


def test_a_restart_of_the_link_keeps_the_rhythm(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    rig.plug_in()
    rig.start_transaction()
    live(rig, 70)
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"), brain=rig.brain, clock=rig.clock).start()
    live(again, 60)
    assert times(again) == ["00:01:00.000", "00:02:00.000"]


def test_a_process_that_slept_makes_up_for_nothing(rig: Rig) -> None:
    configure(rig, MeterValueSampleInterval="10")
    rig.plug_in()
    rig.start_transaction()
    rig.clock.advance_to(rig.clock.now_ms() + 34_000)
    rig.meter()
    rig.engine.poll()
    live(rig, 7)
    assert times(rig) == ["00:00:34.000", "00:00:40.000"]


def test_a_meter_that_fell_silent_is_not_sampled(rig: Rig) -> None:
    """Pitfall 32: what is told is what is known now."""
    rig.plug_in()
    rig.start_transaction()
    rig.run(FRESH_MS / 1_000 + 60)
    assert len(values(rig)) == 1
    wanted = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert rig.ask("TriggerMessage", wanted) == ("result", {"status": "Rejected"})


def test_an_interval_of_zero_samples_nothing(rig: Rig) -> None:
    """OCPP 1.6 §3.16.1."""
    configure(rig, MeterValueSampleInterval="0")
    rig.plug_in()
    rig.start_transaction()
    live(rig, 100)
    assert values(rig) == []


def test_pitfall_13_samples_carry_the_id_that_the_back_office_gave(rig: Rig) -> None:
    rig.brain.next_id = 4_711
    rig.plug_in()
    rig.start_transaction()
    live(rig, 60)
    given_id = rig.brain.open_transactions()[0].transaction_id
    assert [p["transactionId"] for p in rig.brain.sent("MeterValues")] == [given_id]


# --- on the grid ----------------------------------------------------------------------------------


def test_tc_071_aligned_samples_stand_exactly_on_the_grid() -> None:
    """OCPP 1.6 §3.16.2: whenever the station started, of every connector and of the station."""
    rig = Rig(evses=2, settings=Settings(aligned_interval_s=20, sample_interval_s=0))
    rig.run(7.123)
    rig.start()
    rig.meter(1)
    rig.meter(2)
    live(rig, 60, (1, 2))
    for connector in (0, 1, 2):
        assert times(rig, connector) == ["00:00:20.000", "00:00:40.000", "00:01:00.000"]
    assert contexts(rig) == {"Sample.Clock"}
    assert all("transactionId" not in p for p in rig.brain.sent("MeterValues"))


def test_tc_071_in_a_transaction_they_carry_its_id_but_never_for_connector_0() -> None:
    """OCPP 1.6 errata 3.16."""
    rig = Rig(settings=Settings(aligned_interval_s=20, sample_interval_s=0)).start()
    rig.plug_in()
    rig.start_transaction()
    live(rig, 20)
    ids = {p["connectorId"]: p.get("transactionId") for p in rig.brain.sent("MeterValues")}
    assert ids == {0: None, 1: 1}


def test_3_16_2_a_day_begins_a_new_grid() -> None:
    """7 h does not divide a day: 0, 7, 14, 21 o'clock, and midnight again."""
    rig = Rig(settings=Settings(aligned_interval_s=7 * 3_600, sample_interval_s=0)).start()
    for _ in range(31):
        rig.run(3_600 - 30)
        rig.meter()
        rig.run(30)
    assert times(rig, 1) == [f"{hour:02}:00:00.000" for hour in (7, 14, 21, 0, 7)]


def test_3_7_idle_aligned_samples_are_queued_while_offline() -> None:
    """OCPP 1.6 §3.7 counts clock-aligned messages among those that must be queued."""
    rig = Rig(settings=Settings(aligned_interval_s=60)).start()
    rig.disconnect()
    live(rig, 125)
    rig.connect()
    assert times(rig, 1) == ["00:01:00.000", "00:02:00.000"]


def test_both_kinds_at_one_moment_are_two_messages() -> None:
    rig = Rig(settings=Settings(aligned_interval_s=60)).start()
    rig.plug_in()
    rig.start_transaction()
    live(rig, 60)
    found = [value["sampledValue"][0]["context"] for value in values(rig, 1)]
    assert sorted(found) == ["Sample.Clock", "Sample.Periodic"]


def test_a_clock_that_is_set_forward_brings_no_samples_of_the_time_it_jumped_over() -> None:
    clock = FakeClock(0)
    rig = Rig(clock=clock, settings=Settings(aligned_interval_s=60)).start()
    live(rig, 30)
    clock.wrong += parse_time("2026-01-02T00:00:00Z") - parse_time("2026-01-01T00:00:00Z")
    live(rig, 60)
    assert times(rig, 1) == ["00:01:00.000"], "and it is found within a minute"


def test_the_interval_takes_effect_at_once(rig: Rig) -> None:
    live(rig, 5)
    configure(rig, ClockAlignedDataInterval="10")
    live(rig, 6)
    configure(rig, ClockAlignedDataInterval="0")
    live(rig, 60)
    assert times(rig, 1) == ["00:00:10.000"]


# --- on request -----------------------------------------------------------------------------------


def test_tc_054_a_trigger_tells_connector_0_and_all_others() -> None:
    """OCPP 1.6 §5.17: without a connector, every one is meant."""
    rig = Rig(evses=2).start()
    rig.meter(1)
    rig.meter(2)
    rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"})
    assert [p["connectorId"] for p in rig.brain.sent("MeterValues")] == [0, 1, 2]
    assert contexts(rig) == {"Trigger"}


def test_5_17_a_trigger_does_not_wait_behind_a_message_that_fails(rig: Rig) -> None:
    """Pitfall 32: it is not related to a transaction (§3.7) once the id is known."""
    from hil.csms.brain import Misbehaviour

    rig.plug_in()
    rig.start_transaction()
    rig.brain.misbehave("MeterValues", Misbehaviour.CALLERROR)
    live(rig, 60)
    rig.ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    (payload,) = rig.brain.sent("MeterValues")
    assert payload["transactionId"] == 1
    assert contexts(rig) == {"Trigger"}


def test_tc_055_of_a_connector_that_is_not_here_nothing_is_sent(rig: Rig) -> None:
    rig.meter()
    wanted = {"requestedMessage": "MeterValues", "connectorId": 2}
    assert rig.ask("TriggerMessage", wanted) == ("result", {"status": "Rejected"})
    wanted = {"requestedMessage": "Heartbeat", "connectorId": 2}
    assert rig.ask("TriggerMessage", wanted) == ("result", {"status": "Accepted"})
    assert values(rig) == []


# --- with the end ---------------------------------------------------------------------------------


def stop_data(rig: Rig) -> list[tuple[str, str, list[str]]]:
    """(time, context, measurands) of each value in transactionData."""
    (stop,) = rig.brain.sent("StopTransaction")
    return [
        (
            value["timestamp"][14:19],
            value["sampledValue"][0]["context"],
            sorted({each["measurand"] for each in value["sampledValue"]}),
        )
        for value in stop.get("transactionData", [])
    ]


def test_3_16_5_two_empty_lists_mean_no_transaction_data(rig: Rig) -> None:
    rig.session(seconds=130)
    assert "transactionData" not in rig.brain.sent("StopTransaction")[0]


def test_3_16_6_begin_samples_grid_and_end_go_with_the_stop() -> None:
    """OCPP 1.6 errata 3.14: begin and end for every measurand of either list."""
    settings = Settings(
        sample_interval_s=50,
        aligned_interval_s=60,
        stop_sampled_measurands=("Voltage",),
        stop_aligned_measurands=(REGISTER,),
    )
    rig = Rig(settings=settings).start()
    live(rig, 5)
    rig.plug_in()
    rig.start_transaction()
    live(rig, 110)
    rig.stop_transaction()
    both = [REGISTER, "Voltage"]
    assert stop_data(rig) == [
        ("00:05", "Transaction.Begin", both),
        ("00:55", "Sample.Periodic", ["Voltage"]),
        ("01:00", "Sample.Clock", [REGISTER]),
        ("01:45", "Sample.Periodic", ["Voltage"]),
        ("01:55", "Transaction.End", both),
    ]


def test_7_35_an_interruption_by_the_station_is_told_with_the_stop() -> None:
    rig = Rig(settings=Settings(stop_sampled_measurands=(REGISTER,))).start()
    rig.plug_in()
    rig.start_transaction()
    for name in ("ChargingPausedEVSE", "ChargingStarted"):
        live(rig, 10)
        more = {"charging_paused_evse": {"reasons": ["NoEnergy"]}} if "EVSE" in name else {}
        moved = {"meter_value": rig.meter()}
        rig.event(name, charging_state_changed_event=moved, **more)
    live(rig, 10)
    rig.stop_transaction()
    assert [context for _, context, _ in stop_data(rig)] == [
        "Transaction.Begin",
        "Interruption.Begin",
        "Interruption.End",
        "Transaction.End",
    ]
    assert values(rig) == [], "and with nothing else (TC_070)"


def test_transaction_data_survives_a_restart(tmp_path: Path) -> None:
    settings = Settings(stop_sampled_measurands=(REGISTER,))
    rig = Rig(database=Database(tmp_path / "link.db"), settings=settings).start()
    rig.plug_in()
    rig.start_transaction()
    live(rig, 61)
    rig.database.close()
    again = Rig(
        database=Database(tmp_path / "link.db"),
        brain=rig.brain,
        clock=rig.clock,
        settings=settings,
    ).start()
    again.seq = rig.seq
    live(again, 60)
    again.stop_transaction()
    found = [context for _, context, _ in stop_data(again)]
    assert found == ["Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End"]
    rows = again.database.connection.execute("SELECT count(*) FROM sample").fetchone()
    assert rows == (0,)


def test_errata_3_14_what_is_too_much_is_thinned_out_but_never_begin_and_end() -> None:
    settings = Settings(
        sample_interval_s=10, stop_sampled_measurands=tuple(MEASURANDS), sampled_measurands=()
    )
    rig = Rig(settings=settings).start()
    rig.plug_in()
    rig.start_transaction()
    for _ in range(2 * MAX_SAMPLES + 50):
        rig.run(10)
        rig.meter()
    assert rig.database.connection.execute("SELECT count(*) FROM sample").fetchone()[0] <= (
        MAX_SAMPLES + 1
    )
    rig.stop_transaction()
    (stop,) = rig.brain.sent("StopTransaction")
    data = stop["transactionData"]
    assert len(msgspec.json.encode(data)) <= MAX_TRANSACTION_DATA
    assert data[0]["sampledValue"][0]["context"] == "Transaction.Begin"
    assert data[-1]["sampledValue"][0]["context"] == "Transaction.End"
    assert len(data) >= 15


def test_a_transaction_whose_end_was_never_heard_leaves_no_samples_behind(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    rig.plug_in()
    rig.start_transaction()
    rig.event("Disabled")
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"))
    rows = again.database.connection.execute("SELECT count(*) FROM sample").fetchone()
    assert rows == (0,)


# --- what a sample says ---------------------------------------------------------------------------

FULL = msgspec.convert(
    {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "energy_Wh_import": {"total": 1_000.9, "L1": 400.0, "L2": 300.0, "L3": 300.9},
        "energy_Wh_export": {"total": 7.7},
        "power_W": {"total": 3_000.0, "L1": 1_000.0, "L2": 1_000.0, "L3": 1_000.0},
        "VAR": {"total": -4_000.0},
        "current_A": {"L1": 4.5, "L2": 4.4, "L3": 4.3, "N": 0.1},
        "voltage_V": {"L1": 230.0, "L2": 231.0, "L3": 229.0},
        "frequency_Hz": {"L1": 50.02},
        "temperatures": [{"temperature": 31.5}, {"temperature": 40.25}],
    },
    Powermeter,
)
RECORD = TxRecord(
    session="s",
    kind=RecordKind.SAMPLE,
    seq=1,
    evse=1,
    timestamp="2026-01-01T00:00:00.000Z",
    meter=FULL,
    offered_a=16.0,
    offered_w=11_040.0,
    import_interval_wh=20.0,
    export_interval_wh=0.0,
)
SAID = {
    "Energy.Active.Import.Register": [("", 1_000), ("L1", 400), ("L2", 300), ("L3", 300)],
    "Energy.Active.Export.Register": [("", 7)],
    "Energy.Active.Import.Interval": [("", 20.0)],
    "Energy.Active.Export.Interval": [("", 0.0)],
    "Power.Active.Import": [("", 3_000.0), ("L1", 1_000.0), ("L2", 1_000.0), ("L3", 1_000.0)],
    "Power.Active.Export": [("", 0.0), ("L1", 0.0), ("L2", 0.0), ("L3", 0.0)],
    "Power.Reactive.Import": [("", 0.0)],
    "Power.Reactive.Export": [("", 4_000.0)],
    "Power.Factor": [("", 0.6)],
    "Power.Offered": [("", 11_040.0)],
    "Current.Import": [("L1", 4.5), ("L2", 4.4), ("L3", 4.3), ("N", 0.1)],
    "Current.Export": [("L1", 0.0), ("L2", 0.0), ("L3", 0.0), ("N", 0.0)],
    "Current.Offered": [("", 16.0)],
    "Voltage": [("L1-N", 230.0), ("L2-N", 231.0), ("L3-N", 229.0)],
    "Frequency": [("", 50.02)],
    "Temperature": [("", 40.25)],
    "Voltage.L1": [("L1", 230.0)],
    "Voltage.L2-N": [("L2-N", 231.0)],
    "Current.Import.L3": [("L3", 4.3)],
}


@pytest.mark.parametrize("wanted", SAID)
def test_7_31_what_each_measurand_says(wanted: str) -> None:
    assert [(m.phase, m.value) for m in measured(RECORD, (wanted,))] == SAID[wanted]


def test_7_31_energy_of_an_interval_counts_from_the_sample_before(tmp_path: Path) -> None:
    """From the transaction's start for the first one; after a start of the link it is not known."""
    wanted = Settings(
        sample_interval_s=10, sampled_measurands=("Energy.Active.Import.Interval", REGISTER)
    )
    rig = Rig(database=Database(tmp_path / "link.db"), settings=wanted).start()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(21, power_w=3_600)
    rig.database.close()
    again = Rig(
        database=Database(tmp_path / "link.db"), brain=rig.brain, clock=rig.clock, settings=wanted
    ).start()
    again.wh = rig.wh
    again.meter()
    again.charge(20, power_w=3_600)
    told = [
        [each["value"] for each in value["sampledValue"] if "Interval" in each["measurand"]]
        for value in values(again)
    ]
    assert told[0] != []
    assert told[1] == told[3] == ["10"]
    assert told[2] == []


def test_7_31_every_supported_measurand_is_told_of() -> None:
    assert {name for name in SAID if name in MEASURANDS} == set(MEASURANDS)
    assert all(is_supported(name) for name in SAID)


@pytest.mark.parametrize(
    "wanted",
    [
        "SoC",
        "RPM",
        "Energy.Reactive.Import.Register",
        "Energy.Reactive.Export.Interval",
        "Request.Energy",
        "Voltage.L1-L2",
        "Frequency.L1",
        "SoC.EV",
        "",
    ],
)
def test_pitfalls_16_17_what_no_meter_type_can_say_is_refused(rig: Rig, wanted: str) -> None:
    assert not is_supported(wanted)
    for key in ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData"):
        listed = f"{REGISTER},{wanted or 'Voltage.'}"
        assert configure(rig, **{key: listed}) == ["Rejected"]


def test_3_16_4_what_this_station_s_meter_can_not_say_is_refused_too(rig: Rig) -> None:
    """Pitfall 16: accepting all and delivering few."""
    rig.meter()
    assert configure(rig, MeterValuesSampledData="Temperature") == ["Rejected"]
    assert configure(rig, StopTxnAlignedData=f"{REGISTER}.L1") == ["Rejected"]
    everything = [name for name in MEASURANDS if "Reactive" not in name and "Export" not in name]
    everything = [name for name in everything if name not in ("Temperature", "Power.Factor")]
    assert configure(rig, MeterValuesSampledData=",".join(everything)) == ["Accepted"]


def test_a_meter_that_turns_back_exports() -> None:
    power = {"total": -500.0}
    meter = msgspec.structs.replace(FULL, power_W=msgspec.convert(power, type(FULL.power_W)))
    record = msgspec.structs.replace(RECORD, meter=meter)
    assert list(measured(record, ("Current.Import", "Power.Active.Import"))) == [
        *measured(record, ("Power.Active.Import",))
    ]
    assert [m.value for m in measured(record, ("Power.Active.Export",))] == [500.0]
    assert [m.value for m in measured(record, ("Current.Export.L1",))] == [4.5]


def test_pitfall_15_no_message_without_a_value() -> None:
    bare = msgspec.convert(
        {"timestamp": "2026-01-01T00:00:00.000Z", "energy_Wh_import": {"total": 1.0}}, Powermeter
    )
    record = msgspec.structs.replace(RECORD, meter=bare)
    assert not delivers(record, "Voltage")
    assert render(record, 1, Settings(sampled_measurands=("Voltage",))) is None
    assert transaction_data(record, Settings(stop_sampled_measurands=("Voltage",))) == []


@given(st.floats(0, 1e9), st.floats(-2, 1e6))
def test_pitfall_14_a_transaction_never_stops_below_its_start(start_wh: float, more: float) -> None:
    """Cut the same way, and held where a register ran back."""
    meter = msgspec.convert(
        {
            "timestamp": "2026-01-01T00:00:00.000Z",
            "energy_Wh_import": {"total": max(0.0, start_wh + more)},
        },
        Powermeter,
    )
    end = TxRecord(
        session="s",
        kind=RecordKind.FINISHED,
        seq=1,
        evse=1,
        timestamp=meter.timestamp,
        meter=meter,
        start_wh=start_wh,
        context=SampleContext.END,
    )
    message = render(end, 1, Settings())
    assert message is not None
    assert message.payload["meterStop"] == max(int(start_wh), register_wh(meter))


@given(st.floats(-1e7, 1e7))
def test_a_number_has_three_decimals_at_most_and_no_exponent(value: float) -> None:
    text = number(value)
    assert float(text) == pytest.approx(value, abs=0.0005)
    assert "e" not in text
    assert len(text.partition(".")[2]) <= 3


# --- connector 0 ----------------------------------------------------------------------------------


def reading(**power_w: float) -> Powermeter:
    total = sum(power_w.values())
    return msgspec.convert(
        {
            "timestamp": "2026-01-01T00:00:00.000Z",
            "energy_Wh_import": {"total": 10 * total},
            "power_W": {"total": total, **power_w},
            "current_A": {phase: watts / 100 for phase, watts in power_w.items()},
        },
        Powermeter,
    )


def test_4_7_connector_0_is_the_sum_of_all() -> None:
    found = sum_of({1: reading(L1=100.0), 2: reading(L1=10.0)}, (), "now")
    assert found is not None
    assert (found.timestamp, found.energy_Wh_import.total) == ("now", 1_100.0)
    assert found.power_W.total == 110.0  # type: ignore[union-attr] # a missing one fails here
    assert found.current_A is msgspec.UNSET


def test_4_7_a_part_is_not_the_whole() -> None:
    assert sum_of({1: reading(L1=100.0), 2: None}, (), "now") is None


def test_9_1_7_the_rotation_says_on_which_line_a_phase_hangs() -> None:
    """Two single-phase chargers on lines 1 and 2 of the supply, one three-phase one turned."""
    one, two = reading(L1=100.0), reading(L1=10.0)
    three = reading(L1=1.0, L2=2.0, L3=3.0)
    found = sum_of({1: one, 2: two, 3: three}, ("1.RST", "2.STR", "3.TRS"), "now")
    assert found is not None
    amps = found.current_A
    assert not isinstance(amps, msgspec.UnsetType)
    assert pytest.approx([1.02, 0.13, 0.01]) == [amps.L1, amps.L2, amps.L3]


@pytest.mark.parametrize("rotation", ["Unknown", "NotApplicable"])
def test_9_1_7_an_unknown_rotation_takes_the_lines_away(rotation: str) -> None:
    found = sum_of({1: reading(L1=1.0), 2: reading(L1=1.0)}, ("1.RST", f"2.{rotation}"), "now")
    assert found is not None
    assert found.current_A is msgspec.UNSET
    assert found.power_W.total == 2.0  # type: ignore[union-attr] # a missing one fails here


def test_9_1_7_the_key_takes_effect_on_connector_0(rig: Rig) -> None:
    rig.meter()
    configure(
        rig, ConnectorPhaseRotation="0.Unknown,1.SRT", MeterValuesSampledData="Current.Import"
    )
    rig.ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 0})
    told = {each["phase"]: each["value"] for each in values(rig)[0]["sampledValue"]}
    assert told == {"L1": "10.66", "L2": "10.67", "L3": "10.67"}
    assert {each["location"] for each in values(rig)[0]["sampledValue"]} == {"Inlet"}


@pytest.mark.parametrize("rotation", ["2.RST", "1.RST,1.STR", "1.XYZ", "RST"])
def test_9_1_7_a_rotation_of_no_connector_or_of_one_twice_is_refused(
    rig: Rig, rotation: str
) -> None:
    assert configure(rig, ConnectorPhaseRotation=rotation) == ["Rejected"]


# --- in another version ---------------------------------------------------------------------------


def test_j01_j02_aligned_samples_in_2_0_1() -> None:
    """In a transaction as an event with its trigger, else as MeterValues; of its own list."""
    rig = Rig(
        versions=("2.0.1",),
        settings=Settings(
            aligned_interval_s=20,
            aligned_measurands=("Voltage", "Temperature"),
            sample_interval_s=0,
        ),
    )
    rig.engine.on_core_connected()
    rig.engine.on_connected("ocpp2.0.1")
    boot = msgspec.json.decode(rig.engine.take_frames()[0])
    accepted = {"status": "Accepted", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"}
    rig.engine.on_frame(msgspec.json.encode([3, boot[1], accepted]).decode())

    def sent() -> list[tuple[str, dict[str, Any]]]:
        found = []
        while frames := [msgspec.json.decode(frame) for frame in rig.engine.take_frames()]:
            for frame in frames:
                found.append((frame[2], frame[3]))
                rig.engine.on_frame(msgspec.json.encode([3, frame[1], {}]).decode())
        return found

    sent()
    rig.meter()
    rig.clock.advance_to(20_000)
    rig.engine.poll()
    told = [payload for action, payload in sent() if action == "MeterValues"]
    assert [payload["evseId"] for payload in told] == [1], "the sum has no voltage"
    values = told[0]["meterValue"][0]["sampledValue"]
    assert {each["measurand"] for each in values} == {"Voltage"}
    assert {each["context"] for each in values} == {"Sample.Clock"}


WATTS = st.fixed_dictionaries({phase: st.floats(0, 1e4) for phase in ("L1", "L2", "L3")})
ROTATION = st.sampled_from(["RST", "RTS", "SRT", "STR", "TRS", "TSR"])


@given(st.lists(st.tuples(WATTS, ROTATION), min_size=1, max_size=8))
def test_9_1_7_however_they_are_turned_the_lines_carry_what_the_phases_take(
    chargers: list[tuple[dict[str, float], str]],
) -> None:
    readings = {evse: reading(**watts) for evse, (watts, _) in enumerate(chargers, 1)}
    rotations = [f"{evse}.{turned}" for evse, (_, turned) in enumerate(chargers, 1)]
    found = sum_of(readings, rotations, "now")
    assert found is not None
    power = found.power_W
    assert not isinstance(power, msgspec.UnsetType)
    lines = [power.L1, power.L2, power.L3]
    assert sum(each for each in lines if each is not msgspec.UNSET) == pytest.approx(power.total)
