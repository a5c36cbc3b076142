"""What a back office is told of a meter's signatures (OCA, Signed Meter Values in OCPP 1.0; numbers
are its sections)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from ocpp_rig import Rig, token
from test_v201_slice import rig_201, var

from evse.types.powermeter import SignedMeterValue
from ocpp_link.device.settings import Settings
from ocpp_link.metering.signed import Seal, public_key_text, signed_part

REGISTER = "Energy.Active.Import.Register"
KEY = "3059301306072A8648CE3D0201"
BOTH = 'OCMF|{"RD":["begin","end"]}|{"SD":"30"}'
BEGIN = 'OCMF|{"RD":["begin"]}|{"SD":"30"}'


def value(data: str) -> dict[str, str]:
    return {
        "signed_meter_data": data,
        "signing_method": "",
        "encoding_method": "OCMF",
        "public_key": KEY,
    }


def charged(rig: Rig, *, end_signed: bool = True) -> None:
    rig.plug_in()
    rig.event("Authorized")
    started = {
        "id_tag": token(),
        "meter_value": rig.meter(),
        "signed_meter_value": value(BEGIN),
    }
    rig.event("TransactionStarted", transaction_started=started)
    rig.charge(180)
    signed = {"signed_meter_value" if end_signed else "start_signed_meter_value": value(BOTH)}
    finished = {"meter_value": rig.meter(), "reason": "Local", **signed}
    rig.event("TransactionFinished", transaction_finished=finished)


def decoded(part: dict[str, str]) -> str:
    return base64.b64decode(part["signedMeterData"]).decode()


def signed_of(values: list[dict[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    """(context, signedMeterValue) of a 2.0.1 message."""
    samples = [sample for value in values for sample in value["sampledValue"]]
    return [(s["context"], s["signedMeterValue"]) for s in samples if "signedMeterValue" in s]


def signed16(values: list[dict[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    """The same of a 1.6 message."""
    samples = [sample for value in values for sample in value["sampledValue"]]
    found = [s for s in samples if s.get("format") == "SignedData"]
    assert all(s["measurand"] == REGISTER and s["unit"] == "Wh" for s in found)
    return [(s["context"], msgspec.json.decode(s["value"])) for s in found]


# --- 2.0.1 ----------------------------------------------------------------------------------------


def events(settings: Settings, *, end_signed: bool = True) -> list[dict[str, Any]]:
    rig, brain = rig_201(settings=settings, meter_signs=True)
    rig.start()
    charged(rig, end_signed=end_signed)
    return brain.sent("TransactionEvent")


def told(events_: list[dict[str, Any]], kind: str) -> list[tuple[str, dict[str, str]]]:
    found = [e for e in events_ if e["eventType"] == kind]
    return [signed for event in found for signed in signed_of(event.get("meterValue", []))]


def test_j02_fr_21_the_end_carries_what_the_meter_signed() -> None:
    """4.1.2: both in one container go with the end, beside the register's number."""
    found = events(Settings())
    assert told(found, "Started") == told(found, "Updated") == []
    ((context, part),) = told(found, "Ended")
    assert context == "Transaction.End"
    assert decoded(part) == BOTH
    assert part["signingMethod"] == ""
    assert part["encodingMethod"] == "OCMF"
    last = found[-1]["meterValue"][-1]["sampledValue"]
    assert [s["value"] > 0 for s in last if "signedMeterValue" in s] == [True]


def test_4_3_6_the_start_is_signed_with_the_start_where_that_is_wanted() -> None:
    found = events(Settings(sign_started=True))
    ((context, part),) = told(found, "Started")
    assert (context, decoded(part), part["publicKey"]) == ("Transaction.Begin", BEGIN, "")
    assert len(told(found, "Ended")) == 1


@pytest.mark.parametrize(
    ("wanted", "with_start", "with_end"),
    [
        ("Never", "", ""),
        ("OncePerTransaction", "", public_key_text(KEY)),
        ("EveryMeterValue", public_key_text(KEY), public_key_text(KEY)),
    ],
)
def test_4_3_1_the_key_goes_as_often_as_is_wanted(
    wanted: str, with_start: str, with_end: str
) -> None:
    found = events(Settings(sign_started=True, public_key_with=wanted))
    assert [part["publicKey"] for _, part in told(found, "Started")] == [with_start]
    assert [part["publicKey"] for _, part in told(found, "Ended")] == [with_end]


def test_4_3_5_nothing_is_signed_where_nobody_wants_it() -> None:
    found = events(Settings(sign_sampled=False, sign_started=True))
    assert not any(told(found, kind) for kind in ("Started", "Updated", "Ended"))


def test_4_1_2_a_start_in_a_container_of_its_own_goes_with_the_end_as_its_begin() -> None:
    """Here because the end was not signed."""
    ((context, part),) = told(events(Settings(), end_signed=False), "Ended")
    assert (context, decoded(part)) == ("Transaction.Begin", BOTH)


def test_3_2_2_the_key_is_told_as_the_application_note_composes_it() -> None:
    printed = (
        "3056301006072a8648ce3d020106052b8104000a03420004460a02ba2766d9c44f023ecc0e4e58644a87add1aa"
        "dd6317e5fe4dccdb29b163a01d8a6297c84bc530f86431e92f8d46ab37830247c05cbd92fac252929e7f61"
    )
    text = base64.b64decode(public_key_text(printed)).decode()
    assert text == f"oca:base16:asn1:{printed}"


def test_what_is_too_long_for_the_field_is_left_out() -> None:
    """Part 2 §2.46: 2 500 characters of Base64."""
    long = SignedMeterValue(
        signed_meter_data="x" * 1_876, signing_method="", encoding_method="OCMF"
    )
    assert signed_part(long, Seal.WITH_KEY) is None
    short = msgspec.structs.replace(long, signed_meter_data="x" * 1_875)
    part = signed_part(short, Seal.WITH_KEY)
    assert part is not None
    assert len(part["signedMeterData"]) == 2_500
    assert part["publicKey"] == ""


def test_4_3_2_the_key_is_a_variable_of_the_evse() -> None:
    rig, _ = rig_201(meter_signs=True)
    rig.start()
    place = {"component": {"name": "FiscalMetering", "evse": {"id": 1}}}
    item = place | {"variable": {"name": "PublicKey"}}

    def read() -> str:
        (got,) = rig.ask("GetVariables", {"getVariableData": [item]})[1]["getVariableResult"]
        assert got["attributeStatus"] == "Accepted"
        return str(got["attributeValue"])

    assert read() == ""
    rig.engine.on_public_key(1, KEY)
    assert read() == public_key_text(KEY)


def test_the_variables_are_there_only_where_a_meter_signs() -> None:
    asked = [
        var("SampledDataCtrlr", "SignReadings"),
        var("AlignedDataCtrlr", "SignReadings"),
        var("SampledDataCtrlr", "SignStartedReadings"),
        var("SampledDataCtrlr", "SignUpdatedReadings"),
        var("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue"),
    ]
    for signs, status in ((True, "Accepted"), (False, "UnknownVariable")):
        rig, _ = rig_201(meter_signs=signs)
        rig.start()
        got = rig.ask("GetVariables", {"getVariableData": asked})[1]["getVariableResult"]
        assert {each["attributeStatus"] for each in got} == {status}


# --- 1.6 ------------------------------------------------------------------------------------------


def stopped(settings: Settings, *, end_signed: bool = True) -> dict[str, Any]:
    rig = Rig(settings=settings, meter_signs=True).start()
    charged(rig, end_signed=end_signed)
    return rig.brain.sent("StopTransaction")[-1]


def test_3_1_4_the_end_carries_what_the_meter_signed_in_1_6() -> None:
    stop = stopped(Settings(stop_sampled_measurands=(REGISTER,)))
    ((context, part),) = signed16(stop["transactionData"])
    assert context == "Transaction.End"
    assert decoded(part) == BOTH
    assert set(part) == {"signedMeterData", "signingMethod", "encodingMethod", "publicKey"}
    assert part["publicKey"] == public_key_text(KEY)
    raw = [s for s in stop["transactionData"][-1]["sampledValue"] if "format" not in s]
    assert [s["value"] for s in raw] == [str(stop["meterStop"])]


def test_3_1_4_a_start_of_its_own_is_the_begin_of_the_transaction_data() -> None:
    stop = stopped(Settings(stop_sampled_measurands=(REGISTER,)), end_signed=False)
    ((context, part),) = signed16(stop["transactionData"])
    assert (context, decoded(part)) == ("Transaction.Begin", BOTH)


def test_3_3_3_nothing_is_signed_where_nobody_wants_it_in_1_6() -> None:
    settings = Settings(stop_sampled_measurands=(REGISTER,), sign_sampled=False)
    assert signed16(stopped(settings)["transactionData"]) == []


def begins(settings: Settings) -> list[dict[str, Any]]:
    rig = Rig(settings=settings, meter_signs=True).start()
    charged(rig)
    order = [action for action, _ in rig.brain.log if action in ("StartTransaction", "MeterValues")]
    assert order[0] == "StartTransaction"
    values = [m["meterValue"][0] for m in rig.brain.sent("MeterValues")]
    return [v for v in values if v["sampledValue"][0]["context"] == "Transaction.Begin"]


def test_3_3_4_the_start_has_values_of_its_own_where_they_are_wanted() -> None:
    assert begins(Settings()) == []
    (value_,) = begins(Settings(begin_measurands=(REGISTER, "Voltage")))
    told_ = {s["measurand"] for s in value_["sampledValue"]}
    assert told_ == {REGISTER, "Voltage"}
    assert signed16([value_]) == []


def test_3_3_5_the_start_is_signed_where_that_is_wanted_in_1_6() -> None:
    settings = Settings(begin_measurands=(REGISTER,), sign_started=True)
    ((context, part),) = signed16(begins(settings))
    assert (context, decoded(part), part["publicKey"]) == ("Transaction.Begin", BEGIN, "")


def test_the_start_s_values_change_nothing_of_what_the_end_repeats() -> None:
    one, two = (
        stopped(Settings(stop_sampled_measurands=(REGISTER,), begin_measurands=begin))
        for begin in ((), (REGISTER,))
    )
    assert len(one["transactionData"]) == len(two["transactionData"])


def test_3_3_6_samples_between_are_never_signed() -> None:
    rig = Rig(settings=Settings(), meter_signs=True).start()
    charged(rig)
    for message in rig.brain.sent("MeterValues"):
        assert signed16(message["meterValue"]) == []


def test_3_3_the_keys_of_1_6_are_there_only_where_a_meter_signs() -> None:
    keys = [
        "SampledDataSignReadings",
        "SampledDataSignStartedReadings",
        "SampledDataSignUpdatedReadings",
        "AlignedDataSignReadings",
        "AlignedDataSignUpdatedReadings",
        "PublicKeyWithSignedMeterValue",
        "MeterPublicKey1",
    ]
    rig = Rig(meter_signs=True).start()
    rig.engine.on_public_key(1, KEY)
    got = rig.ask("GetConfiguration", {"key": keys})[1]
    found = {each["key"]: each["value"] for each in got["configurationKey"]}
    assert found == dict(
        zip(
            keys,
            ("true", *["false"] * 4, "OncePerTransaction", public_key_text(KEY)),
            strict=True,
        )
    )
    assert Rig().start().ask("GetConfiguration", {"key": keys})[1]["unknownKey"] == keys
