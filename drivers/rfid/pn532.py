"""A PN532 on its high-speed UART, asked every 0.4 s whether a card is there.

Pure. Numbers: NXP UM0701-02 (user manual of the PN532/C106), by section; `own` where it is silent.
Between two questions the chip's field is off: a card is reset by that, so that one which stays is
found each time (with the field left on, cards with seven bytes answer every second question only).
Any silence or nonsense begins anew with the wake-up, for a chip that lost its supply sleeps.
"""

from __future__ import annotations

import enum

from drivers.rfid.events import Back, Lost, ReaderEvent
from drivers.rfid.pn532_frames import (
    ERROR_TFI,
    TO_CHIP,
    TO_HOST,
    Decoder,
    Frame,
    Information,
    Short,
    encode,
)
from drivers.rfid.presentations import Presentations

BAUD = 115_200
"""After a reset (6.2.3)."""
WAKE_UP = b"\x55\x55" + bytes(24)
"""A rising edge wakes it; the zeros take the 2 ms that its oscillator may need (7.2.11)."""
ACK_MS = 150
"""15 ms by 6.2.1.3; own: beside them, buffers of USB adapters and a loaded computer."""
ANSWER_MS = 1_000
"""own"""
PERIOD_MS = 400
"""own: from one question for a card to the next; each costs four wake-ups of our process."""
RETRY_MS = 500
LOST_RETRY_MS = 2_000
FAILURES_TO_LOST = 3
"""own: one disturbed answer is nothing to speak of."""
CHIP = 0x32
"""IC of GetFirmwareVersion (7.2.2)."""
CASCADE_TAG = 0x88
"""Fills up a part of a longer UID (ISO/IEC 14443-3, by NXP AN10927); older chips leave it in."""


class Step(enum.Enum):
    """What is asked, in this order; the last two again and again. Command code and parameters."""

    SAM = b"\x14\x01\x14\x01"
    """SAMConfiguration: no SAM; also leaves the mode in which it starts (7.2.10)."""
    VERSION = b"\x02"
    RETRIES = b"\x32\x05\xff\x01\x02"
    """RFConfiguration, MaxRetries: a card is looked for three times, and not for ever (7.3.1)."""
    SCAN = b"\x4a\x01\x00"
    """InListPassiveTarget: one card, 106 kbit/s type A (7.3.5)."""
    FIELD_OFF = b"\x32\x01\x00"
    """RFConfiguration, RF field."""

    @property
    def code(self) -> int:
        return self.value[0]


_AFTER = {
    Step.SAM: Step.VERSION,
    Step.VERSION: Step.RETRIES,
    Step.RETRIES: Step.SCAN,
    Step.SCAN: Step.FIELD_OFF,
    Step.FIELD_OFF: Step.SCAN,
}

NO_ANSWER = (
    "gives no answer",
    "Check that the module's switches select HSU (on most modules both off), that its TX goes to "
    "our RX and the other way round, supply and ground. Is it the right port?",
)
NOISE = (
    "sends what is no PN532 frame",
    "Is the port's baud rate 115200, does a login console still use the port, or is another "
    "device on it?",
)
ECHO = (
    "sends back what it is sent",
    "TX and RX are joined, or the adapter echoes: part them.",
)
REFUSES = (
    "refuses commands",
    "Another chip than a PN532, or a disturbed line: keep the wires short and away from the coil.",
)
_SYMPTOMS = (NO_ANSWER, NOISE, ECHO, REFUSES)
"""The later ones tell more."""


class Pn532:
    """drivers.rfid.events.Dialect."""

    def __init__(self, presentations: Presentations) -> None:
        self._presentations = presentations
        self._decoder = Decoder()
        self._out = b""
        self._step = Step.SAM
        self._asking = False
        """A command waits for its acknowledgement or its answer."""
        self._acknowledged = False
        """... for its answer alone: of more acknowledgements the wait does not grow."""
        self._due_ms: int | None = None
        self._scan_due_ms = 0
        self._answers: bool | None = None
        """It answers, is lost, or (None) has not been told yet."""
        self._version = ""
        self._failures = 0
        self._symptom = NO_ANSWER
        self._scanned_ms: int | None = None
        """The last answer to whether a card is there."""

    @property
    def next_deadline_ms(self) -> int | None:
        return self._due_ms

    def opened(self, now_ms: int) -> list[ReaderEvent]:
        self._answers = None
        self._failures = 0
        self._symptom = NO_ANSWER
        self._ask(Step.SAM, now_ms)
        return []

    def closed(self, now_ms: int) -> None:
        self._lose_sight(now_ms)
        self._asking = False
        self._due_ms = None
        self._out = b""

    def take_output(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def poll(self, now_ms: int) -> list[ReaderEvent]:
        if self._due_ms is None or now_ms < self._due_ms:
            return []
        if self._asking:
            return self._failed(now_ms)
        self._ask(self._step, now_ms)
        return []

    def received(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        frames = self._decoder.feed(data)
        if data and not frames:
            self._suspect(NOISE)
        return [event for frame in frames for event in self._took(frame, now_ms)]

    # --- asking -----------------------------------------------------------------------------------

    def _ask(self, step: Step, now_ms: int) -> None:
        """Nothing is under way now: what is left of earlier frames is none of the next answer."""
        self._decoder.reset()
        self._step = step
        self._asking = True
        self._acknowledged = False
        if step is Step.SCAN:
            self._scan_due_ms = now_ms + PERIOD_MS
        wake = WAKE_UP if step is Step.SAM else b""
        self._out = wake + encode(Information(TO_CHIP, step.value))
        self._due_ms = now_ms + ACK_MS

    def _rest(self, step: Step, until_ms: int) -> None:
        self._asking = False
        self._step = step
        self._due_ms = until_ms

    def _failed(self, now_ms: int) -> list[ReaderEvent]:
        """The command got no answer, or a wrong one."""
        self._lose_sight(now_ms)
        self._failures = min(self._failures + 1, FAILURES_TO_LOST)
        lost = self._failures == FAILURES_TO_LOST
        self._rest(Step.SAM, now_ms + (LOST_RETRY_MS if lost else RETRY_MS))
        if not lost:
            return []
        self._answers = False
        return [Lost(*self._symptom)]

    def _lose_sight(self, now_ms: int) -> None:
        """Nobody knows whether a card is held, since the last answer that told it."""
        self._presentations.pause(now_ms if self._scanned_ms is None else self._scanned_ms)
        self._scanned_ms = None

    def _suspect(self, symptom: tuple[str, str]) -> None:
        """What is wrong, should this fail; forgotten with the next good answer."""
        self._symptom = max(self._symptom, symptom, key=_SYMPTOMS.index)

    # --- answers ----------------------------------------------------------------------------------

    def _took(self, frame: Frame, now_ms: int) -> list[ReaderEvent]:
        if not self._asking:
            return []
        if isinstance(frame, Short):
            if frame is Short.ACK and not self._acknowledged:
                self._acknowledged = True
                self._due_ms = now_ms + ANSWER_MS
            return []
        if frame.tfi == TO_HOST and frame.data[:1] == bytes([self._step.code + 1]):
            return self._answered(frame.data[1:], now_ms)
        if frame.tfi == TO_CHIP:
            self._suspect(ECHO)
        if frame.tfi != ERROR_TFI:
            return []  # a late answer, or an echo
        self._suspect(REFUSES)
        return self._failed(now_ms)

    def _answered(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        step = self._step
        if step is Step.VERSION:
            if data[:1] != bytes([CHIP]) or len(data) < 3:
                self._suspect(REFUSES)
                return self._failed(now_ms)
            self._version = f"{data[1]}.{data[2]}"
        if step is Step.FIELD_OFF:
            self._rest(Step.SCAN, max(now_ms, self._scan_due_ms))
        else:
            self._ask(_AFTER[step], now_ms)
        return self._scanned(data, now_ms) if step is Step.SCAN else []

    def _scanned(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        """The chip does what it is there for. Time in which it could not see counts for nothing."""
        if self._scanned_ms is not None and now_ms - self._scanned_ms > 2 * PERIOD_MS:
            self._lose_sight(now_ms)
        self._presentations.resume(now_ms)
        self._scanned_ms = now_ms
        self._failures = 0
        self._symptom = NO_ANSWER
        found: list[ReaderEvent] = []
        if not self._answers:
            self._answers = True
            found.append(Back(f"answers: PN532, firmware {self._version}"))
        uid = uid_of(data)
        return found + (self._presentations.uid(uid, now_ms) if uid else [])


def uid_of(answer: bytes) -> bytes:
    """The UID in an answer to InListPassiveTarget (7.3.5), behind its code: number of targets, and
    of the first its number, SENS_RES (2), SEL_RES, length, UID. b"" where no card is in it."""
    if len(answer) < 6 or answer[0] == 0:
        return b""
    size = answer[5]
    uid = answer[6 : 6 + size]
    return _without_cascade_tags(uid) if len(uid) == size else b""


def _without_cascade_tags(uid: bytes) -> bytes:
    if len(uid) == 8 and uid[0] == CASCADE_TAG:
        return uid[1:]
    if len(uid) == 12 and uid[0] == uid[4] == CASCADE_TAG:
        return uid[1:4] + uid[5:]
    return uid
