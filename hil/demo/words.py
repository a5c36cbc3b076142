"""What happened at a station, in words: the lanes of its metal, its session, its OCPP messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evse.model import F_BP, X1_BP, PilotState
from evse.pilot import classify, duty_bp_to_amps
from hil.trace import Lane, Trace, Value

_PILOT = {
    PilotState.A: "no car",
    PilotState.B: "a car is connected",
    PilotState.C: "the car asks for power",
    PilotState.D: "the car asks for power and ventilation",
}
_EVENTS = {
    "SessionStarted": "a car has come",
    "AuthRequired": "waiting for a card",
    "Authorized": "the card is accepted",
    "TransactionStarted": "from here on it is billed",
    "PrepareCharging": "offering power",
    "ChargingStarted": "the car takes it",
    "ChargingResumed": "the car takes it again",
    "ChargingPausedEV": "the car pauses",
    "ChargingPausedEVSE": "the station pauses",
    "StoppingCharging": "the contactor is to open",
    "ChargingFinished": "no more power",
    "TransactionFinished": "the bill is closed",
    "SessionFinished": "the car has gone",
    "Enabled": "ready for a car",
}
SETTLED_MA = 300
"""A current is told when it has stayed within this for SETTLED_MS."""
SETTLED_MS = 400


def of_metal(
    trace: Trace, from_ms: int, before_ms: int, evse: int
) -> Iterator[tuple[int, str, str]]:
    """(time, lane, words) of each change of the metal in [from_ms, before_ms)."""
    for lane, words in ((Lane.PILOT, _pilot), (Lane.DUTY, _duty), (Lane.LOCK, str)):
        name = "lock" if lane is Lane.LOCK else "pilot"
        for entry in trace.between(from_ms, before_ms, lane, evse):
            if entry.value != "moving":
                yield entry.t_ms, name, words(entry.value)
    for entry in trace.between(from_ms, before_ms, Lane.CONTACTOR, evse):
        yield entry.t_ms, "contactor", str(entry.value)
    yield from _currents(trace, from_ms, before_ms, evse)


def _currents(
    trace: Trace, from_ms: int, before_ms: int, evse: int
) -> Iterator[tuple[int, str, str]]:
    """Where a ramp ended, not each of its steps."""
    entries = trace.changes(Lane.CURRENT, evse)
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        until_ms = before_ms if following is None else following.t_ms
        told_ms = entry.t_ms + SETTLED_MS
        if until_ms > told_ms and from_ms <= told_ms < before_ms and entry is not entries[0]:
            yield told_ms, "car", _amps(entry.value)


def _amps(value: Value) -> str:
    return (
        f"draws {int(value) / 1000:.1f} A a phase" if int(value) > SETTLED_MA else "draws nothing"
    )


def _pilot(value: Value) -> str:
    state = classify(int(value), PilotState.UNKNOWN)
    said = _PILOT.get(state, "no state of the standard")
    return f"{int(value) / 1000:.1f} V, state {state.name}: {said}"


def _duty(value: Value) -> str:
    if value in (X1_BP, F_BP):
        return "steady, no power offered" if value == X1_BP else "state F: out of order"
    return f"PWM {int(value) / 100:.2f} %: {duty_bp_to_amps(int(value)):.0f} A offered"


def of_event(event: dict[str, Any]) -> str:
    """A session event."""
    name = event["event"]
    words = _EVENTS.get(name)
    reason = (event.get("transaction_finished") or {}).get("reason")
    more = f", reason {reason}" if reason else ""
    return f"{name}: {words}{more}" if words else name


def of_message(action: str, payload: dict[str, Any], answer: str) -> str:
    """An OCPP 1.6 CALL with what was answered."""
    said = _of_payload(action, payload)
    return f"{action}{' ' if said else ''}{said}" + (f": {answer}" if answer else "")


def _of_payload(action: str, payload: dict[str, Any]) -> str:
    match action:
        case "BootNotification":
            return f"{payload['chargePointVendor']} {payload['chargePointModel']}"
        case "StatusNotification":
            return f"{'station' if payload['connectorId'] == 0 else 'EVSE'} {payload['status']}"
        case "Authorize":
            return f"card {payload['idTag']}"
        case "StartTransaction":
            return f"card {payload['idTag']}, register {payload['meterStart']} Wh"
        case "StopTransaction":
            return f"{payload.get('reason', 'Local')}, register {payload['meterStop']} Wh"
        case "MeterValues":
            return _of_samples(payload)
        case "SetChargingProfile":
            schedule = payload["csChargingProfiles"]["chargingSchedule"]
            return f"{schedule['chargingSchedulePeriod'][0]['limit']:g} A"
        case "ChangeConfiguration":
            return f"{payload['key']} = {payload['value']}"
    return ""


def _of_samples(payload: dict[str, Any]) -> str:
    """Of the whole, register and power."""
    found = {}
    for sample in payload["meterValue"][0]["sampledValue"]:
        if "phase" not in sample:
            found[sample.get("measurand")] = float(sample["value"])
    register_wh = found.get("Energy.Active.Import.Register", 0.0)
    power_w = found.get("Power.Active.Import", 0.0)
    return f"register {register_wh:.0f} Wh, {power_w / 1000:.1f} kW"


def of_answer(answer: dict[str, Any]) -> str:
    """The verdict in an answer; empty where it has none."""
    verdict = answer.get("status") or answer.get("idTagInfo", {}).get("status", "")
    number = answer.get("transactionId")
    return f"{verdict}, transaction {number}" if number is not None else str(verdict)
