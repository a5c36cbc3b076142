"""A meter that signs a session's transaction: asked in time, waited for in bounds, never for the
opening of the contactor (spec evse-core C6)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET
from session_rig import Rig, socket_evse, stop_for, token

from evse.faults import CoreCondition
from evse.metering.signed import BEGIN_MS, END_MS, TYPES
from evse.model import PilotState
from evse.session.record import Snapshot
from evse.types.authorization import IdTokenType
from evse.types.ocmf import (
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)
from evse.types.powermeter import SignedMeterValue
from evse.types.session import SessionEvent, StopTransactionReason

B, C = PilotState.B, PilotState.C
START_FAILED = "evse_manager/PowermeterTransactionStartFailed"


def value(data: str) -> SignedMeterValue:
    return SignedMeterValue(
        signed_meter_data=data, signing_method="", encoding_method="OCMF", public_key="30"
    )


def rig(*, needed: bool = True, snapshot: Snapshot | None = None) -> Rig:
    config = socket_evse()
    meter = msgspec.structs.replace(config.meter, signed=True)
    made = Rig(
        msgspec.structs.replace(config, meter=meter, fail_on_meter_errors=needed),
        snapshot=snapshot,
        boot_id="boot 2" if snapshot else "boot 1",
    )
    made.tick()
    return made


def signs_begin(on: Rig, data: str = "begin") -> None:
    answer = TransactionStartResponse(
        status=TransactionRequestStatus.OK, signed_meter_value=value(data)
    )
    on.session.on_signed_begin(on.to_sign[-1][1].transaction_id, answer)
    on.tick()


def signs_end(on: Rig) -> None:
    answer = TransactionStopResponse(
        status=TransactionRequestStatus.OK, signed_meter_value=value("begin and end")
    )
    on.session.on_signed_end(on.to_sign[-1][1].transaction_id, answer)
    on.tick()


def fails(on: Rig, status: TransactionRequestStatus) -> None:
    answer = TransactionStartResponse(status=status, error="invalid date or time")
    on.session.on_signed_begin(on.to_sign[-1][1].transaction_id, answer)
    on.tick()


def asked(on: Rig) -> list[str]:
    return [what for what, _request in on.to_sign]


def waiting(**more: bool) -> Rig:
    made = rig(**more)
    made.car(B)
    made.session.authorize(token())
    made.tick()
    return made


def charging(**more: bool) -> Rig:
    made = waiting(**more)
    signs_begin(made)
    made.car(C)
    assert made.board.coil
    return made


def finished(on: Rig) -> SessionEvent:
    return next(e for e in on.events if e.transaction_finished is not UNSET)


def test_c6_no_transaction_begins_before_the_meter_has_signed_its_begin() -> None:
    made = waiting()
    made.car(C)
    assert (made.session.state, made.board.coil) == ("waiting_auth", False)
    (what, request), *_ = made.to_sign
    assert what == "begin"
    assert request == TransactionReq(
        evse_id="DE*PNX*E0001*1",
        transaction_id="session 1",
        identification_status=request.identification_status,
        identification_flags=(),
        identification_type=TYPES[IdTokenType.ISO14443],
        identification_data="CARD",
    )
    signs_begin(made)
    assert made.board.coil
    started = next(e.transaction_started for e in made.events if e.transaction_started is not UNSET)
    assert started.signed_meter_value == value("begin")


def test_the_meter_is_asked_once_and_not_before_the_car_is_there() -> None:
    made = rig()
    made.session.authorize(token())
    made.run(3_000)
    assert asked(made) == []
    made.car(B)
    made.run(3_000)
    assert asked(made) == ["begin"]


def test_c6_the_end_is_signed_after_the_contactor_has_opened_and_ends_the_transaction() -> None:
    made = charging()
    made.run(60_000)
    made.session.stop_transaction(stop_for(StopTransactionReason.Local))
    made.tick()
    assert not made.board.coil
    assert asked(made) == ["begin", "end"]
    made.run(3_000)
    assert made.session.state == "stopping"
    signs_end(made)
    assert made.session.state == "finished"
    ended = finished(made).transaction_finished
    assert ended.signed_meter_value == value("begin and end")
    assert ended.start_signed_meter_value is UNSET


def test_the_contactor_opens_whatever_the_meter_does() -> None:
    made = charging()
    made.meter_answers = False
    made.session.stop_transaction(stop_for(StopTransactionReason.Local))
    made.tick()
    assert not made.board.coil


def test_the_wait_for_the_end_is_bounded_and_the_transaction_ends_unsigned() -> None:
    made = charging()
    made.session.stop_transaction(stop_for(StopTransactionReason.Local))
    made.run(END_MS - 500)
    assert made.session.state == "stopping"
    made.run(1_000)
    assert made.session.state == "finished"
    ended = finished(made).transaction_finished
    assert ended.signed_meter_value is UNSET
    assert ended.start_signed_meter_value == value("begin")
    assert CoreCondition.METER_NOT_SIGNING in made.session._conditions()
    assert not made.session.fault_model.blocked


@pytest.mark.parametrize("silent", [False, True])
def test_c6_a_begin_that_is_not_signed_is_a_fault_and_no_transaction(silent: bool) -> None:
    made = waiting()
    if silent:
        made.run(BEGIN_MS + 200)
    else:
        fails(made, TransactionRequestStatus.UNEXPECTED_ERROR)
    assert made.session.state == "finished"
    assert START_FAILED in [row.code for row in made.session.faults]
    assert not any("Transaction" in name for name in made.names)


def test_c6_without_the_option_it_charges_unsigned_and_says_so() -> None:
    made = waiting(needed=False)
    fails(made, TransactionRequestStatus.UNEXPECTED_ERROR)
    made.car(C)
    assert made.board.coil
    assert CoreCondition.METER_NOT_SIGNING in made.session._conditions()
    assert not made.session.fault_model.blocked
    made.session.stop_transaction(stop_for(StopTransactionReason.Local))
    made.run(3_000)
    assert made.session.state == "finished"
    assert asked(made) == ["begin", "end"]
    assert finished(made).transaction_finished.signed_meter_value is UNSET


def test_c6_a_signature_that_comes_too_late_is_not_used() -> None:
    made = waiting(needed=False)
    late = made.to_sign[-1][1].transaction_id
    made.run(BEGIN_MS + 200)
    answer = TransactionStartResponse(
        status=TransactionRequestStatus.OK, signed_meter_value=value("late")
    )
    made.session.on_signed_begin(late, answer)
    made.car(C)
    started = next(e.transaction_started for e in made.events if e.transaction_started is not UNSET)
    assert started.signed_meter_value is UNSET


def test_the_next_signed_begin_clears_the_warning() -> None:
    made = waiting(needed=False)
    fails(made, TransactionRequestStatus.UNEXPECTED_ERROR)
    made.car(PilotState.A)
    made.run(3_000)
    made.car(B)
    made.session.authorize(token())
    made.tick()
    signs_begin(made)
    assert CoreCondition.METER_NOT_SIGNING not in made.session._conditions()


def test_a_car_that_leaves_before_the_answer_leaves_nothing_open_in_the_meter() -> None:
    made = waiting()
    made.car(PilotState.A)
    made.run(3_000)
    assert asked(made) == ["begin", "end"]
    assert made.to_sign[0][1] == made.to_sign[1][1]


def test_another_customer_gets_a_signature_of_his_own() -> None:
    made = waiting()
    first = made.to_sign[-1][1].transaction_id
    made.session.withdraw_authorization()
    made.session.authorize(token("OTHER"))
    made.tick()
    assert asked(made) == ["begin", "end", "begin"]
    answer = TransactionStartResponse(
        status=TransactionRequestStatus.OK, signed_meter_value=value("of the first")
    )
    made.session.on_signed_begin(first, answer)
    assert made.session.state == "waiting_auth"
    assert made.to_sign[-1][1].identification_data == "OTHER"
    signs_begin(made, "of the second")
    started = next(e.transaction_started for e in made.events if e.transaction_started is not UNSET)
    assert started.signed_meter_value == value("of the second")


def test_c6_a_start_ends_what_the_meter_has_begun_and_passes_its_signature_on() -> None:
    before = charging()
    before.run(1_000)
    made = rig(snapshot=Snapshot.decode(before.snapshots[-1]))
    assert asked(made) == ["end"]
    assert made.to_sign[0][1] == before.to_sign[0][1]
    assert made.session.state == "booting"
    signs_end(made)
    assert made.session.state != "booting"
    event = finished(made)
    assert event.uuid == before.session.record.uuid
    assert event.transaction_finished.reason is StopTransactionReason.PowerLoss
    assert event.transaction_finished.signed_meter_value == value("begin and end")


def test_c6_a_start_waits_no_longer_for_the_meter_than_for_its_end() -> None:
    before = charging()
    made = rig(snapshot=Snapshot.decode(before.snapshots[-1]))
    made.run(END_MS + 500)
    assert made.session.state != "booting"
    assert finished(made).transaction_finished.signed_meter_value is UNSET


def test_a_meter_that_does_not_sign_is_never_asked() -> None:
    made = Rig().charging()
    made.session.stop_transaction(stop_for(StopTransactionReason.Local))
    made.run(5_000)
    assert made.to_sign == []


def test_every_kind_of_token_has_its_type_in_the_format() -> None:
    assert set(TYPES) == set(IdTokenType)
