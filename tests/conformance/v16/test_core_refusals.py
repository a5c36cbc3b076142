"""Refused and failed actions, faults, and data transfer."""

from __future__ import annotations

from conformance_v16 import TAG, UNKNOWN_TAG, Bench16, refused


def test_TC_023_4_CS(bench: Bench16) -> None:
    """Local start, tag refused."""
    bench.configure_if_present(MinimumStatusDuration=10)
    bench.configure(LocalPreAuthorize=True)
    bench.office.refused[UNKNOWN_TAG] = "Invalid"
    bench.station.swipe(UNKNOWN_TAG)
    bench.expect("Authorize", idTag=UNKNOWN_TAG)
    bench.station.plug()
    bench.status("Preparing", within_s=20)
    bench.quiet(30)


def test_TC_023_5_CS(bench: Bench16) -> None:
    """Remote start, tag refused: Accepted is not authorized."""
    bench.configure(AuthorizeRemoteTxRequests=True)
    bench.office.refused[UNKNOWN_TAG] = "Invalid"
    bench.accepted("RemoteStartTransaction", idTag=UNKNOWN_TAG, connectorId=1)
    bench.expect("Authorize", idTag=UNKNOWN_TAG)
    bench.wait(5)
    bench.station.plug()
    bench.status("Preparing")
    bench.quiet(30)


def test_TC_024_CS(bench: Bench16) -> None:
    """Lock failure at start."""
    bench.remote_start(TAG)
    bench.status("Preparing")
    bench.station.plug_half()
    bench.status("Faulted", errorCode="ConnectorLockFailure", within_s=60)
    bench.quiet(30)


def test_TC_026_CS(bench: Bench16) -> None:
    """Remote start on a busy connector."""
    bench.configure(LocalPreAuthorize=False)
    bench.charging()
    bench.answered("Rejected", "RemoteStartTransaction", idTag=TAG, connectorId=1)
    bench.quiet(30)


def test_TC_027_CS(bench: Bench16) -> None:
    """Remote start on connector 0."""
    reply = bench.ask("RemoteStartTransaction", idTag=TAG, connectorId=0)
    if not reply.error:
        refused(reply, "Rejected")
    bench.quiet(10)


def test_TC_028_CS(bench: Bench16) -> None:
    """Remote stop of an unknown transaction."""
    started = bench.charging()
    unknown = started["transactionId"] + 1
    bench.answered("Rejected", "RemoteStopTransaction", transactionId=unknown)
    bench.quiet(30)


def test_TC_041_CS(bench: Bench16) -> None:
    """Fault behaviour: told with its cause, and nothing starts."""
    bench.station.fault(True)
    told = bench.status("Faulted", within_s=30)
    assert told["errorCode"] != "NoError"
    bench.station.plug()
    bench.station.swipe(TAG)
    bench.quiet(30, "Authorize")
    assert not bench.sent("StartTransaction")
    bench.take("Authorize")


def test_TC_062_CS(bench: Bench16) -> None:
    """Data transfer to a vendor that nobody has heard of."""
    status = bench.call("DataTransfer", vendorId="org.example.nobody")["status"]
    assert status in ("UnknownVendorId", "UnknownMessageId", "Rejected")
