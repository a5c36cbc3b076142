"""What the back office is told of files, independent of any version of OCPP; the spellings are
those of 2.0.1 (part 2 §3.33 and §3.84), of which 1.6 has a part."""

from __future__ import annotations

import enum

import msgspec


class FirmwareStatus(enum.StrEnum):
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


class FirmwareReport(msgspec.Struct, frozen=True):
    status: FirmwareStatus
    request_id: int | None = None
    """Of the request that began the update; None: it had none, or there is no update."""


class LogStatus(enum.StrEnum):
    ACCEPTED_CANCELED = "AcceptedCanceled"
    """A newer request took the place of this one."""
    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"


class LogReport(msgspec.Struct, frozen=True):
    status: LogStatus
    request_id: int | None = None
    """Of the request that wants the log; None: it had none, or there is no upload."""
