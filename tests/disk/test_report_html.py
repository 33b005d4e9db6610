"""Tests of whether a report says that it is out of date."""

from pathlib import Path

import pytest

from pipeline.disk.pick_json import begin_pick
from pipeline.disk.report_html import (
    REPORT,
    is_outdated,
    mark_outdated,
    outdated_line,
    report_line,
)
from pipeline.settings import Job

NEW = '<!doctype html>\n<html lang="en" data-made="now">\n<body>é <html lang="en"></body>'
EARLIER = '<!doctype html>\n<html lang="en">\n<body>é</body>'


@pytest.mark.parametrize("page", [NEW, EARLIER], ids=["of now", "of an earlier version"])
def test_a_report_is_new_until_it_is_marked(page: str, tmp_path: Path) -> None:
    path = tmp_path / REPORT
    path.write_text(page, encoding="utf-8")
    assert not is_outdated(tmp_path)
    for _ in range(2):
        mark_outdated(tmp_path)
        assert is_outdated(tmp_path)
        begin = '<html lang="en" data-made="before">'
        assert path.read_text(encoding="utf-8") == page.replace(page.split("\n")[1], begin)
    assert outdated_line(tmp_path) == (
        f"report.html is out of date; write it anew: mine-video report {tmp_path}"
    )


def test_the_line_says_which_known_faces_the_last_pick_had(tmp_path: Path) -> None:
    (tmp_path / REPORT).write_text(NEW, encoding="utf-8")
    mark_outdated(tmp_path)
    begin_pick(tmp_path, Job(), [])
    assert outdated_line(tmp_path).endswith(f"mine-video report {tmp_path}")
    known = tmp_path / "known faces"
    begin_pick(tmp_path, Job(known_faces=known), [])
    line = f"mine-video report {tmp_path} --known-faces '{known}'"
    assert outdated_line(tmp_path).endswith(line)
    assert report_line(tmp_path, known) == line


def test_where_there_is_no_report_none_is_made(tmp_path: Path) -> None:
    mark_outdated(tmp_path)
    assert outdated_line(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "my own page", f"{600 * ' '}{NEW}"])
def test_another_page_of_that_name_stays(text: str, tmp_path: Path) -> None:
    (tmp_path / REPORT).write_text(text)
    mark_outdated(tmp_path)
    assert (tmp_path / REPORT).read_text() == text


def test_nothing_is_read_or_written_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text(NEW)
    (tmp_path / REPORT).symlink_to(other)
    mark_outdated(tmp_path)
    assert other.read_text() == NEW
    assert (tmp_path / REPORT).is_symlink()
