"""Readers in the core's process, and the verdicts that are handed to LEDs and buzzers."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.rfid.events import Back, Lost, Refused, Token
from drivers.rfid.keyboard import Keyboard
from drivers.rfid.pn532 import Pn532
from drivers.rfid.ports import KeyboardPort, SerialPort
from drivers.rfid.serial_line import SerialLine
from evse.authorization.outcome import STATUS_VARIABLE
from evse.clock import MonotonicClock, VirtualClock
from evse.config.load import parse
from evse.config.rfid import RfidTable
from evse.door.client import DoorClient
from evse.faults import CoreCondition
from evse.run.core import CoreProcess
from evse.run.rfid import AGAIN_MS, MAX_PENDING, ReaderDesk, Verdict, dialect_of, opener_of
from evse.types.authorization import (
    IdTokenType,
    ProvidedIdToken,
    TokenValidationStatus,
    TokenValidationStatusMessage,
)
from hil.rfid.pn532_chip import Pn532Chip
from hil.rfid.wires import PtyReader

S = TokenValidationStatus
CARD = Token("04A2B3C4", IdTokenType.ISO14443)
PORT = "/dev/ttyAMA0"


class FakeCore:
    """As much of the core as the desk uses; the broker says what it is told to."""

    def __init__(self) -> None:
        self.sessions = {1: FakeSession(), 2: FakeSession()}
        self.authorization = self
        self.says = S.Accepted
        self.presented: list[ProvidedIdToken] = []
        self.polled = 0
        self.clock = VirtualClock(1_000)

    def present(self, token: ProvidedIdToken) -> TokenValidationStatus:
        self.presented.append(token)
        return self.says

    def poll(self) -> None:
        self.polled += 1


class FakeSession:
    def __init__(self) -> None:
        self.shown: set[CoreCondition] = set()

    def show(self, condition: CoreCondition, present: bool) -> None:
        (self.shown.add if present else self.shown.discard)(condition)


class FakeHub:
    def __init__(self) -> None:
        self.taps: dict[str, Any] = {}

    def tell(self, token: ProvidedIdToken, status: TokenValidationStatus) -> None:
        self.taps[STATUS_VARIABLE](None, TokenValidationStatusMessage(token, status))


class Desk:
    """A desk with two readers: one for EVSE 2, one for all."""

    def __init__(self) -> None:
        self.core, self.hub = FakeCore(), FakeHub()
        self.shown: list[tuple[tuple[int, ...], str]] = []
        tables = [
            RfidTable(kind="pn532", port=PORT, evses=(2,)),
            RfidTable(kind="keyboard", port="/dev/input/event0"),
        ]
        core: Any = self.core
        hub: Any = self.hub
        self.desk = ReaderDesk(core, tables, feedback=self)
        self.desk.listen(hub)

    def on_feedback(self, evses: tuple[int, ...], verdict: Verdict) -> None:
        self.shown.append((evses, verdict.value))


@pytest.fixture
def rig() -> Desk:
    return Desk()


def test_a_card_is_presented_for_the_evses_of_its_reader(rig: Desk) -> None:
    rig.desk.heard(1, CARD)
    rig.core.clock.advance_to(1_000 + AGAIN_MS)
    rig.desk.heard(2, CARD)
    first, second = rig.core.presented
    assert msgspec.to_builtins(first) == {
        "id_token": {"value": "04A2B3C4", "type": "ISO14443"},
        "authorization_type": "RFID",
        "connectors": (2,),
    }
    assert second.connectors is msgspec.UNSET
    assert rig.shown == [((2,), "accepted"), ((1, 2), "accepted")]
    assert rig.core.polled == 2


def test_a_card_that_was_just_accepted_is_not_presented_again_at_any_reader(rig: Desk) -> None:
    """Somebody was not sure: what has just begun must not end by it."""
    rig.desk.heard(1, CARD)
    rig.core.clock.advance_to(1_000 + AGAIN_MS - 1)
    rig.desk.heard(2, CARD)
    assert len(rig.core.presented) == 1
    assert [verdict for _evses, verdict in rig.shown] == ["accepted", "accepted"]


def test_another_card_and_one_that_was_refused_are_presented_at_once(rig: Desk) -> None:
    rig.core.says = S.Rejected
    rig.desk.heard(1, CARD)
    rig.desk.heard(1, CARD)
    rig.core.says = S.Accepted
    rig.desk.heard(1, CARD)
    rig.desk.heard(1, Token("0499AABB", CARD.type))
    assert len(rig.core.presented) == 4


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        (S.Accepted, "accepted"),
        (S.UsedToStop, "accepted"),
        (S.Rejected, "rejected"),
        (S.TimedOut, "rejected"),
        (S.Withdrawn, "rejected"),
    ],
)
def test_a_verdict_that_comes_later_is_shown_once(
    rig: Desk, later: TokenValidationStatus, shown: str
) -> None:
    rig.core.says = S.Processing
    rig.desk.heard(1, CARD)
    (token,) = rig.core.presented
    rig.hub.tell(token, S.Processing)
    assert rig.shown == [((2,), "pending")]
    rig.hub.tell(token, later)
    rig.hub.tell(token, S.UsedToStart)
    rig.hub.tell(token, S.TimedOut)
    assert rig.shown == [((2,), "pending"), ((2,), shown)]


def test_the_verdict_on_somebody_elses_token_is_not_shown(rig: Desk) -> None:
    rig.desk.heard(1, CARD)
    (token,) = rig.core.presented
    rig.hub.tell(token, S.Rejected)
    assert rig.shown == [((2,), "accepted")]


def test_what_is_awaited_is_bounded(rig: Desk) -> None:
    rig.core.says = S.Processing
    for number in range(3 * MAX_PENDING):
        rig.desk.heard(1, Token(f"04A2B3{number:02}", IdTokenType.ISO14443))
    assert len(rig.desk._pending) == MAX_PENDING
    rig.hub.tell(rig.core.presented[0], S.Rejected)
    rig.hub.tell(rig.core.presented[-1], S.Rejected)
    assert rig.shown.count(((2,), "rejected")) == 1


def test_what_is_no_token_is_shown_as_refused_and_presented_to_nobody(
    rig: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    rig.desk.heard(2, Refused("A phone.", "04A2B3C4"))
    assert "A phone." in caplog.text
    assert "04A2B3C4" not in caplog.text, "it is somebody's card, read with a wrong setting"
    assert rig.core.presented == []
    assert rig.shown == [((1, 2), "rejected")]


def test_the_fault_stands_while_any_reader_of_an_evse_is_lost(rig: Desk) -> None:
    def shown() -> list[int]:
        sessions = rig.core.sessions.items()
        return [evse for evse, s in sessions if CoreCondition.READER_LOST in s.shown]

    assert [row["usable"] for row in rig.desk.state()] == [None, None]
    rig.desk.heard(1, Lost("is not there", "Plug it in."))
    assert shown() == [2]
    rig.desk.heard(2, Lost("is not there", "Plug it in."))
    assert shown() == [1, 2]
    rig.desk.heard(2, Back("is there"))
    assert shown() == [2]
    rig.desk.heard(1, Lost("gives no answer", "Look."))
    assert shown() == [2]
    assert rig.desk.state()[0] == {
        "reader": 1,
        "kind": "pn532",
        "port": PORT,
        "usable": False,
        "says": "gives no answer",
        "hint": "Look.",
    }
    rig.desk.heard(1, Back("answers"))
    assert shown() == []
    assert [row["usable"] for row in rig.desk.state()] == [True, True]


def test_two_who_want_the_verdicts_are_a_mistake(rig: Desk) -> None:
    hub: Any = rig.hub
    with pytest.raises(ValueError, match="tap"):
        rig.desk.listen(hub)


def test_a_token_is_not_written_to_the_log(rig: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        rig.desk.heard(1, CARD)
    assert CARD.value not in caplog.text
    assert "reader 1 (pn532 at /dev/ttyAMA0)" in caplog.text


@pytest.mark.parametrize(
    ("kind", "dialect", "port"),
    [
        ("pn532", Pn532, SerialPort),
        ("serial_line", SerialLine, SerialPort),
        ("keyboard", Keyboard, KeyboardPort),
    ],
)
def test_a_table_becomes_its_reader(
    kind: Any, dialect: type, port: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Any, ...]] = []
    monkeypatch.setattr(f"evse.run.rfid.{port.__name__}", lambda *given: opened.append(given))
    table = RfidTable(kind=kind, port=PORT)
    assert type(dialect_of(table)) is dialect
    opener_of(table)()
    bauds = {"pn532": (115_200,), "serial_line": (9_600,), "keyboard": ()}
    assert opened == [(PORT, *bauds[kind])]


# --- in the core's process ------------------------------------------------------------------------


class Signals:
    """Feedback and faults, to be waited for."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def on_feedback(self, _evses: tuple[int, ...], verdict: Verdict) -> None:
        self.heard.put_nowait(verdict.value)

    def on_fault(self, _evse: int | None, change: Any) -> None:
        if change.sub_type == "TokenReader":
            self.heard.put_nowait(f"{change.sub_type} {change.state}")


def test_a_card_reaches_the_core_through_the_port_of_a_running_process(tmp_path: Path) -> None:
    async def story() -> None:
        link, signals = tmp_path / "reader.tty", Signals()
        far = PtyReader(Pn532Chip(), link, MonotonicClock())
        far.plug()
        text = files("hil").joinpath("station_free.toml").read_text("utf-8")
        text += f'[[rfid]]\nkind = "pn532"\nport = "{link}"\n'
        run_dir = tmp_path / "run"
        run_dir.mkdir()
        core = CoreProcess(
            parse(text), state_dir=tmp_path, socket=run_dir / "door.sock", run_dir=run_dir
        )
        core.reader_desk.feedback = signals
        core.hub.taps["sys.fault"] = signals.on_fault
        far.chip.place(bytes.fromhex("04a2b3c4"))
        running = asyncio.ensure_future(core.run())
        async with asyncio.timeout(20):
            assert await signals.heard.get() == "rejected", "there is no board to charge on"
            token = core.hub.last("auth_token_provider.provided_token", None)
            assert token.id_token.value == "04A2B3C4"
            far.unplug()
            assert await signals.heard.get() == "TokenReader Active"
            door = await DoorClient.connect(run_dir / "door.sock")
            (reader,) = (await door.call("sys.state"))["readers"]
            await door.aclose()
            assert (reader["usable"], reader["port"]) == (False, str(link))
            far.chip.place(bytes.fromhex("04ffffff"))
            far.plug()
            assert await signals.heard.get() == "rejected"
            core.life.stop()
            await running
        assert not core.life.failed
        far.unplug()

    asyncio.run(story())
