"""The technician's console: every question against a simulated station, and every refusal."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_rig import Peer, station

from evse.config.load import parse
from evse.console.console import HELP, Console
from evse.console.layout import COLUMNS
from evse.console.pin import IDLE_MS
from evse.door.jsonrpc import RpcError
from evse.door.sys_state import sys_state
from evse.model import BoardAnalog
from firmware_bridge.host_session import HostSession
from hil.sim.mains import SimMains
from hil.sim.simulation import Simulation

QUESTIONS = ("status", "why", "pilot", "limits", "meter", "lock", "faults", "log", "link", "ocpp")


class SimDoor:
    """The door of a simulated station, without its socket."""

    def __init__(self, sim: Simulation) -> None:
        assert sim.station is not None
        self._sim = sim
        self._peer = Peer(sim.station.hub)
        self.trouble: OSError | None = None

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        if self.trouble is not None:
            raise self.trouble
        if method == "sys.state":
            return self._state()
        answer = self._peer.call(method, params)
        assert answer is not None
        if "error" in answer:
            raise RpcError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def _state(self) -> Any:
        """As the core's process answers it."""
        assert self._sim.station is not None
        link = HostSession(evses=1, next_nonce=lambda: 1).stats
        found = sys_state(self._sim.station.core, self._sim.station.hub, link)
        return msgspec.json.decode(msgspec.json.encode(found))

    def events(self, from_seq: int, count: int) -> list[dict[str, Any]]:
        variable = "evse_manager.session_event"
        self._peer.lines.clear()
        self.ask("subscribe", {"variable": variable, "from_seq": from_seq})
        return self._peer.notified(variable)[:count]


class OpenGate:
    """Opens for one PIN; its clock stands until the test moves it."""

    def __init__(self) -> None:
        self.time_ms = 0

    def refusal(self, pin: str) -> str:
        return "" if pin == "246810" else "wrong PIN"

    def now_ms(self) -> int:
        return self.time_ms


def console(sim: Simulation) -> Console:
    return Console(SimDoor(sim), "the door", OpenGate())


def shown(one: Console, text: str) -> str:
    return "\n".join(one.line(text).lines)


def charging(evses: int = 1) -> Simulation:
    sim = station(evses, mode="free")
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(10_000)
    return sim


@functools.cache
def shared(evses: int) -> Simulation:
    """For questions alone: nobody changes it."""
    return charging(evses)


@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("text", [*QUESTIONS, "help", "watch"])
def test_every_answer_fits_a_vt100(evses: int, text: str) -> None:
    one = console(shared(evses))
    lines = one.line(text).lines or one.watch()
    assert lines
    for line in lines:
        assert len(line) <= COLUMNS, line
        assert all(" " <= letter <= "~" for letter in line), line


def test_every_verb_has_its_line_of_help() -> None:
    one = console(station())
    verbs = {verb for name in HELP for verb in name.partition(" [")[0].split(", ")}
    assert set(one.complete("")) == verbs
    assert one.complete("ST") == ["status", "stop"]
    assert one.complete("x") == []


def test_why_shows_the_facts_and_where_the_chain_breaks() -> None:
    sim = station()
    lines = console(sim).line("why").lines
    assert lines[0] == "EVSE 1 is not charging because no car is plugged in."
    broken = [line for line in lines if line.endswith("<-- here")]
    assert broken == [" [NO] plug: no car   <-- here"]
    above = lines[1 : lines.index(broken[0])]
    assert all(line.startswith(" [ok]") for line in above)


def test_a_charging_evse_has_no_broken_fact() -> None:
    said = shown(console(shared(1)), "why 1")
    assert "is charging: 32 A are offered" in said
    assert "[NO]" not in said


def test_a_board_that_is_away_is_the_one_fact() -> None:
    sim = station()
    sim.kill_guard()
    sim.run_for(2_000)
    one = console(sim)
    assert "[NO] board: it does not answer" in shown(one, "why")
    assert "LOST" in shown(one, "status")
    assert "BOARD LOST" in one.watch()[0]


def test_pilot_tells_volts_and_duty_as_a_meter_would() -> None:
    sim = charging()
    assert sim.station is not None
    sim.station.core.analog.clear()
    assert "volts         - / -" in shown(console(sim), "pilot 1")
    sim.station.core.on_analog(1, BoardAnalog(hi_mv=6_000, lo_mv=-12_000, temperature_dc=253))
    said = shown(console(sim), "pilot 1")
    assert "25.3 C" in said
    assert "state         C" in said
    assert "+6.0 V / -12.0 V" in said
    assert "53.33 % (offers 32.0 A)" in said


def test_limits_name_who_set_them_and_mark_the_one_that_rules() -> None:
    sim = charging()
    door = SimDoor(sim)
    entry = {
        "timestamp": "2020-01-01T00:00:00Z",
        "limits_to_leaves": {"ac_max_current_A": {"value": 10.0, "source": "the office"}},
        "limits_to_root": {},
    }
    value = {"schedule_import": [entry], "schedule_export": [], "schedule_setpoints": []}
    door.ask("evse_manager.set_external_limits", {"value": value})
    said = shown(Console(door, "the door", OpenGate()), "limits")
    assert "now           10 A on 3 phase(s), by the office" in said
    assert "10.0 A    the office  *" in said
    assert "32.0 A    configuration" in said
    assert said.count("*") == 1


def test_meter_lock_and_faults_of_a_charging_car() -> None:
    one = console(shared(1))
    assert "kWh" in shown(one, "meter")
    assert "coil on, mirror closed" in shown(one, "lock")
    assert shown(one, "faults") == "EVSE 1: no fault"


def test_a_fault_comes_with_its_hint() -> None:
    sim = station()
    sim.kill_guard()
    sim.run_for(2_000)
    said = shown(console(sim), "faults")
    assert "evse_board_support/CommunicationFault (blocks charging)" in said
    assert "hint: " in said


def test_log_shows_the_newest_and_pages_on_from_a_number() -> None:
    one = console(shared(1))
    lines = one.line("log 2 from 1").lines
    assert [line.split()[0] for line in lines] == ["1", "2", "more:"]
    assert lines[-1] == "more: log 2 from 3"
    newest = one.line("log 1").lines
    assert newest[0].endswith("ChargingStarted")
    assert len(newest) == 1
    assert one.line("log from 900").lines == ["no events there"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bogus", "there is no 'bogus' here; try help"),
        ("Statsu", "there is no 'statsu' here; did you mean status?"),
        ("unlock-plg 1", "did you mean unlock-plug?"),
        ("why 9", "evse 9 is not here"),
        ("why x", "EVSE is a whole number from 1 up, not 'x'"),
        ("why 1 2", "one EVSE number at most"),
        ("log 5 of 3", "log [COUNT] [from SEQ]"),
        ("log 0", "COUNT is a whole number"),
        ("log from -1", "SEQ is a whole number"),
    ],
)
def test_what_can_not_be_answered_is_said(text: str, says: str) -> None:
    assert says in shown(console(station()), text)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (FileNotFoundError(2, "no"), "no station is running"),
        (ConnectionRefusedError(111, "no"), "no station is running"),
        (ConnectionResetError(104, "no"), "went away"),
        (TimeoutError(), "does not answer"),
        (PermissionError(13, "no"), "you may not talk"),
    ],
)
def test_a_station_that_is_gone_is_said_and_comes_back(trouble: OSError, says: str) -> None:
    door = SimDoor(station())
    one = Console(door, "the door", OpenGate())
    door.trouble = trouble
    assert says in shown(one, "status")
    assert says in one.watch()[0]
    door.trouble = None
    assert "PIEVSE" not in shown(one, "status")
    assert "TEST-1" in shown(one, "status")


@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*QUESTIONS, "from", "1", "-"])).map(" ".join)
)
def test_whatever_is_typed_is_answered_in_ascii(text: str) -> None:
    for line in console(shared(1)).line(text).lines:
        assert len(line) <= COLUMNS
        assert all(" " <= letter <= "~" for letter in line)


def test_inspection_is_plain_json() -> None:
    found = SimDoor(charging()).ask("sys.inspect", {})
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert {"source": "configuration", "limit_a": 32.0} in found["limits"]


# --- what changes something -----------------------------------------------------------------------

ACTS = (
    *("enable", "disable", "pause", "resume", "stop", "unlock-plug", "charge-now"),
    *("self-test", "accept-meter"),
)


@pytest.mark.parametrize("act", ACTS)
def test_a_locked_console_changes_nothing(act: str) -> None:
    sim = charging()
    assert sim.station is not None
    before = sim.station.core.sessions[1].record.encode()
    one = console(sim)
    assert shown(one, "unlock 123456") == "wrong PIN"
    assert shown(one, f"{act} 1") == "the console is read-only; unlock it with its PIN"
    assert sim.station.core.sessions[1].record.encode() == before


def test_an_unlocked_console_pauses_resumes_and_stops() -> None:
    sim = charging()
    one = console(sim)
    shown(one, "unlock 246810")
    assert one.prompt() == "evse# "
    assert shown(one, "resume") == "EVSE 1: nothing to do, or not possible now"
    for act, says in (
        ("pause", "paused by request"),
        ("resume", "is charging"),
        ("stop", "was ended (Local)"),
        ("disable", "it is disabled"),
        ("enable", "is charging"),
    ):
        assert shown(one, act) == "EVSE 1: done"
        sim.run_for(10_000)
        assert says in shown(one, "why"), act


def test_a_technician_vouches_for_a_replaced_meter() -> None:
    sim = station()
    one = console(sim)
    shown(one, "unlock 246810")
    refused = "EVSE 1: meter: nothing is doubted, or a bill is running"
    assert shown(one, "accept-meter") == refused
    sim.run_for(5_000)
    sim.plants[1].set_fault("meter_jumped", True)
    sim.wake()
    sim.run_for(5_000)
    assert "powermeter/VendorError" in shown(one, "faults")
    assert shown(one, "accept-meter") == "EVSE 1: meter: believed from now on"
    sim.run_for(5_000)
    assert "powermeter/VendorError" not in shown(one, "faults")
    assert shown(one, "accept-meter") == refused


def test_of_several_evses_one_must_be_named() -> None:
    one = console(shared(2))
    shown(one, "unlock 246810")
    assert shown(one, "stop") == "which EVSE: one of [1, 2]"


def test_an_idle_console_locks_itself() -> None:
    gate = OpenGate()
    one = Console(SimDoor(charging()), "the door", gate)
    shown(one, "unlock 246810")
    gate.time_ms += IDLE_MS - 1
    assert shown(one, "resume").startswith("EVSE 1")
    gate.time_ms += IDLE_MS
    assert "read-only" in shown(one, "stop")
    shown(one, "unlock 246810")
    assert shown(one, "lock-console") == "locked"
    assert "read-only" in shown(one, "stop")


def test_a_pin_is_asked_for_unseen() -> None:
    assert console(shared(1)).line("unlock").then == "pin"


# --- what is shared, and what waits ---------------------------------------------------------------

SHARED = """
[station]
identity = "TEST-1"
fuse_a = {fuse}
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "cable"
max_current_a = 32.0
phase_rotation = "RST"
[[evse]]
id = 2
evse_id = "DE*PNX*E2*1"
connector = "cable"
max_current_a = 32.0
phase_rotation = "STR"
[authorization]
mode = "free"
{more}
"""
MAINS = """
[mains]
max_mains_a = 25
fallback_a = 6
max_sum_a = 60
[mains.meter]
kind = "modbus"
"""


def sharing(fuse_a: float, more: str = "") -> Simulation:
    """Both want to charge; the house takes 5 and 3 A and gives 8 where it is metered."""
    sim = Simulation(parse(SHARED.format(fuse=fuse_a, more=more)), seed=1)
    if more:
        SimMains(sim, (5.0, 3.0, -8.0))
    sim.run_for(3_000)
    for plant in sim.plants.values():
        plant.car.plug()
    sim.wake()
    sim.run_for(60_000)
    return sim


def fits(lines: list[str]) -> bool:
    return all(len(line) <= COLUMNS and line.isascii() for line in lines)


def test_a_fuse_that_is_shared_is_shown_before_the_limits() -> None:
    one = console(sharing(20.0))
    lines = one.line("limits").lines
    assert lines[:2] == ["to share      20 A of 20 A a line, for all EVSEs", "--- EVSE 1"]
    assert "    10.0 A    station fuse  *" in lines
    assert one.watch()[4] == "to share 20 A of 20 A"


def test_turns_are_shown_with_the_one_that_waits() -> None:
    one = console(sharing(8.0))
    (turns,) = (line for line in one.line("limits").lines if line.startswith("turns"))
    assert turns.startswith("turns         EVSE 1 now; waiting: EVSE 2; the next turn is in 14:")
    said = shown(one, "why 2").replace("\n", " ")
    assert "not enough for 6 A to everybody, and the EVSEs take turns" in said


def test_the_mains_are_shown_line_by_line_with_their_age_and_what_is_made_of_them() -> None:
    one = console(sharing(20.0, MAINS))
    lines = one.line("limits 1").lines
    mains = next(line for line in lines if line.startswith("mains"))
    assert mains.startswith("mains         ")
    assert " / " in mains
    assert mains.endswith("of 25 A, read 0.0 s ago")
    assert any(line.endswith("of 60 A") for line in lines)
    assert "balancing     smart, running" in lines
    assert fits(lines)
    assert fits(one.watch())
    assert "mains" in one.watch()[4]


def test_a_lost_meter_at_the_mains_is_shown_with_what_is_left() -> None:
    sim = sharing(20.0, MAINS)
    sim.parts.clear()
    sim.run_for(20_000)
    one = console(sim)
    lines = one.line("limits").lines
    assert lines[0] == "to share      6 A of 20 A a line, for all EVSEs"
    assert lines[1] == "mains         METER LOST, last read 20.0 s ago: the EVSEs share 6 A"
    assert one.watch()[4] == "to share 6 A of 20 A, MAINS METER LOST"
    assert "the meter at the mains does not answer" in shown(one, "why").replace("\n", " ")


def test_a_station_that_shares_nothing_shows_nothing_of_it() -> None:
    assert shown(console(shared(1)), "limits").startswith("now ")


DELAYED = """
[limits.random_delay]
enabled = true
"""


def test_a_random_delay_is_shown_and_ended_by_a_person() -> None:
    sim = Simulation(parse(SHARED.format(fuse=64.0, more=DELAYED)), seed=3)
    sim.run_for(3_000)
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(20_000)
    entry = {
        "timestamp": "2020-01-01T00:00:00Z",
        "limits_to_leaves": {"ac_max_current_A": {"value": 10.0, "source": "grid"}},
    }
    door = SimDoor(sim)
    door.ask("evse_manager.set_external_limits", {"evse": 1, "value": {"schedule_import": [entry]}})
    one = Console(door, "the door", OpenGate())
    (delay,) = (line for line in one.line("limits 1").lines if line.startswith("random delay"))
    assert delay.startswith("random delay  32 A for another ")
    assert delay.endswith(", then 10 A; charge-now ends it")
    assert "the limit becomes 10 A after the random delay" in shown(one, "why 1").replace("\n", " ")
    shown(one, "unlock 246810")
    assert shown(one, "charge-now 2") == "EVSE 2: no random delay is running"
    assert shown(one, "charge-now 1") == "EVSE 1: done"
    assert shown(one, "charge-now 1") == "EVSE 1: no random delay is running"
    assert shown(one, "charge-now") == "which EVSE: one of [1, 2]"
    assert "random delay" not in shown(one, "limits")
