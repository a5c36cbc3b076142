"""What the station connects with: AuthorizationKey, security profile, certificate; and what comes
of each attempt.

Source: OCPP 1.6 security whitepaper A01, A05, §7.2, §7.6; pitfalls 41 and 43.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Callable
from typing import Any

from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.memory.database import Database
from ocpp_link.security import profiles
from ocpp_link.security.authorities import Authorities
from ocpp_link.security.certificates import OwnCertificate
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.credentials import CredentialFile, Credentials
from ocpp_link.security.diagnosis import Blame, Diagnosis, diagnose
from ocpp_link.security.events import EventType
from ocpp_link.station import Station
from ocpp_link.wire.endpoint import Endpoint

ANSWER_MS = 200
"""Between an answer and the reconnect that it announced: it has to leave first."""
RESET_MS = 3_000
"""Between an accepted profile and the reconnect: a reset often follows, and is answered first
(TC_083_CS)."""
TELL_AGAIN_MS = 3_600_000
"""A reason why no connection comes to be is told again after this."""
TRIAL_MS = 300_000
"""A profile with which no connection came to be is given up after this."""

KEEP_AGAIN_MS = 60_000
"""Between attempts at a disk that did not take what to connect with."""

_log = logging.getLogger(__name__)


class Access:
    """Hands out endpoints. `on_reconnect` is the connection's, set by the owner of both."""

    def __init__(
        self,
        station: Station,
        model: DeviceModel,
        config: SecurityConfig,
        file: CredentialFile,
        authorities: Authorities,
    ) -> None:
        self._station = station
        self._model = model
        self._config = config
        self._file = file
        self._authorities = authorities
        kept = file.load()
        self._beside = hashlib.sha256(config.key).hexdigest()
        same = kept is not None and kept.beside == self._beside
        self._given = kept.passwords if kept and same else ()
        self._standing = profiles.at_start(
            kept.standing if kept else None,
            config.profile,
            is_owners_word=config.profile_is_named,
        )
        self._key_turn = self._certificate_turn = 0
        self._attempted = self._standing.proven
        """The profile of this attempt or connection."""
        self._shown = ""
        """Fingerprint of the station's certificate in this attempt or connection."""
        self._told: Diagnosis | None = None
        self._told_ms = 0
        self.on_reconnect: Callable[[str], None] = lambda _why: None
        model.guards |= {
            "authorization_key": self._key_given,
            "security_profile": self._profile_asked,
        }
        station.on_timer |= {
            "reconnect": self._reconnect,
            "profile_trial": self._trial_is_over,
            "credentials": self._keep,
        }
        station.occasions.connected.append(self._connected)
        if station.settings.security_profile != self._standing.in_use:
            model.set("security_profile", self._standing.in_use)
        if self._standing.trial is not None:
            station.start_timer(TRIAL_MS, "profile_trial")
        if self.profile < profiles.TLS_BASIC and config.url.startswith("ws:") and self._password():
            _log.warning(
                "the AuthorizationKey goes to %s unencrypted: anybody on the way can read it; use "
                "wss://",
                config.url,
            )

    @property
    def profile(self) -> int:
        """To connect with now."""
        return self._standing.in_use

    @property
    def shows_an_old_certificate(self) -> bool:
        """A newer one has become valid since the connection was made (A02.FR.08, FR.09)."""
        valid = self._authorities.own_valid(self._authorities.judged_ms())
        return bool(self._shown and valid) and valid[0].fingerprint != self._shown

    # The connection

    def endpoint(self) -> Endpoint:
        """For the attempt that begins now."""
        config, profile = self._config, self.profile
        self._attempted = profile
        return Endpoint(
            url=profiles.url_for(profile, config.url, config.secure_url, config.mutual_url),
            identity=config.identity,
            basic_auth_key=b"" if profile == profiles.TLS_CERTIFICATE else self._password(),
            tls=self._context_maker(),
            interface=config.interface,
        )

    def succeeded(self) -> None:
        """The engine hears of connections by itself."""

    def failed(self, error: BaseException) -> None:
        """An attempt came to nothing; see EndpointSource."""
        found = diagnose(error)
        if found.event is None:
            return
        self._tell(found)
        if found.blame is Blame.KEY:
            self._key_turn += 1
        elif found.blame is Blame.CERTIFICATE:
            self._certificate_turn += 1
        elif found.event is EventType.INVALID_CSMS_CERTIFICATE:
            self._authorities.distrusted()

    def _tell(self, found: Diagnosis) -> None:
        """Once, however many attempts fail for it: a back office that stays away for a day would
        hear of each."""
        now_ms = self._station.clock.now_ms()
        if found == self._told and now_ms - self._told_ms < TELL_AGAIN_MS:
            return
        self._told, self._told_ms = found, now_ms
        if found.event is not None:
            self._station.security.event(found.event, found.words)

    def _connected(self) -> None:
        self._told = None
        self._certificate_turn = 0
        if self._standing.trial == self._attempted:
            _log.info("security profile %d works", self._standing.trial)
            self._stand(profiles.connected(self._standing))

    def reconnect(self, why: str, delay_ms: int = ANSWER_MS) -> None:
        """Soon, once what has been said so far is durable and has left."""
        start = self._station.start_timer
        self._station.when_durable(lambda: start(delay_ms, "reconnect", why))

    def _reconnect(self, why: str) -> None:
        """Not while a CALL waits for its answer: the back office would hear of no end of it. Each
        is answered or refused in its time."""
        if self._station.rpc.is_asked:
            self._station.start_timer(ANSWER_MS, "reconnect", why)
        else:
            self.on_reconnect(why)

    # The AuthorizationKey

    def _password(self) -> bytes:
        """In turns, where a back office that refused one reading may mean the other one."""
        readings = self._given or _configured(self._config.key)
        return readings[self._key_turn % len(readings)] if readings else b""

    def _key_given(self, value: Any) -> WriteStatus:
        try:
            self._given = self._station.dialect.passwords(value)
        except ValueError:
            return WriteStatus.REJECTED
        self._key_turn = 0
        self._keep()
        self._reconfigured("AuthorizationKey")
        if self.profile != profiles.TLS_CERTIFICATE:
            self.reconnect("a new AuthorizationKey")
        return WriteStatus.ACCEPTED

    # The profile

    def _profile_asked(self, value: Any) -> WriteStatus:
        why = profiles.objection(self._standing, value, self._means())
        if why:
            _log.warning("security profile %d is refused: %s", value, why)
            return WriteStatus.REJECTED
        self._stand(profiles.begun(self._standing, value))
        self._reconfigured(f"security profile {value}")
        self._station.start_timer(TRIAL_MS, "profile_trial")
        self.reconnect(f"security profile {value}", RESET_MS)
        return WriteStatus.ACCEPTED

    def _means(self) -> profiles.Means:
        now_ms = self._authorities.judged_ms()
        return profiles.Means(
            key=bool(self._password()),
            root=self._authorities.has_csms_root(now_ms),
            certificate=bool(self._authorities.own_valid(now_ms)),
        )

    def _trial_is_over(self) -> None:
        trial = self._standing.trial
        if trial is None:
            return
        self._stand(profiles.given_up(self._standing))
        self._model.set("security_profile", self.profile)
        why = f"security profile {trial} came to nothing, {self.profile} again"
        _log.error("%s", why)
        self._reconfigured(why)
        self.reconnect(why)

    def _stand(self, standing: profiles.Standing) -> None:
        self._standing = standing
        self._keep()

    def _keep(self) -> None:
        credentials = Credentials(self._standing, self._given, self._beside)

        def work(_database: Database) -> str:
            try:
                self._file.save(credentials)
            except OSError as error:
                return str(error)
            return ""

        self._station.store.submit(work, self._kept)

    def _kept(self, problem: str) -> None:
        """What is not on the disk holds until the next start, and then nobody lets the station in:
        the back office has forgotten the former key by then."""
        if problem:
            _log.error("key and security profile are not on disk, trying again: %s", problem)
            self._station.start_timer(KEEP_AGAIN_MS, "credentials")

    def _reconfigured(self, what: str) -> None:
        self._station.security.event(EventType.RECONFIGURATION, what)

    # TLS

    def _context_maker(self) -> Callable[[], ssl.SSLContext]:
        own = self._certificate() if self.profile == profiles.TLS_CERTIFICATE else None
        self._shown = own.fingerprint if own else ""
        return self._authorities.context_maker(own)

    def _certificate(self) -> OwnCertificate | None:
        """The newest valid one (A02.FR.09); an older one where the back office refuses it."""
        valid = self._authorities.own_valid(self._authorities.judged_ms())
        return valid[self._certificate_turn % len(valid)] if valid else None


def _configured(key: bytes) -> tuple[bytes, ...]:
    """A key of the configuration: as one of the back office where it could be one, else as it
    is."""
    try:
        return profiles.keys_of(key.decode())
    except (ValueError, UnicodeDecodeError):
        return (key,) if key else ()
