"""The files that the documents name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "pipeline").rglob("*.md")]
NAMED = re.compile(
    r"(?:benchmarks|tools|tests|docs|pipeline)/[\w/.-]*\w\.(?:py|md|png|jpg|txt|csv)\b"
)


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_readme_names_files_at_all() -> None:
    assert len(NAMED.findall((ROOT / "README.md").read_text(encoding="utf-8"))) > 10
