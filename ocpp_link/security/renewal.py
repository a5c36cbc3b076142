"""A new certificate for the station: asked for, waited for, checked, used.

The request is sent when the back office asks for it, or a month before the certificate in use
expires. Where no certificate comes, the same request is repeated, ever more seldom and a few times
(CertSigningWaitMinimum, CertSigningRepeatTimes).

Source: OCPP 1.6 security whitepaper A02, A03; OCPP 2.0.1 part 2 A02.FR.17 to FR.19.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.security.access import ANSWER_MS, Access
from ocpp_link.security.authorities import Authorities, complain, said
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.events import EventType
from ocpp_link.security.profiles import TLS_CERTIFICATE
from ocpp_link.station import Station

DAY_MS = 86_400_000
RENEW_MS = 30 * DAY_MS
"""Before the end of its validity a certificate is renewed: a month (A03.FR.02)."""

_log = logging.getLogger(__name__)


class Renewal:
    """One request at a time; a new one takes the place of the last."""

    def __init__(
        self, station: Station, config: SecurityConfig, authorities: Authorities, access: Access
    ) -> None:
        self._station = station
        self._config = config
        self._authorities = authorities
        self._access = access
        self._request = ""
        """In PEM, while a certificate is waited for."""
        self._sent = 0
        self._in_vain = False
        """None came, or a wrong one: only the back office may begin anew (A02.FR.19, FR.20)."""
        station.on_timer |= {"csr": self._send, "certificate_check": self._day_passed}
        station.occasions.registered.append(self._check)

    @property
    def possible(self) -> bool:
        """Can the station ask for a certificate? CpoName has to be set (A02, prerequisites)."""
        return self._authorities.store is not None and bool(self._station.settings.cpo_name)

    @property
    def common_name(self) -> str:
        """The station's serial number (A00.FR.511); without one its identity."""
        return self._station.info.serial or self._config.identity

    def begin(self) -> None:
        """Make a key, and ask for a certificate for it."""
        store = self._authorities.store
        if store is None or not self.possible:
            return
        self._in_vain = False
        key_type, name = self._config.key_type, self.common_name
        organization = self._station.settings.cpo_name

        def work() -> str:
            try:
                return store.own.request(key_type, common_name=name, organization=organization)
            except (OSError, ValueError) as error:
                _log.error("no certificate can be asked for: %s", error)
                return ""

        self._authorities.on_disk(work, self._requested)

    def signed(self, chain: str, on_done: Callable[[bool], None]) -> None:
        """The answer to the request: the station's certificate first (A02.FR.06)."""
        store, at_ms = self._authorities.store, self._authorities.judged_ms()
        if store is None:
            self._done("there is no place for certificates", on_done)
            return
        if len(chain) > self._config.max_chain_chars:
            self._done(f"more than {self._config.max_chain_chars} characters", on_done)
            return
        name, organization = self.common_name, self._station.settings.cpo_name

        def work() -> str:
            try:
                return store.own.accept(chain, at_ms, common_name=name, organization=organization)
            except OSError as error:
                return str(error)

        self._authorities.on_disk(work, lambda problem: self._done(problem, on_done))

    def _requested(self, request: str) -> None:
        self._request, self._sent = request, 0
        if request:
            self._send()

    def _send(self) -> None:
        """The timer `csr`, too: nothing has come. The first one may go out before the station is
        registered, where the back office asked for it (A00.FR.806)."""
        station, sent = self._station, self._sent
        if not self._request:
            return
        if sent > station.settings.cert_repeats:
            self._give_up("the back office sends no certificate")
            return
        self._sent += 1
        station.start_timer(station.settings.cert_wait_minimum_s * 1_000 << sent, "csr")
        if station.operational or (station.rpc.is_open and not sent):
            station.request(station.dialect.sign_certificate(self._request), _answered)

    def _give_up(self, why: str) -> None:
        _log.warning("no new certificate: %s", why)
        self._request, self._in_vain = "", True

    def _done(self, problem: str, on_done: Callable[[bool], None]) -> None:
        if problem:
            self._give_up(problem)
            self._station.security.event(EventType.INVALID_STATION_CERTIFICATE, problem)
            on_done(False)
            return
        self._request = ""
        self._station.security.event(EventType.RECONFIGURATION, "a new station certificate")
        on_done(True)
        self._use_new()

    def _use_new(self) -> None:
        """At once, or when its time has come (A02.FR.08); what lies more than a day ahead, the
        daily look finds."""
        newest = self._authorities.contents.own_newest()
        wait_ms = newest.not_before_ms - self._authorities.judged_ms() if newest else 0
        if self._access.profile == TLS_CERTIFICATE and wait_ms < DAY_MS:
            self._access.reconnect("a new station certificate", max(ANSWER_MS, wait_ms))

    def _day_passed(self) -> None:
        if self._access.shows_an_old_certificate:
            self._access.reconnect("a newer station certificate has become valid")
        self._check()

    def _check(self) -> None:
        """Once a day, and at each registration."""
        self._station.start_timer(DAY_MS, "certificate_check")
        store, now_ms = self._authorities.store, self._authorities.judged_ms()
        contents = self._authorities.contents
        newest = contents.own_newest()
        if store is None or newest is None:
            return
        if len(contents.own) > 1:
            self._authorities.on_disk(lambda: said(lambda: store.own.prune(now_ms)), complain)
        is_due = newest.not_after_ms - now_ms <= RENEW_MS and not self._in_vain
        if is_due and not self._request and self._access.profile == TLS_CERTIFICATE:
            self.begin()


def _answered(outcome: Outcome) -> None:
    """Whether a certificate comes shows later; the request is repeated until then."""
    if outcome.kind is not OutcomeKind.RESULT or outcome.payload.get("status") != "Accepted":
        _log.warning("the back office did not take the request for a certificate: %s", outcome)
