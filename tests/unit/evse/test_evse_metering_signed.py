"""Whatever a meter answers and whenever: what is begun is ended, and no wait is without its end."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evse.metering.signed import BEGIN_MS, END_MS, Phase, Signing, request_of
from evse.types.authorization import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from evse.types.ocmf import (
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)
from evse.types.powermeter import SignedMeterValue

VALUE = SignedMeterValue(signed_meter_data="x", signing_method="", encoding_method="OCMF")
CARD = ProvidedIdToken(
    id_token=IdToken(value="04A1B2C3", type=IdTokenType.ISO14443),
    authorization_type=AuthorizationType.RFID,
)


class SigningLife(RuleBasedStateMachine):
    """Sessions with a meter that signs at once, late, never, or twice."""

    @initialize(needed=st.booleans())
    def begin_life(self, needed: bool) -> None:
        self.signing = Signing(fitted=True, needed=needed)
        self.needed = needed
        self.now_ms = 0
        self.sessions = 0
        self.open: list[TransactionReq] = []
        """Begun at the meter, and not yet told to end."""
        self.asked: list[TransactionReq] = []
        self.asked_ms = 0

    @rule(ms=st.integers(0, 12_000))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms
        self.signing.tick(self.now_ms)

    @precondition(lambda self: self.signing.may_ask)
    @rule()
    def all_is_ready(self) -> None:
        request = request_of("DE*PNX*E1", f"session {self.sessions}", CARD)
        request = self.signing.ask_begin(request, self.now_ms)
        assert request.transaction_id not in [each.transaction_id for each in self.asked]
        self.asked_ms = self.now_ms
        self.asked.append(request)
        self.open.append(request)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), good=st.booleans())
    def the_meter_answers_a_begin(self, data: st.DataObject, good: bool) -> None:
        request = data.draw(st.sampled_from(self.asked))
        status = TransactionRequestStatus.OK if good else TransactionRequestStatus.UNEXPECTED_ERROR
        before = self.signing.phase
        answer = TransactionStartResponse(status=status)
        if good:
            answer = TransactionStartResponse(status=status, signed_meter_value=VALUE)
        self.signing.begun(request.transaction_id, answer)
        if before is not Phase.BEGINS or request != self.asked[-1]:
            assert self.signing.phase is before

    @precondition(lambda self: self.signing.phase in (Phase.SIGNED, Phase.UNSIGNED))
    @rule()
    def no_more_energy_flows(self) -> None:
        request = self.signing.ask_end(self.now_ms)
        assert request is not None
        assert self.signing.ask_end(self.now_ms) is None
        self.asked_ms = self.now_ms
        self.open.remove(request)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), good=st.booleans())
    def the_meter_answers_an_end(self, data: st.DataObject, good: bool) -> None:
        request = data.draw(st.sampled_from(self.asked))
        answer = TransactionStopResponse(status=TransactionRequestStatus.NOT_SUPPORTED)
        if good:
            answer = TransactionStopResponse(
                status=TransactionRequestStatus.OK, signed_meter_value=VALUE
            )
        self.signing.ended(request.transaction_id, answer)

    @rule()
    def the_session_ends(self) -> None:
        left_open = self.signing.rest()
        if left_open is not None:
            self.open.remove(left_open)
        assert self.open == []
        self.sessions += 1

    @invariant()
    def no_wait_is_without_its_end(self) -> None:
        signing = self.signing
        self.signing.tick(self.now_ms)
        waited_ms = self.now_ms - self.asked_ms
        if signing.phase is Phase.BEGINS:
            assert waited_ms < BEGIN_MS
        if signing.phase is Phase.ENDS:
            assert waited_ms < END_MS

    @invariant()
    def it_starts_signed_or_where_that_is_allowed(self) -> None:
        if self.signing.may_start:
            signed = self.signing.phase is Phase.SIGNED
            assert signed or not self.needed
        assert not (self.signing.may_start and self.signing.refused)


TestSigningLife = SigningLife.TestCase
