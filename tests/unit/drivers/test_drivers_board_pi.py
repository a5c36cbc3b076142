"""The real computer's edge: what the import of lgpio may do to the process, and what may fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import GpioUnavailable
from drivers.raspberry_pi import RaspberryPi

LIBRARY = """
import os
directory = os.environ.get("LG_WD")
if directory:
    os.chdir(directory)
os.mkfifo(".lgd-nfy0")
reading = os.open(".lgd-nfy0", os.O_RDONLY | os.O_NONBLOCK)
made_in = os.getcwd()
SET_PULL_NONE = SET_PULL_UP = SET_PULL_DOWN = 0
BOTH_EDGES = RISING_EDGE = FALLING_EDGE = 1
class error(Exception):
    pass
def gpiochip_open(chip):
    raise error("can not open gpiochip")
"""
"""What lgpio 0.2.2 does while it is imported, as far as the process is concerned."""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that is looked into first."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = {name: sys.modules.pop(name, None) for name in ("lgpio", "gpiozero.pins.lgpio")}
    yield folder
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


def refusal() -> str:
    with pytest.raises(GpioUnavailable) as caught:
        _ = RaspberryPi().gpio
    return str(caught.value)


@pytest.mark.parametrize("named", [None, "/nowhere"])
def test_the_import_leaves_no_pipe_and_moves_nobody(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    (library / "lgpio.py").write_text(LIBRARY)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("LG_WD", raising=False)
    if named:
        monkeypatch.setenv("LG_WD", named)
    assert refusal().startswith("the GPIO chip can not be opened: ")
    assert Path.cwd() == work
    assert list(work.iterdir()) == []
    assert os.environ.get("LG_WD") == named
    assert not Path(sys.modules["lgpio"].made_in).exists()
    os.close(sys.modules["lgpio"].reading)


def test_a_library_that_fails_while_it_is_loaded_is_told_in_words(library: Path) -> None:
    (library / "lgpio.py").write_text('raise FileNotFoundError(2, "No such file", ".lgd-nfy-3")')
    assert "lgpio can not be loaded: [Errno 2]" in refusal()


def test_a_placeholder_is_no_library(library: Path) -> None:
    (library / "lgpio.py").write_text("")
    assert "is an empty placeholder" in refusal()


def test_no_library_says_how_to_get_it(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    assert "install the system's package python3-lgpio" in refusal()
    assert list(library.iterdir()) == []
