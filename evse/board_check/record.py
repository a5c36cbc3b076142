"""What the walk found: a table for the terminal, Markdown or JSON for the commissioning record."""

from __future__ import annotations

import msgspec

from evse.board_check.step import Verdict

SCHEMA = 1


class Finding(msgspec.Struct, frozen=True):
    """How one step ended."""

    step: str
    title: str
    verdict: Verdict
    reading: str
    """The last one."""
    why: str
    """What was wrong, why it was left out, or what the technician answered."""
    expected: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One walk."""

    schema: int = SCHEMA
    date: str
    """ISO 8601 with its offset."""
    station: str
    profile: str
    software: str
    computer: str
    simulated: bool
    """On a board made of memory: this is no commissioning record."""
    interlock: str
    notes: tuple[str, ...]
    complete: bool
    """Every step was done or left out on purpose."""
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        return any(one.verdict is Verdict.FAIL for one in self.findings)


def summary(findings: tuple[Finding, ...]) -> str:
    """One line."""
    counts = [(sum(one.verdict is verdict for one in findings), verdict) for verdict in Verdict]
    return ", ".join(f"{count} {verdict}" for count, verdict in counts)


def table(findings: tuple[Finding, ...]) -> str:
    """One line a step, and what is wrong below it."""
    wide = max((len(one.step) for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.verdict.upper():<5} {one.step:<{wide}}  {one.reading}".rstrip())
        if one.why and one.verdict is not Verdict.PASS:
            lines.append(f"      {one.why}")
    return "\n".join(lines)


def to_json(record: Record) -> str:
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"


def to_markdown(record: Record) -> str:
    """A page with a table."""
    what = "Walk on a simulated board" if record.simulated else "Commissioning of the board"
    head = [
        f"# {what}: {record.station}",
        "",
        f"- date: {record.date}",
        f"- board profile: {record.profile}",
        f"- computer: {record.computer}",
        f"- software: {record.software}",
        f"- external interlock: {record.interlock or 'none named'}",
        f"- result: {summary(record.findings)}"
        + ("" if record.complete else "; **broken off before the end**"),
        *(f"- note: {note}" for note in record.notes),
        "",
        "| step | verdict | reading | expected | remark |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| {one.step}: {one.title} | {one.verdict} | {_cell(one.reading)} | {_cell(one.expected)} "
        f"| {_cell(one.why)} |"
        for one in record.findings
    ]
    return "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
