"""The views of a shared fuse, the mains and a random delay. Pure."""

from __future__ import annotations

from typing import Any

from evse.console.layout import number, plain, row
from evse.energy.wording import clock

Answer = dict[str, Any]


def energy(state: Answer) -> list[str]:
    """Fuse, mains and turns; nothing for a station that shares none of them."""
    found = state["energy"]
    if found is None:
        return []
    share = f"{found['budget_a']:g} A of {found['fuse_a']:g} A a line, for all EVSEs"
    return [*row("to share", share), *_mains(found["mains"]), *_turns(found)]


def _mains(mains: Answer | None) -> list[str]:
    if mains is None:
        return []
    state = mains["phase"].replace("_", " ")
    age = number(mains["age_ms"] / 1_000, "s") if mains["age_ms"] is not None else None
    if mains["lost"]:
        told = "never read" if age is None else f"last read {age} ago"
        return row("mains", f"METER LOST, {told}: the EVSEs share {mains['fallback_a']:g} A")
    if age is None:
        return row("mains", f"{mains['mode']}, {state}; not read yet")
    lines = [*row("mains", f"{amps(mains)} of {mains['limit_a']:g} A, read {age} ago")]
    if mains["sum_limit_a"] is not None:
        lines += row("", f"sum {sum(mains['current_a']):.1f} of {mains['sum_limit_a']:g} A")
    return [*lines, *row("balancing", f"{mains['mode']}, {state}{_until(mains)}")]


def amps(mains: Answer) -> str:
    """`21.0 / 11.0 / -8.0`: the lines R, S and T; below 0 is sold."""
    return " / ".join(f"{line:.1f}" for line in mains["current_a"])


def _until(mains: Answer) -> str:
    if mains["solar_stop_left_ms"] is not None:
        return f"; stops in {clock(mains['solar_stop_left_ms'])} without more sun"
    if mains["blocked_left_ms"] is not None:
        return f"; nobody starts for {clock(mains['blocked_left_ms'])}"
    return ""


def _turns(found: Answer) -> list[str]:
    now = _evses(part for part in found["evses"] if part["admitted"])
    waits = _evses(part for part in found["evses"] if part["waits"])
    if found["turn_left_ms"] is None or not now:
        return []
    left = clock(found["turn_left_ms"])
    return row("turns", f"{now} now; waiting: {waits}; the next turn is in {left}")


def _evses(parts: Any) -> str:
    """`EVSE 1, 3`; empty for none."""
    names = ", ".join(str(part["evse"]) for part in parts)
    return f"EVSE {names}" if names else ""


def delay(seen: Answer) -> list[str]:
    """The random delay that holds an EVSE's limit back; nothing where none runs."""
    found = seen["delay"]
    if found is None:
        return []
    left = clock(found["left_s"] * 1_000)
    text = f"{found['applied_a']:g} A for another {left}, then {found['wanted_a']:g} A"
    return row("random delay", f"{text}; charge-now ends it")


def watched(state: Answer) -> list[str]:
    """One line of the live view; nothing for a station that shares nothing."""
    found = state["energy"]
    if found is None:
        return []
    mains = found["mains"]
    share = f"to share {found['budget_a']:g} A of {found['fuse_a']:g} A"
    if mains is None:
        return [plain(share)]
    if mains["lost"] or mains["current_a"] is None:
        said = "MAINS METER LOST" if mains["lost"] else "mains not read yet"
        return [plain(f"{share}, {said}")]
    return [plain(f"{share}, mains {amps(mains)} of {mains['limit_a']:g} A")]
