"""The console's mind: a typed line in, lines out. Pure but for the door that it is given.

Guarantees: whatever is typed, and whatever the station answers or does not, the answer is text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evse.console import energy, views
from evse.console.acts import Acts
from evse.console.layout import plain, wrap
from evse.console.ports import Door, Gate, Refused, Reply, evses, whole
from evse.door.jsonrpc import RpcError

LOG_LINES = 15
MAX_LOG_LINES = 500


Verb = Callable[["Console", list[str]], Reply]

HELP: dict[str, str] = {
    "status": "the station at one glance",
    "why [EVSE]": "why is it not charging? with the facts that lead there",
    "pilot [EVSE]": "control pilot: state, volts, duty",
    "limits [EVSE]": "what limits the current, who set it; fuse and mains",
    "meter [EVSE]": "the billing meter",
    "lock [EVSE]": "lock, contactor, residual-current device, permit",
    "faults [EVSE]": "what is wrong, with hints",
    "watch": "live view; any key ends it",
    "log [COUNT] [from SEQ]": "session events, the newest, or from a number on",
    "link": "statistics of the board link",
    "ocpp": "the link to the back office",
    "unlock [PIN]": "from here on allow what changes something",
    "lock-console": "read-only again",
    "enable, disable [EVSE]": "availability",
    "pause, resume [EVSE]": "charging",
    "charge-now [EVSE]": "end the random delay that holds the current back",
    "stop [EVSE]": "end the transaction",
    "self-test [EVSE]": "test the residual-current device now",
    "accept-meter [EVSE]": "believe a doubted meter: it was replaced or reset",
    "unlock-plug [EVSE]": "end the transaction, open, and free the plug",
    "help": "this",
    "quit": "leave",
}


class Console:
    """One technician at one terminal."""

    def __init__(self, door: Door, where: str, gate: Gate) -> None:
        self._door = door
        self._where = where
        self.acts = Acts(door, gate)

    def prompt(self) -> str:
        return "evse> " if self.acts.locked else "evse# "

    def line(self, text: str) -> Reply:
        """One typed line. Never raises for what a person can type or a station can do."""
        words = text.split()
        if not words:
            return Reply([])
        self.acts.somebody_is_there()
        verb = _VERBS.get(words[0].lower())
        if verb is None:
            return Reply([_unknown(words[0].lower())])
        try:
            return verb(self, words[1:])
        except Refused as error:
            return Reply(wrap(str(error)))
        except RpcError as error:
            return Reply(wrap(error.message))
        except OSError as error:
            return Reply(wrap(self.trouble(error)))

    def complete(self, text: str) -> list[str]:
        """Verbs that begin so."""
        return sorted(name for name in _VERBS if name.startswith(text.lower()))

    def watch(self) -> list[str]:
        """The rows of the live view now; words where the station does not answer."""
        try:
            state = self._ask("sys.state")
            seen = [self._ask("sys.inspect", evse=row["evse"]) for row in state["evses"]]
        except RpcError as error:
            return wrap(error.message)
        except OSError as error:
            return wrap(self.trouble(error))
        return views.watch(state, seen)

    def trouble(self, error: OSError) -> str:
        """Why the station could not be asked; the next question tries anew."""
        if isinstance(error, PermissionError):
            return f"you may not talk to the station at {self._where}"
        if isinstance(error, TimeoutError):
            return f"the station at {self._where} does not answer; ask again"
        if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
            return f"the station at {self._where} went away before it answered; ask again"
        return f"no station is running at {self._where}; ask again when it is back"

    # --- the door ---------------------------------------------------------------------------------

    def _ask(self, method: str, **params: Any) -> Any:
        return self._door.ask(method, params)

    def _each(self, words: list[str], show: Callable[[dict[str, Any]], list[str]]) -> Reply:
        """A view of the EVSE that was named, or of all under their numbers."""
        named = evses(self._door, words)
        lines: list[str] = []
        for evse in named:
            if len(named) > 1:
                lines.append(f"--- EVSE {evse}")
            lines += show(self._ask("sys.inspect", evse=evse))
        return Reply(lines)

    def _limits(self, words: list[str]) -> Reply:
        """What all EVSEs share goes first."""
        shared = energy.energy(self._ask("sys.state"))
        return Reply([*shared, *self._each(words, views.limits).lines])

    def _log(self, words: list[str]) -> Reply:
        count = LOG_LINES
        if words and words[0] != "from":
            count = min(whole(words[0], "COUNT"), MAX_LOG_LINES)
            words = words[1:]
        if words and (len(words) != 2 or words[0] != "from"):
            raise Refused("log [COUNT] [from SEQ]")
        last = int(self._ask("sys.state")["journal"]["durable_seq"])
        from_seq = whole(words[1], "SEQ") if words else max(1, last - count + 1)
        found = self._door.events(from_seq, count) if from_seq <= last else []
        lines = [views.event(e["seq"], e["evse"], e["value"]) for e in found]
        more = found and found[-1]["seq"] < last
        after = [f"more: log {count} from {found[-1]['seq'] + 1}"] if more else []
        return Reply([*(lines or ["no events there"]), *after])


def _unknown(word: str) -> str:
    """What is said to a verb that is none, in one line of the screen."""
    import difflib  # for a slip alone

    close = difflib.get_close_matches(word[:30], _VERBS, n=1)
    hint = f"did you mean {close[0]}?" if close else "try help"
    return f"there is no {plain(word)[:30]!r} here; {hint}"


def _station(show: Callable[[dict[str, Any]], list[str]]) -> Verb:
    return lambda console, _words: Reply(show(console._ask("sys.state")))


def _evse(show: Callable[[dict[str, Any]], list[str]]) -> Verb:
    return lambda console, words: console._each(words, show)


def _help(_console: Console, _words: list[str]) -> Reply:
    return Reply([f"{name:<24}{line}" for name, line in HELP.items()])


def _acting(method: str, **params: Any) -> Verb:
    return lambda console, words: console.acts.act(words, f"evse_manager.{method}", params)


_VERBS: dict[str, Verb] = {
    "status": _station(views.status),
    "why": _evse(views.why),
    "pilot": _evse(views.pilot),
    "limits": lambda console, words: console._limits(words),
    "meter": _evse(views.meter),
    "lock": _evse(views.lock),
    "faults": _evse(views.faults),
    "watch": lambda _console, _words: Reply([], "watch"),
    "log": lambda console, words: console._log(words),
    "link": _station(views.link),
    "ocpp": _station(views.ocpp),
    "unlock": lambda console, words: console.acts.unlock(words),
    "lock-console": lambda console, words: console.acts.lock(words),
    "enable": _acting("enable", connector_id=1),
    "disable": _acting("disable", connector_id=0),
    "pause": _acting("pause_charging"),
    "resume": _acting("resume_charging"),
    "charge-now": lambda console, words: console.acts.charge_now(words),
    "stop": _acting("stop_transaction", request={"reason": "Local"}),
    "self-test": lambda console, words: console.acts.self_test(words),
    "accept-meter": lambda console, words: console.acts.accept_meter(words),
    "unlock-plug": _acting("force_unlock", connector_id=1),
    "help": _help,
    "quit": lambda _console, _words: Reply([], "quit"),
}
