"""The published types: the names and values of the pages, closed where they say so, round trips."""

from __future__ import annotations

import enum
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from evse.types import authorization, energy, powermeter, session
from evse.types.base import Closed, DateTime

ENUMS: dict[type[enum.StrEnum], str] = {
    session.StopTransactionReason: (
        "EmergencyStop EVDisconnected HardReset Local Other PowerLoss Reboot Remote SoftReset"
        " UnlockCommand DeAuthorized EnergyLimitReached GroundFault LocalOutOfCredit MasterPass"
        " OvercurrentFault PowerQuality SOCLimitReached StoppedByEV TimeLimitReached Timeout"
        " ReqEnergyTransferRejected EVSEDisabled"
    ),
    session.StartSessionReason: "EVConnected Authorized",
    session.PauseReason: "UserPause Error NoEnergy",
    session.EnableSource: (
        "Unspecified LocalAPI LocalKeyLock ServiceTechnician RemoteKeyLock MobileApp"
        " FirmwareUpdate CSMS"
    ),
    session.EnableState: "Unassigned Disable Enable",
    authorization.IdTokenType: (
        "Central eMAID MacAddress ISO14443 ISO15693 KeyCode Local NoAuthorization"
    ),
    authorization.AuthorizationType: "OCPP RFID Autocharge PlugAndCharge BankCard",
    authorization.AuthorizationStatus: (
        "Accepted Blocked ConcurrentTx Expired Invalid NoCredit NotAllowedTypeEVSE"
        " NotAtThisLocation NotAtThisTime Unknown PinRequired Timeout"
    ),
    authorization.CertificateStatus: (
        "Accepted SignatureError CertificateExpired CertificateRevoked NoCertificateAvailable"
        " CertChainError ContractCancelled"
    ),
    authorization.HashAlgorithm: "SHA256 SHA384 SHA512",
    authorization.MessageFormat: "ASCII HTML URI UTF8 QRCODE",
}
PRESENT_EVENTS = (
    "Authorized Deauthorized Enabled Disabled SessionStarted AuthRequired TransactionStarted"
    " PrepareCharging ChargingStarted ChargingPausedEV ChargingPausedEVSE StoppingCharging"
    " ChargingFinished TransactionFinished SessionFinished ReservationStart ReservationEnd"
    " PluginTimeout SwitchingPhases SessionResumed"
)

# `name!` is required, `name` is not; a type that is closed stands with a `-` after its name.
STRUCTS: dict[type[msgspec.Struct], str] = {
    session.StopTransactionRequest: "reason! id_tag",
    session.SessionEvent: (
        "- uuid! event! timestamp! connector_id session_started session_finished"
        " transaction_started transaction_finished charging_paused_evse"
        " charging_state_changed_event authorization_event source"
    ),
    session.SessionStarted: (
        "- reason! meter_value! id_tag signed_meter_value reservation_id logging_path"
    ),
    session.SessionFinished: "- meter_value!",
    session.TransactionStarted: "- id_tag! meter_value! signed_meter_value reservation_id",
    session.TransactionFinished: (
        "- meter_value! start_signed_meter_value signed_meter_value reason id_tag"
    ),
    session.ChargingStateChangedEvent: "- meter_value!",
    session.AuthorizationEvent: "- meter_value!",
    session.ChargingPausedEVSEReasons: "- reasons!",
    session.EnableDisableSource: "enable_source! enable_state! enable_priority!",
    session.Limits: "- uuid max_current! nr_of_phases_available!",
    authorization.IdToken: "- value! type! additional_info",
    authorization.CustomIdToken: "- value! type!",
    authorization.ProvidedIdToken: (
        "- request_id id_token! parent_id_token authorization_type! connectors prevalidated"
        " certificate iso15118CertificateHashData"
    ),
    authorization.CertificateHashDataInfo: (
        "- hashAlgorithm! issuerNameHash! issuerKeyHash! serialNumber! responderURL!"
    ),
    authorization.MessageContent: "content! format language",
    authorization.ValidationResult: (
        "- authorization_status! certificate_status tariff_messages? expiry_time parent_id_token"
        " evse_ids reservation_id allowed_energy_transfer_modes"
    ),
    powermeter.Powermeter: (
        "- timestamp! energy_Wh_import! meter_id phase_seq_error energy_Wh_export power_W voltage_V"
        " VAR current_A frequency_Hz energy_Wh_import_signed energy_Wh_export_signed power_W_signed"
        " voltage_V_signed VAR_signed current_A_signed frequency_Hz_signed signed_meter_value"
        " temperatures"
    ),
    powermeter.Energy: "- total! L1 L2 L3",
    powermeter.Power: "- total! L1 L2 L3",
    powermeter.ReactivePower: "- total! L1 L2 L3",
    powermeter.Voltage: "- DC L1 L2 L3",
    powermeter.Current: "- DC L1 L2 L3 N",
    powermeter.Frequency: "- L1! L2 L3",
    powermeter.SignedMeterValue: (
        "- signed_meter_data! signing_method! encoding_method! public_key timestamp"
    ),
    energy.NumberWithSource: "value! source!",
    energy.IntegerWithSource: "value! source!",
    energy.LimitsReq: (
        "- total_power_W ac_max_current_A ac_min_current_A ac_max_phase_count ac_min_phase_count"
        " ac_supports_changing_phases_during_charging ac_number_of_active_phases"
    ),
    energy.ScheduleReqEntry: (
        "- timestamp! limits_to_root? limits_to_leaves? conversion_efficiency price_per_kwh"
    ),
    energy.PricePerkWh: "- timestamp! value! currency!",
    energy.ExternalLimits: "schedule_import! schedule_export? schedule_setpoints?",
    energy.SetpointType: ("ac_current_A total_power_W frequency_table priority! source!"),
}


@pytest.mark.parametrize("type_", ENUMS, ids=lambda t: t.__name__)
def test_an_enumeration_has_the_values_of_its_page(type_: type[enum.StrEnum]) -> None:
    assert {member.value for member in type_} == set(ENUMS[type_].split())
    assert all(member.name == member.value for member in type_)


def test_session_events_have_at_least_the_present_names() -> None:
    assert {e.value for e in session.SessionEventEnum} >= set(PRESENT_EVENTS.split())


@pytest.mark.parametrize("type_", STRUCTS, ids=lambda t: t.__name__)
def test_a_type_has_the_fields_of_its_page(type_: type[msgspec.Struct]) -> None:
    """`!` is required, `?` is required by the page and given a default here."""
    wanted = STRUCTS[type_].removeprefix("- ").split()
    fields = {f.encode_name: f for f in msgspec.structs.fields(type_)}
    assert set(fields) == {name.rstrip("!?") for name in wanted}
    for name in wanted:
        field = fields[name.rstrip("!?")]
        assert field.required == name.endswith("!"), name
        if not name.endswith(("!", "?")):
            assert field.default is UNSET, f"{name}: what is absent is left out, never null"


@pytest.mark.parametrize("type_", STRUCTS, ids=lambda t: t.__name__)
def test_a_closed_type_refuses_a_field_that_it_does_not_know(type_: type[msgspec.Struct]) -> None:
    refuses = type_.__struct_config__.forbid_unknown_fields
    if STRUCTS[type_].startswith("- "):
        assert refuses
        assert issubclass(type_, Closed)


def example(type_: Any) -> st.SearchStrategy[Any]:
    """Values of a type by its annotations, limits of length and pattern included."""
    origin, args = typing.get_origin(type_), typing.get_args(type_)
    if type_ is DateTime:
        return st.just("2026-01-01T00:00:00.000Z")
    if origin is typing.Annotated:
        return annotated(args[0], [m for m in args[1:] if isinstance(m, msgspec.Meta)])
    if origin is tuple:
        return st.lists(example(args[0]), max_size=2).map(tuple)
    if args:
        return st.one_of([example(arg) for arg in args if arg is not msgspec.UnsetType])
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return st.sampled_from(list(type_))
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return struct(type_)
    return {
        str: st.text(max_size=8),
        bool: st.booleans(),
        int: st.integers(-(2**40), 2**40),
        float: st.floats(-1e9, 1e9),
    }[type_]


def annotated(base: Any, metas: list[msgspec.Meta]) -> st.SearchStrategy[Any]:
    meta: dict[str, Any] = {}
    for one in metas:
        names = ("ge", "le", "min_length", "max_length", "pattern")
        meta |= {n: getattr(one, n) for n in names if getattr(one, n) is not None}
    if typing.get_origin(base) is tuple:
        inner = example(typing.get_args(base)[0])
        low = meta.get("min_length", 0)
        return st.lists(inner, min_size=low, max_size=low + 1).map(tuple)
    if base is str:
        text = st.from_regex(meta["pattern"]) if "pattern" in meta else st.text(max_size=40)
        low, high = meta.get("min_length", 0), meta.get("max_length", 60)
        return text.map(lambda t: (t + "x" * low)[: min(high, max(low, len(t)))])
    if base is int:
        return st.integers(meta.get("ge", -100), meta.get("le", 10_000))
    if base is float:
        return st.floats(meta.get("ge", -1e6), meta.get("le", 1e6))
    return example(base)


def struct(type_: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(type_, include_extras=True)
    required = {f.name for f in msgspec.structs.fields(type_) if f.required}
    given_ = {name: example(hint) for name, hint in hints.items() if name in required}
    rest = {name: example(hint) for name, hint in hints.items() if name not in required}
    return st.fixed_dictionaries(given_, optional=rest).map(lambda kw: type_(**kw))


@given(st.data())
def test_every_type_reads_back_what_it_wrote(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(list(STRUCTS)))
    value = data.draw(struct(type_))
    line = msgspec.json.encode(value)
    assert b":null" not in line
    assert msgspec.json.decode(line, type=type_) == value


@pytest.mark.parametrize("text", ["CARD\n", "\x1b", "é", "x" * 37])
def test_a_token_is_36_printable_characters(text: str) -> None:
    body = msgspec.json.encode({"value": text, "type": "Local"})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=authorization.IdToken)


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z\n", "2026-01-01", "2026-01-01T00:00:00", "٢٠٢٦-01-01T00:00:00Z"]
)
def test_a_time_is_rfc_3339_with_an_offset(text: str) -> None:
    body = msgspec.json.encode({"timestamp": text})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=energy.ScheduleReqEntry)


def test_tokens_compare_without_regard_to_case() -> None:
    kind = authorization.IdTokenType.Local
    one = authorization.IdToken(value="AbC", type=kind)
    assert one.same_as(authorization.IdToken(value="aBc", type=kind))
    assert not one.same_as(authorization.IdToken(value="abd", type=kind))
