"""One name a thing: what is public in one module is called otherwise in every other."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import ROOT

ALLOWED = 0.01


def names(path: Path) -> Iterator[str]:
    """The public functions, classes and constants that a module defines."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name))


def test_no_more_than_a_hundredth_of_the_public_names_are_defined_twice() -> None:
    # What the API calls walk or pick is that.
    modules = sorted({*(ROOT / "pipeline").rglob("*.py")} - {ROOT / "pipeline" / "api.py"})
    count = Counter(
        name for path in modules for name in set(names(path))
        if not name.startswith("_") and name != "log"
    )  # fmt: skip
    twice = [name for name, n in count.items() if n > 1]
    assert len(count) > 1000
    assert len(twice) <= ALLOWED * len(count), twice


def test_no_module_defines_a_public_name_twice() -> None:
    for path in (ROOT / "pipeline").rglob("*.py"):
        twice = [name for name, n in Counter(names(path)).items() if n > 1]
        assert not twice, path
