"""A PN532 on its high-speed UART, as bytes: what the driver of `drivers/rfid/` is tested against.

Made from the user manual and by itself: it shares no code with the driver, so that a slip in one is
none in the other. It sleeps until it is woken, acknowledges before it answers, takes its time, and
finds a card that was already selected only every second time unless the field went off between.
"""

from __future__ import annotations

ACK = bytes.fromhex("0000ff00ff00")
ERROR = bytes.fromhex("0000ff01ff7f8100")
WAKE_BYTES = 23
"""2 ms at 115200 baud: what comes before its oscillator runs is lost."""
SAM, VERSION, RF, SCAN, RELEASE = 0x14, 0x02, 0x32, 0x4A, 0x52


def frame_of(content: bytes) -> bytes:
    """A normal frame around TFI and data."""
    size, checksum = len(content), (0x100 - sum(content) % 0x100) % 0x100
    return bytes([0, 0, 0xFF, size, (0x100 - size) % 0x100]) + content + bytes([checksum, 0])


class Pn532Chip:
    """Bytes and times in, bytes out. Its knobs may be turned at any time."""

    def __init__(self) -> None:
        self.version = bytes([0x32, 0x01, 0x06, 0x07])
        self.ack_ms = 2
        self.answer_ms = 8
        self.noise = b""
        """Comes before each answer."""
        self.mute = False
        self.echo = False
        """TX and RX are joined before the chip."""
        self.refuses: frozenset[int] = frozenset()
        """Commands that get the error frame."""
        self.commands: list[int] = []
        """Codes of all commands so far."""
        self._card: tuple[bytes, bytes] | None = None
        self._due: list[tuple[int, bytes]] = []
        self.power_on()

    # --- people -----------------------------------------------------------------------------------

    def power_on(self) -> None:
        """The supply comes back: it has forgotten everything, and sleeps."""
        self._awake = False
        self._skip = 0
        self._normal = False
        self._selected = False
        self._inbox = b""
        self._due.clear()

    def place(self, uid: bytes, ats: bytes = b"") -> None:
        """Put a card on the reader; with `ats`, one that speaks ISO/IEC 14443-4, as phones do."""
        self._card = uid, ats
        self._selected = False

    def remove(self) -> None:
        self._card = None

    # --- the wire ---------------------------------------------------------------------------------

    @property
    def next_ms(self) -> int | None:
        return self._due[0][0] if self._due else None

    def output(self, now_ms: int) -> bytes:
        """What it has sent by now."""
        sent = b"".join(data for at_ms, data in self._due if at_ms <= now_ms)
        self._due = [(at_ms, data) for at_ms, data in self._due if at_ms > now_ms]
        return sent

    def receive(self, data: bytes, now_ms: int) -> None:
        if self.echo and data:
            self._due.append((now_ms, data))
        if self.mute or self.echo:
            return
        for byte in data:
            self._byte(byte, now_ms)

    def _byte(self, byte: int, now_ms: int) -> None:
        if not self._awake:
            if byte == 0x55:
                self._awake, self._skip = True, WAKE_BYTES
            return
        if self._skip:
            self._skip -= 1
            return
        self._inbox = (self._inbox + bytes([byte]))[-300:]
        start = self._inbox.find(bytes([0, 0, 0xFF]))
        body = self._inbox[start + 3 :] if start >= 0 else b""
        if len(body) >= 2 and len(body) >= body[0] + 4:
            self._inbox = b""
            self._framed(body, now_ms)

    def _framed(self, body: bytes, now_ms: int) -> None:
        size, content = body[0], body[2 : 2 + body[0]]
        if (size + body[1]) % 0x100 or sum(body[2 : 3 + size]) % 0x100 or not content:
            return
        if content[0] == 0xD4:
            self._command(content[1], content[2:], now_ms)

    def _command(self, code: int, parameters: bytes, now_ms: int) -> None:
        self.commands.append(code)
        self._due = [(now_ms + self.ack_ms, ACK)]
        answer = None if code in self.refuses else self._answer(code, parameters)
        frame = ERROR if answer is None else frame_of(bytes([0xD5, code + 1]) + answer)
        self._due.append((now_ms + self.ack_ms + self.answer_ms, self.noise + frame))

    def _answer(self, code: int, parameters: bytes) -> bytes | None:
        if code == VERSION:
            return self.version
        if code == SAM:
            self._normal = parameters[:1] == b"\x01"
            return b""
        if not self._normal:
            return None
        if code == RF:
            if parameters == b"\x01\x00":
                self._selected = False
            return b""
        if code == RELEASE:
            return b"\x00"
        return self._scan(parameters) if code == SCAN else None

    def _scan(self, parameters: bytes) -> bytes:
        if self._card is None or parameters != b"\x01\x00":
            return b"\x00"
        if self._selected:
            self._selected = False  # it heard a call that was not for it, and went to sleep
            return b"\x00"
        self._selected = True
        uid, ats = self._card
        sak = 0x20 if ats else 0x08
        target = bytes([1, 0x00, 0x04, sak, len(uid)]) + uid
        return b"\x01" + target + (bytes([len(ats) + 1]) + ats if ats else b"")
