"""What a program reads beside its code is in the package that is installed."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
PATTERNS = [
    f"{package.replace('.', '/')}/{pattern}"
    for package, patterns in SETUPTOOLS["package-data"].items()
    for pattern in patterns
]
HOUSES = [name.removesuffix("*") for name in SETUPTOOLS["packages"]["find"]["include"]]
DATA = sorted(
    str(file.relative_to(ROOT))
    for house in HOUSES
    for kind in ("*.toml", "*.css", "*.js")
    for file in (ROOT / house).rglob(kind)
)


@pytest.mark.parametrize("file", DATA)
def test_each_file_of_data_is_installed(file: str) -> None:
    assert any(fnmatch.fnmatch(file, pattern) for pattern in PATTERNS)
