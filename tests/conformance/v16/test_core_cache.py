"""The authorization cache."""

from __future__ import annotations

from conformance_v16 import TAG, Bench16


def remembered(bench: Bench16) -> None:
    """A tag that the station knows from an online authorization; the cache is used first."""
    bench.configure_if_present(AuthorizationCacheEnabled=True, AuthorizeRemoteTxRequests=True)
    bench.configure(LocalPreAuthorize=True)
    bench.lapsed(TAG)


def test_TC_007_1_CS(bench: Bench16) -> None:
    """Start with a cached tag, local."""
    remembered(bench)
    bench.station.swipe(TAG)
    bench.status("Preparing")
    bench.station.plug()
    bench.started()


def test_TC_007_2_CS(bench: Bench16) -> None:
    """Start with a cached tag, remote."""
    remembered(bench)
    bench.accepted("RemoteStartTransaction", idTag=TAG, connectorId=1)
    bench.status("Preparing")
    bench.station.plug()
    bench.started()


def test_TC_061_1_CS(bench: Bench16) -> None:
    """Clear the authorization cache, local."""
    remembered(bench)
    bench.accepted("ClearCache")
    bench.station.swipe(TAG)
    bench.expect("Authorize", idTag=TAG)
    bench.status("Preparing")


def test_TC_061_2_CS(bench: Bench16) -> None:
    """Clear the authorization cache, remote."""
    remembered(bench)
    bench.accepted("ClearCache")
    bench.accepted("RemoteStartTransaction", idTag=TAG, connectorId=1)
    bench.expect("Authorize", idTag=TAG)
    bench.status("Preparing")
