"""Runs the tests against one mutant in a forked child; the work tree is never changed.

The parent has imported every library that the tests need and nothing of this project, so a child
imports the project anew, with the mutant in place of its module, in a fraction of a second. A
child that loops for ever is ended by the kernel's limit on its processor time.
"""

from __future__ import annotations

import ast
import gc
import importlib.util
import io
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings

from hil.mutation.mutants import Mutant
from hil.mutation.rehearsal import Chosen, Plan, Rehearsal

MEMORY_BYTES = 4 << 30
LEAST_CPU_S = 10
_BROKEN = 70
"""Exit code of a child that has met an error outside of its tests (sysexits' EX_SOFTWARE)."""
_OPTIONS = (
    *("-x", "-q", "-o", "addopts=", "-m", "not soak", "-p", "no:cacheprovider"),
    *("--assert=plain", "-W", "error"),
)
"""Assertions as they stand: to rewrite them for better words costs half the time."""


class Verdict(NamedTuple):
    """How a run of tests ended."""

    killed: bool
    timed_out: bool
    cpu_s: float


class _Unshrunk:
    """A failing example is enough; nobody reads the least one."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", settings(), phases=phases, database=None, report_multiple_bugs=False
        )
        settings.load_profile("mutation")


class _Loader(SourceFileLoader):
    """Loads a module from code that is already there."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, _fullname: str) -> CodeType:
        return self._code


class _Finder:
    """Answers for one module only."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        loader = _Loader(name, path, code)
        self._name, self._path, self._loader = name, path, loader

    def find_spec(
        self, name: str, _path: object = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=self._loader)


def warm_up(root: Path, tests: Sequence[str]) -> None:
    """Import what `tests` need, then forget what is below `root`, the project. Once per process,
    which is good for nothing but `start` from then on. Raises RuntimeError where they do not load.
    """
    with redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["--collect-only", *_OPTIONS, *tests], plugins=[_Unshrunk()])
    if code != 0:
        raise RuntimeError(f"the tests cannot be collected:\n{said.getvalue()}")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        ours = file is not None and Path(file).is_relative_to(root) and "/.venv/" not in file
        if ours and name not in ("hil", "__main__") and not name.startswith("hil.mutation"):
            del sys.modules[name]
    gc.collect()
    gc.freeze()


def rehearse(path: str, tests: Sequence[str]) -> tuple[Plan, Verdict]:
    """Run `tests` without a fault in the module `path` of the current directory."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        plugin = Rehearsal(str(Path(path).absolute()), report)
        _fork(partial(_pytest, tests, plugin))
        _, verdict = wait()
        if verdict.killed:
            raise RuntimeError(f"{path}: its tests fail without any fault: {' '.join(tests)}")
        return Plan(tests, report), verdict


def start(path: str, tree: ast.Module, mutant: Mutant, plan: Plan, limit_s: int) -> int:
    """Fork a child that runs the tests which the plan chooses, with `mutant` in the module `path`,
    for at most `limit_s` of processor time; returns its process id."""
    chosen = plan.judges(mutant.function)

    def run() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 2))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        if not chosen:
            return 0
        mutant.apply()
        _put_in_place(path, tree)
        return _pytest(plan.tests, Chosen(chosen, plan))

    return _fork(run)


def _fork(run: Callable[[], int]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = _BROKEN
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = run()
    finally:
        os._exit(code)


def _put_in_place(path: str, tree: ast.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(tree, path, "exec")
    name = path.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, str(Path(path).absolute()), code))


def _pytest(tests: Sequence[str], plugin: object) -> int:
    return int(pytest.main([*_OPTIONS, *tests], plugins=[_Unshrunk(), plugin]))


def wait() -> tuple[int, Verdict]:
    """The next child that ends, and what its tests said. A mutant that can not even be imported is
    killed. Raises RuntimeError where the child came to no verdict."""
    pid, status, usage = os.wait4(-1, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == _BROKEN:
        raise RuntimeError("a mutant could not be made, or its tests not be run")
    timed_out = code in (-signal.SIGXCPU, -signal.SIGKILL)
    killed = code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return pid, Verdict(killed, timed_out, usage.ru_utime + usage.ru_stime)
