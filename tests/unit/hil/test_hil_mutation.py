"""The mutants: which faults are made, how they are called, and that a test run judges them."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hil.mutation import scope
from hil.mutation.mutants import Mutant, find

ROOT = Path(__file__).parents[3]


def mutants(source: str) -> list[Mutant]:
    return find("a.py", ast.parse(textwrap.dedent(source)))


def changes(source: str) -> list[str]:
    """What is made of `source`, without the place."""
    return [mutant.name.partition(": ")[2] for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["a < b => a <= b", "a < b => a >= b"]),
        ("x = a is None", ["a is None => a is not None"]),
        ("x = a and b and c", ["b and c", "a and c", "a and b"]),
        ("x = not a", ["not a => a"]),
        ("x = -a", ["-a => a"]),
        ("x = a + b", ["a + b => a - b"]),
        ("x += a", ["x += a => x -= a"]),
        ("x = a * 2", ["a * 2 => a / 2", "a * 2 => a * 3"]),
        ("x = True", ["x = True => x = False"]),
        ("x = 'idle'", ["x = 'idle' => x = 'idle_'"]),
        ("x = min(a, b)", ["min(a, b) => max(a, b)"]),
        ("x = any(a)", ["any(a) => all(a)"]),
        ("x = f(a, b=c)", ["f(a, b=c) => f(a)"]),
        ("x = {a, b}", ["{a, b} => {b}", "{a, b} => {a}"]),
        ("x = frozenset((a, b))", ["(a, b) => (b,)", "(a, b) => (a,)"]),
        ("f(a)", ["f(a) => pass"]),
        ("s.x = a", ["s.x = a => pass"]),
        ("raise E('some words')", ["raise E('some words') => pass"]),
        ("x = [a for a in b if c]", ["for a in b if c => for a in b"]),
        ("x = a if f(b) else c", ["a if f(b) else c => a if not f(b) else c"]),
    ],
)
def test_each_kind_of_fault_is_made(source: str, expected: list[str]) -> None:
    found = changes(source)
    assert len(found) == len(expected)
    for change, end in zip(found, expected, strict=True):
        assert change.endswith(end), change


@pytest.mark.parametrize(
    "source",
    [
        "def f(a: int | None) -> tuple[int, ...]: '''Words.'''",
        "class A(B, frozen=True): '''Words.'''",
        "assert a == 1, 'why'",
        "Amps = tuple[float | None, float]",
        "import a",
        "x = f'{a} is 1'",
        "x = 'a sentence'",
        "return_ = (a, b)",
        "class Mode(enum.StrEnum): SOLAR = 'solar'",
        "x = zip(a, b, strict=True)",
    ],
)
def test_what_no_test_has_to_judge_is_left_alone(source: str) -> None:
    assert changes(source) == []


SOURCE = """
LIMIT_A = 6

class Offer:
    def enough(self, a):
        return a >= 6
"""


def test_a_mutant_is_called_by_its_place_and_its_words() -> None:
    assert [mutant.name for mutant in mutants(SOURCE)] == [
        "a.py LIMIT_A: LIMIT_A = 6 => LIMIT_A = 7",
        "a.py Offer.enough: a >= 6 => a > 6",
        "a.py Offer.enough: a >= 6 => a < 6",
        "a.py Offer.enough: a >= 6 => a >= 7",
    ]


def test_code_elsewhere_in_the_file_changes_no_name() -> None:
    more = mutants("OTHER = 1\n\ndef f(): return a >= 6\n" + SOURCE + "\nLAST = 2\n")
    assert {mutant.name for mutant in mutants(SOURCE)} < {mutant.name for mutant in more}


def test_the_same_words_twice_in_one_place_are_numbered() -> None:
    assert changes("def f():\n    x = -a\n    y = -a\n") == ["-a => a", "-a => a (#2)"]


def test_of_a_long_line_only_the_surroundings_of_the_change_are_in_the_name() -> None:
    words = [f"argument_number_{n}=value_{n}" for n in range(8)]
    found = changes(f"x = function({', '.join(words)})")
    assert found[6] == (
        "…value_5, argument_number_6=value_6, argument_number_7=value_7) => "
        "…value_5, argument_number_7=value_7)"
    )
    assert len(set(found)) == len(found)


def test_applying_a_mutant_changes_what_it_says_and_nothing_else() -> None:
    for n, mutant in enumerate(mutants(SOURCE)):
        tree = ast.parse(SOURCE)
        find("a.py", tree)[n].apply()
        compile(tree, "a.py", "exec")
        before = ast.unparse(ast.parse(SOURCE)).splitlines()
        after = ast.unparse(tree).splitlines()
        changed = [new.strip() for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) == 1
        assert mutant.name.partition(" => ")[2] in changed[0]


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor() -> None:
    known = {"a.py f: 1 => 2": "equivalent", "b.py f: 1 => 2": "not judged now"}
    assert scope.complaints({"a.py f: 1 => 2"}, known, {"a.py"}) == ([], [])
    assert scope.complaints({"a.py g: 1 => 2"}, known, {"a.py"}) == (
        ["a.py g: 1 => 2"],
        ["a.py f: 1 => 2"],
    )


def test_the_scope_names_files_and_tests_that_exist() -> None:
    found = scope.load_scope()
    for module in found.module:
        for path in (module.path, *module.tests, *module.then):
            assert (ROOT / path.partition("::")[0]).is_file(), path
    made = {module.path for module in found.module}
    assert {name.partition(" ")[0] for name in scope.load_survivors()} <= made


JUDGE = """
import ast, sys
from pathlib import Path
from hil.mutation.judge import rehearse, start, wait, warm_up
from hil.mutation.mutants import find

warm_up(Path.cwd(), ["test_shop.py"])
tree = ast.parse(Path("shop.py").read_text())
plan, _ = rehearse("shop.py", ["test_shop.py"])
for mutant in find("shop.py", tree):
    start("shop.py", tree, mutant, plan, 1)
    verdict = wait()[1]
    print(mutant.name, verdict.killed, verdict.timed_out, sep="|")
"""


def test_a_run_kills_what_is_tested_ends_what_loops_and_lets_the_rest_live(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "def price(n):\n    total = 0\n    while n > 0:\n        n -= 1\n        total += 2\n"
        "    return total\n\ndef unseen(a):\n    return -a\n"
    )
    (tmp_path / "test_shop.py").write_text(
        "from shop import price\n\ndef test_price():\n    assert price(3) == 6\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = soak: long\n")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    judged = [line.split("|") for line in done.stdout.splitlines()]
    alive = [name for name, killed, _ in judged if killed == "False"]
    assert alive == ["shop.py unseen: -a => a"]
    looping = [name for name, _, timed_out in judged if timed_out == "True"]
    assert looping == ["shop.py price: n -= 1 => n += 1"]
