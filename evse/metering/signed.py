"""What the meter signs of a transaction: asked for at begin and end, waited for in bounds. Pure.

The contactor is never kept closed by it: the begin is signed before energy may flow, the end once
the contactor has opened. A meter that does not sign in time costs the signature, and where the
station is to charge only with one (`fail_on_meter_errors`), the start; never the stop.
"""

from __future__ import annotations

import enum

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.authorization import IdTokenType, ProvidedIdToken
from evse.types.ocmf import (
    OCMFIdentificationType,
    OCMFUserIdentificationStatus,
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)
from evse.types.powermeter import SignedMeterValue

BEGIN_MS = 8_000
"""The longest wait before energy flows: twice what a slow line and a signature take (own)."""
END_MS = 10_000
"""The longest wait for the end, with the contactor open (own; OCA, Signed Meter Values in OCPP,
2.3.1 knows meters that take up to 30 s in exceptional situations)."""
LONGEST_DATA = 40
"""Characters of a customer (OCMF, Type of the user assignment)."""

TYPES = {
    IdTokenType.Central: OCMFIdentificationType.CENTRAL,
    IdTokenType.eMAID: OCMFIdentificationType.EMAID,
    IdTokenType.ISO14443: OCMFIdentificationType.ISO14443,
    IdTokenType.ISO15693: OCMFIdentificationType.ISO15693,
    IdTokenType.KeyCode: OCMFIdentificationType.KEY_CODE,
    IdTokenType.Local: OCMFIdentificationType.LOCAL,
    IdTokenType.NoAuthorization: OCMFIdentificationType.NONE,
    IdTokenType.MacAddress: OCMFIdentificationType.UNDEFINED,
}
"""Spec evse-core B5."""


def request_of(evse_id: str, uuid: str, token: ProvidedIdToken) -> TransactionReq:
    """What the meter is told of a transaction (spec evse-core C6)."""
    return TransactionReq(
        evse_id=evse_id,
        transaction_id=uuid,
        identification_status=OCMFUserIdentificationStatus.ASSIGNED,
        identification_flags=(),
        identification_type=TYPES[token.id_token.type],
        identification_data=token.id_token.value[:LONGEST_DATA],
    )


class Phase(enum.Enum):
    RESTS = "rests"
    BEGINS = "begins"
    SIGNED = "signed"
    """The meter has signed the begin."""
    UNSIGNED = "unsigned"
    """It was asked, and has not."""
    ENDS = "ends"
    ENDED = "ended"


class Signing:
    """One EVSE's."""

    def __init__(self, *, fitted: bool, needed: bool) -> None:
        """`fitted`: its meter signs. `needed`: nothing is charged without the signed begin."""
        self._fitted = fitted
        self._needed = needed
        self._since_ms = 0
        self._request: TransactionReq | None = None
        self.phase = Phase.RESTS
        self.begin: SignedMeterValue | UnsetType = UNSET
        self.end: SignedMeterValue | UnsetType = UNSET
        self.why = ""
        """Why the meter did not sign last; empty: it did, or was never asked."""

    def restore(self, request: TransactionReq) -> None:
        """A start finds a transaction that the meter has begun."""
        if self._fitted:
            self.phase, self._request = Phase.SIGNED, request

    # --- begin ------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """The meter signs: nothing here changes where it does not."""
        return self._fitted

    @property
    def may_ask(self) -> bool:
        return self._fitted and self.phase is Phase.RESTS

    def ask_begin(self, request: TransactionReq, now_ms: int) -> TransactionReq:
        """All is ready for a transaction. What the meter has to be asked now: of a session's
        second question, with an id of its own, for the first may be answered yet."""
        before = self._request
        if before is not None and before.transaction_id.startswith(request.transaction_id):
            again = f"{before.transaction_id}+"
            request = msgspec.structs.replace(request, transaction_id=again)
        self.phase, self._since_ms, self._request = Phase.BEGINS, now_ms, request
        return request

    def begun(self, transaction_id: str, answer: TransactionStartResponse) -> None:
        """An answer that comes too late changes nothing: energy may have flowed since."""
        if self.phase is not Phase.BEGINS or not self._asked(transaction_id):
            return
        value = answer.signed_meter_value
        if answer.status is TransactionRequestStatus.OK and value is not UNSET:
            self.phase, self.begin, self.why = Phase.SIGNED, value, ""
        else:
            self._fail(_why(answer.error))

    @property
    def may_start(self) -> bool:
        """The begin is signed, or nobody waits for that."""
        if not self._fitted or self.phase is Phase.SIGNED:
            return True
        return self.phase is Phase.UNSIGNED and not self._needed

    @property
    def refused(self) -> bool:
        """No transaction begins, because the meter did not sign."""
        return self.phase is Phase.UNSIGNED and self._needed

    # --- end --------------------------------------------------------------------------------------

    def ask_end(self, now_ms: int) -> TransactionReq | None:
        """No more energy flows. What the meter has to end now."""
        if self.phase is Phase.SIGNED:
            self.phase, self._since_ms = Phase.ENDS, now_ms
            return self._request
        if self.phase is Phase.UNSIGNED:  # it may have begun after all
            self.phase = Phase.ENDED
            return self._request
        return None

    def ended(self, transaction_id: str, answer: TransactionStopResponse) -> None:
        if self.phase is not Phase.ENDS or not self._asked(transaction_id):
            return
        value = answer.signed_meter_value
        self.phase = Phase.ENDED
        if answer.status is TransactionRequestStatus.OK and value is not UNSET:
            self.end, self.why = value, ""
        else:
            self.why = _why(answer.error)

    @property
    def settled(self) -> bool:
        """Nobody waits for the end to be signed."""
        return self.phase not in (Phase.SIGNED, Phase.ENDS)

    # --- time, and the end of a session -----------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        if self.due_ms is None or now_ms < self.due_ms:
            return
        if self.phase is Phase.BEGINS:
            self._fail(f"the meter did not sign the begin in {BEGIN_MS / 1000:g} s")
        else:
            self.phase, self.why = (
                Phase.ENDED,
                f"the meter did not sign the end in {END_MS / 1000:g} s",
            )

    @property
    def due_ms(self) -> int | None:
        """When a wait is over."""
        if self.phase is Phase.BEGINS:
            return self._since_ms + BEGIN_MS
        return self._since_ms + END_MS if self.phase is Phase.ENDS else None

    def rest(self) -> TransactionReq | None:
        """Nothing is to be signed any more. What the meter may have left open."""
        left_open = self.phase in (Phase.BEGINS, Phase.SIGNED, Phase.UNSIGNED)
        self.phase = Phase.RESTS
        self.begin = self.end = UNSET
        return self._request if left_open else None

    def _asked(self, transaction_id: str) -> bool:
        return self._request is not None and self._request.transaction_id == transaction_id

    def _fail(self, why: str) -> None:
        self.phase, self.why = Phase.UNSIGNED, why


def _why(error: str | UnsetType) -> str:
    return "the meter gave no reason" if isinstance(error, UnsetType) else error
