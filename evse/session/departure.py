"""A car that is unplugged at its own end, and what stays behind it: a transaction that may go on,
a cable in the socket (OCPP 1.6 §4.10, §9.1.23, §9.1.33).

What the back office wants of it holds until it says otherwise or the core starts anew; then a
transaction ends with its car, and the plug is freed.
"""

from __future__ import annotations


class Departure:
    """The two settings, and what is known of the car of a finished session."""

    def __init__(self) -> None:
        self.ends_transaction = True
        """StopTransactionOnEVSideDisconnect; off, the cable stays locked in any case."""
        self.frees_plug = True
        """UnlockConnectorOnEVSideDisconnect."""
        self.ended_it = False
        """The transaction ended by it."""
        self.seen = False
        """The car of the finished session has left; its cable may still be there."""
        self.released = False
        """Its token was presented again, or the plug was unlocked by force."""
        self.cleared = False
        """Somebody begins anew: the cable that was left keeps the session open no longer."""

    def end_of_session(self) -> None:
        self.ended_it = self.seen = self.released = self.cleared = False
