"""Fixtures of all tests; figures that tests measure are printed at the end of the run."""

import logging
import os
import signal
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import settings

from tests.support.browser import browser
from tests.support.demo import walked_demo

__all__ = ["browser", "walked_demo"]

# How long an example takes says nothing of the program where others use the machine too.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FIGURE = "figure"


def pytest_configure() -> None:
    # A shell starts what runs in the background deaf to Ctrl-C, and so all that this starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("e2e")


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
