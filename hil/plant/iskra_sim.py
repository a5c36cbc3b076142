"""An Iskra WM3M4C as its master sees it: a meter with a key pair of its own, that signs. Pure.

Written from the manual's chapter 6.5 and apart from drivers/, so that driver and simulation cannot
share a mistake. Registers as the master addresses them, the manual's 47000 being 7000.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hil.plant.iskra_bytes import as_firmware_writes, iskra_inputs, private_key
from hil.plant.meter_sim import (
    BUSY,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    READ_INPUT,
    MeterMode,
    SimulatedMeter,
)
from hil.plant.model import MeterTruth

READ_HOLDING, WRITE_ONE, WRITE_SEVERAL = 3, 6, 16
FIRST, LAST = 7000, 8300
"""Of the holding registers."""
MOST = 120
SIGNING_MS = 600
"""Up to a second (6.5.9)."""


class State(enum.IntEnum):
    IDLE = 0
    ACTIVE = 1
    AFTER_POWER_FAILURE = 2


class Status(enum.IntEnum):
    IDLE = 1
    SIGNING = 2
    OK = 15
    INVALID_TIME = 128
    INVALID_COMMAND = 130
    INVALID_STATE = 131
    INVALID_MESSAGE = 252
    SIGNATURE_FAILED = 254


STATE, COMMAND, STATUS, ZONE, TIME, SYNCHRONISED = 7000, 7051, 7052, 7053, 7054, 7071
INPUT_BYTES, OUTPUT_BYTES, SIGNATURE_BYTES = 7056, 7057, 7058
INPUT, OUTPUT, KEY, SIGNATURE = 7100, 7612, 8124, 8188
DEAD_BEFORE_S = 1_577_836_800
"""A clock before 2020 was never set."""


class SimulatedIskra(SimulatedMeter):
    """`truth` tells what it measures, None = it has no supply, which it remembers."""

    def __init__(
        self, truth: Callable[[], MeterTruth | None], *, unit: int = 33, seed: int = 1
    ) -> None:
        super().__init__(truth, unit=unit)
        self._memory = dict.fromkeys(range(FIRST, LAST), 0)
        self._page = 0
        self._time = (0, 0)
        """Unix time as it was set, and when that was."""
        self._begin: dict[str, object] | None = None
        self._signed_ms = 0
        self._had_supply = True
        self.refuses: Status | None = None
        """What every command is answered with; None: they are carried out."""
        self._memory[STATUS] = Status.IDLE
        self.replace_by(seed)

    def replace_by(self, seed: int) -> None:
        """Another meter hangs on the line, idle as this one."""
        self._private = private_key(seed)
        point = self._private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self._put(KEY, point[1:])

    @property
    def public_key(self) -> str:
        """DER in hexadecimal, as printed on the meter."""
        public = self._private.public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex().upper()

    @property
    def state(self) -> State:
        return State(self._memory[STATE])

    def set_signing(self, signs: bool) -> None:
        self.refuses = None if signs else Status.SIGNATURE_FAILED

    def feed(self, data: bytes, now_ms: int) -> bytes:
        supplied = self._truth() is not None
        if supplied and not self._had_supply:
            self.lose_power()
        self._had_supply = supplied
        return super().feed(data, now_ms)

    def lose_power(self) -> None:
        """6.6: time, input and output are gone, an open transaction is kept."""
        for address in range(TIME, SIGNATURE_BYTES + 1):
            self._memory[address] = 0
        self._memory[SYNCHRONISED] = 0
        for first, last in ((INPUT, KEY), (SIGNATURE, LAST)):
            self._put(first, bytes(2 * (last - first)))
        self._time = (0, 0)
        self._memory[STATUS] = Status.IDLE
        if self.state is State.ACTIVE:
            self._memory[STATE] = State.AFTER_POWER_FAILURE

    # --- the wire ---------------------------------------------------------------------------------

    def _reply(self, frame: bytes, truth: MeterTruth) -> bytes:
        function = frame[1]
        if self.mode is MeterMode.EXCEPTION:
            return self._exception(function, BUSY)
        if function == READ_INPUT:
            return self._measured(frame, truth)
        if function == READ_HOLDING:
            return self._read(frame)
        if function == WRITE_ONE:
            address, value = struct.unpack(">HH", frame[2:6])
            return self._write(frame, address, [value], truth)
        if function == WRITE_SEVERAL:
            address, count = struct.unpack(">HH", frame[2:6])
            if not 1 <= count <= MOST or frame[6] != 2 * count:
                return self._exception(function, ILLEGAL_VALUE)
            values = list(struct.unpack(f">{count}H", frame[7 : 7 + 2 * count]))
            return self._write(frame, address, values, truth)
        return self._exception(function, ILLEGAL_FUNCTION)

    def _read(self, frame: bytes) -> bytes:
        address, count = struct.unpack(">HH", frame[2:6])
        if not 1 <= count <= MOST:
            return self._exception(frame[1], ILLEGAL_VALUE)
        if not FIRST <= address <= address + count <= LAST:
            return self._exception(frame[1], ILLEGAL_ADDRESS)
        if self._memory[STATUS] == Status.SIGNING and self._heard_ms >= self._signed_ms:
            self._memory[STATUS] = Status.OK
        words = [self._memory[at] for at in range(address, address + count)]
        body = struct.pack(f">{count}H", *words)
        return frame[:2] + bytes([len(body)]) + body

    def _write(self, frame: bytes, address: int, values: list[int], truth: MeterTruth) -> bytes:
        allowed = {COMMAND, ZONE, TIME, TIME + 1, INPUT_BYTES, 7059, SYNCHRONISED}
        written = range(address, address + len(values))
        if not all(at in allowed or INPUT <= at < OUTPUT for at in written):
            return self._exception(frame[1], ILLEGAL_ADDRESS)
        self._memory.update(zip(written, values, strict=True))
        if TIME + 1 in written:
            set_s = self._memory[TIME] << 16 | self._memory[TIME + 1]
            self._time = (set_s, self._heard_ms)
        if address == COMMAND:
            self._command(values[0] >> 8, truth)
        return frame[:6]

    def _measured(self, frame: bytes, truth: MeterTruth) -> bytes:
        address, count = struct.unpack(">HH", frame[2:6])
        words = iskra_inputs(truth)
        if not 1 <= count <= MOST:
            return self._exception(frame[1], ILLEGAL_VALUE)
        body = b"".join(
            words.get(at, 0).to_bytes(2, "big") for at in range(address, address + count)
        )
        return frame[:2] + bytes([len(body)]) + body

    # --- signing ----------------------------------------------------------------------------------

    def _command(self, letter: int, truth: MeterTruth) -> None:
        refusal = self.refuses or self._obstacle(letter)
        if refusal is not None:
            self._memory[STATUS] = refusal
            return
        reading = self._reading("B" if letter == ord("B") else "E", truth)
        if letter == ord("B"):
            self._begin = reading
            self._memory[STATE] = State.ACTIVE
            readings = [reading]
        else:
            readings = [self._begin or reading, reading]
            self._begin = None
            self._memory[STATE] = State.IDLE
        self._sign(readings)

    def _obstacle(self, letter: int) -> Status | None:
        if letter not in b"Br":
            return Status.INVALID_COMMAND
        if (letter == ord("B")) != (self.state is State.IDLE):
            return Status.INVALID_STATE
        if self._time[0] < DEAD_BEFORE_S:
            return Status.INVALID_TIME
        return None if self._input() else Status.INVALID_MESSAGE

    def _input(self) -> dict[str, object]:
        """What it was given; empty where that is no dataset."""
        raw = b"".join(self._memory[at].to_bytes(2, "big") for at in range(INPUT, OUTPUT))
        try:
            given = json.loads(raw[: self._memory[INPUT_BYTES]])
        except ValueError:
            return {}
        return given if isinstance(given, dict) and "ID" in given else {}

    def _reading(self, reason: str, truth: MeterTruth) -> dict[str, object]:
        set_s, set_ms = self._time
        when = datetime.fromtimestamp(set_s + (self._heard_ms - set_ms) // 1000, UTC)
        state = "S" if self._memory[SYNCHRONISED] == 2 else "U"  # as 6.5 counts them
        wh = int(truth.energy_import_wh)
        return {
            "TM": f"{when:%Y-%m-%dT%H:%M:%S},000+0000 {state}",
            "TX": reason,
            "RV": f"{wh // 1000}.{wh % 1000:03d}",
            "RI": "1-b:1.8.0",
            "RU": "kWh",
            "RT": "AC",
            "EF": "",
            "ST": "G",
        }

    def _sign(self, readings: list[dict[str, object]]) -> None:
        self._page += 1
        own = {
            "PG": f"T{self._page}",
            "MV": "Iskra",
            "MM": "WM3M4C",
            "MS": "W0000001",
            "MF": "2.05",
        }
        body = {**self._input(), **own, "RD": readings}
        text = json.dumps(body, separators=(",", ":"))
        for reading in readings:  # a number, printed with the places that it has
            text = text.replace(f'"RV":"{reading["RV"]}"', f'"RV":{reading["RV"]}')
        output = text.encode("ascii")
        self._put(OUTPUT, output)
        self._memory[OUTPUT_BYTES] = len(output)
        signature = as_firmware_writes(
            self._private.sign(output, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        )
        self._put(SIGNATURE, signature)
        self._memory[SIGNATURE_BYTES] = len(signature)
        self._memory[STATUS] = Status.SIGNING
        self._signed_ms = self._heard_ms + SIGNING_MS

    def _put(self, address: int, data: bytes) -> None:
        padded = data + bytes(len(data) % 2)
        for at in range(0, len(padded), 2):
            self._memory[address + at // 2] = int.from_bytes(padded[at : at + 2], "big")
