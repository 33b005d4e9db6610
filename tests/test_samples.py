"""Every command line of the documents does what it says on the demo; see `UNTRIED` for the rest."""

import csv
import re
import shlex
import shutil
from pathlib import Path

import av
import pytest

from pipeline.settings import Job
from tests.support.demo import copied
from tests.support.program import Program, caller
from tests.test_documents import GUIDES, PLACEHOLDER, ROOT, samples

UNTRIED = re.compile(
    r"mine-video($| (web|live|.* --ray|"  # Take as long as one looks; need a cluster.
    r"(data|train|soup|evaluate|fool)\b|.*mine/model\.onnx|"  # See tests/train.
    r"name .*--cast|judge .*labels|"  # Numbers of people in another film; decisions about it.
    r"\S+( --\S+( \S+)?)?$|\S+ prints))"  # The names of commands in a sentence.
)
"""Samples that are not run here."""

OF_THE_DEMO = re.compile(r"\b(demo|actress|actor|guest)\b")
"""What is in the samples that use the photos of the repository; others use a reader's own."""

PEOPLE = {"rdj": "actor.jpg", "gwyneth": "actress.jpg"}
"""The photos of the people in samples with a reader's own films."""

DEMO = ROOT / "videos" / "demo.mp4"
MOVIES = ("part1.mkv", "part2.mkv", "films/one.mkv")
"""The reader's films beside movie.mp4, each of which is the demo's beginning."""

OWN_WALK = re.compile(r".* (walk|--output look)\b")
"""Samples that walk a movie anew: its beginning shows as well what they do."""


def lines() -> list[str]:
    """Lists the samples that are run, each once."""
    pages = [page for page in GUIDES if page.name != "questions.md"]  # See test_questions_demo.py.
    found = (" ".join(line.split()) for page in pages for line in samples(page))
    return [
        line
        for line in dict.fromkeys(found)
        if not UNTRIED.match(line) and not any(map(PLACEHOLDER.fullmatch, line.split()))
        and "…" not in line
    ]  # fmt: skip


def fill_in(sample: Path) -> None:
    """Labels every face of a sample as happy."""
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with sample.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(row | {"emotion": "happy"} for row in rows)


def beginning(movie: Path, seconds: int = 10) -> Path:
    """Writes the beginning of the demo."""
    with av.open(str(DEMO)) as whole, av.open(str(movie), "w") as part:
        (video,) = whole.streams.video
        stream = part.add_stream_from_template(video)
        for packet in whole.demux(video):
            if packet.pts is not None and packet.pts * packet.time_base < seconds:
                packet.stream = stream
                part.mux(packet)
    return movie


def expanded(word: str) -> list[str]:
    """What a shell makes of a word: the paths that it stands for, or the word."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def needed(line: str) -> list[tuple[str, ...]]:
    """What a reader has done before."""
    if " --truth " in line:
        return [("judge", "output/movie", "--sample", "20")]
    return []


@pytest.fixture(scope="module")
def desks(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Folders with the demo as it is cloned, and with a reader's own films, the first walked."""
    demo, own = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("own")
    shutil.copytree(ROOT / "known_faces", demo / "known_faces")
    for name, photo in PEOPLE.items():
        (own / "known_faces").mkdir(exist_ok=True)
        shutil.copy(ROOT / "known_faces" / photo, own / "known_faces" / f"{name}.jpg")
    (demo / "videos").mkdir()
    shutil.copy(DEMO, demo / "videos")
    shutil.copy(DEMO, own / "movie.mp4")
    for movie in MOVIES:
        (own / movie).parent.mkdir(exist_ok=True)
        beginning(own / movie)
    for folder in (demo, own):
        copied(walked_demo, Job(output=folder / "output", known_faces=folder / "known_faces"))
    (own / "output" / "demo").rename(own / "output" / "movie")
    return {True: demo, False: own}


@pytest.fixture
def mine_video(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Runs `mine-video`."""
    return caller(monkeypatch, capsys)


def test_there_are_samples_to_run() -> None:
    assert len(lines()) > 25


@pytest.mark.parametrize("line", lines())
def test_a_sample_does_what_it_says(
    line: str,
    desks: dict[bool, Path],
    mine_video: Program,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    shutil.copytree(desks[OF_THE_DEMO.search(line) is not None], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    if " walk " in line:
        shutil.rmtree("output")  # What was walked by other settings stays.
    if OWN_WALK.match(line):
        for whole in {"movie.mp4", "videos/demo.mp4"} & {*line.split()}:
            beginning(Path(whole))
    for before in needed(line):
        assert mine_video(*before).code == 0
    for truth in tmp_path.glob("output/*/sample.csv"):
        fill_in(truth)
    done = mine_video(*(name for word in shlex.split(line)[1:] for name in expanded(word)))
    assert (done.code, "Traceback" in done.err) == (0, False), done.err
