"""Transactions of a station that starts and stops them with the power path."""

from __future__ import annotations

from datetime import datetime

from conformance_v201 import START, TAG, Bench201


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_TC_E_01_CS(bench: Bench201) -> None:
    """A transaction starts when the power path can be closed, and not before."""
    bench.authorized()
    bench.quiet(20, "StatusNotification")
    assert not bench.sent("TransactionEvent")
    bench.station.plug()
    bench.event("Started", START)
    bench.event("Updated", "ChargingStateChanged", chargingState="Charging")
    bench.take("StatusNotification")


def test_TC_E_03_CS(bench: Bench201) -> None:
    """Local start, cable first."""
    bench.connected()
    bench.authorized()
    bench.started()


def test_TC_E_04_CS(bench: Bench201) -> None:
    """Local start, authorization first."""
    bench.authorized()
    bench.station.plug()
    bench.status("Occupied")
    bench.started()


def test_TC_E_05_CS(bench: Bench201) -> None:
    """Nobody plugs in: the authorization lapses, and the next one is as good as ever."""
    bench.configure("TxCtrlr", "EVConnectionTimeOut", "30")
    bench.authorized()
    bench.quiet(45, "StatusNotification")
    bench.take("StatusNotification")
    bench.authorized()
    bench.station.plug()
    bench.started()
    bench.take("StatusNotification")


def local_stop(bench: Bench201) -> None:
    id_ = bench.charging()
    bench.wait(30)
    bench.station.swipe(TAG)
    last = bench.stopped("StopAuthorized", "Local", id_)
    assert last["transactionInfo"]["chargingState"] == "EVConnected"


def test_TC_E_06_CS(bench: Bench201) -> None:
    """Local stop."""
    local_stop(bench)


def test_TC_E_07_CS(bench: Bench201) -> None:
    """A transaction stops with the power path, locally."""
    local_stop(bench)


def test_TC_E_35_CS(bench: Bench201) -> None:
    """A transaction stops with the power path, remotely."""
    id_ = bench.charging()
    bench.accepted("RequestStopTransaction", transactionId=id_)
    bench.stopped("RemoteStop", "Remote", id_)


def test_TC_E_37_CS(bench: Bench201) -> None:
    """A transaction stops with the power path: the cable is taken off the car."""
    id_ = bench.charging()
    bench.station.unplug_at_ev()
    last = bench.stopped("EVCommunicationLost", "EVDisconnected", id_)
    assert last["transactionInfo"]["chargingState"] in ("Idle", "EVConnected")
    bench.wait(10)
    bench.take("StatusNotification")


def test_TC_E_28_CS(bench: Bench201) -> None:
    """Status of an unknown transaction."""
    answer = bench.call("GetTransactionStatus", transactionId="nobody-knows")
    assert answer["ongoingIndicator"] is False
    assert answer["messagesInQueue"] is False


def test_TC_E_30_CS(bench: Bench201) -> None:
    """Status of a transaction that runs, with nothing in the queue."""
    id_ = bench.charging()
    answer = bench.call("GetTransactionStatus", transactionId=id_)
    assert answer == {"ongoingIndicator": True, "messagesInQueue": False}


def test_TC_E_32_CS(bench: Bench201) -> None:
    """Status of a transaction that has ended, with nothing in the queue."""
    id_ = bench.charging()
    bench.accepted("RequestStopTransaction", transactionId=id_)
    bench.stopped("RemoteStop", "Remote", id_)
    answer = bench.call("GetTransactionStatus", transactionId=id_)
    assert answer == {"ongoingIndicator": False, "messagesInQueue": False}


def test_TC_E_34_CS(bench: Bench201) -> None:
    """Status without a transaction, with nothing in the queue."""
    assert bench.call("GetTransactionStatus") == {"messagesInQueue": False}


def test_TC_E_40_CS(bench: Bench201) -> None:
    """Connection lost during a transaction: what happened meanwhile is told as offline."""
    id_ = bench.charging()
    bench.offline()
    cut_at = bench.station.clock.utc()
    bench.wait(200)
    bench.online()
    bench.wait(30)
    events = [e for e in bench.take("TransactionEvent") if time_of(e["timestamp"]) > cut_at]
    assert any(event.payload.get("offline") for event in events)
    assert {event["transactionInfo"]["transactionId"] for event in events} == {id_}
    bench.take("StatusNotification")


def test_TC_E_44_CS(bench: Bench201) -> None:
    """Stop while offline."""
    id_ = bench.charging()
    bench.offline()
    bench.station.swipe(TAG)
    bench.wait(30)
    bench.online()
    bench.wait(5)
    bench.take("StatusNotification")
    for event in bench.untaken("TransactionEvent"):
        event.taken = event["eventType"] == "Updated"
    last = bench.stopped("StopAuthorized", "Local", id_)
    assert last["offline"] is True
