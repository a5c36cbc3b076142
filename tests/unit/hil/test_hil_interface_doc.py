"""docs/interface.md says what the code has, and its golden JSON is what the code reads."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec
import pytest

from evse.door.methods import TABLE
from evse.door.roles import METHODS, NAMESPACES, Role
from evse.door.variables import VARIABLES
from evse.types.interfaces import INTERFACES
from hil.docs.interface import interface_markdown, reads_older_spellings
from hil.docs.interface_golden import GOLDEN, golden, golden_files
from hil.docs.interface_link import link_names
from hil.docs.interface_types import anchors, fields, is_enum

TYPES = tuple(anchors())


@pytest.fixture(scope="module")
def page() -> str:
    return interface_markdown()


def test_the_golden_files_are_those_of_the_code() -> None:
    """`python -m hil.docs.interface_golden` writes them anew."""
    written = {
        path.relative_to(GOLDEN).as_posix(): path.read_text("utf-8")
        for path in GOLDEN.rglob("*.json")
    }
    assert written == golden_files()


def test_no_two_golden_files_differ_in_case_alone() -> None:
    """Some file systems keep one of them only."""
    assert len({name.casefold() for name in golden_files()}) == len(golden_files())


@pytest.mark.parametrize("type_", TYPES, ids=anchors().get)
def test_a_golden_text_comes_back_as_it_was(type_: type[Any]) -> None:
    read_as = GenericAlias(tuple, (type_, ...)) if is_enum(type_) else type_
    text = (GOLDEN / f"{anchors()[type_].replace('-', '/')}.json").read_bytes()
    value = msgspec.json.decode(text, type=read_as)
    assert value == golden(type_)
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(text)


def test_the_page_has_every_member_of_every_interface(page: str) -> None:
    for interface in INTERFACES:
        section = page.split(f"\n## {interface.name}\n")[1].split("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        members = (*interface.variables, *interface.commands)
        assert len(rows) == len(members)
        for row, member in zip(rows, members, strict=True):
            served = f"{interface.name}.{member.name}" in TABLE.keys() | VARIABLES
            assert row.startswith(f"| `{member.name}` | ")
            by = row.rstrip(" |").rpartition("| ")[2]
            core, others = ("core", "core, told by a provider"), ("provider", "link", "not yet")
            assert by in (core if served else others)


def test_the_page_has_what_the_door_serves_beside_the_interfaces(page: str) -> None:
    beside = page.split("\n## Beside the pages\n")[1].split("\n## ")[0]
    published = {f"{i.name}.{m.name}" for i in INTERFACES for m in (*i.variables, *i.commands)}
    for name in TABLE.keys() | VARIABLES:
        assert (f"`{name}`" in beside) == (name not in published)


@pytest.mark.parametrize("type_", TYPES, ids=anchors().get)
def test_the_page_has_every_type_with_its_fields_and_values(page: str, type_: type[Any]) -> None:
    section = page.split(f'<a id="{anchors()[type_]}"></a>')[1].split("<a id=")[0]
    if is_enum(type_):
        assert " · ".join(f"`{member.value}`" for member in type_) in section
    for field in () if is_enum(type_) else fields(type_):
        assert f"\n| `{field.encode_name}` | " in section


def test_every_link_of_the_page_leads_somewhere(page: str) -> None:
    leads = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert leads <= set(anchors().values())


def test_the_page_tells_what_goes_out_and_in(page: str) -> None:
    section = page.split('<a id="authorization-ProvidedIdToken"></a>')[1].split("<a id=")[0]
    older = "[SeedProvidedIdToken](#seed-SeedProvidedIdToken)"
    assert f"Emitted by `evse_manager.session_event`: as below; on request as {older}." in section
    assert f"`evse_manager.stop_transaction(request)`: as below or as {older}." in section


def test_what_the_link_does_not_speak_of_is_told_as_not_there(page: str) -> None:
    assert "ocpp.is_connected" in link_names()
    for interface in ("ocpp", "ocpp_1_6_charge_point"):
        section = page.split(f"\n## {interface}\n")[1].split("\n## ")[0]
        for line in section.splitlines():
            if line.startswith("| `"):
                name = f"{interface}.{line.split('`')[1]}"
                assert line.endswith("| link |" if name in link_names() else "| not yet |")


def test_the_door_reads_the_older_spellings_and_the_page_says_so(page: str) -> None:
    assert reads_older_spellings()
    assert "The door reads the spellings of 2023." in page


def test_the_page_has_every_role_and_what_it_may_call(page: str) -> None:
    section = page.split("\n## Roles\n")[1].split("\n## ")[0]
    assert all(f"\n| {role} | " in section for role in Role)
    for method, roles in METHODS.items():
        (row,) = (line for line in section.splitlines() if line.startswith(f"| `{method}` |"))
        assert row.count("| yes") == len(roles)


def test_the_page_has_every_namespace_that_can_be_provided(page: str) -> None:
    section = page.split("\n## Providers\n")[1].split("\n## ")[0]
    assert all(f"\n| `{name}` | {role} |" in section for name, role in NAMESPACES.items())


def test_the_page_is_the_same_each_time(page: str) -> None:
    assert interface_markdown() == page
