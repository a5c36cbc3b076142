"""Iskra WM3M4C: a meter that signs a transaction's begin and end (OCMF, ECDSA on secp256r1).

What it is asked, as scripts; the numbers and their source are in iskra_registers.py. On a loss of
power the meter forgets time and input, and ends its transaction only after it was given both again.
Never seen on metal.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from drivers.errors import MeterGarbled, SignerRefused
from drivers.metering.iskra_registers import (
    ALGORITHM,
    CLOCK_SYNCHRONISED,
    DER_PREFIX,
    KEY_REGISTERS,
    LONGEST_INPUT,
    LONGEST_OUTPUT,
    LONGEST_SIGNATURE,
    MOST_REGISTERS,
    PENDING,
    REFUSALS,
    SIGNATURE_AS_DER,
    SIGNED,
    SIGNING,
    SIGNING_STEPS,
    STATE_STEPS,
    STEP_MS,
    Command,
    Register,
    State,
)
from drivers.metering.signed import AskTime, Pause, Read, Script, Write
from evse.types.ocmf import (
    OCMFIdentificationType,
    OCMFUserIdentificationStatus,
    TransactionReq,
)


class IskraWm3m4c:
    """SigningModel. `gateway`, `serial` and `version` name the station in each record."""

    def __init__(self, *, gateway: str, serial: str, version: str) -> None:
        self._station = {"GI": gateway, "GS": serial, "GV": version}

    def identify(self) -> Script[str]:
        words = yield Read(Register.PUBLIC_KEY, KEY_REGISTERS)
        point = _bytes(words, 2 * KEY_REGISTERS)
        if not any(point):
            raise SignerRefused("the meter has no public key")
        return DER_PREFIX + point.hex().upper()

    def begin(self, request: TransactionReq) -> Script[str]:
        state = (yield Read(Register.STATE, 1))[0]
        if state != State.IDLE:
            yield from self._close(state, nobody(request))
        yield from _set_clock()
        yield Write(Register.SIGNATURE_FORMAT, (SIGNATURE_AS_DER,))
        yield from _enter(self.dataset(request))
        yield Write(Register.COMMAND, (Command.BEGIN,), once=True)
        yield from _await_state(State.ACTIVE)
        yield from _await_signature()
        return (yield from _record())

    def end(self, request: TransactionReq) -> Script[str]:
        state = (yield Read(Register.STATE, 1))[0]
        if state == State.IDLE:
            yield from _await_what_was_asked()
        else:
            yield from self._close(state, request)
        return (yield from _record())

    def _close(self, state: int, request: TransactionReq) -> Script[None]:
        if state == State.AFTER_POWER_FAILURE:
            yield from _set_clock()
            yield from _enter(self.dataset(request))
        yield Write(Register.COMMAND, (Command.END,), once=True)
        yield from _await_state(State.IDLE)
        yield from _await_signature()

    def dataset(self, request: TransactionReq) -> bytes:
        """The meter's input (OCMF without what it adds: its own names, page and readings)."""
        identified = request.identification_status is OCMFUserIdentificationStatus.ASSIGNED
        data = request.identification_data
        body: dict[str, Any] = {
            "FV": "1.0",
            **self._station,
            **dict.fromkeys(("PG", "MV", "MM", "MS", "MF"), ""),
            "IS": identified,
            "IF": [flag.value for flag in request.identification_flags],
            "IT": request.identification_type.value,
            "ID": "" if data is UNSET else data,
            "CT": "EVSEID",
            "CI": request.evse_id,
            "RD": [],
        }
        # The bar divides a record's sections, and may be in none of them.
        text = json.dumps(body, separators=(",", ":")).replace("|", " ").encode("ascii")
        if len(text) > LONGEST_INPUT:
            raise SignerRefused(f"{len(text)} bytes of input are more than {LONGEST_INPUT}")
        return text


def nobody(request: TransactionReq) -> TransactionReq:
    """For a transaction that was left open: whose it was is not known here."""
    return replace(
        request,
        identification_status=OCMFUserIdentificationStatus.NOT_ASSIGNED,
        identification_flags=(),
        identification_type=OCMFIdentificationType.NONE,
        identification_data=UNSET,
    )


def _set_clock() -> Script[None]:
    high, low = yield AskTime()
    yield Write(Register.TIME_HIGH, (high,))
    yield Write(Register.TIME_LOW, (low,))
    yield Write(Register.TIME_ZONE, (0,))
    yield Write(Register.CLOCK_STATE, (CLOCK_SYNCHRONISED,))


def _enter(dataset: bytes) -> Script[None]:
    words = _words(dataset)
    for at in range(0, len(words), MOST_REGISTERS):
        yield Write(Register.INPUT + at, words[at : at + MOST_REGISTERS])
    yield Write(Register.INPUT_BYTES, (len(dataset),))


def _await_state(wanted: State) -> Script[None]:
    for _ in range(STATE_STEPS):
        state = (yield Read(Register.STATE, 1))[0]
        if state == wanted:
            return
        yield Pause(STEP_MS)
    status = (yield Read(Register.STATUS, 1))[0]
    why = REFUSALS.get(status, "says no reason")
    raise SignerRefused(
        f"the meter did not become {wanted.name.lower()}, its state is {state}: {why} ({status})"
    )


def _await_what_was_asked() -> Script[None]:
    """It was ended already: by a core that was killed before it had the record. The meter keeps
    that until the next transaction; whose it is, is looked at where it is passed on."""
    status = (yield Read(Register.STATUS, 1))[0]
    if status not in (SIGNED, SIGNING):
        raise SignerRefused("the meter has no transaction to end")
    yield from _await_signature()


def _await_signature() -> Script[None]:
    for _ in range(SIGNING_STEPS):
        status = (yield Read(Register.STATUS, 1))[0]
        if status == SIGNED:
            return
        if status not in PENDING:
            why = REFUSALS.get(status, "unnamed")
            raise SignerRefused(f"the meter did not sign: {why} ({status})")
        yield Pause(STEP_MS)
    raise SignerRefused(f"the meter did not sign in {SIGNING_STEPS * STEP_MS} ms")


def _record() -> Script[str]:
    lengths = yield Read(Register.OUTPUT_BYTES, 2)
    output = yield from _long(Register.OUTPUT, lengths[0], LONGEST_OUTPUT)
    signature = yield from _long(Register.SIGNATURE, lengths[1], LONGEST_SIGNATURE)
    seal = json.dumps({"SA": ALGORITHM, "SD": minimal_der(signature).hex().upper()})
    try:
        return f"OCMF|{output.decode('ascii')}|{seal}"
    except UnicodeDecodeError as error:
        raise MeterGarbled("the meter's record is not ASCII") from error


def _long(register: Register, length: int, longest: int) -> Script[bytes]:
    if not 0 < length <= longest:
        raise MeterGarbled(f"{register.name.lower()} of {length} bytes; 1 to {longest} can be")
    words: list[int] = []
    count = (length + 1) // 2
    while len(words) < count:
        more = min(MOST_REGISTERS, count - len(words))
        words += yield Read(register + len(words), more)
    return _bytes(words, length)


def _words(data: bytes) -> tuple[int, ...]:
    padded = data + bytes(len(data) % 2)
    return tuple(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))


def _bytes(words: list[int], length: int) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in words)[:length]


def minimal_der(signature: bytes) -> bytes:
    """The same two numbers in the one DER that verifiers take: the meter's firmware writes zeros
    ahead of short ones (EVerest RsIskraMeter). Raises MeterGarbled for what is no signature."""
    if len(signature) < 2 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        raise MeterGarbled("the meter's signature is no DER sequence")
    numbers, rest = b"", signature[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 0x02 or not 0 < rest[1] <= len(rest) - 2:
            raise MeterGarbled("the meter's signature does not hold two numbers")
        value, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        number = value.lstrip(b"\0") or b"\0"
        if number[0] >= 0x80:
            number = b"\0" + number
        numbers += bytes([0x02, len(number)]) + number
    if rest:
        raise MeterGarbled("the meter's signature holds more than two numbers")
    return bytes([0x30, len(numbers)]) + numbers
