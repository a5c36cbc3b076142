"""The words of OCPP 1.6: an ordinary back office, and the prepared states of the cases."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from conformance_bench import SOON_S, Bench, CaseFailed
from conformance_csms import Csms, Payload, Received, Reply
from conformance_driver import StationDriver
from conformance_pki import Pki

from evse.clock import Clock, rfc3339
from ocpp_link.rpc.schemas import Schemas

TAG = "04A1B2C3"
OTHER_TAG = "04D4E5F6"
THIRD_TAG = "0499AABB"
UNKNOWN_TAG = "DEADBEEF"
PARENT = "FAMILY"
HEARTBEAT_S = 86_400
WARM_S = 10.0
"""From the first status on, until a person steps up to the station."""
EMPTY: frozenset[str] = frozenset(
    {
        "StatusNotification",
        "MeterValues",
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
        "SignedFirmwareStatusNotification",
        "LogStatusNotification",
        "SecurityEventNotification",
    }
)


@functools.cache
def _schemas() -> Schemas:
    return Schemas("v16", strict=True)


class Office16:
    """Office. `refused` maps tags to what is said of them; every other one is Accepted."""

    subprotocol = "ocpp1.6"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.schemas = _schemas()
        self.refused: dict[str, str] = {}
        self.parents: dict[str, str] = {}
        self.transactions = 0

    def answer(self, action: str, payload: Payload) -> Payload:
        match action:
            case "BootNotification":
                now = rfc3339(self.clock.utc())
                return {"status": "Accepted", "currentTime": now, "interval": HEARTBEAT_S}
            case "Heartbeat":
                return {"currentTime": rfc3339(self.clock.utc())}
            case "Authorize":
                return {"idTagInfo": self._of(payload["idTag"])}
            case "StartTransaction":
                self.transactions += 1
                info = self._of(payload["idTag"])
                return {"transactionId": 1000 + self.transactions, "idTagInfo": info}
            case "StopTransaction":
                return {"idTagInfo": self._of(payload["idTag"])} if "idTag" in payload else {}
            case "SignCertificate":
                return {"status": "Accepted"}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case _ if action in EMPTY:
                return {}
        raise CaseFailed(f"nobody knows what to answer to {action}")

    def _of(self, tag: str) -> Payload:
        info: Payload = {"status": self.refused.get(tag, "Accepted")}
        if tag in self.parents:
            info["parentIdTag"] = self.parents[tag]
        return info


class Bench16(Bench):
    """Bench, with the prepared states."""

    expected_noise = frozenset({"Heartbeat", "MeterValues", "SecurityEventNotification"})

    def __init__(self, station: StationDriver, pki: Pki) -> None:
        self.office = Office16(station.clock)
        super().__init__(station, Csms(self.office, station.clock), pki)

    def ready(self) -> None:
        """Booted and accepted a while ago; nothing of that is the case's."""
        self.reported(self.boot())
        self.quiet(WARM_S)
        self.csms.messages.clear()

    @property
    def connectors(self) -> range:
        return range(1, self.station.look.connectors + 1)

    def after(self, span_s: float) -> str:
        """A wall time."""
        return rfc3339(self.station.clock.utc() + timedelta(seconds=span_s))

    # --- configuration ----------------------------------------------------------------------------

    def configure(self, **keys: object) -> None:
        """ChangeConfiguration, each Accepted."""
        for key, value in keys.items():
            self.accepted("ChangeConfiguration", key=key, value=_spelled(value))

    def configure_if_present(self, **keys: object) -> None:
        """ChangeConfiguration of keys that a station need not have."""
        for key, value in keys.items():
            answer = self.call("ChangeConfiguration", key=key, value=_spelled(value))
            if answer["status"] not in ("Accepted", "NotSupported"):
                raise CaseFailed(f"ChangeConfiguration {key} = {value}: {answer}")

    def value(self, key: str) -> str:
        """Of a configuration key."""
        answer = self.call("GetConfiguration", key=[key])
        if answer.get("unknownKey"):
            raise CaseFailed(f"the station does not know the key {key}")
        return str(answer["configurationKey"][0].get("value", ""))

    # --- what the station sends -------------------------------------------------------------------

    def status(
        self, status: str, connector: int = 1, *, within_s: float = SOON_S, **fields: Any
    ) -> Received:
        """The next StatusNotification of this connector, which must tell this status."""
        subject = {"connectorId": connector}
        return self.of("StatusNotification", subject, within_s=within_s, status=status, **fields)

    def boot(self, *, within_s: float = 60.0) -> Received:
        return self.expect("BootNotification", within_s=within_s)

    def reported(
        self, boot: Received, differing: Mapping[int, tuple[str, ...]] | None = None
    ) -> dict[int, str]:
        """What connector 0 and every other are said to be after this boot: Available, or one of
        those that `differing` names. What was said of them before it counts as expected."""
        told = {}
        for connector in (0, *self.connectors):
            message = self._status_since(boot, connector)
            told[connector] = str(message["status"])
            allowed = (differing or {}).get(connector, ("Available",))
            if told[connector] not in allowed:
                raise CaseFailed(f"after the boot connector {connector} is {told[connector]}")
        return told

    def status_through(self, status: str, *before: str, connector: int = 1) -> None:
        """This status, perhaps with these on the way."""
        subject = {"connectorId": connector}
        while (told := self.of("StatusNotification", subject)["status"]) != status:
            if told not in before:
                raise CaseFailed(f"connector {connector} is {told}, not {status}")

    # --- prepared states --------------------------------------------------------------------------

    def authorized(self, tag: str = TAG, connector: int = 1) -> None:
        """*Authorized*."""
        self.station.swipe(tag, connector)
        self.expect("Authorize", idTag=tag)
        self.status("Preparing", connector)

    def charging(self, tag: str = TAG, connector: int = 1) -> Received:
        """*Charging*; returns StartTransaction, with the transaction's id in it."""
        self.authorized(tag, connector)
        self.station.plug(connector)
        return self.started(tag, connector)

    def started(self, tag: str = TAG, connector: int = 1, **fields: Any) -> Received:
        """StartTransaction and Charging, in either order."""
        started = self.expect("StartTransaction", idTag=tag, connectorId=connector, **fields)
        self.status("Charging", connector)
        started.payload["transactionId"] = 1000 + self.office.transactions
        return started

    def stopped(self, started: Received, connector: int = 1, **fields: Any) -> Received:
        """StopTransaction and Finishing, in either order."""
        stopped = self.expect("StopTransaction", transactionId=started["transactionId"], **fields)
        self.status("Finishing", connector)
        return stopped

    def plugged(self, connector: int = 1) -> None:
        """Connector occupied."""
        self.station.plug(connector)
        self.status("Preparing", connector)

    def reserved(self, tag: str = TAG, connector: int = 1, id_: int = 7, **more: Any) -> None:
        """*Reserved*."""
        self.accepted("ReserveNow", **self.reservation(tag, connector, id_, **more))
        self.status("Reserved", connector)

    def reservation(
        self, tag: str = TAG, connector: int = 1, id_: int = 7, *, for_s: float = 3600, **more: Any
    ) -> Payload:
        return {
            "connectorId": connector,
            "expiryDate": self.after(for_s),
            "idTag": tag,
            "reservationId": id_,
            **more,
        }

    def inoperative(self, connector: int = 1) -> None:
        """Connector unavailable."""
        self.accepted("ChangeAvailability", connectorId=connector, type="Inoperative")
        self.status("Unavailable", connector)

    def remote_start(self, tag: str = TAG, connector: int = 1, **more: Any) -> None:
        """Accepted, with an Authorize exactly where the key says so."""
        asks = self.value("AuthorizeRemoteTxRequests") == "true"
        self.accepted("RemoteStartTransaction", idTag=tag, connectorId=connector, **more)
        if asks:
            self.expect("Authorize", idTag=tag)

    def lapsed(self, tag: str) -> None:
        """A tag that was authorized online a while ago and not used; the connector is free."""
        self.configure(ConnectionTimeOut=10)
        self.authorized(tag)
        self.status("Available", within_s=25)
        self.configure(ConnectionTimeOut=120)

    def listed(self, tag: str, *, version: int = 1, kind: str = "Full") -> None:
        """Tag in local list."""
        entries = [{"idTag": tag, "idTagInfo": {"status": "Accepted"}}]
        self.accepted(
            "SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=entries
        )

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

    def _status_since(self, boot: Received, connector: int) -> Received:
        while True:
            message = self.of("StatusNotification", {"connectorId": connector}, within_s=30)
            if message.order > boot.order:
                return message


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def refused(reply: Reply, status: str, *errors: str) -> None:
    """A CALL was answered with this status, or with one of these CALLERRORs."""
    if reply.error not in errors and reply.payload.get("status") != status:
        raise CaseFailed(f"{reply} is neither {status} nor one of {errors}")


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
