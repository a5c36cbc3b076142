"""California pricing over DataTransfer: prices and costs for a display, and wanted meter values."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from door_rig import DoorRig, Peer
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_rig import FakeClock

from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.pricing.messages import MAX_AMOUNT, Final, Running, SetUserPrice, read
from ocpp_link.pricing.pricing import VENDOR_ID
from ocpp_link.pricing.tally import Tally, Tariff, advance
from ocpp_link.pricing.terms import tally_of, triggers_of, underway
from ocpp_link.pricing.triggers import Triggers, metered, renewed, timed
from ocpp_link.pricing.unplugged import MAX_KEPT
from ocpp_link.records import EvseState, EvseStatus
from ocpp_link.station import parse_time, utc_ms

HOUR_MS = 3_600_000
TEXTS = [{"format": "UTF8", "language": "nl", "content": "€0.12/kWh, geen leegloop"}]


class PriceRig(DoorRig):
    """A station with a display that speaks two languages."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("pricing", PricingConfig(("en", "de-AT")))
        super().__init__(**options)

    def say(self, message: str, data: Any, vendor: str = VENDOR_ID) -> dict[str, Any]:
        text = data if isinstance(data, str) else json.dumps(data)
        asked = {"vendorId": vendor, "messageId": message, "data": text}
        return self.ask("DataTransfer", asked)[1]

    def begin(self, evse: int = 1, uuid: str = "s-1") -> int:
        """A transaction; its id."""
        self.plug_in(evse, uuid)
        self.start_transaction(evse, uuid)
        id_ = self.engine.transactions.id_of(uuid)
        assert id_ is not None
        return id_

    def running(self, id_: int, **changed: Any) -> dict[str, Any]:
        said = {
            "transactionId": id_,
            "timestamp": self.engine.station.timestamp(),
            "meterValue": int(self.wh),
            "cost": 1.345,
            "state": "Charging",
            "chargingPrice": {"kWhPrice": 0.123, "hourPrice": 0.0, "flatFee": 0.0},
            **changed,
        }
        return self.say("RunningCost", said)

    def display(self, *names: str) -> Peer:
        peer = self.peer()
        for name in names:
            peer.follow(f"pricing.{name}")
        return peer

    def values_with_context(self, context: str) -> list[dict[str, Any]]:
        """The MeterValues whose samples have this context."""
        return [
            payload
            for payload in self.brain.sent("MeterValues")
            for value in payload["meterValue"]
            if any(sample["context"] == context for sample in value["sampledValue"])
        ]


@pytest.fixture
def rig() -> PriceRig:
    return PriceRig(evses=2).start()


ACCEPTED = {"status": "Accepted"}


# --- the vendor -----------------------------------------------------------------------------------


def test_a_message_that_the_vendor_does_not_have_is_told(rig: PriceRig) -> None:
    """OCPP 1.6 §4.3: UnknownMessageId; UnknownVendorId for another vendor."""
    assert VENDOR_ID == "org.openchargealliance.costmsg"
    assert rig.say("SetMood", {}) == {"status": "UnknownMessageId"}
    asked = {"vendorId": VENDOR_ID, "data": "{}"}
    assert rig.ask("DataTransfer", asked)[1] == {"status": "UnknownMessageId"}
    assert rig.say("SetUserPrice", {}, "com.example") == {"status": "UnknownVendorId"}
    assert rig.say("SetMood", {}, VENDOR_ID.upper()) == {"status": "UnknownMessageId"}


def test_a_station_without_a_display_knows_neither_the_vendor_nor_the_keys() -> None:
    """A key that would do nothing is not there."""
    rig = PriceRig(pricing=None).start()
    assert rig.say("SetUserPrice", {}) == {"status": "UnknownVendorId"}
    wanted = ["DefaultPrice", "DefaultPriceText,en", "Language", "TimeOffset", "SupportedLanguages"]
    wanted += ["CustomDisplayCostAndPrice", "CustomIdleFeeAfterStop", "CustomMultiLanguageMessages"]
    wanted += ["NextTimeOffsetTransitionDateTime", "TimeOffsetNextTransition"]
    wanted += ["NumberOfDecimalsForCostValues"]
    _, told = rig.ask("GetConfiguration", {"key": wanted})
    assert told == {"configurationKey": [], "unknownKey": wanted}


BAD: list[tuple[str, Any]] = [
    ("SetUserPrice", ""),
    ("SetUserPrice", "not JSON"),
    ("SetUserPrice", {"priceText": "no token"}),
    ("SetUserPrice", {"idToken": "CARD"}),
    ("RunningCost", {}),
    ("RunningCost", {"transactionId": 1}),
    ("FinalCost", {"transactionId": 1}),
    ("FinalCost", {"transactionId": 1, "cost": 1e40}),
    ("FinalCost", {"transactionId": 1, "cost": "NaN"}),
    ("FinalCost", '{"transactionId": 1, "cost": 1e-400}'),
    ("FinalCost", "[" * 20_000),
]


@pytest.mark.parametrize(("message", "data"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_can_not_be_read_is_rejected_and_shows_nothing(
    rig: PriceRig, message: str, data: Any
) -> None:
    peer = rig.display("user_price", "running_cost", "final_cost")
    said = rig.say(message, data)
    assert said["status"] == "Rejected"
    assert 0 < len(said["data"]) <= 500
    assert [m for m in peer.lines if "method" in m] == []


# --- prices ---------------------------------------------------------------------------------------


def test_the_price_for_a_driver_is_shown_and_bound_to_who_charges(rig: PriceRig) -> None:
    peer = rig.display("user_price")
    price = {"idToken": "CARD", "priceText": "GBP 0.12/kWh", "priceTextExtra": TEXTS}
    assert rig.say("SetUserPrice", price) == ACCEPTED
    rig.begin()
    assert rig.say("SetUserPrice", price | {"idToken": "card"}) == ACCEPTED
    rig.begin(evse=2, uuid="s-2")
    assert rig.say("SetUserPrice", price | {"idToken": "OTHER"}) == ACCEPTED
    before, after, nobodys = peer.told("pricing.user_price")
    assert "evse" not in nobodys
    assert before == {"id_token": "CARD", "price_text": "GBP 0.12/kWh", "price_text_extra": TEXTS}
    assert (after["session_id"], after["evse"]) == ("s-1", 1)


def test_money_is_told_as_the_number_that_the_back_office_wrote(rig: PriceRig) -> None:
    """Never through a float: 0.1 + 0.2 stays 0.3."""
    id_ = rig.begin()
    peer = rig.display("running_cost", "final_cost")
    prices = '{"kWhPrice": 0.10, "hourPrice": 0.30000000000000004, "flatFee": 1}'
    text = (
        f'{{"transactionId": {id_}, "timestamp": "{rig.engine.station.timestamp()}",'
        f' "meterValue": 1000000, "cost": 3.310, "state": "Charging", "chargingPrice": {prices}}}'
    )
    assert rig.say("RunningCost", text)["status"] == "Rejected", "no price has 17 decimals"
    assert rig.say("RunningCost", text.replace("0.30000000000000004", "0.3")) == ACCEPTED
    (told,) = peer.told("pricing.running_cost")
    assert told["cost"] == "3.310"
    assert told["charging_price"] == {"kwh_price": "0.10", "hour_price": "0.3", "flat_fee": "1"}
    rig.say("FinalCost", f'{{"transactionId": {id_}, "cost": 0.30}}')
    assert peer.told("pricing.final_cost")[0]["cost"] == "0.30"


def test_all_of_a_running_cost_is_shown(rig: PriceRig) -> None:
    id_ = rig.begin(evse=2)
    peer = rig.display("running_cost")
    said = rig.running(
        id_,
        idlePrice={"graceMinutes": 30, "hourPrice": 1.00},
        nextPeriod={
            "atTime": "2026-01-01T02:00:00+01:00",
            "chargingPrice": {"kWhPrice": 0.1, "hourPrice": 4.0, "flatFee": 84.84},
            "idlePrice": {"hourPrice": 0.5},
        },
    )
    assert said == ACCEPTED
    (told,) = peer.told("pricing.running_cost")
    assert (told["evse"], told["session_id"], told["transaction_id"]) == (2, "s-1", str(id_))
    assert told["idle_price"] == {"hour_price": "1.0", "grace_minutes": 30}
    assert told["next_period"] == {
        "at_time": "2026-01-01T01:00:00.000Z",
        "charging_price": {"kwh_price": "0.1", "hour_price": "4.0", "flat_fee": "84.84"},
        "idle_price": {"hour_price": "0.5"},
    }
    assert rig.peer().result("get", {"variable": "pricing.running_cost", "evse": 2}) == told
    assert rig.peer().error("get", {"variable": "pricing.running_cost"})[2] == "evse"


def test_a_running_cost_of_a_transaction_that_does_not_run_is_rejected(rig: PriceRig) -> None:
    id_ = rig.begin()
    assert rig.running(id_ + 1)["status"] == "Rejected"
    rig.stop_transaction()
    assert rig.running(id_)["status"] == "Rejected"


def test_the_cost_goes_on_between_two_messages(rig: PriceRig) -> None:
    """Energy and time since the back office reckoned, in decimals."""
    id_ = rig.begin()
    peer = rig.display("running_cost")
    prices = {"kWhPrice": 0.5, "hourPrice": 2}
    rig.running(id_, cost=1, chargingPrice=prices)
    rig.charge(1_800, power_w=10_000.0)
    last = peer.told("pricing.running_cost")[-1]
    assert last["cost"] == "1"
    # 5 kWh and half an hour, told each 10 s; the last reading came a moment later.
    assert Decimal("4.48") < Decimal(last["estimated_cost"]) <= Decimal("4.5")


def test_standing_there_costs_once_the_grace_is_over(rig: PriceRig) -> None:
    id_ = rig.begin()
    peer = rig.display("running_cost")
    idle = {"graceMinutes": 30, "hourPrice": 6}
    rig.running(id_, cost=1, idlePrice=idle)
    rig.event("ChargingPausedEV")
    rig.run(1_795)
    assert peer.told("pricing.running_cost")[-1]["estimated_cost"] == "1.000"
    rig.running(id_, cost=1, state="Idle", idlePrice=idle)
    rig.run(600)
    last = Decimal(peer.told("pricing.running_cost")[-1]["estimated_cost"])
    assert Decimal("1.95") < last < Decimal("2.02"), "the grace is not given twice"


def test_the_final_cost_is_taken_whenever_it_comes(rig: PriceRig) -> None:
    """Also for a transaction that nobody here remembers."""
    peer = rig.display("final_cost", "running_cost")
    id_ = rig.begin()
    rig.running(id_)
    rig.stop_transaction()
    rig.plug_out()
    final = {"transactionId": id_, "cost": 3.31, "priceText": "GBP 3.31", "priceTextExtra": TEXTS}
    assert rig.say("FinalCost", final | {"qrCodeText": "https://x.example/1"}) == ACCEPTED
    assert rig.say("FinalCost", {"transactionId": 4_711, "cost": 0}) == ACCEPTED
    known, unknown = peer.told("pricing.final_cost")
    assert known == {
        "transaction_id": str(id_),
        "cost": "3.31",
        "price_text": "GBP 3.31",
        "price_text_extra": TEXTS,
        "qr_code_text": "https://x.example/1",
        "session_id": "s-1",
        "evse": 1,
    }
    assert unknown == {"transaction_id": "4711", "cost": "0", "price_text_extra": []}
    before = len(peer.told("pricing.running_cost"))
    rig.run(60)
    assert len(peer.told("pricing.running_cost")) == before


def test_the_final_cost_ends_what_runs_and_nothing_else(rig: PriceRig) -> None:
    peer = rig.display("running_cost")
    id_ = rig.begin()
    rig.running(id_)
    rig.say("FinalCost", {"transactionId": id_, "cost": 1})
    before = len(peer.told("pricing.running_cost"))
    rig.run(60)
    assert len(peer.told("pricing.running_cost")) == before
    rig.stop_transaction()
    rig.plug_out()
    second = rig.begin(uuid="s-2")
    rig.running(second)
    rig.say("FinalCost", {"transactionId": id_, "cost": 1})
    before = len(peer.told("pricing.running_cost"))
    rig.run(60)
    assert len(peer.told("pricing.running_cost")) > before


def test_a_change_of_the_car_is_shown_at_once_and_when(rig: PriceRig) -> None:
    id_ = rig.begin()
    peer = rig.display("running_cost")
    rig.running(id_)
    rig.run(3)
    rig.event("ChargingPausedEV")
    first, second = peer.told("pricing.running_cost")
    assert first["estimated_at"] == "2026-01-01T00:00:00.000Z"
    assert second["estimated_at"] == "2026-01-01T00:00:03.000Z"


def test_a_car_that_stays_after_the_end_pays_for_standing_there(rig: PriceRig) -> None:
    """CustomIdleFeeAfterStop."""
    rig.engine.model.set("custom_idle_fee", True)
    id_ = rig.begin()
    peer = rig.display("running_cost")
    rig.running(id_, cost=1, idlePrice={"hourPrice": 6})
    rig.stop_transaction()
    rig.run(600)
    assert peer.told("pricing.running_cost")[-1]["estimated_cost"] == "2.000"


def test_nothing_is_reckoned_after_the_transaction_unless_the_idle_fee_goes_on(
    rig: PriceRig,
) -> None:
    peer = rig.display("running_cost")
    for fee_goes_on in (False, True):
        rig.engine.model.set("custom_idle_fee", fee_goes_on)
        uuid = f"s-{fee_goes_on}"
        id_ = rig.begin(uuid=uuid)
        rig.running(id_, idlePrice={"hourPrice": 1})
        rig.stop_transaction(uuid=uuid)
        before = len(peer.told("pricing.running_cost"))
        rig.run(100)
        after = len(peer.told("pricing.running_cost"))
        assert (after > before) is fee_goes_on
        rig.plug_out(uuid=uuid)
        before = len(peer.told("pricing.running_cost"))
        rig.run(100)
        assert len(peer.told("pricing.running_cost")) == before


# --- wanted meter values --------------------------------------------------------------------------


def test_a_meter_value_is_sent_at_its_time(rig: PriceRig) -> None:
    """triggerMeterValue.atTime: a MeterValues with context Other."""
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atTime": "2026-01-01T00:05:00Z"})
    rig.charge(299)
    assert rig.values_with_context("Other") == []
    rig.charge(2)
    (value,) = rig.values_with_context("Other")
    assert value["transactionId"] == id_
    measurands = [s["measurand"] for s in value["meterValue"][0]["sampledValue"]]
    assert "Energy.Active.Import.Register" in measurands
    rig.charge(600)
    assert len(rig.values_with_context("Other")) == 1


def test_a_wanted_meter_value_has_the_register_whatever_is_sampled(rig: PriceRig) -> None:
    """A cost is reckoned from it."""
    set_key(rig, "MeterValuesSampledData", "Voltage")
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atEnergykWh": 0.1})
    rig.charge(120)
    (value,) = rig.values_with_context("Other")
    samples = value["meterValue"][0]["sampledValue"]
    assert {s["measurand"] for s in samples} == {"Energy.Active.Import.Register", "Voltage"}


def test_a_mark_that_is_named_again_after_it_was_reached_asks_for_nothing(rig: PriceRig) -> None:
    """Else a back office that repeats itself would be told without end."""
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.charge(600, power_w=60_000.0)
    wanted = {"atTime": "2026-01-01T00:00:01Z", "atEnergykWh": 5}
    for _ in range(5):
        rig.running(id_, triggerMeterValue=wanted)
        rig.charge(5)
    assert len(rig.values_with_context("Other")) == 2
    rig.running(id_, triggerMeterValue={"atEnergykWh": 10.2})
    rig.charge(60, power_w=60_000.0)
    assert len(rig.values_with_context("Other")) == 3


def test_a_local_time_is_read_with_the_offset_of_the_display(rig: PriceRig) -> None:
    """TimeOffset."""
    rig.engine.model.set("sample_interval_s", 0)
    rig.ask("ChangeConfiguration", {"key": "TimeOffset", "value": "+01:00"})
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atTime": "2026-01-01T01:05:00"})
    rig.charge(298)
    assert rig.values_with_context("Other") == []
    rig.charge(4)
    assert len(rig.values_with_context("Other")) == 1


def test_a_meter_value_is_sent_when_the_transaction_has_its_energy(rig: PriceRig) -> None:
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atEnergykWh": 0.5})
    rig.charge(200, power_w=8_000.0)
    assert rig.values_with_context("Other") == []
    rig.charge(60, power_w=8_000.0)
    assert len(rig.values_with_context("Other")) == 1


def test_a_meter_value_is_sent_when_the_car_comes_to_a_status(rig: PriceRig) -> None:
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atCPStatus": ["SuspendedEV", "Available"]})
    rig.event("ChargingPausedEV")
    assert len(rig.values_with_context("Other")) == 1
    rig.stop_transaction()
    assert len(rig.values_with_context("Other")) == 1
    rig.plug_out()
    assert len(rig.values_with_context("Other")) == 2
    assert "transactionId" not in rig.values_with_context("Other")[-1]


def test_a_meter_value_is_sent_when_the_power_crosses_its_mark(rig: PriceRig) -> None:
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atPowerkW": 8.0})
    for power_w, told in ((7_360.0, 0), (9_000.0, 1), (7_990.0, 1), (7_200.0, 2)):
        reading = rig.meter(publish=False)
        rig.engine.on_powermeter(1, reading | {"power_W": {"total": power_w}})
        rig.flush()
        assert len(rig.values_with_context("Other")) == told
        rig.run(1)
    without = rig.meter(publish=False)
    del without["power_W"]
    rig.engine.on_powermeter(1, without)
    rig.flush()
    assert len(rig.values_with_context("Other")) == 2


def test_a_mark_that_was_passed_before_it_was_named_is_told_at_once(rig: PriceRig) -> None:
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.charge(600, power_w=6_000.0)
    rig.running(id_, triggerMeterValue={"atEnergykWh": 0.5})
    assert len(rig.values_with_context("Other")) == 1


def test_a_time_that_is_named_no_more_is_not_kept(rig: PriceRig) -> None:
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atTime": "2026-01-01T00:05:00Z"})
    rig.running(id_)
    rig.charge(400)
    rig.running(id_, triggerMeterValue={"atTime": "2026-01-01T00:10:00Z"})
    rig.stop_transaction()
    rig.run(400)
    assert rig.values_with_context("Other") == []


def test_a_time_is_kept_by_a_clock_that_was_set() -> None:
    clock = FakeClock()
    rig = PriceRig(clock=clock).start()
    rig.engine.model.set("sample_interval_s", 0)
    id_ = rig.begin()
    rig.running(id_, triggerMeterValue={"atTime": "2026-01-01T00:10:00Z"})
    clock.wrong += timedelta(seconds=540)
    for hear in rig.engine.station.occasions.clock_set:
        hear(540_000)
    rig.run(50)
    rig.meter()
    assert rig.values_with_context("Other") == []
    rig.run(20)
    assert len(rig.values_with_context("Other")) == 1


# --- the idle fee after the stop ------------------------------------------------------------------


def unplugged(rig: PriceRig) -> list[dict[str, Any]]:
    sent = [p for p in rig.brain.sent("DataTransfer") if p["vendorId"] == VENDOR_ID]
    assert all(p["messageId"] == "ConnectorUnplugged" for p in sent)
    return [json.loads(p["data"]) for p in sent]


def test_the_unplugging_is_told_where_the_idle_fee_goes_on(rig: PriceRig) -> None:
    """CustomIdleFeeAfterStop: behind the transaction's end."""
    rig.begin()
    rig.stop_transaction()
    rig.plug_out()
    assert unplugged(rig) == []
    rig.ask("ChangeConfiguration", {"key": "CustomIdleFeeAfterStop", "value": "true"})
    id_ = rig.begin(uuid="s-2")
    rig.stop_transaction(uuid="s-2", reason="Local")
    rig.run(90)
    assert unplugged(rig) == []
    rig.plug_out(uuid="s-2")
    (told,) = unplugged(rig)
    assert told == {"transactionId": id_, "timestamp": "2026-01-01T00:01:30.000Z"}
    rig.run(600)
    assert len(unplugged(rig)) == 1


def test_the_unplugging_survives_an_outage_and_a_restart() -> None:
    database = Database(":memory:")
    idle_fee = Settings(custom_idle_fee=True)
    rig = PriceRig(database=database, settings=idle_fee).start()
    id_ = rig.begin()
    rig.disconnect()
    rig.stop_transaction(reason="Local")
    rig.run(60)
    rig.plug_out()
    again = PriceRig(database=database, settings=idle_fee, brain=rig.brain, clock=rig.clock)
    again.start()
    again.run(5)
    (told,) = unplugged(again)
    assert told == {"transactionId": id_, "timestamp": "2026-01-01T00:01:00.000Z"}
    actions = [name for name, _ in again.brain.log]
    assert actions.index("StopTransaction") < actions.index("DataTransfer")
    third = PriceRig(database=database, settings=idle_fee, brain=rig.brain, clock=rig.clock)
    third.start()
    assert len(unplugged(third)) == 1


def idle_fee_rig(**options: Any) -> PriceRig:
    return PriceRig(settings=Settings(custom_idle_fee=True), **options).start()


def test_the_unplugging_of_one_connector_says_nothing_of_another() -> None:
    rig = idle_fee_rig(evses=2)
    first = rig.begin(evse=1, uuid="s-1")
    rig.stop_transaction(evse=1, uuid="s-1", reason="Local")
    second = rig.begin(evse=2, uuid="s-2")
    rig.stop_transaction(evse=2, uuid="s-2", reason="Local")
    rig.plug_out(evse=2, uuid="s-2")
    assert [told["transactionId"] for told in unplugged(rig)] == [second]
    rig.plug_out(evse=1, uuid="s-1")
    assert [told["transactionId"] for told in unplugged(rig)] == [second, first]


def test_an_unplugging_that_the_back_office_did_not_answer_is_told_again() -> None:
    rig = idle_fee_rig()
    id_ = rig.begin()
    rig.stop_transaction(reason="Local")
    rig.brain.misbehave("DataTransfer", Misbehaviour.DROP)
    rig.run(30)
    rig.plug_out()
    at = "2026-01-01T00:00:30.000Z"
    assert unplugged(rig) == []
    rig.run(60)
    rig.connect()
    rig.disconnect()
    rig.connect()
    assert unplugged(rig) == [{"transactionId": id_, "timestamp": at}]


def test_an_unplugging_that_the_back_office_refuses_is_not_told_again() -> None:
    rig = idle_fee_rig()
    rig.begin()
    rig.stop_transaction(reason="Local")
    rig.brain.misbehave("DataTransfer", Misbehaviour.CALLERROR)
    rig.plug_out()
    rig.disconnect()
    rig.connect()
    assert unplugged(rig) == []


def test_a_transaction_without_an_id_has_no_unplugging_to_tell() -> None:
    rig = PriceRig(settings=Settings(custom_idle_fee=True, message_attempts=1)).start()
    rig.brain.misbehave("StartTransaction", Misbehaviour.CALLERROR)
    rig.session()
    rig.run(600)
    assert rig.brain.sent("StopTransaction")
    assert unplugged(rig) == []


def test_only_the_last_unpluggings_of_a_long_outage_are_told() -> None:
    rig = idle_fee_rig()
    rig.disconnect()
    for number in range(MAX_KEPT + 3):
        rig.session(f"s-{number}", seconds=1)
    rig.connect()
    rig.run(60)
    told = [each["transactionId"] for each in unplugged(rig)]
    assert told == sorted(rig.brain.bill)[-MAX_KEPT:]


# --- keys -----------------------------------------------------------------------------------------


def values(rig: PriceRig, *names: str) -> dict[str, str]:
    _, told = rig.ask("GetConfiguration", {"key": list(names)})
    return {k["key"]: k["value"] for k in told["configurationKey"]}


def set_key(rig: PriceRig, name: str, value: str) -> str:
    _, said = rig.ask("ChangeConfiguration", {"key": name, "value": value})
    status: str = said["status"]
    return status


def test_what_the_station_can_show_is_told(rig: PriceRig) -> None:
    assert values(
        rig,
        "CustomDisplayCostAndPrice",
        "CustomMultiLanguageMessages",
        "SupportedLanguages",
        "NumberOfDecimalsForCostValues",
    ) == {
        "CustomDisplayCostAndPrice": "true",
        "CustomMultiLanguageMessages": "true",
        "SupportedLanguages": "en,de-AT",
        "NumberOfDecimalsForCostValues": "3",
    }
    one = PriceRig(pricing=PricingConfig()).start()
    told = values(one, "CustomMultiLanguageMessages", "SupportedLanguages", "DefaultPriceText,en")
    assert told == {"CustomMultiLanguageMessages": "false"}


def test_the_default_price_is_shown_in_the_chosen_language(rig: PriceRig) -> None:
    peer = rig.display("default_price")
    assert rig.peer().result("get", {"variable": "pricing.default_price"}) == {
        "time_offset": "+00:00"
    }
    default = {"priceText": "0.15 $/kWh", "priceTextOffline": "offline: 0.15 $/kWh"}
    default |= {"chargingPrice": {"kWhPrice": 0.15, "hourPrice": 0.00, "flatFee": 0.00}}
    assert set_key(rig, "DefaultPrice", json.dumps(default)) == "Accepted"
    german = '{"priceText": "0,15 $/kWh"}'
    assert set_key(rig, "DefaultPriceText,de-AT", german) == "Accepted"
    assert json.loads(values(rig, "DefaultPriceText,de-AT")["DefaultPriceText,de-AT"]) == {
        "priceText": "0,15 $/kWh"
    }
    assert set_key(rig, "Language", "de-AT") == "Accepted"
    shown = peer.told("pricing.default_price")
    prices = {"kwh_price": "0.15", "hour_price": "0.0", "flat_fee": "0.0"}
    assert shown[0] == {
        "time_offset": "+00:00",
        "price_text": "0.15 $/kWh",
        "price_text_offline": "offline: 0.15 $/kWh",
        "charging_price": prices,
    }
    assert shown[-1] == {
        "time_offset": "+00:00",
        "price_text": "0,15 $/kWh",
        "charging_price": prices,
        "language": "de-AT",
    }
    assert set_key(rig, "DefaultPriceText,de-AT", "") == "Accepted"
    assert peer.told("pricing.default_price")[-1]["price_text"] == "0.15 $/kWh"


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("DefaultPrice", "0.15", "Rejected"),
        ("DefaultPrice", '{"priceTextOffline": "x"}', "Rejected"),
        ("DefaultPriceText,en", "hello", "Rejected"),
        ("DefaultPriceText,fr", '{"priceText": "x"}', "NotSupported"),
        ("Language", "fr", "Rejected"),
        ("Language", "en", "Accepted"),
        ("TimeOffset", "Europe/Vienna", "Rejected"),
        ("TimeOffset", "-03:30", "Accepted"),
        ("NextTimeOffsetTransitionDateTime", "soon", "Rejected"),
        ("CustomDisplayCostAndPrice", "false", "Rejected"),
    ],
)
def test_only_what_can_be_shown_is_accepted(
    rig: PriceRig, name: str, value: str, status: str
) -> None:
    assert set_key(rig, name, value) == status


def test_texts_outlive_the_process() -> None:
    database = Database(":memory:")
    rig = PriceRig(database=database).start()
    set_key(rig, "DefaultPriceText,en", '{"priceText": "cheap"}')
    again = PriceRig(database=database).start()
    assert json.loads(values(again, "DefaultPriceText,en")["DefaultPriceText,en"]) == {
        "priceText": "cheap"
    }


def test_the_time_offset_changes_when_its_time_has_come(rig: PriceRig) -> None:
    """NextTimeOffsetTransitionDateTime, TimeOffsetNextTransition."""
    peer = rig.display("default_price")
    set_key(rig, "TimeOffset", "+01:00")
    set_key(rig, "TimeOffsetNextTransition", "+02:00")
    set_key(rig, "NextTimeOffsetTransitionDateTime", "2026-01-01T03:00:00Z")
    rig.run(3 * 3_600 - 1)
    assert values(rig, "TimeOffset") == {"TimeOffset": "+01:00"}
    rig.run(2)
    assert values(rig, "TimeOffset", "NextTimeOffsetTransitionDateTime") == {
        "TimeOffset": "+02:00",
        "NextTimeOffsetTransitionDateTime": "",
    }
    assert peer.told("pricing.default_price")[-1]["time_offset"] == "+02:00"


# --- what was said, in our terms ------------------------------------------------------------------

SAID = {
    "transactionId": 1,
    "timestamp": "1971-01-01T00:00:01Z",
    "meterValue": 1_234_000,
    "cost": 1.345,
    "state": "Charging",
    "chargingPrice": {"kWhPrice": 0.123, "hourPrice": 2.0},
}
AT_MS = 365 * 24 * HOUR_MS + 1_000


def said(**more: Any) -> Running:
    return read(json.dumps(SAID | more), Running)


def wall_ms(text: str) -> int:
    return utc_ms(parse_time(text))


def test_a_tally_begins_where_the_back_office_reckoned() -> None:
    tariff = Tariff(kwh=Decimal("0.123"), hour=Decimal("2.0"))
    begun = Tally(Decimal("1.345"), AT_MS, 1_234_000, tariff)
    assert tally_of(said(), wall_ms) == begun
    assert tally_of(said(state="Idle"), wall_ms).idle_since_ms == AT_MS
    idle = tally_of(said(idlePrice={"graceMinutes": 30, "hourPrice": 1}), wall_ms).tariff
    assert idle == msgspec.structs.replace(tariff, idle_hour=Decimal(1), grace_ms=HOUR_MS // 2)
    assert tally_of(said(chargingPrice={}), wall_ms).tariff == Tariff()


@pytest.mark.parametrize(
    ("period", "following"),
    [
        ({}, {}),
        ({"chargingPrice": {"kWhPrice": 1, "hourPrice": 3}}, {"kwh": 1, "hour": 3}),
        ({"chargingPrice": {"kWhPrice": 1}}, {"kwh": 1, "hour": 0}),
        ({"idlePrice": {"hourPrice": 5}}, {"idle_hour": 5}),
        (
            {"idlePrice": {"hourPrice": 5, "graceMinutes": 1}},
            {"idle_hour": 5, "grace_ms": 60_000},
        ),
    ],
)
def test_what_the_next_period_does_not_name_goes_on(
    period: dict[str, Any], following: dict[str, int]
) -> None:
    idle = {"graceMinutes": 30, "hourPrice": 1}
    tally = tally_of(
        said(idlePrice=idle, nextPeriod={"atTime": "1971-01-01T01:00:01Z", **period}), wall_ms
    )
    changed: Any = {name: Decimal(value) for name, value in following.items()}
    assert tally.following == msgspec.structs.replace(tally.tariff, **changed)
    assert tally.following_at_ms == AT_MS + HOUR_MS


def test_triggers_are_in_ms_wh_and_w() -> None:
    wanted = {"atTime": "1971-01-01T00:00:01Z", "atEnergykWh": 5.5, "atPowerkW": 8}
    found = triggers_of(
        said(triggerMeterValue=wanted | {"atCPStatus": ["Finishing"]}).trigger_meter_value, wall_ms
    )
    assert found == Triggers(
        AT_MS, Decimal(5_500), Decimal(8_000), frozenset({EvseStatus.FINISHING})
    )
    assert triggers_of(said().trigger_meter_value, wall_ms) == Triggers()


def test_the_grace_begins_anew_for_a_car_that_charged_meanwhile() -> None:
    state = EvseState(1, session="s-1")
    charging = underway(said(), state, wall_ms, None)
    idle = underway(said(state="Idle"), state, wall_ms, charging)
    assert idle.tally.idle_since_ms == AT_MS
    later = said(state="Idle", timestamp="1971-01-01T00:30:01Z")
    assert underway(later, state, wall_ms, idle).tally.idle_since_ms == AT_MS
    other = EvseState(1, session="s-2")
    assert underway(later, other, wall_ms, idle).tally.idle_since_ms == AT_MS + HOUR_MS // 2
    assert underway(said(), state, wall_ms, idle).tally.idle_since_ms is None


# --- the arithmetic -------------------------------------------------------------------------------

_MONEY = st.decimals(0, 10, places=3, allow_nan=False)
_TARIFFS = st.builds(
    Tariff, kwh=_MONEY, hour=_MONEY, idle_hour=_MONEY, grace_ms=st.integers(0, HOUR_MS)
)
_STEPS = st.lists(
    st.tuples(st.integers(0, HOUR_MS), st.integers(0, 10_000), st.booleans()), max_size=6
)


def test_an_hour_of_charging_by_hand() -> None:
    tally = Tally(Decimal("1.50"), 0, 0, Tariff(kwh=Decimal("0.25"), hour=Decimal("1.2")))
    assert advance(tally, HOUR_MS, 11_000, idle=False).shown == Decimal("5.450")


def test_prices_change_at_the_next_periods_time() -> None:
    tally = Tally(
        Decimal(0),
        0,
        0,
        Tariff(hour=Decimal(2)),
        following=Tariff(hour=Decimal(4), kwh=Decimal(1)),
        following_at_ms=HOUR_MS // 2,
    )
    later = advance(tally, HOUR_MS, 2_000, idle=False)
    assert later.shown == Decimal("4.000")  # half an hour at 2, half at 4, and 1 of 2 kWh
    assert later.following is None


@given(_TARIFFS, _TARIFFS, st.integers(-HOUR_MS, HOUR_MS), st.integers(0, HOUR_MS))
def test_a_period_counts_from_its_time_and_not_before(
    now: Tariff, following: Tariff, change_after_ms: int, length_ms: int
) -> None:
    """Held against the sum by hand; whole Wh are shared out by time."""
    begun = Tally(
        Decimal(3),
        HOUR_MS,
        50_000,
        now,
        following=following,
        following_at_ms=HOUR_MS + change_after_ms,
    )
    ended = advance(begun, HOUR_MS + length_ms, 57_000, idle=False)
    first_ms = min(max(change_after_ms, 0), length_ms)
    first = Decimal(first_ms) / length_ms if length_ms else Decimal(change_after_ms > 0)
    energy = 7 * (now.kwh * first + following.kwh * (1 - first))
    time = (now.hour * first_ms + following.hour * (length_ms - first_ms)) / HOUR_MS
    assert abs(ended.cost - (3 + energy + time)) <= Decimal("0.0101")  # 1 Wh at 10 a kWh
    assert (ended.following is None) is (length_ms >= change_after_ms)
    assert (ended.at_ms, ended.wh) == (HOUR_MS + length_ms, 57_000)


def test_money_is_shown_with_three_decimals_rounded_half_up() -> None:
    """NumberOfDecimalsForCostValues."""
    shown = [Tally(Decimal(cost), 0, 0, Tariff()).shown for cost in ("1.0005", "1.00049", "2")]
    assert [str(cost) for cost in shown] == ["1.001", "1.000", "2.000"]


@given(_TARIFFS, _STEPS)
def test_a_cost_never_falls_and_asking_often_changes_no_sum(
    tariff: Tariff, steps: list[tuple[int, int, bool]]
) -> None:
    tally = Tally(Decimal(0), 0, 0, tariff)
    now_ms = wh = 0
    for length_ms, more_wh, idle in steps:
        now_ms, wh = now_ms + length_ms, wh + more_wh
        half = advance(tally, now_ms - length_ms // 2, wh, idle=tally.idle_since_ms is not None)
        twice = advance(half, now_ms, wh, idle=idle)
        once = advance(tally, now_ms, wh, idle=idle)
        assert abs(once.cost - twice.cost) < Decimal("1e-9")
        assert once.cost >= tally.cost
        tally = once


@given(_TARIFFS, st.integers(-HOUR_MS, 0), st.integers(-1_000, 0))
def test_a_clock_or_register_that_runs_back_changes_nothing(
    tariff: Tariff, back_ms: int, back_wh: int
) -> None:
    tally = Tally(Decimal(7), HOUR_MS, 5_000, tariff)
    again = advance(tally, HOUR_MS + back_ms, 5_000 + back_wh, idle=False)
    assert (again.cost, again.at_ms, again.wh) == (Decimal(7), HOUR_MS, 5_000)


def test_power_is_told_when_it_crosses_its_mark_by_more_than_a_little() -> None:
    triggers = Triggers(at_w=Decimal(8_000))
    told = []
    for power_w in (1_000, 8_100, 8_500, 7_990, 7_700, 7_200, 8_100, 9_000):
        triggers, wanted = metered(triggers, Decimal(0), Decimal(power_w))
        told.append(wanted)
    assert told == [False, False, True, False, False, True, False, True]


@given(
    st.lists(st.integers(0, 20_000), max_size=30),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_a_mark_of_energy_is_told_once(powers: list[int], mark_wh: int, mark_w: int) -> None:
    triggers = Triggers(at_wh=Decimal(mark_wh))
    wanted = 0
    for wh in sorted(powers):
        triggers, now = metered(triggers, Decimal(wh), Decimal(mark_w))
        wanted += now
    assert wanted == (1 if powers and max(powers) >= mark_wh else 0)


@pytest.mark.parametrize(
    ("powers_w", "told"),
    [
        ((8_000, 7_601, 7_600), [False, False, True]),
        ((7_999, 8_399, 8_400), [False, False, True]),
        ((7_999, None, 8_400), [False, False, True]),
    ],
)
def test_exactly_at_the_edge_power_has_crossed(
    powers_w: tuple[int | None, ...], told: list[bool]
) -> None:
    triggers, found = Triggers(at_w=Decimal(8_000)), []
    for power_w in powers_w:
        power = None if power_w is None else Decimal(power_w)
        triggers, wanted = metered(triggers, Decimal(0), power)
        found.append(wanted)
    assert found == told


def test_energy_is_told_also_where_the_power_crosses_nothing() -> None:
    triggers = Triggers(at_w=Decimal(8_000), at_wh=Decimal(100))
    triggers, wanted = metered(triggers, Decimal(100), Decimal(10))
    assert wanted
    assert metered(triggers, Decimal(101), Decimal(10)) == (triggers, False)


def test_a_mark_that_stays_remembers_its_side_and_a_new_one_does_not() -> None:
    above, _ = metered(Triggers(at_w=Decimal(8_000)), Decimal(0), Decimal(9_000))
    same = renewed(above, Triggers(at_w=Decimal(8_000)))
    assert metered(same, Decimal(0), Decimal(1_000))[1]
    other = renewed(above, Triggers(at_w=Decimal(7_000)))
    assert not metered(other, Decimal(0), Decimal(1_000))[1]


def test_no_time_and_a_time_that_was_told_ask_for_nothing() -> None:
    assert timed(Triggers(), 10**12) == (Triggers(), False)
    told, _ = timed(Triggers(at_ms=100), 100)
    assert timed(told, 101) == (told, False)


def test_a_time_is_told_once_and_a_new_one_again() -> None:
    triggers, wanted = timed(Triggers(at_ms=100), 99)
    assert not wanted
    triggers, wanted = timed(triggers, 100)
    assert wanted
    again = renewed(triggers, Triggers(at_ms=100, at_status=frozenset({EvseStatus.FINISHING})))
    assert again.at_ms is None
    assert again.at_status == {EvseStatus.FINISHING}
    assert renewed(triggers, Triggers(at_ms=200)).at_ms == 200


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_data_is_read_or_refused(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for type_ in (SetUserPrice, Running, Final):
        with contextlib.suppress(ValueError):
            assert isinstance(read(text, type_), type_)


_TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "soon",
        "",
    ]
)
_ODD = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False),
    st.none(),
    st.text(max_size=5),
    st.lists(st.sampled_from(["Finishing", "Available", "Asleep"]), max_size=2),
    _TIMES,
)


def _fields(*names: str, **inner: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, _ODD) | inner)


_PRICES = _fields("kWhPrice", "hourPrice", "flatFee")
_IDLE = _fields("graceMinutes", "hourPrice")
_RUNNING = _fields(
    meterValue=st.integers(0, 10**10) | _ODD,
    cost=st.floats(0, 100) | _ODD,
    timestamp=_TIMES,
    state=st.sampled_from(["Charging", "Idle"]),
    chargingPrice=_PRICES,
    idlePrice=_IDLE,
    nextPeriod=_fields(atTime=_TIMES, chargingPrice=_PRICES, idlePrice=_IDLE),
    triggerMeterValue=_fields("atEnergykWh", "atPowerkW", "atCPStatus", atTime=_TIMES),
)


@settings(max_examples=25)
@given(st.lists(_RUNNING, max_size=4))
def test_whatever_a_running_cost_says_is_answered_and_the_station_goes_on(
    messages: list[dict[str, Any]],
) -> None:
    rig = PriceRig().start()
    id_ = rig.begin()
    for changed in messages:
        assert rig.running(id_, **changed)["status"] in ("Accepted", "Rejected")
        rig.run(20)
        rig.meter()
    rig.stop_transaction()
    rig.plug_out()
    assert rig.brain.complaints == []
    assert len(rig.values_with_context("Other")) <= 4 * len(messages)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_no_amount_beyond_reason_gets_in(amount: Decimal) -> None:
    text = msgspec.json.encode({"transactionId": 1, "cost": amount}).decode()
    try:
        value = read(text, Final)
    except ValueError:
        return
    assert abs(value.cost) <= MAX_AMOUNT
