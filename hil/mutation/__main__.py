"""`make mutate`: the table of killed mutants, and a failure where tests let too much live."""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from hil.mutation.judge import LEAST_CPU_S, rehearse, start, wait, warm_up
from hil.mutation.mutants import Mutant, find
from hil.mutation.scope import (
    LEAST_KILLED,
    Module,
    Scope,
    complaints,
    load_scope,
    load_survivors,
)

ROOT = Path(__file__).resolve().parents[2]


class Score:
    """What became of the mutants of one module."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.made = 0
        self.timed_out = 0
        self.survived: list[tuple[int, str]] = []
        self.cpu_s = 0.0

    @property
    def killed(self) -> int:
        return self.made - len(self.survived)

    def row(self) -> str:
        share = 100 * self.killed / self.made if self.made else 100.0
        return (
            f"| `{self.path}` | {self.made} | {self.killed} | {self.timed_out} "
            f"| {len(self.survived)} | {share:.1f} % | {self.cpu_s:.0f} |"
        )


def judge_module(module: Module, scope: Scope, jobs: int) -> Score:
    """Run the tests of `module` against each of its mutants, `jobs` at a time."""
    tree = ast.parse((ROOT / module.path).read_text("utf-8"))
    out = tuple(row.begins for row in scope.left_out)
    mutants = [m for m in find(module.path, tree) if not m.name.startswith(out)]
    score = Score(module.path)
    score.made = len(mutants)
    alive = mutants
    for tests in (module.tests, module.then):
        if tests and alive:
            alive = _let_live(module.path, tree, alive, tests, jobs, score)
    score.survived = [(mutant.line, mutant.name) for mutant in alive]
    return score


def _let_live(
    path: str,
    tree: ast.Module,
    mutants: Sequence[Mutant],
    tests: Sequence[str],
    jobs: int,
    score: Score,
) -> list[Mutant]:
    """Those of `mutants` that `tests` do not notice."""
    plan, sound = rehearse(path, tests)
    limit_s = LEAST_CPU_S + round(2 * sound.cpu_s)
    waiting, running, alive = deque(mutants), dict[int, Mutant](), []
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.popleft()
            running[start(path, tree, mutant, plan, limit_s)] = mutant
        pid, verdict = wait()
        mutant = running.pop(pid)
        score.cpu_s += verdict.cpu_s
        score.timed_out += verdict.timed_out
        if not verdict.killed:
            alive.append(mutant)
    return sorted(alive, key=mutants.index)


def report(scores: Sequence[Score], known: dict[str, str], seconds: float) -> bool:
    """Print the outcome; True where it is good enough."""
    made, killed = sum(s.made for s in scores), sum(s.killed for s in scores)
    survived = {name for score in scores for _, name in score.survived}
    unexplained, outdated = complaints(survived, known, {score.path for score in scores})
    for name in outdated:
        print(f"OUTDATED  {name} is killed or gone: take it out of survivors.toml")
    share = killed / made if made else 1.0
    print(f"\n{killed} of {made} mutants killed, {100 * share:.1f} %, in {seconds:.0f} s;", end=" ")
    print(f"{len(survived)} survived, {len(unexplained)} of them without a reason")
    weak = [s.path for s in scores if s.killed < LEAST_KILLED * s.made]
    for path in weak:
        print(f"under {LEAST_KILLED:.0%}: {path}")
    return not (weak or unexplained or outdated or share < LEAST_KILLED)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", help="source files; all of scope.toml where none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    scope = load_scope()
    modules = [m for m in scope.module if not arguments.paths or m.path in arguments.paths]
    if len(modules) < len(arguments.paths):
        parser.error("scope.toml does not have all of these files")
    began = time.monotonic()
    os.chdir(ROOT)
    warm_up(ROOT, sorted({test for module in modules for test in (*module.tests, *module.then)}))
    print("| module | mutants | killed | of these timed out | survived | killed | CPU s |")
    print("|---|---|---|---|---|---|---|")
    scores, known = [], load_survivors()
    for module in modules:
        scores.append(judge_module(module, scope, arguments.jobs))
        print(scores[-1].row(), flush=True)
        for line, name in scores[-1].survived:
            if name not in known:
                print(f"SURVIVED  line {line}  {name}", file=sys.stderr)
    return 0 if report(scores, known, time.monotonic() - began) else 1


if __name__ == "__main__":
    sys.exit(main())
