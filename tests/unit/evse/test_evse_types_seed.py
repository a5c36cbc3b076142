"""The spellings of September 2023: what comes in is understood, what goes out is what they read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from published import STRUCTS, json_of, name_of, plain_values

from evse.door.params import AuthorizeResponse, Params, SetExternalLimits, StopTransaction
from evse.faults import catalogue
from evse.types.authorization import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from evse.types.board_support import ConnectorType, HardwareCapabilities, Telemetry
from evse.types.energy import EnforcedLimits, ExternalLimits, LimitsRes, SignedNumberWithSource
from evse.types.iso15118 import RequestExiStreamSchema, ResponseExiStreamStatus
from evse.types.powermeter import Energy, Powermeter, SignedMeterValue
from evse.types.seed import emit, events, shapes
from evse.types.seed.accept import UNNAMED_SOURCE, UPGRADES, decode, upgrade
from evse.types.seed.session_shapes import (
    ErrorEnum,
    SeedSessionEvent,
    SeedSessionStarted,
    SeedTransactionFinished,
    SeedTransactionStarted,
)
from evse.types.seed.session_shapes import SeedSessionEventEnum as Seed
from evse.types.seed.table import SHAPES
from evse.types.session import (
    ChargingPausedEVSEReasons,
    PauseReason,
    SessionEvent,
    SessionStarted,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
    TransactionFinished,
    TransactionStarted,
)
from evse.types.session import SessionEventEnum as Event
from hil.docs.interface_golden import golden
from hil.docs.interface_types import is_enum

SOME = settings(max_examples=25, suppress_health_check=list(HealthCheck))
NOW = "2026-11-21T08:30:00.000Z"
METER = Powermeter(timestamp=NOW, energy_Wh_import=Energy(total=10.0))
TOKEN = ProvidedIdToken(
    id_token=IdToken(value="04A2", type=IdTokenType.ISO14443),
    authorization_type=AuthorizationType.RFID,
)
BOTH_WAYS = [m for m, s in SHAPES.items() if s.accepted and m in emit.WRITERS and not is_enum(m)]


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


class CertificateParams(Params, frozen=True):
    """The arguments of `set_get_certificate_response` of evse_manager."""

    certificate_reponse: ResponseExiStreamStatus


# --- in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", STRUCTS, ids=name_of)
def test_a_present_value_is_read_as_it_is(type_: type[Any]) -> None:
    value = golden(type_)
    sent = msgspec.json.encode(value)
    assert decode(sent, type_) == msgspec.json.decode(sent, type=type_)
    assert upgrade(type_, json_of(value)) == json_of(value)


def test_a_bare_token_was_a_card_at_the_reader() -> None:
    sent = line({"request": {"reason": "Local", "id_tag": "04A2"}})
    assert decode(sent, StopTransaction).request == StopTransactionRequest(
        reason=StopTransactionReason.Local, id_tag=TOKEN
    )


@pytest.mark.parametrize(
    ("presented", "meant"),
    [
        ("RFID", IdTokenType.ISO14443),
        ("OCPP", IdTokenType.Central),
        ("Autocharge", IdTokenType.MacAddress),
        ("PlugAndCharge", IdTokenType.eMAID),
    ],
)
def test_a_token_without_a_type_has_that_of_how_it_was_presented(
    presented: str, meant: IdTokenType
) -> None:
    sent = line({"id_token": "04A2", "authorization_type": presented})
    assert decode(sent, ProvidedIdToken).id_token == IdToken(value="04A2", type=meant)


def test_a_token_with_its_type_beside_it_keeps_it() -> None:
    sent = {"id_token": "1", "id_token_type": "KeyCode", "authorization_type": "RFID"}
    assert decode(line(sent), ProvidedIdToken).id_token.type is IdTokenType.KeyCode


def test_an_answer_to_a_token_in_the_older_spelling_is_understood() -> None:
    sent = {
        "provided_token": {"id_token": "04A2", "authorization_type": "RFID"},
        "validation_result": {
            "authorization_status": "Invalid",
            "reason": "not known here",
            "parent_id_token": "FLEET-7",
        },
    }
    read = decode(line(sent), AuthorizeResponse)
    assert read.provided_token == TOKEN
    assert read.validation_result == ValidationResult(
        authorization_status=AuthorizationStatus.Invalid,
        parent_id_token=IdToken(value="FLEET-7", type=IdTokenType.Central),
    )


def test_plain_limits_come_from_outside() -> None:
    entry = {
        "timestamp": NOW,
        "limits_to_root": {"ac_max_current_A": 16, "ac_max_phase_count": 3},
        "limits_to_leaves": {},
    }
    read = decode(line({"value": {"schedule_import": [entry]}}), SetExternalLimits).value
    limits = read.schedule_import[0].limits_to_root
    assert json_of(limits) == {
        "ac_max_current_A": {"value": 16.0, "source": UNNAMED_SOURCE},
        "ac_max_phase_count": {"value": 3, "source": UNNAMED_SOURCE},
    }


def test_an_older_telemetry_loses_its_residual_current() -> None:
    older = golden(shapes.SeedTelemetry)
    read = decode(msgspec.json.encode(older), Telemetry)
    assert read.evse_temperature_C == older.temperature


def test_who_does_not_speak_of_state_e_cannot_do_it_and_has_a_cable() -> None:
    older = golden(shapes.SeedHardwareCapabilities)
    read = decode(msgspec.json.encode(older), HardwareCapabilities)
    assert (read.supports_cp_state_E, read.connector_type) == (
        False,
        ConnectorType.IEC62196Type2Cable,
    )


@pytest.mark.parametrize(
    ("type_", "shape"),
    [
        (RequestExiStreamSchema, shapes.Request_Exi_Stream_Schema),
        (ResponseExiStreamStatus, shapes.Response_Exi_Stream_Status),
    ],
)
def test_an_exi_stream_goes_through_both_spellings(type_: type[Any], shape: type[Any]) -> None:
    older = golden(shape)
    assert emit.to_seed(decode(msgspec.json.encode(older), type_)) == older


@pytest.mark.parametrize("spelling", ["certificate_reponse", "certificate_response"])
@pytest.mark.parametrize("shape", [shapes.Response_Exi_Stream_Status, ResponseExiStreamStatus])
def test_the_argument_is_taken_in_both_spellings(spelling: str, shape: type[Any]) -> None:
    sent = line({spelling: json_of(golden(shape))})
    method = "evse_manager.set_get_certificate_response"
    read = decode(sent, CertificateParams, method)
    assert read.certificate_reponse == golden(ResponseExiStreamStatus)


def test_both_spellings_of_an_argument_at_once_are_refused() -> None:
    value = json_of(golden(ResponseExiStreamStatus))
    sent = line({"certificate_reponse": value, "certificate_response": value})
    with pytest.raises(msgspec.ValidationError, match="`certificate_response`"):
        decode(sent, CertificateParams, "evse_manager.set_get_certificate_response")


@pytest.mark.parametrize(
    ("type_", "sent", "field"),
    [
        (StopTransaction, {"request": {"reason": "Whim"}}, "request.reason"),
        (StopTransaction, {"request": {"reason": "Local", "id_tag": "x" * 37}}, "request.id_tag"),
        (StopTransaction, {"request": {"reason": "Local", "id_tag": None}}, "request.id_tag"),
        (SetExternalLimits, {"value": {"schedule_import": [{"timestamp": "today"}]}}, "timestamp"),
        (SetExternalLimits, {"value": {}}, "schedule_import"),
        (ProvidedIdToken, {"id_token": "1", "authorization_type": "Guess"}, "authorization_type"),
        (Telemetry, {"temperature": 20.0}, "fan_rpm"),
    ],
)
def test_what_is_wrong_in_either_spelling_is_named(
    type_: type[Any], sent: dict[str, Any], field: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        decode(line(sent), type_)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_reading_never_fails_but_by_refusal(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(STRUCTS))
    names = st.sampled_from([*type_.__struct_fields__, "temperature", "id_token_type"])
    sent = data.draw(JSON | st.dictionaries(names, JSON))
    upgrade(type_, sent)
    try:
        decode(line(sent), type_)
    except msgspec.ValidationError:
        return


# --- out and back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", BOTH_WAYS, ids=name_of)
def test_what_goes_out_in_the_older_spelling_is_valid_and_means_the_same_when_it_comes_back(
    type_: type[Any],
) -> None:
    @SOME
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        value = msgspec.convert(data.draw(plain_values(type_)), type_)
        older = emit.to_seed(value)
        sent = msgspec.json.encode(older)
        assert msgspec.json.decode(sent, type=SHAPES[type_].seed) == older
        assert emit.to_seed(decode(sent, type_)) == older

    holds()


def test_every_type_that_goes_both_ways_is_tried() -> None:
    assert {type_.__name__ for type_ in BOTH_WAYS} == {
        "EVInfo", "ExternalLimits", "HardwareCapabilities", "LimitsReq", "Powermeter",
        "ProvidedIdToken", "RequestExiStreamSchema", "ResponseExiStreamStatus",
        "StopTransactionRequest", "Telemetry", "ValidationResult",
    }  # fmt: skip


def test_every_rewrite_is_of_a_type_of_ours() -> None:
    assert UPGRADES.keys() <= {type_.__name__ for type_ in STRUCTS}


def test_a_type_without_an_older_spelling_goes_out_as_it_is() -> None:
    assert emit.to_seed(METER.energy_Wh_import) is METER.energy_Wh_import


@pytest.mark.parametrize("reason", StopTransactionReason)
def test_a_reason_that_2023_did_not_know_is_other(reason: StopTransactionReason) -> None:
    unknown = {"ReqEnergyTransferRejected", "EVSEDisabled"}
    assert emit.stop_reason(reason).value == ("Other" if reason in unknown else reason.value)


def test_a_bank_card_is_a_card_and_an_empty_token_goes_by_its_type() -> None:
    none = IdToken(value="", type=IdTokenType.NoAuthorization)
    token = ProvidedIdToken(id_token=none, authorization_type=AuthorizationType.BankCard)
    assert json_of(emit.provided_token(token)) == {
        "id_token": "NoAuthorization",
        "id_token_type": "NoAuthorization",
        "authorization_type": "RFID",
    }


@pytest.mark.parametrize("parent", ["", "x" * 21])
def test_a_parent_that_2023_had_no_room_for_is_left_out(parent: str) -> None:
    result = ValidationResult(
        authorization_status=AuthorizationStatus.Timeout,
        parent_id_token=IdToken(value=parent, type=IdTokenType.Central),
    )
    assert json_of(emit.validation_result(result)) == {"authorization_status": "Invalid"}


def test_limits_valid_for_a_time_are_valid_until_an_instant() -> None:
    limits = EnforcedLimits(
        uuid="node",
        valid_for=10,
        limits_root_side=LimitsRes(
            ac_max_current_A=SignedNumberWithSource(value=-6.0, source="CSMS")
        ),
        schedule=(),
    )
    older = emit.enforced_limits(limits, datetime(2026, 11, 21, 8, 30, tzinfo=UTC))
    assert json_of(older) == {
        "uuid": "node",
        "valid_until": "2026-11-21T08:30:10.000Z",
        "limits_root_side": {"ac_max_current_A": -6.0},
        "schedule": [],
    }


@SOME
@given(plain_values(EnforcedLimits), st.datetimes(timezones=st.just(UTC)))
def test_enforced_limits_are_valid_whatever_the_time(value: Any, now: datetime) -> None:
    limits = msgspec.convert(value, EnforcedLimits)
    older = emit.enforced_limits(limits, now)
    shape = shapes.SeedEnforcedLimits
    assert msgspec.json.decode(msgspec.json.encode(older), type=shape) == older
    until = datetime.fromisoformat(older.valid_until)
    if until.year < 9999:
        late = until - now - timedelta(seconds=limits.valid_for)
        assert timedelta(milliseconds=-1) < late <= timedelta(0)


# --- session events -------------------------------------------------------------------------------


def event(name: Event, **payload: Any) -> SessionEvent:
    return SessionEvent(uuid="u", event=name, timestamp=NOW, **payload)


def paused(*reasons: PauseReason) -> SessionEvent:
    why = ChargingPausedEVSEReasons(reasons=reasons)
    return event(Event.ChargingPausedEVSE, charging_paused_evse=why)


def told(*happened: SessionEvent | Event) -> list[Seed]:
    teller, heard = events.Teller(), []
    for each in happened:
        teller, older = teller.tell(each if isinstance(each, SessionEvent) else event(each))
        heard += [] if older is None else [older.event]
    return heard


def test_charging_again_in_a_transaction_was_resumed() -> None:
    assert told(
        Event.TransactionStarted, Event.ChargingStarted, Event.ChargingPausedEV,
        Event.ChargingStarted, Event.TransactionFinished, Event.SessionFinished,
        Event.TransactionStarted, Event.ChargingStarted,
    ) == [
        Seed.TransactionStarted, Seed.ChargingStarted, Seed.ChargingPausedEV,
        Seed.ChargingResumed, Seed.TransactionFinished, Seed.SessionFinished,
        Seed.TransactionStarted, Seed.ChargingStarted,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reasons", "name"),
    [
        ((PauseReason.NoEnergy,), Seed.WaitingForEnergy),
        ((PauseReason.UserPause,), Seed.ChargingPausedEVSE),
        ((PauseReason.NoEnergy, PauseReason.Error), Seed.ChargingPausedEVSE),
    ],
)
def test_a_pause_for_want_of_energy_alone_was_waiting_for_energy(
    reasons: tuple[PauseReason, ...], name: Seed
) -> None:
    assert told(paused(*reasons)) == [name]


@pytest.mark.parametrize("name", Event)
def test_an_event_that_2023_did_not_know_is_not_told(name: Event) -> None:
    new = {"Authorized", "Deauthorized", "PluginTimeout", "SwitchingPhases", "SessionResumed"}
    assert [each.value for each in told(name)] == ([] if name.value in new else [name.value])


def test_only_faults_bring_the_events_that_no_present_event_has() -> None:
    from_events = {each for name in Event for each in told(Event.ChargingStarted, name)}
    from_events |= set(told(paused(PauseReason.NoEnergy)))
    assert set(Seed) - from_events == {
        Seed.Error, Seed.AllErrorsCleared, Seed.PermanentFault,
        Seed.ReplugStarted, Seed.ReplugFinished,
    }  # fmt: skip


def test_the_instant_moves_into_the_payload() -> None:
    began = SessionStarted(reason=StartSessionReason.Authorized, meter_value=METER, id_tag=TOKEN)
    _, older = events.Teller().tell(event(Event.SessionStarted, session_started=began))
    assert older == SeedSessionEvent(
        uuid="u",
        event=Seed.SessionStarted,
        session_started=SeedSessionStarted(timestamp=NOW, reason=StartSessionReason.Authorized),
    )


def test_a_transaction_is_told_with_bare_tokens_and_bare_signatures() -> None:
    signed = SignedMeterValue(signed_meter_data="OCMF|", signing_method="", encoding_method="")
    began = TransactionStarted(id_tag=TOKEN, meter_value=METER, signed_meter_value=signed)
    ended = TransactionFinished(
        meter_value=METER, reason=StopTransactionReason.EVSEDisabled, id_tag=TOKEN
    )
    _, first = events.Teller().tell(event(Event.TransactionStarted, transaction_started=began))
    _, last = events.Teller().tell(event(Event.TransactionFinished, transaction_finished=ended))
    assert first is not None
    assert last is not None
    meter = emit.powermeter(METER)
    assert first.transaction_started == SeedTransactionStarted(
        timestamp=NOW,
        id_tag=emit.provided_token(TOKEN),
        meter_value=meter,
        signed_meter_value="OCMF|",
    )
    assert last.transaction_finished == SeedTransactionFinished(
        timestamp=NOW,
        meter_value=meter,
        reason=shapes.SeedStopTransactionReason.Other,
        id_tag="04A2",
    )


@SOME
@given(plain_values(SessionEvent), st.booleans())
def test_whatever_happens_is_told_in_a_valid_shape(value: Any, charged: bool) -> None:
    _, older = events.Teller(charged).tell(msgspec.convert(value, SessionEvent))
    if older is not None:
        assert msgspec.json.decode(msgspec.json.encode(older), type=SeedSessionEvent) == older


def test_every_fault_of_the_catalogue_has_an_older_code() -> None:
    for fault in catalogue():
        older = events.fault_raised("u", fault.code)
        if fault.code == events.PERMANENT_FAULT:
            assert older == SeedSessionEvent(uuid="u", event=Seed.PermanentFault)
        else:
            assert older.error is not UNSET
            assert older.error.vendor_error == fault.code


@pytest.mark.parametrize(
    ("code", "older"),
    [
        ("evse_board_support/DiodeFault", ErrorEnum.CarDiodeFault),
        ("evse_board_support/MREC17EVSEContactorFault", ErrorEnum.Relais),
        ("ac_rcd/DC", ErrorEnum.RCD),
        ("powermeter/CommunicationFault", ErrorEnum.Other),
    ],
)
def test_a_fault_keeps_its_kind(code: str, older: ErrorEnum) -> None:
    error = events.fault_raised("u", code).error
    assert error is not UNSET
    assert error.error_code is older


def test_the_last_fault_gone_is_told() -> None:
    assert events.faults_cleared("u").event is Seed.AllErrorsCleared


def test_the_older_external_limits_of_nothing_are_refused() -> None:
    """Their absence would end the limits, and may be a slip."""
    with pytest.raises(msgspec.ValidationError, match="schedule_import"):
        decode(b"{}", ExternalLimits)
