"""docs/statechart.md says what the chart and its rules say."""

from __future__ import annotations

from evse.session.chart import SessionChart
from evse.session.rules import RULES
from hil.docs.statechart import statechart_markdown, targets


def test_the_page_has_the_diagram_every_rule_and_every_cell() -> None:
    page = statechart_markdown()
    assert "```mermaid\nstateDiagram-v2" in page
    for state, rules in RULES.items():
        for rule in rules:
            target = targets()[state][rule.event]
            assert f"| {state} | {rule.when} | `{rule.event}` | {target} |" in page
    for event in SessionChart.event_ids():
        cells = " | ".join(row.get(event, "") for row in targets().values())
        assert f"| `{event}` | {cells} |" in page


def test_the_page_tells_what_is_announced() -> None:
    page = statechart_markdown()
    assert "| `grant` | preparing | *begin transaction*, PrepareCharging |" in page
    assert "| `unplug` | idle | *end session* |" in page


def test_the_page_is_the_same_each_time() -> None:
    assert statechart_markdown() == statechart_markdown()
