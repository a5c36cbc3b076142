"""What happens while the back office is out of reach."""

from __future__ import annotations

from conformance_csms import Received
from conformance_v201 import OTHER_TAG, TAG, UNKNOWN_TAG, Bench201

GROUP = "FAMILY"


def configured(bench: Bench201, *, unknown: bool, stop: bool = True, energy_wh: int = 0) -> None:
    bench.configure("AuthCtrlr", "LocalPreAuthorize", "true")
    bench.configure("AuthCtrlr", "LocalAuthorizeOffline", "true")
    bench.configure("AuthCtrlr", "OfflineTxForUnknownIdEnabled", str(unknown).lower())
    bench.configure("TxCtrlr", "StopTxOnInvalidId", str(stop).lower())
    bench.configure("TxCtrlr", "MaxEnergyOnInvalidId", str(energy_wh))


def starts_offline(bench: Bench201, tag: str = TAG, charge_s: float = 60) -> None:
    """*StartOfflineTransaction*, without the way back."""
    bench.offline()
    bench.station.plug()
    bench.wait(5)
    bench.station.swipe(tag)
    bench.wait(charge_s)


def of_type(events: list[Received], type_: str) -> list[Received]:
    return [event for event in events if event["eventType"] == type_]


def all_offline(events: list[Received]) -> None:
    assert events
    assert all(event["offline"] for event in events)


def states(events: list[Received]) -> list[str]:
    return [event["transactionInfo"]["chargingState"] for event in events]


def refused_at_the_return(bench: Bench201, tag: str = TAG) -> list[Received]:
    bench.office.refused[tag] = "Invalid"
    events = bench.told_offline()
    (started,) = of_type(events, "Started")
    assert started["offline"] is True
    return events


def deauthorized(events: list[Received]) -> None:
    (last,) = of_type(events, "Ended")
    assert last["triggerReason"] == "Deauthorized"
    assert last["transactionInfo"]["stoppedReason"] == "DeAuthorized"
    assert last.payload.get("offline", False) is False


def known(bench: Bench201, tag: str = TAG) -> None:
    bench.cached(tag)
    bench.listed({tag: "Accepted"})


def test_TC_E_16_CS(bench: Bench201) -> None:
    """Started offline, refused at the return: the transaction ends."""
    known(bench)
    configured(bench, unknown=True)
    starts_offline(bench)
    deauthorized(refused_at_the_return(bench))


def test_TC_C_15_CS(bench: Bench201) -> None:
    """Refused at the return, with some energy allowed: it flows on until that is used up."""
    bench.cached()
    configured(bench, unknown=True, stop=False, energy_wh=300)
    starts_offline(bench)
    events = refused_at_the_return(bench)
    assert "SuspendedEVSE" not in states(events)[-1:]
    assert not of_type(events, "Ended")
    bench.event("Updated", "ChargingStateChanged", within_s=600, chargingState="SuspendedEVSE")


def test_TC_C_16_CS(bench: Bench201) -> None:
    """Refused at the return: the transaction ends."""
    bench.cached()
    configured(bench, unknown=True)
    starts_offline(bench, charge_s=10)
    deauthorized(refused_at_the_return(bench))


def test_TC_C_17_CS(bench: Bench201) -> None:
    """Refused at the return, and not to be ended: no more energy."""
    bench.cached()
    configured(bench, unknown=True, stop=False)
    starts_offline(bench, charge_s=10)
    events = refused_at_the_return(bench)
    assert not of_type(events, "Ended")
    assert states(events)[-1] == "SuspendedEVSE"


def test_TC_C_18_CS(bench: Bench201) -> None:
    """Refused at the return: the transaction ends, though some energy were allowed."""
    bench.cached()
    configured(bench, unknown=True, energy_wh=500)
    starts_offline(bench)
    deauthorized(refused_at_the_return(bench))


def test_TC_C_21_CS(bench: Bench201) -> None:
    """On the list: starts and stops offline."""
    configured(bench, unknown=False)
    bench.listed({TAG: "Accepted"})
    starts_offline(bench)
    bench.station.swipe(TAG)
    bench.wait(20)
    bench.station.unplug_at_station()
    bench.wait(5)
    events = bench.told_offline()
    all_offline(events)
    assert events[-1]["triggerReason"] == "StopAuthorized"


def refused_offline(bench: Bench201, status: str) -> None:
    configured(bench, unknown=False)
    bench.listed({TAG: status})
    starts_offline(bench)
    assert bench.told_offline() == []


def test_TC_C_22_CS(bench: Bench201) -> None:
    """On the list as invalid: nothing starts offline."""
    refused_offline(bench, "Invalid")


def test_TC_C_23_CS(bench: Bench201) -> None:
    """On the list as blocked: nothing starts offline."""
    refused_offline(bench, "Blocked")


def test_TC_C_24_CS(bench: Bench201) -> None:
    """On the list as expired: nothing starts offline."""
    refused_offline(bench, "Expired")


def test_TC_C_25_CS(bench: Bench201) -> None:
    """In the cache as accepted, on the list as invalid: the list counts."""
    bench.cached()
    configured(bench, unknown=True, stop=False)
    bench.listed({TAG: "Invalid"})
    starts_offline(bench)
    assert bench.told_offline() == []


def test_TC_C_26_CS(bench: Bench201) -> None:
    """Unknown, started offline, refused at the return: no more energy; its token stops it."""
    configured(bench, unknown=True, stop=False)
    starts_offline(bench, UNKNOWN_TAG)
    events = refused_at_the_return(bench, UNKNOWN_TAG)
    assert "SuspendedEVSE" in states(events)
    id_ = str(events[0]["transactionInfo"]["transactionId"])
    bench.station.swipe(UNKNOWN_TAG)
    bench.stopped("StopAuthorized", "Local", id_)


def test_TC_E_43_CS(bench: Bench201) -> None:
    """A whole transaction offline."""
    known(bench)
    configured(bench, unknown=True)
    starts_offline(bench)
    bench.station.swipe(TAG)
    bench.wait(20)
    bench.station.unplug_at_station()
    bench.wait(10)
    events = bench.told_offline()
    all_offline(events)
    assert len(of_type(events, "Started")) == len(of_type(events, "Ended")) == 1


def test_TC_E_45_CS(bench: Bench201) -> None:
    """Stopped offline by another one of the group."""
    bench.office.groups = {TAG: GROUP, OTHER_TAG: GROUP}
    bench.cached(OTHER_TAG)
    bench.listed({OTHER_TAG: "Accepted"})
    bench.charging()
    bench.offline()
    bench.station.swipe(OTHER_TAG)
    bench.wait(20)
    bench.station.unplug_at_station()
    bench.wait(10)
    events = bench.told_offline()
    all_offline(events)
    assert len(of_type(events, "Ended")) == 1


def sampled(bench: Bench201) -> str:
    """A transaction with a sample every 10 s."""
    bench.configure("SampledDataCtrlr", "TxUpdatedInterval", "10")
    return bench.charging()


def asked_at_the_return(bench: Bench201, **asked: str) -> dict[str, object]:
    """GetTransactionStatus the moment the connection stands again; its queue then empties."""
    bench.online()
    answer = bench.call("GetTransactionStatus", **asked)
    bench.wait(20)
    bench.take("StatusNotification")
    return answer


def samples_came(bench: Bench201) -> None:
    events = [e for e in bench.take("TransactionEvent") if e.payload.get("offline")]
    assert events
    assert all(event["eventType"] == "Updated" for event in events)
    assert all(event["meterValue"] for event in events)


def test_TC_E_29_CS(bench: Bench201) -> None:
    """Status of a transaction that runs, with messages in the queue."""
    id_ = sampled(bench)
    bench.offline()
    bench.wait(45)
    answer = asked_at_the_return(bench, transactionId=id_)
    assert answer == {"ongoingIndicator": True, "messagesInQueue": True}
    samples_came(bench)


def test_TC_E_33_CS(bench: Bench201) -> None:
    """Status without a transaction, with messages in the queue."""
    sampled(bench)
    bench.offline()
    bench.wait(45)
    assert asked_at_the_return(bench) == {"messagesInQueue": True}
    samples_came(bench)


def test_TC_E_31_CS(bench: Bench201) -> None:
    """Status of a transaction that has ended, with messages in the queue."""
    id_ = sampled(bench)
    bench.offline()
    bench.wait(45)
    bench.station.swipe(TAG)
    bench.wait(20)
    bench.station.unplug_at_station()
    bench.wait(10)
    answer = asked_at_the_return(bench, transactionId=id_)
    assert answer == {"ongoingIndicator": False, "messagesInQueue": True}
    events = bench.take("TransactionEvent")
    assert events[-1]["eventType"] == "Ended"
    assert events[-1]["offline"] is True
