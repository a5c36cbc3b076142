"""Iskra WM3M4C: a meter that signs a transaction's begin and end (OCMF, ECDSA on secp256r1).

Source of registers, commands and codes: the Iskra user's manual WM3M4 & WM3M4C (1.07, 1.14),
chapter 6.5, as its pages 43 and 44 and EVerest's RsIskraMeter tell them; the manual's 4xxxx is
holding register xxxx here. What happens on a loss of power is 6.6, as told in EVerest's pull
requests 623 and 1285: the meter forgets time and input, and ends its transaction only after it was
given both again. Never seen on metal.
"""

from __future__ import annotations

import enum
import json
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from drivers.errors import MeterGarbled, SignerRefused
from drivers.metering.signed import AskTime, Pause, Read, Script, Write
from evse.types.ocmf import (
    OCMFIdentificationType,
    OCMFUserIdentificationStatus,
    TransactionReq,
)

ALGORITHM = "ECDSA-secp256r1-SHA256"
DER_PREFIX = "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
"""SubjectPublicKeyInfo of a point on secp256r1, up to its 64 bytes (manual 6.5.14)."""
KEY_REGISTERS = 32
MOST_REGISTERS = 120
"""In one access (6.5.7, 6.5.10)."""
LONGEST_INPUT = 1_024
"""Bytes of the billing dataset (6.5.7)."""
LONGEST_OUTPUT = 1_024
"""Bytes from its register up to the public key's."""
LONGEST_SIGNATURE = 144
"""Bytes; one on secp256r1 has at most 72, and this is twice that (own)."""
STEP_MS = 100
STATE_STEPS = 20
"""A command is taken within 2 s; EVerest waits 1 s."""
SIGNING_STEPS = 50
"""Signing takes up to 1 s (6.5.9); 5 s are waited."""
CLOCK_SYNCHRONISED = 2
SIGNATURE_AS_DER = 0


class Register(enum.IntEnum):
    STATE = 7000
    COMMAND = 7051
    """In the high byte."""
    STATUS = 7052
    TIME_ZONE = 7053
    """Minutes from UTC."""
    TIME_HIGH = 7054
    TIME_LOW = 7055
    """Unix time."""
    INPUT_BYTES = 7056
    OUTPUT_BYTES = 7057
    SIGNATURE_BYTES = 7058
    SIGNATURE_FORMAT = 7059
    CLOCK_STATE = 7071
    INPUT = 7100
    OUTPUT = 7612
    PUBLIC_KEY = 8124
    SIGNATURE = 8188


class State(enum.IntEnum):
    """Of the measurement, in 7000."""

    IDLE = 0
    ACTIVE = 1
    AFTER_POWER_FAILURE = 2
    AFTER_RESET = 3


class Command(enum.IntEnum):
    BEGIN = ord("B") << 8
    END = ord("r") << 8
    """With begin and end in one record."""


SIGNED = 15
PENDING = frozenset({0, 1, 2})
"""Not initialised, idle, in progress."""
REFUSALS = {
    128: "invalid date or time",
    129: "checksum error",
    130: "invalid command",
    131: "invalid state",
    132: "invalid measurement",
    133: "test mode",
    243: "verification state",
    244: "signature state",
    245: "key pair generation failed",
    246: "hash failed",
    247: "initialisation failed",
    248: "data not locked",
    249: "configuration not locked",
    250: "verification failed",
    251: "public key",
    252: "invalid message format",
    253: "invalid message size",
    254: "signature failed",
    255: "undefined error",
}


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
            raise SignerRefused("the meter has no transaction to end")
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
