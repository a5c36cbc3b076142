"""The words of OCPP 2.0.1: an ordinary back office, and the reusable states of the cases.

The station's start and stop point is `PowerPathClosed`, and nothing else: a transaction begins
with the later one of cable and authorization, and ends with the first one that goes.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from conformance_bench import SOON_S, Bench, CaseFailed
from conformance_csms import Csms, Payload, Received
from conformance_driver import StationDriver
from conformance_pki import Pki

from evse.clock import Clock, rfc3339
from ocpp_link.rpc.schemas import Schemas

TAG = "04A1B2C3"
OTHER_TAG = "04D4E5F6"
UNKNOWN_TAG = "DEADBEEF"
GROUP = "FAMILY"
HEARTBEAT_S = 86_400
WARM_S = 10.0
STARTUP = ("StartupOfTheDevice", "ResetOrReboot")
PERIODIC = ("MeterValuePeriodic", "MeterValueClock")
RESUMED_AFTER_S = 20.0
EMPTY: frozenset[str] = frozenset(
    {
        "StatusNotification",
        "MeterValues",
        "NotifyReport",
        "NotifyEvent",
        "SecurityEventNotification",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "ReservationStatusUpdate",
    }
)


@functools.cache
def _schemas() -> Schemas:
    return Schemas("v201", strict=True)


class Office201:
    """Office. `refused` maps tokens to what is said of them; every other one is Accepted."""

    subprotocol = "ocpp2.0.1"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.schemas = _schemas()
        self.refused: dict[str, str] = {}
        self.groups: dict[str, str] = {}

    def answer(self, action: str, payload: Payload) -> Payload:
        match action:
            case "BootNotification":
                now = rfc3339(self.clock.utc())
                return {"status": "Accepted", "currentTime": now, "interval": HEARTBEAT_S}
            case "Heartbeat":
                return {"currentTime": rfc3339(self.clock.utc())}
            case "Authorize":
                return {"idTokenInfo": self.info(payload["idToken"]["idToken"])}
            case "TransactionEvent":
                token = payload.get("idToken")
                return {"idTokenInfo": self.info(token["idToken"])} if token else {}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case _ if action in EMPTY:
                return {}
        raise CaseFailed(f"nobody knows what to answer to {action}")

    def info(self, token: str) -> Payload:
        """An idTokenInfo."""
        info: Payload = {"status": self.refused.get(token, "Accepted")}
        if token in self.groups:
            info["groupIdToken"] = {"idToken": self.groups[token], "type": "Central"}
        return info


class Bench201(Bench):
    """Bench, with the reusable states."""

    expected_noise = frozenset({"Heartbeat", "MeterValues", "SecurityEventNotification"})

    def __init__(self, station: StationDriver, pki: Pki) -> None:
        self.office = Office201(station.clock)
        super().__init__(station, Csms(self.office, station.clock), pki)

    def is_noise(self, message: Received) -> bool:
        """The samples of a transaction, too."""
        sample = message.action == "TransactionEvent" and message["triggerReason"] in PERIODIC
        return sample or super().is_noise(message)

    def ready(self) -> None:
        """Booted and accepted a while ago; nothing of that is the case's."""
        self.reported(self.boot())
        self.quiet(WARM_S)
        self.csms.messages.clear()

    def finish(self) -> None:
        """The end of the case, with the general rules of the tool for transactions."""
        super().finish()
        told: dict[str, list[Received]] = {}
        for message in self.sent("TransactionEvent"):
            events = told.setdefault(message["transactionInfo"]["transactionId"], [])
            if not events or events[-1].payload != message.payload:  # not the same one again
                events.append(message)
        for transaction_id, events in told.items():
            _judge(transaction_id, events)

    @property
    def evses(self) -> range:
        return range(1, self.station.look.connectors + 1)

    def after(self, span_s: float) -> str:
        """A wall time."""
        return rfc3339(self.station.clock.utc() + timedelta(seconds=span_s))

    # --- the device model -------------------------------------------------------------------------

    def configure(self, **variables: object) -> None:
        """SetVariables, each Accepted; `TxCtrlr_EVConnectionTimeOut=30`, with the instance behind
        a second underscore."""
        for name, value in variables.items():
            result = self.set_(variable(name), value)
            if result["attributeStatus"] != "Accepted":
                raise CaseFailed(f"{name} = {value}: {result}")

    def set_(self, item: Payload, value: object) -> Payload:
        """The result of a SetVariables of one."""
        asked = [{**item, "attributeValue": spelled(value)}]
        (result,) = self.call("SetVariables", setVariableData=asked)["setVariableResult"]
        return dict(result)

    def get(self, item: Payload) -> Payload:
        """The result of a GetVariables of one."""
        (result,) = self.call("GetVariables", getVariableData=[item])["getVariableResult"]
        return dict(result)

    def value(self, name: str) -> str:
        """Of a variable, named as in `configure`."""
        result = self.get(variable(name))
        if result["attributeStatus"] != "Accepted":
            raise CaseFailed(f"{name}: {result}")
        return str(result["attributeValue"])

    def report(self, request_id: int) -> list[Payload]:
        """What the parts of a NotifyReport tell, in order."""
        told: list[Payload] = []
        number = 0
        while True:
            part = self.expect("NotifyReport", requestId=request_id, seqNo=number)
            assert abs(time_of(part["generatedAt"]) - self.clock_utc) < timedelta(seconds=4)
            told += part["reportData"]
            number += 1
            if not part.payload.get("tbc"):
                return told

    @property
    def clock_utc(self) -> datetime:
        return self.station.clock.utc()

    # --- what the station sends -------------------------------------------------------------------

    def status(self, status: str, evse: int = 1, *, within_s: float = SOON_S) -> Received:
        """The next StatusNotification of this EVSE's connector, which must tell this status."""
        subject = {"evseId": evse}
        return self.of(
            "StatusNotification", subject, within_s=within_s, connectorStatus=status, connectorId=1
        )

    def boot(self, *, within_s: float = 60.0, **fields: Any) -> Received:
        return self.expect("BootNotification", within_s=within_s, **fields)

    def reported(self, boot: Received, **differing: str) -> None:
        """After this boot every connector is said to be Available, or what `evse2=` says, and why
        the station started is told as a security event."""
        for evse in self.evses:
            wanted = differing.get(f"evse{evse}", "Available")
            while (message := self.of("StatusNotification", {"evseId": evse}, within_s=30)) and (
                message.order < boot.order
            ):
                pass
            if message["connectorStatus"] != wanted:
                raise CaseFailed(f"after the boot EVSE {evse} is {message['connectorStatus']}")
        self.run(self.csms.until(lambda: self._started_since(boot)), 30.0)

    def event(
        self,
        kind: str,
        *,
        trigger: str | Collection[str] = (),
        state: str | Collection[str] = (),
        evse: int = 0,
        within_s: float = SOON_S,
        **info: Any,
    ) -> Received:
        """The next TransactionEvent but samples; `info`: fields of its transactionInfo."""
        subject = {"evse": {"id": evse, "connectorId": 1}} if evse else {}

        def found() -> list[Received]:
            return [m for m in self.untaken("TransactionEvent") if not self.is_noise(m)]

        try:
            self.run(self.csms.until(lambda: bool(found())), within_s)
        except TimeoutError:
            raise CaseFailed(
                f"no TransactionEvent {kind} {trigger} within {within_s:g} s"
            ) from None
        event = found()[0]
        event.taken = True
        told = event["transactionInfo"]
        wrong = (
            event["eventType"] != kind
            or not _is_one(event["triggerReason"], trigger)
            or not _is_one(told.get("chargingState"), state)
            or any(told.get(name) != value for name, value in info.items())
            or any(event.payload.get(name) != value for name, value in subject.items())
        )
        if wrong:
            raise CaseFailed(f"{event.payload} is not {kind} {trigger} {state} {info} {subject}")
        return event

    # --- reusable states --------------------------------------------------------------------------

    def plugged(self, evse: int = 1) -> None:
        """*EVConnectedPreSession*, of somebody who is not authorized."""
        self.station.plug(evse)
        self.status("Occupied", evse)

    def authorized(self, tag: str = TAG, evse: int = 1, *, asks: bool = True) -> None:
        """*Authorized* (local), where no cable is."""
        self.station.swipe(tag, evse)
        if asks:
            self.asked(tag)
        self.status("Occupied", evse)

    def asked(self, tag: str = TAG) -> Received:
        """An Authorize for this card."""
        return self.expect("Authorize", idToken=token(tag))

    def started(
        self, trigger: str | Collection[str], tag: str = TAG, evse: int = 1, **info: Any
    ) -> Received:
        """The transaction begins, and energy flows."""
        event = self.event(
            "Started",
            trigger=trigger,
            state=("EVConnected", "SuspendedEVSE", "Charging"),
            evse=evse,
            **info,
        )
        if event["idToken"]["idToken"] != tag:
            raise CaseFailed(f"{event['idToken']} is not {tag}")
        if event["transactionInfo"]["chargingState"] != "Charging":
            self.flows()
        return event

    def flows(self) -> None:
        """Perhaps by way of a pause."""
        event = self.event("Updated", trigger="ChargingStateChanged")
        while event["transactionInfo"]["chargingState"] != "Charging":
            event = self.event("Updated", trigger="ChargingStateChanged")

    def charging(self, tag: str = TAG, evse: int = 1) -> str:
        """*EnergyTransferStarted*, authorized first; returns the transaction's id."""
        self.authorized(tag, evse)
        self.station.plug(evse)
        started = self.started(("CablePluggedIn", "ChargingStateChanged"), tag, evse)
        return id_of(started)

    def stopped(self, tag: str = TAG, evse: int = 1) -> Received:
        """*StopAuthorized* (local), with the card that started."""
        self.station.swipe(tag, evse)
        return self.ended("StopAuthorized", "Local")

    def ended(self, trigger: str, reason: str, state: str = "EVConnected") -> Received:
        """The transaction's end; the car is still there, unless `state` says otherwise."""
        return self.event("Ended", trigger=trigger, stoppedReason=reason, state=state)

    def left(self, evse: int = 1) -> None:
        """*EVDisconnected*."""
        self.station.unplug_at_station(evse)
        self.status("Available", evse)

    def remote_start(self, tag: str = TAG, evse: int = 1, *, remote_id: int = 7) -> None:
        """RequestStartTransaction, with an Authorize exactly where the variable says so."""
        asks = self.value("AuthCtrlr_AuthorizeRemoteStart") == "true"
        start = {"idToken": token(tag), "remoteStartId": remote_id, "evseId": evse}
        self.accepted("RequestStartTransaction", **start)
        if asks:
            self.asked(tag)

    def cached(self, tag: str = TAG) -> None:
        """*IdTokenCached*: it was authorized a while ago and not used."""
        self.configure(TxCtrlr_EVConnectionTimeOut=10)
        if self.office.info(tag)["status"] == "Accepted":
            self.authorized(tag)
            self.status("Available", within_s=25)
        else:
            self.station.swipe(tag)
            self.asked(tag)
            self.wait(5)
        self.configure(TxCtrlr_EVConnectionTimeOut=120)

    def listed(self, *tags: str, version: int = 1, **statuses: str) -> None:
        """*IdTokenLocalAuthList*; `statuses` of cards that are not Accepted."""
        known = dict.fromkeys(tags, "Accepted") | statuses
        entries = [
            {"idToken": token(tag), "idTokenInfo": {**self.office.info(tag), "status": status}}
            for tag, status in known.items()
        ]
        self.accepted(
            "SendLocalList",
            versionNumber=version,
            updateType="Full",
            localAuthorizationList=entries,
        )

    def reserved(self, tag: str = TAG, evse: int = 1, id_: int = 7, **more: Any) -> None:
        """*Reserved*."""
        self.accepted("ReserveNow", **self.reservation(tag, evse, id_, **more))
        self.status("Reserved", evse)

    def reservation(
        self,
        tag: str = TAG,
        evse: int | None = 1,
        id_: int = 7,
        *,
        for_s: float = 3600,
        **more: Any,
    ) -> Payload:
        named = {} if evse is None else {"evseId": evse}
        expiry = self.after(for_s)
        return {"id": id_, "expiryDateTime": expiry, "idToken": token(tag), **named, **more}

    def unavailable(self, evse: int = 1) -> None:
        """*Unavailable*, of one EVSE."""
        self.accepted("ChangeAvailability", operationalStatus="Inoperative", evse={"id": evse})
        self.status("Unavailable", evse)

    # --- the bench's hands ------------------------------------------------------------------------

    def power_cycle(self) -> None:
        self.station.power_cut()
        self.wait(5)
        self.station.power_restore()

    def offline(self) -> None:
        self.station.network_cut()
        self.disconnected()

    def online(self) -> None:
        self.station.network_restore()
        self.reconnected()

    def offline_events(self) -> list[Received]:
        """What waits for the connection, and comes once it is back."""
        self.online()
        self.wait(RESUMED_AFTER_S)
        return self.take("TransactionEvent")

    def _started_since(self, boot: Received) -> bool:
        told = self.sent("SecurityEventNotification")
        return any(m["type"] in STARTUP and m.order > boot.order for m in told)


def _judge(transaction_id: str, events: list[Received]) -> None:
    """The tool's general rules (part 6 §2.1)."""
    numbers = [event["seqNo"] for event in events]
    first, last = events[0], events[-1]
    rules = {
        "seqNo has no gap": numbers == list(range(len(numbers))),
        "it begins with Started": first["eventType"] == "Started",
        "Started is told once": sum(e["eventType"] == "Started" for e in events) == 1,
        "Ended is the last": all(e["eventType"] != "Ended" or e is last for e in events),
        "the first one names the EVSE": "evse" in first.payload,
        "the first one names the token": "idToken" in first.payload,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise CaseFailed(f"transaction {transaction_id}: not {broken}: {numbers}")


def _is_one(told: Any, wanted: str | Collection[str]) -> bool:
    return not wanted or (told == wanted if isinstance(wanted, str) else told in wanted)


def token(tag: str) -> Payload:
    """As the station's reader names a card."""
    return {"idToken": tag, "type": "ISO14443"}


def id_of(event: Received) -> str:
    return str(event["transactionInfo"]["transactionId"])


def variable(name: str) -> Payload:
    """`Component_Variable` or `Component_Variable_Instance`."""
    component, variable, *instance = name.split("_")
    named = {"name": variable, **({"instance": instance[0]} if instance else {})}
    return {"component": {"name": component}, "variable": named}


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
