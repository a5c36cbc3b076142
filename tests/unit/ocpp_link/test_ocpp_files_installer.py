"""The installer of releases: nothing foreign or broken is unpacked, and a trial can be lost."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from files_rig import HeldWorkers
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.files import installer
from ocpp_link.files import package as packing
from ocpp_link.files.errors import DiskFull, PackageInvalid
from ocpp_link.files.installer import MAX_STARTS, check_start, next_start, trial
from ocpp_link.files.jobs import Confirm, End, Install, Outcome, RollBack
from ocpp_link.files.package import pack
from ocpp_link.files.releases import ReleaseInstaller

FILES = {"bin/evse": b"#!/bin/sh\n", "lib/a.py": b"A = 1\n"}


def package(
    path: Path,
    *,
    version: str = "2.0",
    files: dict[str, bytes] | None = None,
    product: str = "pievse",
    members: list[tarfile.TarInfo] | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    spoil: str = "",
    compression: str = "gz",
) -> Path:
    """A package; `spoil` names a file whose content is not what the manifest says."""
    files = FILES if files is None else files
    digests = "".join(
        f'"{name}" = "{hashlib.sha256(content).hexdigest()}"\n' for name, content in files.items()
    )
    manifest = f'product = "{product}"\nversion = "{version}"\n[files]\n{digests}'.encode()
    with tarfile.open(path, f"w:{compression}") as tar:
        _add(tar, "manifest.toml", manifest)
        if key is not None:
            _add(tar, "manifest.sig", key.sign(manifest, ec.ECDSA(hashes.SHA256())))
        for name, content in files.items():
            _add(tar, name, b"spoiled" if name == spoil else content, 0o755 if "bin" in name else 0)
        for member in members or []:
            tar.addfile(member)
    return path


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode or 0o644
    tar.addfile(info, io.BytesIO(content))


def alive(_done: int) -> None:
    """Nobody waits."""


def install(root: Path, path: Path, **more: object) -> End:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return installer.install(Install(str(root), str(path), digest, spare_bytes=0, **more), alive)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """1.0 runs, and has proved itself."""
    place = tmp_path / "root"
    install(place, package(tmp_path / "one.pkg", version="1.0"))
    installer.confirm(Confirm(str(place)))
    return place


def test_a_package_becomes_what_starts_next_and_is_on_trial(root: Path, tmp_path: Path) -> None:
    end = install(root, package(tmp_path / "two.pkg"))
    assert end == End(Outcome.DONE, version="2.0", restart=True)
    assert next_start(root) == "2.0"
    assert (root / "current" / "bin" / "evse").stat().st_mode & 0o111
    on_trial = trial(root)
    assert on_trial is not None
    assert (on_trial.version, on_trial.previous, on_trial.rolled_back) == ("2.0", "1.0", False)


def test_installing_twice_is_as_good_as_once(root: Path, tmp_path: Path) -> None:
    """Think what happens when this runs twice: a power cut may have come in its middle."""
    path = package(tmp_path / "two.pkg")
    install(root, path)
    (root / "releases" / ".new").mkdir()
    (root / "current.new").symlink_to("nowhere")
    installer.roll_back(RollBack(str(root), "cut off"))
    assert install(root, path).restart
    assert next_start(root) == "2.0"


def test_a_good_release_is_confirmed_and_the_one_before_it_is_kept(
    root: Path, tmp_path: Path
) -> None:
    install(root, package(tmp_path / "two.pkg"))
    installer.confirm(Confirm(str(root)))
    install(root, package(tmp_path / "three.pkg", version="3.0"))
    installer.confirm(Confirm(str(root)))
    assert trial(root) is None
    assert sorted(p.name for p in (root / "releases").iterdir()) == ["2.0", "3.0"]


def test_a_release_that_is_taken_back_does_not_start_again(root: Path, tmp_path: Path) -> None:
    install(root, package(tmp_path / "two.pkg"))
    for _ in range(2):
        installer.roll_back(RollBack(str(root), "sick"))
        on_trial = trial(root)
        assert next_start(root) == "1.0"
        assert on_trial is not None
        assert (on_trial.rolled_back, on_trial.says) == (True, "sick")


def test_a_release_that_never_gets_up_is_taken_back_at_a_start(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the new release has to work for that: the check runs before it."""
    install(root, package(tmp_path / "two.pkg"))
    for start in range(1, MAX_STARTS + 1):
        assert installer.main(root) == 0
        assert f"start {start}" in capsys.readouterr().err
        assert next_start(root) == "2.0"
    assert installer.main(root) == installer.TAKEN_BACK
    assert "back to 1.0" in capsys.readouterr().err
    assert next_start(root) == "1.0"
    assert installer.main(root) == 0
    assert capsys.readouterr().err == ""


def test_a_first_release_that_is_taken_back_leaves_nothing_to_start(tmp_path: Path) -> None:
    """Also where the disk is cut off between the link and the trial, and where it is done twice."""
    root = tmp_path / "root"
    install(root, package(tmp_path / "one.pkg", version="1.0"))
    kept = (root / "trial.json").read_bytes()
    end = installer.roll_back(RollBack(str(root), "sick"))
    assert (end.outcome, end.version, end.restart) == (Outcome.DONE, "", True)
    assert end.says == "there was no release before it to go back to"
    assert sorted(path.name for path in root.iterdir()) == ["releases"]
    (root / "trial.json").write_bytes(kept)
    for _ in range(2):
        assert installer.roll_back(RollBack(str(root), "sick")).outcome is Outcome.DONE
        assert sorted(path.name for path in root.iterdir()) == ["releases"]


def test_a_first_release_that_never_gets_up_leaves_nothing_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    install(root, package(tmp_path / "one.pkg", version="1.0"))
    for _ in range(MAX_STARTS):
        assert installer.main(root) == 0
    assert installer.main(root) == installer.TAKEN_BACK
    assert "back to nothing" in capsys.readouterr().err
    assert (next_start(root), trial(root)) == ("", None)
    assert not (root / "current").is_symlink()
    assert installer.main(root) == 0


def test_taking_back_spares_a_release_that_was_put_there_by_hand(tmp_path: Path) -> None:
    root = tmp_path / "root"
    install(root, package(tmp_path / "one.pkg", version="1.0"))
    (root / "current").unlink()
    (root / "current").symlink_to("releases/0.9")
    installer.roll_back(RollBack(str(root), "sick"))
    assert (next_start(root), trial(root)) == ("0.9", None)


@pytest.mark.parametrize(
    ("running", "current", "can"),
    [
        ("1.0", "releases/1.0", True),
        ("1.0", "releases/gone", False),
        ("1.0", "", False),
        ("", "releases/1.0", False),
    ],
)
def test_only_a_release_that_current_names_can_be_gone_back_to(
    root: Path, running: str, current: str, can: bool
) -> None:
    (root / "current").unlink()
    if current:
        (root / "current").symlink_to(current)
    found = ReleaseInstaller(HeldWorkers(), root, running=running)
    assert found.can_go_back is can


def test_the_check_at_a_start_needs_nothing_to_be_installed(tmp_path: Path) -> None:
    assert check_start(tmp_path) == ""
    (tmp_path / "trial.json").write_text("{torn")
    assert check_start(tmp_path) == ""


def test_the_same_release_again_is_no_restart(root: Path, tmp_path: Path) -> None:
    same = install(root, package(tmp_path / "again.pkg", version="1.0"))
    assert same == End(Outcome.DONE, version="1.0")
    with pytest.raises(PackageInvalid, match="runs already"):
        install(root, package(tmp_path / "other.pkg", version="1.0", files={"x": b"other"}))


def _link(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "wrong",
    [
        {"product": "toaster"},
        {"version": "../../etc"},
        {"version": ""},
        {"version": ".hidden"},
        {"spoil": "lib/a.py"},
        {"members": [tarfile.TarInfo("stranger")]},
        {"members": [_link("link", tarfile.SYMTYPE)]},
        {"members": [_link("link", tarfile.LNKTYPE)]},
        {"members": [_link("dev", tarfile.CHRTYPE)]},
        {"files": {"../outside": b"x"}},
        {"files": {"/outside": b"x"}},
    ],
    ids=[
        "foreign product",
        "version that climbs",
        "no version",
        "hidden version",
        "spoilt file",
        "stranger",
        "symbolic link",
        "hard link",
        "device",
        "path that climbs",
        "absolute path",
    ],
)
def test_what_is_foreign_or_broken_changes_nothing(
    wrong: dict[str, object], root: Path, tmp_path: Path
) -> None:
    """TC_044_3_CS: the failure is noticed and the old firmware stays."""
    before = sorted(p.relative_to(root) for p in root.rglob("*"))
    with pytest.raises(PackageInvalid):
        install(root, package(tmp_path / "bad.pkg", **wrong))
    assert next_start(root) == "1.0"
    assert sorted(p.relative_to(root) for p in root.rglob("*")) == before
    assert not (tmp_path / "outside").exists()


def test_a_program_is_of_the_release_that_it_lies_in(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the link says: one that was started from elsewhere, or before the link was flipped,
    must not take itself for the new release."""
    assert installer.runs(root) == ""
    monkeypatch.setattr(installer, "CODE", root / "current" / "lib" / "a.py")
    assert installer.runs(root) == "1.0"
    monkeypatch.setattr(installer, "CODE", (root / "current" / "lib" / "a.py").resolve())
    install(root, package(tmp_path / "two.pkg"))
    assert (next_start(root), installer.runs(root)) == ("2.0", "1.0")


def test_a_missing_file_is_noticed(root: Path, tmp_path: Path) -> None:
    path = package(tmp_path / "whole.pkg", compression="")
    with tarfile.open(path) as tar, tarfile.open(tmp_path / "less.pkg", "w") as less:
        for member in tar.getmembers()[:-1]:
            less.addfile(member, tar.extractfile(member))
    with pytest.raises(PackageInvalid, match="missing"):
        install(root, tmp_path / "less.pkg")


@given(cut=st.integers(1, 300), at=st.integers(0, 2_000), byte=st.integers(0, 255))
def test_no_damage_installs_anything(
    cut: int, at: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut off, or with one byte changed: an error of this room, or exactly what was packed."""
    base = tmp_path_factory.mktemp("damage")
    content = bytearray(package(base / "whole.pkg", version="1.0").read_bytes())
    del content[-cut:]
    if content:
        content[at % len(content)] = byte
    (base / "bad.pkg").write_bytes(content)
    try:
        install(base / "root", base / "bad.pkg")
    except PackageInvalid:
        assert next_start(base / "root") == ""
    else:
        for name, expected in FILES.items():
            assert (base / "root" / "current" / name).read_bytes() == expected


def test_another_file_than_the_one_that_was_checked_is_refused(root: Path, tmp_path: Path) -> None:
    """The signature was checked over the digest: what is installed has to be that file."""
    path = package(tmp_path / "two.pkg")
    with pytest.raises(PackageInvalid, match="not the one"):
        installer.install(Install(str(root), str(path), "0" * 64, spare_bytes=0), alive)


def test_with_a_package_key_only_its_packages_are_taken(root: Path, tmp_path: Path) -> None:
    """A station of its maker's takes what its maker packed, also where nobody signs updates."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = tmp_path / "package.pem"
    pem.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    for name, signer in (("unsigned", None), ("forged", other)):
        with pytest.raises(PackageInvalid):
            install(root, package(tmp_path / name, key=signer), package_key=str(pem))
    end = install(root, package(tmp_path / "genuine", key=key), package_key=str(pem))
    assert end.version == "2.0"


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_what_is_packed_is_what_is_installed(kind: str, root: Path, tmp_path: Path) -> None:
    """The packer and the installer agree, signature and executable files included."""
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(65_537, 2_048)
    )
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    for name, content in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)
    (tmp_path / "tree" / "bin" / "evse").chmod(0o700)
    pack(tmp_path / "tree", "2.0", tmp_path / "two.pkg", key=private)
    assert install(root, tmp_path / "two.pkg", package_key=str(public)).version == "2.0"
    for name, content in FILES.items():
        assert (root / "current" / name).read_bytes() == content
    assert (root / "current" / "bin" / "evse").stat().st_mode & 0o777 == 0o755


def test_links_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("/etc/passwd")
    with pytest.raises(PackageInvalid):
        pack(tmp_path / "tree", "2.0", tmp_path / "two.pkg")


def test_a_disk_without_room_is_left_alone(root: Path, tmp_path: Path) -> None:
    path = package(tmp_path / "two.pkg")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DiskFull):
        installer.install(Install(str(root), str(path), digest, spare_bytes=1 << 60), alive)


@pytest.mark.parametrize(
    ("tree", "version", "key", "words"),
    [
        ("none", "2.0", "", "none is no directory with files"),
        ("tree", "../2.0", "", "is no name of a version"),
        ("tree", "2.0", "tree/start", "tree/start is no private key"),
        ("tree", "2.0", "none.pem", "none.pem"),
    ],
)
def test_the_tool_names_what_it_can_not_pack_and_leaves_nothing(
    tree: str,
    version: str,
    key: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "start").write_text("#!/bin/sh\n")
    out = tmp_path / "two.pkg"
    words_of_command = ["package", str(tmp_path / tree), str(out), "--version", version]
    if key:
        words_of_command += ["--key", str(tmp_path / key)]
    monkeypatch.setattr("sys.argv", words_of_command)
    with pytest.raises(SystemExit) as ended:
        packing.main()
    assert ended.value.code == 1
    assert words in capsys.readouterr().err
    assert not out.exists()
