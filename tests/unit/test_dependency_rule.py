"""The rule of the house: which package may import which. Read off the source, so that an import
inside a function counts too."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("evse", "drivers", "firmware_bridge", "ocpp_link", "hil")
COMPOSITION_ROOT = ("evse.cli", "evse.run")
"""Prefixes of the modules that put the pieces together and may therefore name them all."""
CORE_MAY = {"evse", "msgspec", "statemachine"}
LEAVES = ("drivers", "firmware_bridge", "ocpp_link")
IMPURE = {"time", "asyncio", "threading", "socket", "subprocess", "random"}
SHELL = (
    "evse.clock",  # is the clock
    "evse.journal.thread",  # is the one thread
    "evse.door.server",  # the wire
    "evse.door.peer",  # asks the kernel who is there
    "evse.door.client",
    *COMPOSITION_ROOT,
)
"""Modules of the core that may touch time, threads or a wire; all others decide."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(*packages: str) -> list[tuple[str, Path]]:
    found = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return [(module_name(path), path) for path in found]


def is_root(module: str) -> bool:
    return module.startswith(COMPOSITION_ROOT)


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Every (line, module) that a source imports; `from x import y` counts as x."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the package"
            yield node.lineno, node.module or ""


def strangers(path: Path, allowed: set[str]) -> list[str]:
    """Imports of `path` that are neither the standard library nor `allowed` packages."""
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for line, name in imports(path.read_text("utf-8"))
        if (top := name.partition(".")[0]) not in allowed and top not in sys.stdlib_module_names
    ]


def test_the_core_imports_the_standard_library_msgspec_and_statemachine_only() -> None:
    found = [
        line
        for module, path in modules_of("evse")
        if not is_root(module)
        for line in strangers(path, CORE_MAY)
    ]
    assert found == []


@pytest.mark.parametrize("package", LEAVES)
def test_a_leaf_imports_the_core_and_never_another_leaf(package: str) -> None:
    others = set(PACKAGES) - {package, "evse"}
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for _module, path in modules_of(package)
        for line, name in imports(path.read_text("utf-8"))
        if name.partition(".")[0] in others
    ]
    assert found == []


def test_nothing_imports_the_bench_but_the_composition_root() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for module, path in modules_of("evse", *LEAVES)
        if not is_root(module)
        for line, name in imports(path.read_text("utf-8"))
        if name.partition(".")[0] == "hil"
    ]
    assert found == []


def test_what_decides_reads_no_clock_starts_no_thread_and_touches_no_wire() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for module, path in modules_of("evse")
        if not module.startswith(SHELL) or module == "evse.door.hub"
        for line, name in imports(path.read_text("utf-8"))
        if name.partition(".")[0] in IMPURE
    ]
    assert found == []


def neighbours(source: str, known: set[str]) -> set[str]:
    """Which of the `known` modules a source imports; `from x import y` counts as x.y if that is
    a module, and as x otherwise."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & known) or {node.module or ""}
    return found & known


def circle(sources: dict[str, str]) -> list[str]:
    """Modules that import one another in a ring; empty if there is none."""
    known = set(sources)
    graph = {module: neighbours(source, known) - {module} for module, source in sources.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        ring: list[str] = error.args[1]
        return ring
    return []


def test_no_modules_import_one_another_in_a_circle_not_even_for_their_types() -> None:
    assert circle({name: path.read_text("utf-8") for name, path in modules_of(*PACKAGES)}) == []


def test_the_rule_sees_a_circle_that_only_the_types_make() -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import b\n"
    assert set(circle({"p.a": typed, "p.b": "import p.c\n", "p.c": "from p.a import A\n"})) == {
        "p.a",
        "p.b",
        "p.c",
    }


def test_the_rule_sees_an_import_inside_a_function() -> None:
    source = "def f():\n    from hil.plant.plant import Plant\n    return Plant\n"
    assert list(imports(source)) == [(2, "hil.plant.plant")]
