"""A meter that signs, from its key pair over Modbus bytes and a session to the journal: what it
signed verifies and equals the bill, and no car waits for it longer than it has to."""

from __future__ import annotations

import base64
import functools
from contextlib import suppress

import msgspec
import pytest
from fault_cases import METER, sim_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from scenario_steps import (
    billed_wh,
    carrying_current,
    charging,
    closed,
    last,
    last_seq,
    names,
    opens,
)

from drivers.errors import OcmfMalformed
from drivers.metering.ocmf import OcmfRecord, parse
from drivers.metering.ocmf_judge import judge
from drivers.metering.ocmf_verify import verify
from drivers.metering.ocmf_words import Reason
from evse.faults import of_code
from evse.types.powermeter import SignedMeterValue
from hil.bench.bench import Bench, Process
from hil.bench.sim import SimBench
from hil.bench.station import StationSetup
from hil.plant.iskra_sim import State
from hil.sim.ocpp import SimOcpp
from hil.trace import Lane

pytestmark = [
    pytest.mark.needs("metal_faults", "virtual_time"),
    pytest.mark.station(meter_signed=True, authorization="list"),
]
TOKEN = "04A1B2C3"
KEY = "evse_manager.powermeter_public_key_ocmf"


def key(bench: Bench) -> str:
    """As everybody may ask for it."""
    return str(sim_of(bench).peer().ask("get", {"variable": KEY, "evse": bench.evse}))


def charged(bench: Bench, minutes: float = 20) -> None:
    bench.dut.swipe(TOKEN)
    charging(bench)
    bench.clock.run_for(60 * minutes)


def ended(bench: Bench) -> None:
    before = last_seq(bench)
    bench.ev.unplug()
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench, before), within=20)


def record(value: SignedMeterValue) -> OcmfRecord:
    assert value is not UNSET
    assert value.encoding_method == "OCMF"
    return parse(value.signed_meter_data)


def start_record(bench: Bench) -> OcmfRecord:
    return record(last(bench, "TransactionStarted").event.transaction_started.signed_meter_value)


def end_value(bench: Bench) -> SignedMeterValue:
    value: SignedMeterValue
    value = last(bench, "TransactionFinished").event.transaction_finished.signed_meter_value
    return value


def test_a_session_ends_with_a_record_that_verifies_and_equals_the_bill(bench: Bench) -> None:
    charged(bench)
    ended(bench)
    end = record(end_value(bench))
    assert verify(end, key(bench)).valid
    judgement = judge([end])
    assert judgement.holds
    assert float(judgement.energy_wh or 0) == billed_wh(bench)
    assert billed_wh(bench) > 3_000
    assert end.payload.identification_data == TOKEN
    assert end.payload.charge_point == "DE*PNX*E0000001*1"
    start = start_record(bench)
    assert verify(start, key(bench)).valid
    assert start.readings[0].value == end.readings[0].value
    assert (start.payload.page, end.payload.page) == (1, 2)


def test_why_names_the_meter_while_it_signs(bench: Bench) -> None:
    bench.dut.swipe(TOKEN)
    bench.ev.plug()
    clock, probe = bench.clock, bench.probe
    clock.run_until(lambda: "signing the begin" in probe.why(), within=5)
    charging_since = clock.run_until(lambda: closed(bench), within=10)
    assert charging_since > 0.5
    clock.run_for(30)
    bench.ev.unplug()
    clock.run_until(lambda: "signs the end" in probe.why(), within=2)
    assert not closed(bench)


def test_the_signed_times_enclose_the_charge(bench: Bench) -> None:
    charged(bench, minutes=2)
    ended(bench)
    begin, end = record(end_value(bench)).readings
    assert 120 <= (end.time - begin.time).total_seconds() <= 150


def test_two_sessions_have_pages_of_their_own(bench: Bench) -> None:
    for page in (1, 3):
        charged(bench, minutes=1)
        ended(bench)
        assert start_record(bench).payload.page == page
        bench.clock.run_for(5)


def test_a_meter_that_does_not_sign_the_begin_lets_nobody_charge(bench: Bench) -> None:
    bench.faults.set("meter_unsigned")
    bench.dut.swipe(TOKEN)
    bench.ev.plug()
    bench.clock.run_for(30)
    assert not closed(bench)
    assert "TransactionStarted" not in names(bench)
    assert "signature failed (254)" in bench.probe.why()
    bench.faults.clear("meter_unsigned")
    bench.ev.unplug()
    bench.clock.run_for(5)
    bench.dut.swipe(TOKEN)
    charging(bench)


@pytest.mark.station(meter_signed=True, authorization="list", fail_on_meter_errors=False)
def test_where_it_is_allowed_it_charges_unsigned_and_warns(bench: Bench) -> None:
    bench.faults.set("meter_unsigned")
    charged(bench, minutes=1)
    row = of_code(f"{METER}VendorWarning", "NotSigning")
    session = sim_of(bench).station.core.sessions[bench.evse]
    assert row in session.faults
    ended(bench)
    assert end_value(bench) is UNSET
    bench.faults.clear("meter_unsigned")
    bench.clock.run_for(5)
    charged(bench, minutes=1)
    assert row not in sim_of(bench).station.core.sessions[bench.evse].faults
    ended(bench)
    assert judge([record(end_value(bench))]).holds


@pytest.mark.parametrize("fault", ["meter_unsigned", "meter_silent"])
def test_a_meter_that_fails_at_the_end_costs_the_signature_and_nothing_else(
    bench: Bench, fault: str
) -> None:
    charged(bench, minutes=1)
    bench.faults.set(fault)
    bench.ev.unplug()
    assert opens(bench, within=1) < 0.2
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench), within=12)
    assert end_value(bench) is UNSET
    assert billed_wh(bench) > 100


def test_a_power_cut_in_the_middle_is_signed_once_the_power_is_back(bench: Bench) -> None:
    charged(bench, minutes=5)
    known_wh = bench.probe.metal().energy_wh
    bench.mains.cut()
    bench.clock.run_for(600)
    bench.mains.restore()
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench), within=20)
    finished = last(bench, "TransactionFinished").event.transaction_finished
    assert finished.reason.value == "PowerLoss"
    end = record(finished.signed_meter_value)
    assert verify(end, key(bench)).valid
    assert float(judge([end]).energy_wh or 0) == pytest.approx(known_wh, abs=1)
    assert sim_of(bench).signer.meters[bench.evse].state is State.IDLE


def test_a_meter_that_lost_its_power_in_the_middle_signs_the_end_all_the_same(bench: Bench) -> None:
    """6.6: it is given time and customer anew."""
    charged(bench, minutes=2)
    sim_of(bench).signer.meters[bench.evse].lose_power()
    bench.clock.run_for(60)
    ended(bench)
    end = record(end_value(bench))
    assert judge([end]).holds
    assert float(judge([end]).energy_wh or 0) == billed_wh(bench)
    assert end.payload.identification_data == TOKEN


def test_a_killed_core_ends_in_the_meter_what_it_began(bench: Bench) -> None:
    charged(bench, minutes=5)
    bench.faults.kill(Process.CORE)
    bench.clock.run_for(30)
    bench.faults.restart(Process.CORE)
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench), within=20)
    finished = last(bench, "TransactionFinished").event.transaction_finished
    end = record(finished.signed_meter_value)
    assert verify(end, key(bench)).valid
    assert end.readings[-1].reason is Reason.END
    bill_wh = finished.meter_value.energy_Wh_import.total - float(end.readings[0].value_wh or 0)
    assert float(judge([end]).energy_wh or 0) == bill_wh


def test_a_core_killed_before_it_had_the_signed_end_fetches_it(bench: Bench) -> None:
    charged(bench, minutes=5)
    meter = sim_of(bench).signer.meters[bench.evse]
    bench.ev.unplug()
    bench.clock.run_until(lambda: meter.state is State.IDLE, within=5)
    bench.faults.kill(Process.CORE)
    assert "TransactionFinished" not in names(bench)
    bench.clock.run_for(30)
    bench.faults.restart(Process.CORE)
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench), within=20)
    end = record(end_value(bench))
    assert verify(end, key(bench)).valid
    assert judge([end]).holds


def test_a_car_that_leaves_at_once_leaves_the_meter_idle(bench: Bench) -> None:
    bench.dut.swipe(TOKEN)
    bench.ev.plug()
    bench.clock.run_for(0.5)
    bench.ev.unplug()
    bench.clock.run_for(30)
    assert sim_of(bench).signer.meters[bench.evse].state is State.IDLE
    charged(bench, minutes=1)
    ended(bench)
    assert judge([record(end_value(bench))]).holds


@pytest.mark.station(meter_signed=True, authorization="list", back_office=True)
def test_the_back_office_gets_what_the_meter_signed_and_can_verify_it(bench: Bench) -> None:
    office = SimOcpp(sim_of(bench))
    bench.clock.run_for(5)
    charged(bench, minutes=2)
    ended(bench)
    brain = office.csms.brain
    bench.clock.run_until(lambda: brain.sent("StopTransaction"), within=20)
    stop = brain.sent("StopTransaction")[-1]
    samples = [s for value in stop["transactionData"] for s in value["sampledValue"]]
    (sealed,) = [s for s in samples if s.get("format") == "SignedData"]
    part = msgspec.json.decode(sealed["value"])
    found = parse(base64.b64decode(part["signedMeterData"]))
    assert verify(found, part["publicKey"]).valid
    (key_,) = office.ask("GetConfiguration", {"key": ["MeterPublicKey1"]})[1]["configurationKey"]
    assert key_["value"] == part["publicKey"]
    start = brain.sent("StartTransaction")[-1]
    assert float(judge([found]).energy_wh or 0) == stop["meterStop"] - start["meterStart"]


def _begun_ms(signed: bool) -> int:
    bench = SimBench(StationSetup(meter_signed=signed))
    bench.ev.plug()
    carrying_current(bench)
    begun_ms = bench.probe.first_ms(Lane.MESSAGE, "TransactionStarted")
    bench.close()
    assert begun_ms is not None
    return begun_ms


def test_the_signature_costs_a_start_less_than_two_seconds() -> None:
    assert 0 < _begun_ms(True) - _begun_ms(False) < 2_000


@functools.cache
def _session() -> tuple[bytes, str]:
    """The record and the key of one session."""
    bench = SimBench(StationSetup(meter_signed=True, authorization="list"))
    bench.clock.run_for(2)
    charged(bench, minutes=1)
    ended(bench)
    found = end_value(bench).signed_meter_data.encode(), key(bench)
    bench.close()
    return found


@given(st.integers(min_value=0))
def test_one_bit_turned_is_refused(bit: int) -> None:
    text, meter_key = _session()
    start, end = text.index(b"|") + 1, text.rindex(b"|")
    at = start + bit // 8 % (end - start)
    turned = text[:at] + bytes([text[at] ^ 1 << bit % 8]) + text[at + 1 :]
    with suppress(OcmfMalformed):
        assert not verify(parse(turned), meter_key).valid
