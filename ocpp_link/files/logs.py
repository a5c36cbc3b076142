"""Diagnostics and logs for the back office: packed, put where it wants them, and told of.

One upload at a time, whoever asked; a newer request takes the place of the one that runs
(whitepaper N01.FR.11). An upload does not outlive the process: its end is told as a failure.

Source: OCPP 1.6 §4.4, §5.9; whitepaper N01.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from ocpp_link.files.jobs import Bundle, End, Extract, Outcome, Upload
from ocpp_link.files.notices import Notices
from ocpp_link.files.ports import Cancel, Files, Sources
from ocpp_link.files.records import LogReport, LogStatus
from ocpp_link.files.update import DEFAULT_RETRIES, DEFAULT_RETRY_S, MIN_RETRY_S
from ocpp_link.memory.database import Snapshot
from ocpp_link.station import Station

MAX_NAME_CHARS = 60

FAILURES = {
    Outcome.BAD_LOCATION: LogStatus.BAD_MESSAGE,
    Outcome.UNSUPPORTED: LogStatus.NOT_SUPPORTED,
    Outcome.REFUSED: LogStatus.PERMISSION_DENIED,
}
"""As precise as possible (whitepaper N01.FR.10); every other outcome is UploadFailure."""
HOPELESS = frozenset({Outcome.BAD_LOCATION, Outcome.UNSUPPORTED})
"""Trying again changes nothing."""

_ODD = re.compile(r"[^A-Za-z0-9._-]")


class LogKind(enum.StrEnum):
    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"


class LogRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the back office wants."""

    kind: LogKind
    location: str
    oldest: str = ""
    """RFC 3339; empty = no bound."""
    latest: str = ""
    retries: int = DEFAULT_RETRIES
    retry_s: int = DEFAULT_RETRY_S
    request_id: int | None = None
    """None: the message has none."""


class LogAnswer(msgspec.Struct, frozen=True):
    """`name` of the file to come; empty: there is nothing to upload."""

    name: str = ""
    cancels: bool = False
    """The upload that runs."""


class LogUploads:
    """`documents` gives what the station knows of itself, as texts by name."""

    def __init__(
        self,
        station: Station,
        files: Files | None,
        kept: Snapshot,
        *,
        documents: Callable[[], dict[str, str]],
    ) -> None:
        self._station = station
        self._files = files
        self._documents = documents
        self._request: LogRequest | None = None
        self._name = ""
        self._numbers = count(1)
        self._attempts = 0
        self._cancel: Cancel = _nothing
        lost = kept.decoded("upload", LogReport).values()
        self._notices = Notices(
            station,
            lambda report: station.dialect.log_status(report),
            self._told,
            [LogReport(LogStatus.UPLOAD_FAILURE, report.request_id) for report in lost],
        )
        station.on_timer["upload"] = self._upload

    def judge(self, request: LogRequest) -> LogAnswer:
        """What the back office is to be answered; nothing has happened yet."""
        files = self._files
        if files is None or not self._has(files, request.kind):
            return LogAnswer()
        return LogAnswer(self._name_of(files, request.kind), cancels=self._request is not None)

    def begin(self, request: LogRequest, name: str) -> None:
        """Do it, after `judge` gave it a name."""
        if self._request is not None:
            self._cancel()
            self._end(LogStatus.ACCEPTED_CANCELED)
        if self._files is None:
            return
        self._request, self._name, self._attempts = request, name, 0
        self._station.keep("upload", "now", self.status)
        bundle = self._bundle(self._files, request)
        self._cancel = self._files.workers.start(bundle, self._packed)

    @property
    def status(self) -> LogReport:
        """Of the upload that goes on; Idle where none does."""
        if self._request is None:
            return LogReport(LogStatus.IDLE)
        return LogReport(LogStatus.UPLOADING, self._request.request_id)

    # What happens

    def _packed(self, end: End) -> None:
        if end.outcome is not Outcome.DONE:
            self._end(LogStatus.UPLOAD_FAILURE)
            return
        self._notices.add(self.status)
        self._upload()

    def _upload(self) -> None:
        files, request = self._files, self._request
        if files is None or request is None:
            return
        job = Upload(
            request.location,
            self._path(files),
            self._name,
            resume=self._attempts > 0,
            trust=files.trust,
        )
        self._attempts += 1
        self._cancel = files.workers.start(job, partial(self._uploaded, request))

    def _uploaded(self, request: LogRequest, end: End) -> None:
        if end.outcome is Outcome.DONE:
            self._end(LogStatus.UPLOADED)
        elif self._attempts > request.retries or end.outcome in HOPELESS:
            self._end(FAILURES.get(end.outcome, LogStatus.UPLOAD_FAILURE))
        else:
            self._station.start_timer(max(MIN_RETRY_S, request.retry_s) * 1_000, "upload")

    def _end(self, status: LogStatus) -> None:
        request, self._request = self._request, None
        self._station.timers.cancel(("upload",))
        if request is not None and self._files is not None:
            self._notices.add(LogReport(status, request.request_id))
            self._files.workers.discard(self._path(self._files))

    def _told(self) -> None:
        """What was lost with a restart, or has ended, is known."""
        if self._request is None and not len(self._notices):
            self._station.forget("upload", "now")

    # What goes into it

    def _has(self, files: Files, kind: LogKind) -> bool:
        return kind is LogKind.DIAGNOSTICS or bool(files.sources.security_log)

    def _bundle(self, files: Files, request: LogRequest) -> Bundle:
        bundle = Bundle(path=self._path(files), oldest=request.oldest, latest=request.latest)
        sources = files.sources
        security = Extract("security.jsonl", sources.security_log)
        if request.kind is LogKind.SECURITY:
            return msgspec.structs.replace(bundle, extracts=(security,), plain=True)
        extracts = (Extract("frames.jsonl", sources.frame_log), security)
        return msgspec.structs.replace(
            bundle,
            extracts=tuple(extract for extract in extracts if extract.path),
            journal=sources.journal,
            flights=sources.flights,
            documents=self._documents() | _configuration(sources),
        )

    def _path(self, files: Files) -> str:
        return str(Path(files.directory) / self._name)

    def _name_of(self, files: Files, kind: LogKind) -> str:
        """Of no upload before, also where two come within one second or the clock is set back."""
        identity = _ODD.sub("_", files.identity)[:MAX_NAME_CHARS]
        suffix = "tar.gz" if kind is LogKind.DIAGNOSTICS else "log.gz"
        moment = self._station.clock.utc().strftime("%Y%m%dT%H%M%SZ")
        return f"{identity}_{kind.value}_{moment}_{next(self._numbers)}.{suffix}"


def _configuration(sources: Sources) -> dict[str, str]:
    return {"configuration.json": sources.configuration} if sources.configuration else {}


def _nothing() -> None:
    """There is nothing to cancel."""
