"""Writes the generated documents (`make docs`), or tells which are out of date (`make check`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.protocol_doc import protocol_markdown
from hil.demo.demo import readme_picture
from hil.docs.conformance import conformance_markdown
from hil.docs.faults import faults_markdown
from hil.docs.front_end_coil_svg import coil_svg
from hil.docs.front_end_lock_svg import lock_svg
from hil.docs.front_end_pilot_svg import pilot_svg
from hil.docs.hardware import hardware_markdown
from hil.docs.indicator import indicator_markdown, indicator_svg
from hil.docs.interface import interface_markdown
from hil.docs.meter_models import meter_models_markdown
from hil.docs.ocpp16 import ocpp16_markdown
from hil.docs.ocpp201 import ocpp201_markdown
from hil.docs.safety import safety_markdown
from hil.docs.statechart import statechart_markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"

DOCUMENTS: dict[str, Callable[[], str]] = {
    "conformance.md": conformance_markdown,
    "faults.md": faults_markdown,
    "front-end-coil.svg": coil_svg,
    "front-end-lock.svg": lock_svg,
    "front-end-pilot.svg": pilot_svg,
    "hardware.md": hardware_markdown,
    "indicator.md": indicator_markdown,
    "indicator.svg": indicator_svg,
    "interface.md": interface_markdown,
    "lane-plot.svg": readme_picture,
    "meter_models.md": meter_models_markdown,
    "ocpp16.md": ocpp16_markdown,
    "ocpp201.md": ocpp201_markdown,
    "protocol.md": protocol_markdown,
    "safety.md": safety_markdown,
    "statechart.md": statechart_markdown,
}
"""File below docs/ -> what makes its text."""


def stale() -> list[str]:
    """The documents whose file differs from what would be written."""
    return [name for name, make in DOCUMENTS.items() if _text(DOCS / name) != make()]


def write() -> None:
    """Write every document."""
    for name, make in DOCUMENTS.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="generated documents below docs/")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a stale one")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    for name in (old := stale()):
        print(f"docs/{name} is out of date: run `make docs`", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
