"""Files to and from the back office, in the configuration file."""

from __future__ import annotations

from evse.config.values import DevicePath, Table


class FilesTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ocpp.files]`: firmware updates, diagnostics, and whom to trust on the way."""

    releases: DevicePath = ""
    """Directory of the releases that the station starts from, of which `current` is one; empty:
    the back office can not update the station."""
    package_key_file: DevicePath = ""
    """PEM file of the public key that signs packages; empty: none signs them."""
    unsigned_firmware: bool = False
    """Take firmware that no manufacturer's certificate signs also at security profile 1 and up;
    at 0 it is always taken."""
    system_roots: bool = True
    """Trust the system's roots for https and ftps."""
    ca_files: tuple[DevicePath, ...] = ()
    """PEM files of roots beside those."""
    known_hosts_file: DevicePath = ""
    """Keys of SFTP servers, as OpenSSH keeps them; empty: they are not checked."""
