"""The demonstration's story: a car comes, is charged under a limit that changes, and is billed."""

from __future__ import annotations

from typing import Any

import msgspec

from hil.demo.stage import EVSE, Stage

CARD = "04A1B2C3"
LIMIT_A = 8.0
FULL_A = 16.0
SAMPLE_S = 2


class Pace(msgspec.Struct, frozen=True):
    """How long the story rests, seconds."""

    read_s: float = 1.0
    """For a person to read on."""
    charge_s: float = 2.5
    offline_s: float = 2.5
    limit: bool = True
    """Tell of the changing limit too; each change takes the 5 s of IEC 61851-1."""


BRIEF = Pace(read_s=0.1, charge_s=0.3, offline_s=0.5, limit=False)


async def tell(stage: Stage, pace: Pace) -> None:
    """Play it. Raises DemoFailed at the first thing that does not go as told."""
    await _boot(stage)
    await stage.wait(pace.read_s / 2)
    await _plug_in(stage, pace)
    await _swipe(stage, pace)
    if pace.limit:
        await _limit(stage, pace)
    await _lose_the_network(stage, pace)
    if pace.limit:
        await _full_power(stage, pace)
    await _stop(stage, pace)


async def why(stage: Stage) -> None:
    """Ask the station why it is not charging (or that it is)."""
    stage.say("why?", str(await stage.call("sys.why", evse=EVSE)))


async def _boot(stage: Stage) -> None:
    statuses = stage.brain.statuses
    await stage.until(lambda: statuses.get(EVSE) == "Available", "register at its back office")
    interval = {"key": "MeterValueSampleInterval", "value": str(SAMPLE_S)}
    await stage.command("ChangeConfiguration", interval)


async def _plug_in(stage: Stage, pace: Pace) -> None:
    stage.say("you", "plug a car in: it takes 16 A on three phases, the cable is good for 32 A")
    await stage.call("sim.plug_in", evse=EVSE, draw={"amps": FULL_A, "phases": 3})
    preparing = "tell the back office that a car is there"
    await stage.until(lambda: stage.brain.statuses[EVSE] == "Preparing", preparing)
    await stage.wait(pace.read_s)
    await why(stage)
    await stage.wait(pace.read_s)


async def _swipe(stage: Stage, pace: Pace) -> None:
    stage.say("you", f"hold card {CARD} to the reader")
    await stage.call("sim.swipe", id_token={"value": CARD, "type": "ISO14443"})
    await stage.until(lambda: stage.current_a > FULL_A - 1, "charge at 16 A")
    await stage.wait(pace.charge_s)


async def _limit(stage: Stage, pace: Pace) -> None:
    await stage.command("SetChargingProfile", profile(LIMIT_A))
    await stage.until(lambda: 1 < stage.current_a < LIMIT_A + 0.5, "come down to 8 A")
    await stage.wait(pace.read_s)
    await why(stage)
    await stage.wait(pace.read_s / 2)


async def _lose_the_network(stage: Stage, pace: Pace) -> None:
    stage.say("network", "the line to the back office is cut: charging goes on without it")
    stage.fault("+network_lost")
    await stage.call("ocpp.disconnect")
    await stage.wait(pace.offline_s)
    stage.say("network", "the line is back: what happened meanwhile is told now")
    stage.fault("-network_lost")
    heard = len(stage.brain.log)
    await stage.call("ocpp.connect")
    await stage.until(lambda: len(stage.brain.log) > heard, "report after the line was back")
    await stage.wait(pace.read_s / 2)


async def _full_power(stage: Stage, pace: Pace) -> None:
    await stage.command("ClearChargingProfile", {"id": 1})
    await stage.until(lambda: stage.current_a > FULL_A - 1, "go up to 16 A again")
    await stage.wait(pace.charge_s / 2)


async def _stop(stage: Stage, pace: Pace) -> None:
    stage.say("you", "hold the same card to the reader again")
    await stage.call("sim.swipe", id_token={"value": CARD, "type": "ISO14443"})
    await stage.until(lambda: billed(stage), "stop the transaction")
    await stage.wait(pace.read_s)
    stage.say("you", "unplug the car")
    await stage.call("sim.plug_out", evse=EVSE)
    statuses = stage.brain.statuses
    await stage.until(lambda: statuses[EVSE] == "Available", "be free for the next car")
    await stage.wait(0.3)


def billed(stage: Stage) -> bool:
    """Every transaction has its stop."""
    return bool(stage.brain.bill) and not stage.brain.open_transactions()


def profile(limit_a: float) -> dict[str, Any]:
    """SetChargingProfile.req: this much for every transaction of the EVSE, from now on."""
    periods = [{"startPeriod": 0, "limit": limit_a}]
    return {
        "connectorId": EVSE,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
        },
    }
