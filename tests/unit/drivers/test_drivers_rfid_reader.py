"""A reader on an event loop: opened, heard, lost, looked for, found; and its real ports."""

from __future__ import annotations

import asyncio
import errno
import os
import pty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.rfid.events import Back, Dialect, Lost, ReaderEvent, Token
from drivers.rfid.keyboard import NATIVE_EVENT, Keyboard
from drivers.rfid.pn532 import NO_ANSWER, Pn532
from drivers.rfid.ports import EVIOCGRAB, KeyboardPort, Opener, SerialPort, obstacle
from drivers.rfid.presentations import Presentations, TokenRules
from drivers.rfid.reader import HUNG_UP, LAST_RETRY_MS, Reader
from drivers.rfid.serial_line import SerialLine
from evse.clock import MonotonicClock
from evse.types.authorization import IdTokenType
from hil.rfid.pn532_chip import Pn532Chip
from hil.rfid.wires import PtyReader, SocketReader
from hil.sim.virtual_loop import VirtualLoop

CARD = bytes.fromhex("04a2b3c4d5e6f7")
TOKEN = Token("04A2B3C4D5E6F7", IdTokenType.ISO14443)
BACK = Back("answers: PN532, firmware 1.6")


class World:
    """Time that moves only when nobody has anything to do."""

    now_ms = 1_000

    def step(self, limit_ms: int) -> None:
        self.now_ms = limit_ms


class WorldClock:
    """evse.clock.Clock of a World."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_ms(self) -> int:
        return self._world.now_ms


class Bench:
    """A reader and its chip on a loop in virtual time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.events: list[ReaderEvent] = []
        self.clock = WorldClock(loop.world)
        self.far = SocketReader(Pn532Chip(), self.clock)
        dialect = Pn532(Presentations(TokenRules()))
        reader = Reader(dialect, self.far.open, self.clock, self.events.append)
        self.task = loop.create_task(reader.run())

    def run(self, span_s: float) -> list[ReaderEvent]:
        before = len(self.events)
        self.loop.run_until_complete(asyncio.sleep(span_s))
        return self.events[before:]


@pytest.fixture
def bench() -> Iterator[Bench]:
    loop = VirtualLoop()
    loop.world = World()
    bench = Bench(loop)
    yield bench
    bench.task.cancel()
    loop.run_until_complete(asyncio.wait([bench.task]))
    bench.far.hang_up()
    loop.close()


def test_a_card_arrives_through_the_loop(bench: Bench) -> None:
    bench.far.chip.place(CARD)
    assert bench.run(3) == [BACK, TOKEN]


def test_a_pulled_cable_is_told_and_the_reader_found_again(bench: Bench) -> None:
    bench.run(3)
    bench.far.obstacle = FileNotFoundError(errno.ENOENT, "no such device")
    bench.far.hang_up()
    assert [event.why for event in bench.run(600) if isinstance(event, Lost)] == [
        "went away",
        "is not there",
    ]
    bench.far.obstacle = None
    assert bench.run(LAST_RETRY_MS / 1000 + 1) == [BACK]
    bench.far.chip.place(CARD)
    assert bench.run(1) == [TOKEN]


def test_a_port_that_is_not_there_is_tried_every_few_seconds_and_told_once(bench: Bench) -> None:
    bench.far.obstacle = PermissionError(errno.EACCES, "no")
    events = bench.run(3_600)
    assert [event.why for event in events if isinstance(event, Lost)] == ["may not be opened"]
    assert 700 < bench.far.opened < 730


class Wire:
    """drivers.rfid.ports.Port of any descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def write(self, data: bytes) -> None:
        raise OSError(errno.EIO, f"{len(data)} bytes go nowhere")

    def close(self) -> None:
        os.close(self.fd)


def ended_pipe() -> int:
    """Readable, and at its end."""
    ours, theirs = os.pipe()
    os.close(theirs)
    return ours


@pytest.mark.parametrize("dialect", [Pn532, lambda rules: SerialLine(rules, "newline")])
def test_a_port_that_opens_and_fails_at_once_is_no_busy_loop(
    bench: Bench, dialect: Callable[[Presentations], Dialect]
) -> None:
    opened: list[Wire] = []

    def opener() -> Wire:
        opened.append(Wire(ended_pipe()))
        return opened[-1]

    bench.task.cancel()
    flapping = Reader(
        dialect(Presentations(TokenRules())), opener, bench.clock, bench.events.append
    )
    bench.task = bench.loop.create_task(flapping.run())
    bench.run(3_600)
    assert 700 < len(opened) < 730
    assert {type(event) for event in bench.events} <= {Back, Lost}


def test_silence_is_told_while_the_port_stays_open(bench: Bench) -> None:
    bench.far.chip.mute = True
    assert bench.run(60) == [Lost(*NO_ANSWER)]
    assert bench.far.opened == 1
    bench.far.chip.mute = False
    assert bench.run(5) == [BACK]


# --- real ports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOENT, "is not there"),
        (errno.EACCES, "may not be opened"),
        (errno.EBUSY, "is in use by another program"),
        (errno.EIO, "went away"),
        (errno.ENOMEM, "can not be used ([Errno 12] what)"),
    ],
)
def test_an_obstacle_is_told_with_what_to_do(number: int, why: str) -> None:
    lost = obstacle(OSError(number, "what"))
    assert lost.why == why
    assert lost.hint.endswith(".")


def why_not(opening: Callable[[], object]) -> str:
    with pytest.raises(OSError) as caught:
        opening()
    return obstacle(caught.value).why


def test_what_is_no_serial_port_and_what_is_taken_are_told_apart(tmp_path: Path) -> None:
    assert why_not(lambda: SerialPort("/dev/null", 9600)) == "is no device of that kind"
    assert why_not(lambda: SerialPort(str(tmp_path / "x"), 9600)) == "is not there"
    master, slave = pty.openpty()
    first = SerialPort(os.ttyname(slave), 9600)
    assert why_not(lambda: SerialPort(os.ttyname(slave), 9600)) == "is in use by another program"
    first.close()
    first.close()
    SerialPort(os.ttyname(slave), 9600).close()
    os.close(master)
    os.close(slave)


def test_a_keyboard_is_taken_for_us_alone_before_it_is_read(tmp_path: Path) -> None:
    """A pipe stands for the device: the grab itself is asked of who plays the kernel."""
    path = tmp_path / "event0"
    os.mkfifo(path)
    asked: list[tuple[int, int]] = []
    port = KeyboardPort(str(path), grab=lambda _fd, request, value: asked.append((request, value)))
    assert asked == [(EVIOCGRAB, 1)]
    assert not os.get_blocking(port.fd)
    assert why_not(lambda: port.write(b"x")).startswith("can not be used")
    port.close()
    port.close()


def test_a_keyboard_that_somebody_else_has_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)

    def busy(_fd: int, _request: int, _value: int) -> None:
        raise OSError(errno.EBUSY, "taken")

    before = len(os.listdir("/proc/self/fd"))
    assert why_not(lambda: KeyboardPort(str(path), grab=busy)) == "is in use by another program"
    assert why_not(lambda: KeyboardPort(str(path))) == "is no device of that kind"
    assert len(os.listdir("/proc/self/fd")) == before


class Listener:
    """Runs a reader in real time and waits for what it tells."""

    def __init__(self, dialect: Dialect, opener: Opener) -> None:
        self._told: asyncio.Queue[ReaderEvent] = asyncio.Queue()
        reader = Reader(dialect, opener, MonotonicClock(), self._told.put_nowait)
        self._task = asyncio.ensure_future(reader.run())

    async def hears(self, wanted: ReaderEvent) -> None:
        """Whatever it tells before is passed over."""
        async with asyncio.timeout(20):
            while await self._told.get() != wanted:
                pass

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def test_a_pn532_over_a_pseudo_terminal_unplugged_and_replugged(tmp_path: Path) -> None:
    async def story() -> None:
        link = tmp_path / "reader.tty"
        far = PtyReader(Pn532Chip(), link, MonotonicClock())
        far.plug()
        presentations = Presentations(TokenRules())
        listener = Listener(Pn532(presentations), lambda: SerialPort(str(link), 115_200))
        await listener.hears(BACK)
        far.chip.place(CARD)
        await listener.hears(TOKEN)
        far.unplug()
        await listener.hears(HUNG_UP)
        far.plug()
        await listener.hears(BACK)
        await listener.close()
        far.unplug()

    asyncio.run(story())


def test_a_line_that_is_printed_arrives_through_its_port() -> None:
    async def story() -> None:
        dialect = SerialLine(Presentations(TokenRules()), "newline")
        listener = Listener(dialect, lambda: SerialPort(os.ttyname(slave), 9600))
        await listener.hears(Back("is there and may print a card at any time"))
        os.write(master, b"04A2B3C4D5E6F7\r\n")
        await listener.hears(TOKEN)
        await listener.close()

    master, slave = pty.openpty()
    asyncio.run(story())
    os.close(master)
    os.close(slave)


def test_what_a_keyboard_types_arrives_through_its_port(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    keys = [11, 5, 30, 3, 48, 4, 46, 5, 32, 6, 18, 7, 33, 8, 28]

    async def story() -> None:
        dialect = Keyboard(Presentations(TokenRules()))
        listener = Listener(dialect, lambda: KeyboardPort(str(path), grab=lambda *_: None))
        await listener.hears(Back("is there and may type at any time"))
        os.write(typing, b"".join(NATIVE_EVENT.pack(0, 0, 1, code, 1) for code in keys))
        await listener.hears(TOKEN)
        await listener.close()

    typing = os.open(path, os.O_RDWR)  # a keyboard does not end when nobody types
    asyncio.run(story())
    os.close(typing)
