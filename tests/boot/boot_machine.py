"""A Debian tree with PiEVSE installed, booted under systemd-nspawn, and commands in it.

Made once per cache directory: a plain Debian (debootstrap, from the mirror that this machine's apt
uses). Made anew for each run: a copy of it, into which `systemd/install.sh --root` installs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2]
CACHE_VARIABLE = "PIEVSE_BOOT_DIR"
PACKAGES = (
    "dbus,libpam-systemd,polkitd,procps,python3,python3-venv,systemd,systemd-sysv,udev,util-linux"
)
PACKAGED = ("evse", "drivers", "firmware_bridge", "ocpp_link", "hil")
BOOT_S = 60.0
STOP_S = 30.0
REBOOT_S = 90.0
REBOOTS = 133
"""How systemd-nspawn ends where the system inside wants to begin anew, and not only to stop."""


class Said(str):
    """What a command wrote, both streams; `code` is how it ended."""

    code: int

    def __new__(cls, text: str, code: int) -> Said:
        said = super().__new__(cls, text)
        said.code = code
        return said


def cache() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE) or SOURCE / "build" / "boot").absolute()


def missing() -> str:
    """What this computer lacks, in words; empty where it lacks nothing."""
    if os.geteuid() != 0:
        return "booting a container needs root"
    programs = ("systemd-nspawn", "debootstrap", "nsenter")
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)}: apt install systemd-container debootstrap util-linux"
    return ""


def make_tree(place: Path) -> Path:
    """The tree of this run, with the station installed. Raises CalledProcessError."""
    base, tree, wheels = place / "base", place / "tree", place / "wheels"
    place.mkdir(parents=True, exist_ok=True)
    if not (base / "usr/bin/python3").exists():
        _bootstrap(base)
    shutil.rmtree(wheels, ignore_errors=True)
    source = _copy_source(place / "source")
    python = (sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(wheels))
    subprocess.run((*python, str(source), "gpiozero"), check=True)
    subprocess.run(("rm", "-rf", "--one-file-system", str(tree)), check=True)
    subprocess.run(("cp", "-a", "--reflink=auto", str(base), str(tree)), check=True)
    install(tree, wheels)
    return tree


def _copy_source(place: Path) -> Path:
    """What is built from it: a build in the checkout would take what was deleted there long ago."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for part in ("pyproject.toml", "README.md", "LICENSE", *PACKAGED):
        copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
        copy(SOURCE / part, place / part)
    return place


def install(tree: Path, wheels: Path, *more: str) -> Said:
    """Raises CalledProcessError with what the script said."""
    script = (str(SOURCE / "systemd/install.sh"), "--root", str(tree), "--wheels", str(wheels))
    done = subprocess.run((*script, *more), capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, script, done.stdout, f"{done.stdout}{done.stderr}"
        )
    return Said(done.stdout + done.stderr, 0)


def _bootstrap(base: Path) -> None:
    """In a place beside, so that half a tree is none."""
    fresh = base.with_name("base.new")
    subprocess.run(("rm", "-rf", "--one-file-system", str(fresh)), check=True)
    codename = _release()["VERSION_CODENAME"]
    what = ("--variant=minbase", f"--include={PACKAGES}", codename, str(fresh), _mirror(codename))
    subprocess.run(("debootstrap", *what), check=True, stdout=subprocess.DEVNULL)
    fresh.rename(base)


def _release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    return dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)


def _mirror(codename: str) -> str:
    """The one that apt takes this release from."""
    listing = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)")
    found = subprocess.run((*listing, "Identifier: Packages"), check=True, stdout=subprocess.PIPE)
    for line in found.stdout.decode().splitlines():
        uri, release, component = line.split()
        if (release, component) == (codename, "main"):
            return uri
    raise RuntimeError(f"apt on this computer knows no mirror of {codename}; type apt-get update")


class Machine:
    """One container, from `boot` to `halt`."""

    def __init__(self, tree: Path, log: Path) -> None:
        self.tree = tree
        self._log = log
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Until its manager says that it is up. Raises TimeoutError."""
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                (
                    "systemd-nspawn",
                    "--quiet",
                    f"--directory={self.tree}",
                    "--boot",
                    "--private-network",
                    "--register=no",
                    "--keep-unit",
                    "--link-journal=no",
                    "--console=pipe",
                    f"--machine=pievse-boot-{os.getpid()}",
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.await_up()

    def await_up(self) -> None:
        up = ("running", "degraded")
        until(lambda: self.run("systemctl is-system-running").strip() in up, BOOT_S)

    def await_reboot(self) -> None:
        """Until the system has gone down to reboot, and is up again. Raises RuntimeError where it
        went down for good, TimeoutExpired or TimeoutError."""
        assert self._nspawn is not None
        code = self._nspawn.wait(REBOOT_S)
        if code != REBOOTS:
            raise RuntimeError(f"the container ended with {code}; see {self._log}")
        self.boot()

    def halt(self) -> None:
        """Whatever state it is in."""
        nspawn = self._nspawn
        if nspawn is None or nspawn.poll() is not None:
            return
        self.run("systemctl --no-block poweroff")
        try:
            nspawn.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(nspawn.pid, signal.SIGKILL)
            nspawn.wait()

    @property
    def first(self) -> int:
        """The process that is number 1 in there; 0 while there is none."""
        assert self._nspawn is not None
        if self._nspawn.poll() is not None:
            raise RuntimeError(f"the container has ended; see {self._log}")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        for child in children.read_text().split():
            # The manager, and not the helper that sets the container up.
            if "systemd" in _command(int(child)) and "nspawn" not in _command(int(child)):
                return int(child)
        return 0

    def run(self, command: str, *, user: str = "", timeout_s: float = 60.0) -> Said:
        """A shell's command line in the container, as root or as `user` with all its groups."""
        first = self.first
        if not first:
            return Said("not up", 1)
        inner = ["/bin/sh", "-c", command]
        if user:
            run = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--uid={user}"]
            inner = [*run, "--setenv=PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", *inner]
        enter = ("nsenter", f"--target={first}", *["--mount", "--uts", "--ipc", "--net", "--pid"])
        done = subprocess.run(
            (*enter, "--", *inner),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # a signal in there to a whole group is not for the tests
            env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
        )
        return Said(done.stdout.decode(errors="replace"), done.returncode)

    def ask(self, command: str, *, user: str = "technician") -> Any:
        """What `evse` answers, as JSON; None where it does not."""
        said = self.run(f"evse {command}", user=user)
        return json.loads(said) if said.code == 0 else None

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property={name} {unit}").strip()

    def pid(self, unit: str) -> int:
        return int(self.show(unit, "MainPID") or 0)

    def kill(self, unit: str, signal_name: str) -> int:
        """The process of a unit, once it has one; its id."""
        until(lambda: self.pid(unit), 20, what=f"a process of {unit}")
        pid = self.pid(unit)
        if pid > 1:
            self.run(f"kill -{signal_name} {pid}")
        return pid

    def journal(self, unit: str = "") -> str:
        of = f"--unit={unit}" if unit else ""
        return self.run(f"journalctl --boot --no-pager --output=short-monotonic {of}")

    def write(self, path: str, text: str) -> None:
        """A file in there, whose directory is made."""
        self.run(f"mkdir -p {Path(path).parent}")
        first = self.first
        Path(f"/proc/{first}/root{path}").write_text(text, "utf-8")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def until(condition: Callable[[], object], within_s: float, *, what: str = "") -> float:
    """How long it took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"not within {within_s:.0f} s: {what or condition}")
        time.sleep(0.1)
    return time.monotonic() - began
