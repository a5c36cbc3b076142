"""Local authorization list."""

from __future__ import annotations

from conformance_v16 import OTHER_TAG, TAG, Bench16, refused

ACCEPTED = {"status": "Accepted"}


def list_rules(bench: Bench16) -> None:
    bench.configure(LocalPreAuthorize=True, LocalAuthListEnabled=True)
    bench.configure_if_present(AuthorizationCacheEnabled=False)


def test_TC_008_1_CS(bench: Bench16) -> None:
    """Start with a listed tag, local."""
    list_rules(bench)
    bench.call("GetLocalListVersion")
    bench.listed(TAG)
    bench.station.swipe(TAG)
    bench.status("Preparing")
    bench.station.plug()
    bench.started()


def test_TC_008_2_CS(bench: Bench16) -> None:
    """Start with a listed tag, remote."""
    list_rules(bench)
    bench.configure(AuthorizeRemoteTxRequests=True)
    bench.listed(TAG)
    bench.accepted("RemoteStartTransaction", idTag=TAG, connectorId=1)
    bench.status("Preparing")
    bench.station.plug()
    bench.started()


def test_TC_042_1_CS(bench: Bench16) -> None:
    """List version, not supported."""
    bench.configure_if_present(LocalAuthListEnabled=False)
    reply = bench.ask("GetLocalListVersion")
    assert reply.error == "NotSupported" or reply.payload == {"listVersion": -1}


def test_TC_042_2_CS(bench: Bench16) -> None:
    """List version, empty: 0, whatever was sent with it."""
    bench.configure(LocalAuthListEnabled=True)
    bench.accepted("SendLocalList", listVersion=1, updateType="Full")
    assert bench.call("GetLocalListVersion") == {"listVersion": 0}


def test_TC_043_CS(bench: Bench16) -> None:
    """Send local list: full, then a difference; those on it need no Authorize."""
    list_rules(bench)
    bench.listed(TAG, version=1)
    bench.listed(OTHER_TAG, version=2, kind="Differential")
    for connector, tag in ((1, TAG), (2, OTHER_TAG)):
        bench.station.swipe(tag, connector)
        bench.status("Preparing", connector)


def test_TC_043_1_CS(bench: Bench16) -> None:
    """Send local list, not supported: those on it can not be used."""
    bench.configure(LocalPreAuthorize=True)
    bench.configure_if_present(LocalAuthListEnabled=False)
    entries = [{"idTag": TAG, "idTagInfo": ACCEPTED}]
    reply = bench.ask(
        "SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries
    )
    refused(reply, "NotSupported", "NotSupported")
    bench.station.swipe(TAG)
    bench.expect("Authorize", idTag=TAG)
    bench.status("Preparing")


def test_TC_043_2_CS(bench: Bench16) -> None:
    """Send local list, version mismatch: gaps are fine, going back is not."""
    bench.configure(LocalAuthListEnabled=True)
    bench.listed(TAG, version=2)
    assert bench.call("GetLocalListVersion") == {"listVersion": 2}
    bench.listed(OTHER_TAG, version=5, kind="Differential")
    assert bench.call("GetLocalListVersion") == {"listVersion": 5}
    entries = [{"idTag": TAG, "idTagInfo": {"status": "Blocked"}}]
    bench.answered(
        "VersionMismatch",
        "SendLocalList",
        listVersion=4,
        updateType="Differential",
        localAuthorizationList=entries,
    )
    assert bench.call("GetLocalListVersion") == {"listVersion": 5}


def test_TC_043_3_CS(bench: Bench16) -> None:
    """Send local list, failed."""
    bench.configure(LocalAuthListEnabled=True)
    bench.listed(TAG, version=1)
    bench.station.fill_disk()
    entries = [{"idTag": OTHER_TAG, "idTagInfo": ACCEPTED}]
    bench.answered(
        "Failed",
        "SendLocalList",
        listVersion=2,
        updateType="Full",
        localAuthorizationList=entries,
    )
