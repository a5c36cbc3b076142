"""The bench as a pytest plugin: `--bench sim|native|sim-proc`, the fixture `bench` and its markers.

After each test the metal is asked whether it ever was where no station may be; a test that breaks
metal on purpose says so (`@pytest.mark.expect_fault("contactor_weld")`). When a test fails, the
trace goes into its `tmp_path` as text and as a lane plot, and the seed is printed.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.bench.bench import Bench, BenchCapability
from hil.bench.sim import SimBench
from hil.bench.station import StationSetup
from hil.errors import BenchTooSlow
from hil.plot.plot import lane_plot

DEFAULT_SEED = 20_261_121
START_S = 30.0
"""How long a station may take to be ready for a car."""
SIMULATED = "simulated_hours"
"""Name under which a test reports the time it lived through."""
KINDS = ("sim", "native", "sim-proc")
NATIVE = SimBench.capabilities - {BenchCapability.BOARD_FLAGS}
"""The native board reports what it has sensors for, and nothing else."""
FAILED = pytest.StashKey[bool]()
"""Set on an item of which any phase failed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "hardware in the loop")
    group.addoption("--bench", type=_kinds, default=("sim",), help=f"what to test on: {KINDS}")
    group.addoption("--bench-seed", type=int, default=DEFAULT_SEED, help="seed of simulations")


def _kinds(text: str) -> tuple[str, ...]:
    """One of KINDS, or several with commas."""
    kinds = tuple(text.split(","))
    if unknown := set(kinds) - set(KINDS):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: is none of {', '.join(KINDS)}")
    return kinds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With several benches each test that asks for one runs on all of them."""
    kinds = metafunc.config.getoption("--bench")
    if "bench_kind" in metafunc.fixturenames and len(kinds) > 1:
        metafunc.parametrize("bench_kind", kinds, indirect=True)


@pytest.fixture
def bench_kind(request: pytest.FixtureRequest) -> str:
    """What this test runs on."""
    return kind_of(request.node)


def kind_of(item: pytest.Item) -> str:
    """What `item` runs on."""
    callspec = getattr(item, "callspec", None)
    several = callspec is not None and callspec.params.get("bench_kind")
    return str(several or item.config.getoption("--bench")[0])


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "station(**setup): the station that this test needs, see hil.bench.station.StationSetup",
        "expect_fault(*names): plant violations are excused while one of these faults is active",
    ):
        config.addinivalue_line("markers", line)


def seed_of(config: pytest.Config) -> int:
    """The seed of this run."""
    return int(config.getoption("--bench-seed", DEFAULT_SEED))


def capabilities(kind: str) -> frozenset[BenchCapability]:
    """What the bench of that name can do."""
    if kind == "native":
        return NATIVE
    return SimBench.capabilities if kind == "sim" else _proc_bench().capabilities


def _proc_bench() -> Any:
    """Loaded when first wanted: it brings processes, sockets and ptys with it."""
    return importlib.import_module("hil.bench.proc").ProcBench


def pytest_runtest_setup(item: pytest.Item) -> None:
    kind = kind_of(item)
    for marker in item.iter_markers("needs"):
        missing = {BenchCapability(name) for name in marker.args} - capabilities(kind)
        if missing:
            pytest.skip(f"bench {kind} lacks {', '.join(sorted(missing))}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:  # noqa: ARG001 the hook's signature
    """A test that would wait for minutes is for a bench in virtual time."""
    try:
        return (yield)
    except BenchTooSlow as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def setup(request: pytest.FixtureRequest) -> StationSetup:
    """The station asked for by `@pytest.mark.station(...)`; a marker nearer to the test wins."""
    wanted: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("station"))):
        wanted |= marker.kwargs
    return StationSetup(**wanted)


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    setup: StationSetup,
    bench_kind: str,
    tmp_path: Path,
    record_property: Any,
) -> Iterator[Bench]:
    """A started station with its car, mains, faults and probes, fresh for each test."""
    seed = seed_of(request.config)
    bench = _make(bench_kind, setup, seed)
    begin_ms = bench.clock.now_ms()
    print(f"bench {bench_kind}, seed {seed}")
    try:
        started(bench)
        yield bench
        excused = {n for marker in request.node.iter_markers("expect_fault") for n in marker.args}
        found = unexcused(bench, excused)
        if found or request.node.stash.get(FAILED, False):
            keep_trace(bench, tmp_path)
        assert not found, f"the metal was where no station may be: {found}"
    finally:
        if BenchCapability.VIRTUAL_TIME in bench.capabilities:
            record_property(SIMULATED, (bench.clock.now_ms() - begin_ms) / 3_600_000)
        bench.close()


def _make(kind: str, setup: StationSetup, seed: int) -> Bench:
    if kind == "sim-proc":
        proc: Bench = _proc_bench()(setup, seed=seed)
        return proc
    return SimBench(setup, seed=seed, native=kind == "native")


def started(bench: Bench) -> None:
    """Let time pass until every EVSE waits for a car."""
    probes = [bench.at(evse).probe for evse in bench.evses]
    bench.clock.run_until(
        lambda: all(probe.state() == "idle" for probe in probes), within=START_S, what="the start"
    )


def unexcused(bench: Bench, excused: set[str]) -> list[str]:
    """Violations that none of the faults named in `excused` explains, as sentences."""
    return [
        f"evse {v.evse}: {v.rule} at {v.t_ms} ms (faults: {', '.join(v.faults) or 'none'})"
        for evse in bench.evses
        for v in bench.at(evse).probe.violations()
        if excused.isdisjoint(v.faults)
    ]


def keep_trace(bench: Bench, directory: Path) -> None:
    """Write the trace where the test's report is, and say where."""
    trace = bench.probe.trace()
    text, plot = directory / "trace.txt", directory / "trace.html"
    text.write_text(trace.lines(), "utf-8")
    plot.write_text(lane_plot(trace, title=f"seed {bench.seed}"), "utf-8")
    print(f"seed {bench.seed}; trace: {text}; plot: {plot}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How much life the simulations have lived through in all."""
    hours = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, value in report.user_properties
        if name == SIMULATED
    ]
    if hours:
        terminalreporter.write_line(f"simulated: {sum(hours):.1f} hours in {len(hours)} tests")
