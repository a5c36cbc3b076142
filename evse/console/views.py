"""What each question shows: an answer of the door in, lines out. Pure."""

from __future__ import annotations

from typing import Any

from evse.console import energy
from evse.console.layout import number, plain, row, volts, wrap, yes

Answer = dict[str, Any]

WATCH_HEAD = "EVSE  state         pilot  duty    volts  contactor  lock      offered    drawn"


def status(state: Answer) -> list[str]:
    """The station at one glance."""
    board = state["board"]
    lines = row("station", f"{state['station']}, up {uptime(state['uptime_ms'])}")
    if board["up"]:
        lines += row("board", f"{board['board']}, firmware {board['firmware']}")
    else:
        lines += row("board", f"LOST: {board['why']}")
    lines += row("back office", office(state))
    for evse in state["evses"]:
        lines += row(f"EVSE {evse['evse']}", f"{evse['state']}{_marks(evse)}")
        lines += wrap(f"{'':14}{evse['why']}", 14)
    return lines


def _marks(evse: Answer) -> str:
    marks = [
        name
        for name, on in (
            ("disabled", not evse["enabled"]),
            ("transaction", evse["transaction"]),
            (f"{len(evse['faults'])} fault(s)", evse["faults"]),
        )
        if on
    ]
    return f" ({', '.join(marks)})" if marks else ""


def office(state: Answer) -> str:
    if not state["ocpp"]["configured"]:
        return "no back office is configured"
    if not state["ocpp"]["running"]:
        return "the OCPP link is not running"
    return "connected" if state["ocpp"]["connected"] else "not connected"


def uptime(ms: int) -> str:
    seconds = ms // 1000
    return f"{seconds // 86_400} d {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}"


def why(seen: Answer) -> list[str]:
    """The sentence, and under it the chain of facts that leads to it."""
    lines = wrap(seen["why"])
    first = next((f for f in seen["facts"] if not f["ok"]), None)
    for fact in seen["facts"]:
        mark = "[ok]" if fact["ok"] else "[NO]"
        lines += wrap(f" {mark} {fact['says']}{'   <-- here' if fact is first else ''}", 6)
    return lines


def pilot(seen: Answer) -> list[str]:
    found = seen["pilot"]
    duty = found["duty_bp"] / 100
    meaning = {0: "state F, not available", 10_000: "X1, no offer"}
    says = meaning.get(found["duty_bp"], f"offers {found['offered_a']:.1f} A")
    degrees = found["temperature_dc"]
    return [
        *row("state", found["state"]),
        *row("volts", f"{volts(found['hi_mv'])} / {volts(found['lo_mv'])}"),
        *row("duty", f"{duty:.2f} % ({says})"),
        *row("temperature", number(None if degrees is None else degrees / 10, "C")),
    ]


def limits(seen: Answer) -> list[str]:
    """All limits, lowest first; the one that rules is marked."""
    now = seen["limit"]
    lines = row("now", f"{now['limit_a']:g} A on {now['phases']} phase(s), by {now['source']}")
    for source in sorted(seen["limits"], key=lambda s: float(s["limit_a"])):
        rules = source["source"] == now["source"] and source["limit_a"] == now["limit_a"]
        lines += row(f"{source['limit_a']:>8.1f} A", f"{source['source']}{'  *' * rules}")
    return [*lines, *energy.delay(seen)]


def meter(seen: Answer) -> list[str]:
    found = seen["meter"]
    if not found["fitted"]:
        return ["no meter is fitted"]
    age = found["age_ms"]
    lost = " LOST" if found["lost"] else ""
    energy = found["energy_wh"]
    return [
        *row("reading", f"{number(None if age is None else age / 1000, 's')} old{lost}"),
        *row("odd", ", ".join(found["odd"]).replace("_", " ") or "nothing"),
        *row("energy", number(None if energy is None else energy / 1000, "kWh", 3)),
        *row("power", number(found["power_w"], "W", 0)),
        *row("voltage", ", ".join(number(v, "V") for v in found["voltage_v"])),
        *row("current", ", ".join(number(a, "A") for a in found["current_a"])),
    ]


def lock(seen: Answer) -> list[str]:
    found, contactor = seen["lock"], seen["contactor"]
    return [
        *row("lock", f"{found['state']}, wanted: {found['wanted']}"),
        *row(
            "veto", "unlocking is refused: the contactor is closed" * found["vetoed_unlock"] or "no"
        ),
        *row("forced", yes(found["forced_unlock"])),
        *row("contactor", f"coil {_on(contactor['coil'])}, mirror {_closed(contactor)}"),
        *row("first reason", contactor["reason"]),
        *row(
            "RCD", f"{'TRIPPED' if contactor['rcd_tripped'] else 'quiet'}, self-test: {test(seen)}"
        ),
        *row("permit", "live" if contactor["lease_live"] else "none"),
    ]


def test(seen: Answer) -> str:
    return str(seen["contactor"]["self_test"]).replace("_", " ")


def _on(value: object) -> str:
    return "on" if value else "off"


def _closed(contactor: Answer) -> str:
    return "closed" if contactor["mirror_closed"] else "open"


def faults(seen: Answer) -> list[str]:
    if not seen["faults"]:
        return [f"EVSE {seen['evse']}: no fault"]
    lines: list[str] = []
    for fault in seen["faults"]:
        effect = "blocks charging" if fault["blocks"] else "charging goes on"
        lines += wrap(f"EVSE {seen['evse']}: {fault['code']} ({effect})", 2)
        lines += wrap(f"  {fault['says']}", 2)
        lines += wrap(f"  hint: {fault['hint']}", 8)
    return lines


def link(state: Answer) -> list[str]:
    """The board's wire: counters by name."""
    if state["link"] is None:
        return ["there is no board link here"]
    counters = {k: v for k, v in state["link"].items() if not isinstance(v, dict)}
    counters |= {f"board {k}": v for k, v in (state["link"].get("board") or {}).items()}
    cells = [plain(f"{name:<22}{value}") for name, value in counters.items()]
    half = (len(cells) + 1) // 2
    right = [*cells[half:], ""]
    return [f"{one:<38}{two}".rstrip() for one, two in zip(cells, right, strict=False)]


def ocpp(state: Answer) -> list[str]:
    journal = state["journal"]
    return [
        *row("back office", office(state)),
        *row("journal", f"last event {journal['last_seq']}, on disk {journal['durable_seq']}"),
        *row("disk", journal["trouble"] or f"{journal['failures']} failed writes"),
    ]


def event(seq: int, evse: int, body: Answer) -> str:
    """One line of the session log."""
    clock = str(body["timestamp"])[:19].replace("T", " ")
    detail = "".join(
        f" {body[part][field]}"
        for part, field in (("session_started", "reason"), ("transaction_finished", "reason"))
        if field in body.get(part, {})
    )
    if "charging_paused_evse" in body:
        detail = " " + ", ".join(body["charging_paused_evse"]["reasons"])
    return plain(f"{seq:>7}  {clock}  EVSE {evse}  {body['event']}{detail}")


def watch(state: Answer, seen: list[Answer]) -> list[str]:
    """The live view: a head, a line an EVSE, and why the first of them is not charging."""
    board = "board up" if state["board"]["up"] else "BOARD LOST"
    lines = [
        plain(f"{state['station']}  {board}, {office(state)}")[:60].ljust(62)
        + f"up {uptime(state['uptime_ms'])}",
        WATCH_HEAD,
    ]
    lines += [_watched(evse) for evse in seen]
    lines += energy.watched(state)
    return [*lines, "", *(line for evse in seen for line in wrap(evse["why"], 2))]


def _watched(seen: Answer) -> str:
    found, reading = seen["pilot"], seen["meter"]
    power = reading["power_w"]
    drawn = number(None if power is None else power / 1000, "kW")
    return (
        f"{seen['evse']:>4}  {seen['state']:<13} {found['state'][:5]:<5} "
        f"{found['duty_bp'] / 100:>4.0f}%  {volts(found['hi_mv']):>7}  "
        f"{_closed(seen['contactor']):<9}  {seen['lock']['state']:<8} "
        f"{found['offered_a']:>6.1f} A {drawn:>8}"
    )
