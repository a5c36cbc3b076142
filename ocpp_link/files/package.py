"""Makes a firmware package of a directory, as installer.py takes it.

`python -m ocpp_link.files.package DIRECTORY --version 2.1.0 [--key KEY.pem] OUT.tar.gz`; then sign
OUT for the back office (RSA-PSS or ECDSA over SHA-256) with the firmware signing key.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tarfile
from pathlib import Path

from ocpp_link.files.errors import PackageInvalid
from ocpp_link.files.signature import sign
from ocpp_link.files.unpack import MANIFEST, PRODUCT, SIGNATURE, is_version


def pack(directory: Path, version: str, out: Path, *, key: Path | None = None) -> None:
    """Raises PackageInvalid for what no package may hold, e.g. a link; OSError. The same files
    give the same bytes, signature apart."""
    if not is_version(version):
        raise PackageInvalid(f"{version[:60]!r} is no name of a version, such as 2.1.0")
    paths = sorted(path for path in directory.rglob("*") if not path.is_dir())
    if not paths:
        raise PackageInvalid(f"{directory} is no directory with files")
    for path in paths:
        if path.is_symlink() or not path.is_file() or path.name in (MANIFEST, SIGNATURE):
            raise PackageInvalid(f"{path} is no plain file, or has a name that packages use")
    manifest = _manifest(directory, paths, version)
    signature = b"" if key is None else _signed(manifest, key)
    with tarfile.open(out, "w:gz") as tar:
        _add(tar, MANIFEST, manifest)
        if signature:
            _add(tar, SIGNATURE, signature)
        for path in paths:
            mode = 0o755 if path.stat().st_mode & 0o111 else 0o644
            _add(tar, path.relative_to(directory).as_posix(), path.read_bytes(), mode)


def _manifest(directory: Path, paths: list[Path], version: str) -> bytes:
    lines = [f'product = "{PRODUCT}"', f'version = "{version}"', "[files]"]
    for path in paths:
        name = path.relative_to(directory).as_posix()
        if any(ord(char) < 0x20 or char in '"\\' for char in name):
            raise PackageInvalid(f"{name!r} is no name for a file of a package")
        with path.open("rb") as file:
            lines.append(f'"{name}" = "{hashlib.file_digest(file, "sha256").hexdigest()}"')
    return "\n".join([*lines, ""]).encode()


def _signed(manifest: bytes, key: Path) -> bytes:
    try:
        return sign(manifest, key.read_bytes())
    except (ValueError, TypeError) as error:  # the library's, for a key with a password
        raise PackageInvalid(f"{key} is no private key in PEM that can sign a package") from error


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocpp_link.files.package", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--key", type=Path, help="PEM of the private key that signs packages")
    asked = parser.parse_args()
    try:
        pack(asked.directory, asked.version, asked.out, key=asked.key)
    except (PackageInvalid, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
