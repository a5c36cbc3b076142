"""The bench's plugin is loaded once, by the controller of a run and by each of its workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEST = """
def test_a_station_lives(bench):
    bench.clock.run_for(3_600)
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_simulated_hours_are_summed_up_once(workers: str, tmp_path: Path) -> None:
    (tmp_path / "test_hours.py").write_text(TEST, "utf-8")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-n", workers]
    command += ["-p", "no:cacheprovider", "--rootdir", str(ROOT), str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^simulated: .*", done.stdout, re.MULTILINE) == [
        "simulated: 1.0 hours in 1 tests"
    ]
