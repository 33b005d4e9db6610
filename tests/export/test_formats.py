"""Tests of the table of formats: every one is complete, documented, and loaded only if wanted."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import OutputError
from pipeline.export import formats
from pipeline.export.formats import CLIPS, FORMATS, SUPERCUT, check_installed

DOCUMENT = Path(__file__).parents[2] / "docs" / "editors.md"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_has_a_writer_and_stands_in_the_document(kind: str) -> None:
    form = FORMATS[kind]

    assert form.ending[0] in "._"
    assert bool(form.writer) == (kind not in (CLIPS, SUPERCUT))
    assert not form.writer or callable(form.load())
    assert bool(form.packages) == bool(form.extra)
    (row,) = [
        line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{kind}` |")
    ]
    assert form.ending in row
    assert form.programs in row
    assert row.endswith(f"| `{form.extra}` |" if form.extra else "| |")


def test_help_and_both_tables_name_the_extra() -> None:
    help_ = (DOCUMENT.parent / "commands.md").read_text().partition("\n## export\n")[2]
    help_ = help_.partition("\n## ")[0]
    lines = DOCUMENT.read_text().splitlines()
    for kind in (kind for kind, form in FORMATS.items() if form.extra):
        assert FORMATS[kind].told.endswith("needs the extra `edit`")
        for line in lines:
            assert f"--format {kind}`" not in line or "the extra `edit`" in line
    assert " ".join(help_.split()).count("needs the extra `edit`") == 5


def test_no_two_formats_write_one_file() -> None:
    endings = [(form.whole, form.ending) for kind, form in FORMATS.items() if kind != CLIPS]

    assert len(set(endings)) == len(endings)


@pytest.mark.parametrize("kind", [kind for kind, form in FORMATS.items() if form.packages])
def test_what_is_not_installed_is_told(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed([kind])
    monkeypatch.setattr(formats, "find_spec", lambda _: None)

    extra = FORMATS[kind].extra
    with pytest.raises(OutputError, match=rf"--format {kind} needs .*mine-video\[{extra}\]"):
        check_installed([CLIPS, kind])


def test_nothing_loads_opentimelineio_but_its_formats() -> None:
    modules = sorted(
        ".".join(path.relative_to(Path(formats.__file__).parents[2]).with_suffix("").parts)
        for path in Path(formats.__file__).parents[1].glob("**/*.py")
        if "train" not in path.parts and "spread" not in path.parts
    )
    assert "pipeline.export.timelines" in modules
    wanted = [name for name in modules if importlib.util.find_spec(name)]
    program = (
        "import sys, importlib\n"
        "sys.modules['opentimelineio'] = None\n"
        f"for name in {[n for n in wanted if n != 'pipeline.export.timelines']!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        assert 'opentimelineio' not in str(error), (name, error)\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
