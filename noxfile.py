"""Checks and tests by name, in the environment in which nox is installed; see `nox --list`."""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["format", "lint", "types", "layers", "docs", "site", "tests"]

WRITTEN = ["docs/commands.md", "docs/api.md"]
"""Pages that cog writes."""

MOST = 45_000_000
"""Bytes of a wheel, at most."""


@nox.session
def format(session: nox.Session) -> None:  # noqa: A001 - the name of its command
    """Are all files formatted? `nox -s format -- --fix` formats them."""
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]), ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Does ruff find no fault?"""
    session.run("ruff", "check", *session.posargs, ".")


@nox.session
def types(session: nox.Session) -> None:
    """Does mypy find no fault?"""
    session.run("mypy", *session.posargs)


@nox.session
def layers(session: nox.Session) -> None:
    """Does data flow one way?"""
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Are the pages that cog writes those of today? `nox -s docs -- --fix` writes them."""
    session.run("cog", "-r" if "--fix" in session.posargs else "--check", *WRITTEN)


@nox.session
def site(session: nox.Session) -> None:
    """Makes a site of the README and the documents, in site/; a dead link in them is an error."""
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-q", "-c", "docs", ".", "site")
    shutil.copy("site/README.html", "site/index.html")


@nox.session
def tests(session: nox.Session) -> None:
    """Units, properties, puppets, and one demo with the real networks."""
    session.run("pytest", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Browsers, hostile files, other backends, clusters."""
    session.run("pytest", "-m", "e2e and not slow", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Kills at every change of a file: a quarter of an hour."""
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Which changes of the code do the tests not notice? Takes an hour, or give names of some."""
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def build(session: nox.Session) -> None:
    """Makes an sdist, and from it a wheel, in dist/."""
    session.run("python", "-m", "build")
    for wheel in Path("dist").glob("*.whl"):
        if wheel.stat().st_size > MOST:
            session.error(f"{wheel} has more than {MOST:,} bytes")
