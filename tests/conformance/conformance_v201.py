"""The words of OCPP 2.0.1: an ordinary back office, and the prepared states of the cases."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import timedelta
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
HEARTBEAT_S = 86_400
WARM_S = 10.0
"""From the first status on, until a person steps up to the station."""
START = ("CablePluggedIn", "Authorized", "RemoteStart", "ChargingStateChanged")
"""What may be said to have started a transaction, once the power path is closed."""
SAMPLES = ("MeterValuePeriodic", "MeterValueClock")
RESUMED_S = 20.0
"""Until everything that waited for the connection has come."""
EMPTY: frozenset[str] = frozenset(
    {
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "MeterValues",
        "NotifyEvent",
        "NotifyReport",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "StatusNotification",
    }
)


@functools.cache
def _schemas() -> Schemas:
    return Schemas("v201", strict=True)


def _judge(id_: str, events: list[Payload]) -> None:
    """The tool's general rules (part 6 §2.1)."""
    types = [event["eventType"] for event in events]
    rules = {
        "its numbers have no gap": [e["seqNo"] for e in events] == list(range(len(events))),
        "it starts once, at the beginning": types.count("Started") == 1 and types[0] == "Started",
        "nothing follows its end": "Ended" not in types[:-1],
        "its start names EVSE and token": {"evse", "idToken"} <= events[0].keys(),
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise CaseFailed(f"transaction {id_}, not so: {broken}: {events}")


def id_token(tag: str) -> Payload:
    return {"idToken": tag, "type": "ISO14443"}


class Office201:
    """Office. `refused` maps tags to what is said of them; every other one is Accepted."""

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
            case "SignCertificate":
                return {"status": "Accepted"}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case _ if action in EMPTY:
                return {}
        raise CaseFailed(f"nobody knows what to answer to {action}")

    def info(self, tag: str) -> Payload:
        """An idTokenInfo."""
        info: Payload = {"status": self.refused.get(tag, "Accepted")}
        if tag in self.groups:
            info["groupIdToken"] = {"idToken": self.groups[tag], "type": "Central"}
        return info


class Bench201(Bench):
    """Bench, with the prepared states. A connector is the only one of its EVSE."""

    expected_noise = frozenset({"Heartbeat", "MeterValues", "SecurityEventNotification"})

    def __init__(self, station: StationDriver, pki: Pki) -> None:
        self.office = Office201(station.clock)
        super().__init__(station, Csms(self.office, station.clock), pki)

    def ready(self) -> None:
        """Booted and accepted a while ago; nothing of that is the case's."""
        self.reported(self.boot())
        self.quiet(WARM_S)
        self.csms.messages.clear()

    def finish(self) -> None:
        """Beyond what every version asks: each transaction is told without a gap."""
        super().finish()
        told: dict[str, list[Payload]] = {}
        for message in self.sent("TransactionEvent"):
            events = told.setdefault(message["transactionInfo"]["transactionId"], [])
            told_again = {**message.payload, "offline": True}  # it had not been answered
            if told_again not in [{**event, "offline": True} for event in events[-1:]]:
                events.append(message.payload)
        for id_, events in told.items():
            _judge(id_, events)

    @property
    def evses(self) -> range:
        return range(1, self.station.look.connectors + 1)

    # --- the device model -------------------------------------------------------------------------

    def variable(self, component: str, name: str, **more: Any) -> Payload:
        """GetVariables of one: its result."""
        wanted = {"component": {"name": component}, "variable": {"name": name}, **more}
        (result,) = self.call("GetVariables", getVariableData=[wanted])["getVariableResult"]
        return dict(result)

    def write(self, component: str, name: str, value: str, **more: Any) -> Payload:
        """SetVariables of one: its result."""
        wanted = {
            "component": {"name": component},
            "variable": {"name": name},
            "attributeValue": value,
            **more,
        }
        (result,) = self.call("SetVariables", setVariableData=[wanted])["setVariableResult"]
        return dict(result)

    def configure(self, component: str, name: str, value: str) -> None:
        """SetVariables, Accepted."""
        result = self.write(component, name, value)
        if result["attributeStatus"] != "Accepted":
            raise CaseFailed(f"{component}.{name} = {value}: {result}")

    def accepted_results(self, action: str, items: list[Payload], **more: Any) -> list[Payload]:
        """GetVariables or SetVariables, each Accepted: the results."""
        name = action[0].lower() + action[1:-1]
        results = self.call(action, **{f"{name}Data": items}, **more)[f"{name}Result"]
        if any(result["attributeStatus"] != "Accepted" for result in results):
            raise CaseFailed(f"{action}: {results}")
        return [dict(result) for result in results]

    def report(self, action: str, **more: Any) -> list[Payload]:
        """All rows of a report, whose parts are numbered and the last of which says so."""
        self.accepted(action, requestId=11, **more)
        rows: list[Payload] = []
        for number in range(1_000):
            part = self.expect("NotifyReport", requestId=11, seqNo=number)
            rows += part.payload.get("reportData", [])
            if not part.payload.get("tbc", False):
                return rows
        raise CaseFailed("a report without an end")

    # --- what the station sends -------------------------------------------------------------------

    def boot(self, *, within_s: float = 60.0) -> Received:
        return self.expect("BootNotification", within_s=within_s)

    def status(self, status: str, evse: int = 1, *, within_s: float = SOON_S) -> Received:
        """The next StatusNotification of this EVSE's connector, which must tell this status."""
        subject = {"evseId": evse, "connectorId": 1}
        return self.of("StatusNotification", subject, within_s=within_s, connectorStatus=status)

    def reported(self, boot: Received, differing: dict[int, str] | None = None) -> None:
        """What every connector is said to be after this boot: Available, or as told."""
        for evse in self.evses:
            wanted = (differing or {}).get(evse, "Available")
            while (told := self.of("StatusNotification", {"evseId": evse})).order < boot.order:
                pass
            if told["connectorStatus"] != wanted:
                raise CaseFailed(f"after the boot evse {evse} is {told['connectorStatus']}")

    def event(
        self,
        type_: str,
        triggers: str | Iterable[str],
        *,
        within_s: float = SOON_S,
        **info: Any,
    ) -> Received:
        """The next TransactionEvent, but for samples that are not asked for; `info` is of its
        transactionInfo."""
        allowed = (triggers,) if isinstance(triggers, str) else tuple(triggers)
        message = self._next_event(allowed, within_s)
        if message["eventType"] != type_:
            raise CaseFailed(f"{message.payload} is not {type_}")
        if message["triggerReason"] not in allowed:
            raise CaseFailed(f"{message.payload} is not triggered by {allowed}")
        told = message["transactionInfo"]
        wrong = {name: told.get(name) for name, value in info.items() if told.get(name) != value}
        if wrong:
            raise CaseFailed(f"{told} is not {info}")
        return message

    def _next_event(self, allowed: Iterable[str], within_s: float) -> Received:
        def found() -> list[Received]:
            came = self.untaken("TransactionEvent")
            return [m for m in came if m["triggerReason"] in allowed or not self.is_noise(m)]

        try:
            self.run(self.csms.until(lambda: bool(found())), within_s)
        except TimeoutError:
            raise CaseFailed(f"no TransactionEvent {allowed} within {within_s:g} s") from None
        message = found()[0]
        message.taken = True
        return message

    def is_noise(self, message: Received) -> bool:
        """The samples of a transaction, too."""
        sample = message.action == "TransactionEvent" and message["triggerReason"] in SAMPLES
        return sample or super().is_noise(message)

    # --- prepared states --------------------------------------------------------------------------

    def connected(self, evse: int = 1) -> None:
        """*EVConnectedPreSession*."""
        self.station.plug(evse)
        self.status("Occupied", evse)

    def authorized(self, tag: str = TAG, evse: int = 1) -> None:
        """*Authorized*, locally."""
        self.station.swipe(tag, evse)
        self.expect("Authorize", idToken=id_token(tag))

    def authorized_remotely(self, tag: str = TAG, evse: int = 1, id_: int = 3) -> None:
        """*Authorized*, by RequestStartTransaction; an Authorize exactly where it has to be."""
        asks = self.variable("AuthCtrlr", "AuthorizeRemoteStart")["attributeValue"] == "true"
        self.accepted(
            "RequestStartTransaction", idToken=id_token(tag), evseId=evse, remoteStartId=id_
        )
        if asks:
            self.expect("Authorize", idToken=id_token(tag))

    def started(self, tag: str = TAG, evse: int = 1) -> Received:
        """*EnergyTransferStarted*, with the cable in and the token accepted; returns the first
        event."""
        first = self.event("Started", START)
        place = {"id": evse, "connectorId": 1}
        if first["evse"] != place or first["idToken"]["idToken"] != tag:
            raise CaseFailed(f"{first.payload} is not for {tag} at {place}")
        if first["transactionInfo"].get("chargingState") != "Charging":
            id_ = first["transactionInfo"]["transactionId"]
            self.event(
                "Updated", "ChargingStateChanged", chargingState="Charging", transactionId=id_
            )
        return first

    def charging(self, tag: str = TAG, evse: int = 1) -> str:
        """*EnergyTransferStarted*; returns the transaction's id."""
        self.connected(evse)
        self.authorized(tag, evse)
        return str(self.started(tag, evse)["transactionInfo"]["transactionId"])

    def stopped(self, triggers: str | Iterable[str], reason: str, id_: str) -> Received:
        """The transaction's end; a reason of Local may be left out."""
        last = self.event("Ended", triggers, transactionId=id_)
        if last["transactionInfo"].get("stoppedReason", "Local") != reason:
            raise CaseFailed(f"{last.payload} is not stopped by {reason}")
        return last

    def cached(self, tag: str = TAG) -> None:
        """*IdTokenCached*: asked about a while ago and not used."""
        self.configure("AuthCacheCtrlr", "Enabled", "true")
        self.configure("TxCtrlr", "EVConnectionTimeOut", "10")
        self.authorized(tag)
        self.wait(20)
        self.take("StatusNotification")
        self.configure("TxCtrlr", "EVConnectionTimeOut", "120")

    def listed(self, statuses: dict[str, str], *, version: int = 4) -> None:
        """*IdTokenLocalAuthList*: these tags and what is said of them."""
        entries = [
            {"idToken": id_token(tag), "idTokenInfo": {**self.office.info(tag), "status": status}}
            for tag, status in statuses.items()
        ]
        self.configure("LocalAuthListCtrlr", "Enabled", "true")
        self.accepted(
            "SendLocalList",
            versionNumber=version,
            updateType="Full",
            localAuthorizationList=entries,
        )

    def reservation(
        self, tag: str = TAG, evse: int | None = 1, *, id_: int = 7, for_s: float = 3600
    ) -> Payload:
        """What a ReserveNow says."""
        expiry = rfc3339(self.station.clock.utc() + timedelta(seconds=for_s))
        named = {} if evse is None else {"evseId": evse}
        return {"id": id_, "expiryDateTime": expiry, "idToken": id_token(tag), **named}

    def reserved(self, tag: str = TAG, evse: int = 1, *, id_: int = 7, **more: Any) -> None:
        """*Reserved*."""
        self.accepted("ReserveNow", **self.reservation(tag, evse, id_=id_), **more)
        self.status("Reserved", evse)

    def inoperative(self, evse: int = 1) -> None:
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

    def told_offline(self) -> list[Received]:
        """The connection is back: what of transactions had waited for it."""
        known = len(self.csms.messages)
        self.online()
        self.wait(RESUMED_S)
        self.take("StatusNotification")
        events = [m for m in self.csms.messages[known:] if m.action == "TransactionEvent"]
        for event in events:
            event.taken = True
        return events
