"""Firmware updates as the link carries them out: firmware.py decides, this does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ocpp_link.files import firmware
from ocpp_link.files.admission import NOWHERE, Admission, UpdateAnswer, admit
from ocpp_link.files.hold import Hold
from ocpp_link.files.jobs import Download, End
from ocpp_link.files.notices import Notices
from ocpp_link.files.ports import Cancel, Files, NoRoots, SignerVerdict, SigningRoots
from ocpp_link.files.records import FirmwareReport, FirmwareStatus
from ocpp_link.files.restart import Restart
from ocpp_link.files.signature import is_signed_digest
from ocpp_link.files.update import Act, Phase, Request, Step, Update
from ocpp_link.memory.database import Snapshot
from ocpp_link.records import BootStatus
from ocpp_link.station import Station

LOOK_MS = 3_600_000
"""A long wait is looked at again now and then: the clock may have been set."""
PROVING_MS = 15 * 60_000
"""In which a new release has to reach the core and the back office, or it is taken back."""
OnSecurityEvent = Callable[[str, str], None]
"""Type of the event (1.6 whitepaper §8), and words."""

ALARMS = frozenset({Act.FIRMWARE_UPDATED, Act.INVALID_SIGNATURE})
"""Told as security events, before the status that goes with them."""
DATED = frozenset({Phase.SCHEDULED, Phase.INSTALL_SCHEDULED})
RESTARTS = frozenset({Phase.REBOOTING, Phase.TAKING_BACK})

_log = logging.getLogger(__name__)


class FirmwareUpdates:
    """One update at a time, and what is left of it after restarts. `restart` begins everything
    anew, a moment later; it may be asked again."""

    def __init__(
        self,
        station: Station,
        files: Files | None,
        kept: Snapshot,
        *,
        restart: Callable[[], None],
        roots: SigningRoots | None = None,
        on_security_event: OnSecurityEvent = lambda _type, _info: None,
    ) -> None:
        self._station = station
        self._files = files
        self._roots = roots or NoRoots()
        self._on_security_event = on_security_event
        self._cancel_fetch: Cancel = _nothing
        self._hold = Hold(station, kept, self._look_for_idle)
        self.update = kept.decoded("firmware", Update, "update").get("update")
        self._notices = Notices(
            station,
            lambda report: station.dialect.firmware_status(report),
            self._told,
            self.update.untold if self.update else (),
        )
        self._restart = Restart(
            station,
            restart,
            is_told=lambda: not len(self._notices),
            is_due=lambda: self.update is not None and self.update.phase in RESTARTS,
            on_stuck=self._stuck,
        )
        station.on_timer |= {
            "firmware": self._due,
            "firmware_sick": self._sick,
        }
        station.occasions.core_came.append(self._look_at_health)
        station.occasions.resetting.append(lambda _why: self._restarting())
        station.occasions.clock_set.append(lambda _by_ms: self._look_at_clock())

    def resume(self) -> None:
        """The process started, and every part of the engine is there."""
        files, update = self._files, self.update
        if files is not None:
            of_use = _path(files, update) if update and not update.is_ended else ""
            files.workers.sweep(files.directory, of_use)
        if update is None or update.is_ended or files is None or files.installer is None:
            return
        installer, now_ms = files.installer, self._station.utc_ms()
        self._take(firmware.resume(update, installer.running, installer.trial, now_ms))
        self._settle()

    def judge(self, request: Request) -> UpdateAnswer:
        """What the back office is to be answered; nothing has happened yet."""
        admission = self._admission(request)
        if admission.why:
            _log.warning("firmware is refused: %s", admission.why)
        return admission.answer

    def begin(self, request: Request) -> None:
        """Do it, after `judge` found nothing against it; one that runs is given up."""
        if self.update is not None and not self.update.is_ended:
            self._take(firmware.cancel(self.update))
            self._notices.clear()
        now_ms = self._station.utc_ms()
        untold = self.update.untold if self.update else ()
        name = firmware.next_name(self.update, now_ms)
        self._take(firmware.begin(name, request, now_ms, untold))

    @property
    def status(self) -> FirmwareReport:
        """Of the update that goes on; Idle where none does (1.6 §4.5)."""
        update = self.update
        if update is None or update.is_ended or update.status is None:
            return FirmwareReport(FirmwareStatus.IDLE)
        return self._report(update.status)

    @property
    def last_status(self) -> FirmwareReport:
        """The last that was told, Idle after an installation (whitepaper L01.FR.28, L01.FR.29)."""
        update = self.update
        if update is None or update.status in (None, FirmwareStatus.INSTALLED):
            return FirmwareReport(FirmwareStatus.IDLE)
        return self._report(update.status)

    # What happens

    def boot_answered(self) -> None:
        """The back office answered a BootNotification, in whatever way."""
        self._look_at_health()

    def _admission(self, request: Request) -> Admission:
        files = self._files
        if files is None or files.installer is None:
            return NOWHERE
        secured = self._station.settings.security_profile > 0
        verdict = None
        if request.is_signed:
            verdict = self._roots.check_signer(request.certificate)
            if verdict is not SignerVerdict.VALID:
                self._on_security_event("InvalidFirmwareSigningCertificate", verdict.value)
        return admit(
            verdict,
            self.update,
            can_go_back=files.installer.can_go_back,
            takes_unsigned=files.unsigned_firmware or not secured,
        )

    def _due(self) -> None:
        if self.update:
            self._take(firmware.due(self.update, self._station.utc_ms()))

    def _look_at_clock(self) -> None:
        """What waits for a date may be due now."""
        if self.update and self.update.phase in DATED:
            self._due()

    def _fetched(self, name: str, end: End) -> None:
        update = self.update
        if update is None or update.name != name:
            return
        request = update.request
        genuine = request.is_signed and is_signed_digest(
            end.sha256, request.signature, request.certificate
        )
        self._take(firmware.fetched(update, end, is_genuine=genuine, now_ms=self._station.utc_ms()))

    def _installed(self, end: End) -> None:
        if self.update:
            self._take(firmware.installed(self.update, end))

    def _confirmed(self, end: End) -> None:
        if self.update:
            self._take(firmware.confirmed(self.update, end, self._station.utc_ms()))

    def _taken_back(self, end: End) -> None:
        if self.update:
            self._take(firmware.taken_back(self.update, end))

    def _sick(self) -> None:
        if self.update:
            self._take(firmware.sick(self.update))

    def _look_at_health(self) -> None:
        """The core is there, and the back office has taken the station or lets it wait."""
        known = self._station.boot.status in (BootStatus.ACCEPTED, BootStatus.PENDING)
        if self.update and self._station.core_up and known:
            self._take(firmware.healthy(self.update))

    def _look_for_idle(self) -> None:
        if self.update and self.update.phase is Phase.WAITING and self._hold.is_idle:
            self._take(firmware.idle(self.update))

    # What is to be done

    def _take(self, step: Step) -> None:
        """Remember the update as it is now, tell of it, then do what it asks for."""
        before, self.update = self.update, step.update
        if step.update == before and not step.acts:
            return
        self._keep()
        told = step.update.status.value if step.update.status else "nothing"
        phase = step.update.phase.value
        _log.info("firmware update %s is %s, told as %s", step.update.name, phase, told)
        for act in ALARMS.intersection(step.acts):
            request_id = step.update.request.request_id
            self._on_security_event(act.value, f"request {request_id}" if request_id else "")
        known = before.untold if before else ()
        for report in step.update.untold[len(known) :]:
            self._notices.add(report)
        for act in step.acts:
            self._do(act, step)
        self._settle()

    def _settle(self) -> None:
        self._hold.set(self.update is not None and self.update.holds)
        self._look_for_idle()

    def _do(self, act: Act, step: Step) -> None:
        files, update = self._files, step.update
        if files is None or files.installer is None:
            return
        match act:
            case Act.FETCH:
                self._fetch(files, update)
            case Act.STOP_FETCHING:
                self._cancel_fetch()
            case Act.AWAIT:
                delay_ms = max(0, step.at_ms - self._station.utc_ms())
                limit_ms = LOOK_MS if update.phase in DATED else delay_ms
                self._station.start_timer(min(delay_ms, limit_ms), "firmware")
            case Act.INSTALL:
                files.installer.install(_path(files, update), update.sha256, self._installed)
            case Act.CONFIRM:
                files.installer.confirm(self._confirmed)
            case Act.ROLL_BACK:
                files.installer.roll_back("it did not prove itself", self._taken_back)
            case Act.RESTART:
                self._restart.want()
            case Act.PROVE:
                self._station.start_timer(PROVING_MS, "firmware_sick")
            case Act.DISCARD:
                files.workers.discard(_path(files, update))

    def _fetch(self, files: Files, update: Update) -> None:
        job = Download(update.request.location, _path(files, update), files.trust)
        self._cancel_fetch = files.workers.start(job, partial(self._fetched, update.name))

    def _told(self) -> None:
        if self.update and self.update.untold:
            self.update = firmware.told(self.update)
            self._keep()
        self._restart.told()

    def _stuck(self) -> None:
        if self.update:
            self._take(firmware.stuck(self.update))

    def _restarting(self) -> None:
        if self.update:
            self.update = firmware.restarting(self.update)
            self._keep()

    def _keep(self) -> None:
        self._station.keep("firmware", "update", self.update)

    def _report(self, status: FirmwareStatus) -> FirmwareReport:
        return FirmwareReport(status, self.update.request.request_id if self.update else None)


def _path(files: Files, update: Update) -> str:
    return str(Path(files.directory) / f"firmware-{update.name}.pkg")


def _nothing() -> None:
    """There is nothing to cancel."""
