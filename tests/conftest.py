"""Fixtures of all tests; figures that tests measure are printed at the end of the run."""

import gc
import logging
import os
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule
from hypothesis import settings

from tests.support.browser import browser
from tests.support.demo import walked_demo
from tests.support.examples import FULL, QUICK

__all__ = ["browser", "walked_demo"]

# How long an example takes says nothing of the program where others use the machine too.
settings.register_profile("full", max_examples=FULL, deadline=None)
settings.register_profile("quick", max_examples=QUICK, deadline=None)
settings.load_profile("full" if "CI" in os.environ else "quick")

E2E_FILES = (
    "*browser.py", "test_?*_demo.py", "test_hostile_*.py", "test_faults.py", "test_samples.py",
    "test_backends.py", "web/test_openapi.py", "web/test_serve.py",
    "spread/test_cli.py", "spread/test_cluster.py", "spread/test_walk.py", "walk/test_processes.py",
)  # fmt: skip
E2E_FIXTURES = {"browser", "opened"}
"""What of its nature takes long: such a test is marked `e2e` by where it lies and what it uses."""

E2E_WORDS = ("e2e", *E2E_FIXTURES)
"""Other files with a test of that tier have one of these in their text."""

LONG_FILES = (
    "test_demo.py", "archive/test_equality.py", "review/test_decisions_followed.py",
    "judge/test_judge.py", "archive/test_gather.py", "test_api.py", "test_faults.py",
    "test_samples.py", "web/test_axe_browser.py", "web/test_openapi.py", "web/test_*_demo.py",
)  # fmt: skip
"""A few tests each, which take long: as the last ones they would leave the other processes idle."""

FIGURE = "figure"


class Needed:
    """Imports only what may hold a test of the tier: a file takes longer than many tests do."""

    def __init__(self, config: pytest.Config) -> None:
        self._tier = config.option.markexpr  # Others than these two import everything.
        self._named = {Path(arg.partition("::")[0]).resolve() for arg in config.args}

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        found = yield
        if not found or (
            file_path.resolve() not in self._named and self._is_of_other_tier(file_path)
        ):
            return []
        none = ">>>" not in _text(file_path)
        return [one for one in found if not (none and isinstance(one, DoctestModule))]

    def _is_of_other_tier(self, path: Path) -> bool:
        if self._tier == "not slow and not e2e":
            return _is_any(path, E2E_FILES)
        if self._tier == "e2e and not slow":
            return not (_is_any(path, E2E_FILES) or _speaks_of_e2e(path))
        return False


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Needed(config))  # A hook here would see tests/ only.
    # A shell starts what runs in the background deaf to Ctrl-C, and so all that this starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if _is_any(item.path, E2E_FILES):
            item.add_marker("e2e")
        elif not E2E_FIXTURES.isdisjoint(fixtures):
            item.add_marker("e2e")
            if not _speaks_of_e2e(item.path):  # `Needed` would keep it from every tier.
                raise pytest.UsageError(f"{item.nodeid}: mark it `@pytest.mark.e2e`")
    if "PYTEST_XDIST_WORKER" in os.environ:
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (not _is_any(item.path, LONG_FILES), -tests[item.path]))


def _speaks_of_e2e(path: Path) -> bool:
    text = _text(path)
    return any(word in text for word in E2E_WORDS)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _is_any(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(map(path.match, patterns))


def pytest_collection_finish() -> None:
    """Looks for garbage seldom, and not among the tests: an application takes 52 ms, not 72."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escapes what is no text, such as odd names of files: pytest-xdist sends nothing else."""
    report = yield
    report.sections = [(name, _escaped(text)) for name, text in report.sections]
    failure = str(report.longrepr)
    if report.longrepr is not None and _escaped(failure) != failure:
        report.longrepr = _escaped(failure)
    return report


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [r for some in terminalreporter.stats.values() for r in some]
    lines = [
        value
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == FIGURE
    ]
    if lines:
        terminalreporter.section("measured figures")
        for line in lines:
            terminalreporter.write_line(str(line))


@pytest.fixture(scope="session", autouse=True)
def _no_power_cut() -> Iterator[None]:
    """What is written for a power cut makes tests wait for the disk, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The program sets up logging for its process, which here is that of all tests."""
    root, own = logging.getLogger(), logging.getLogger("pipeline")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a measured figure at the end of the run, whether the test passes or not."""
    # A property of the report, because pytest-xdist sends reports from process to process.
    return lambda line: request.node.user_properties.append((FIGURE, line))
