"""Tests of the live stream: tracks, the line of each second, and what is saved."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from queue import Queue
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from pipeline.cli import main
from pipeline.cli.signals import ENDINGS
from pipeline.disk import faces_csv, tracks_npz
from pipeline.errors import MovieError, OutputError, PeopleError
from pipeline.faces import EMOTIONS
from pipeline.live.follow import FollowedFrame, Follower, watch
from pipeline.live.keep import CropSink, StreamOutputs, TableSink
from pipeline.live.reader import Reader, shares
from pipeline.live.stream import Seconds, live
from pipeline.live.summary import Second, line
from pipeline.movie.camera import Movie
from pipeline.movie.frame import Frame
from pipeline.people import album as albums
from pipeline.people import gallery, memory
from pipeline.people.album import Album
from pipeline.pick.decoder import decoded, seconds_since
from pipeline.settings import Job
from tests.disk.test_faces_csv import PLAIN
from tests.support import puppet
from tests.support.puppet import SURE, Shot, Square, film, frames, photo, plug_in

DEMO = Path(__file__).parents[2] / "videos" / "demo.mp4"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Knows anna and ben."""
    folder = tmp_path_factory.mktemp("known")
    for name in ("anna", "ben"):
        photo(folder / f"{name}.png", name)
    known = gallery.embed_gallery(folder, puppet.models())
    return Reader(puppet.models(), known, puppet.SETTINGS, puppet.TOLERANCES)


def followed(reader: Reader, shots: Sequence[Shot]) -> list[FollowedFrame]:
    follower = Follower(reader)
    return [follower.follow(frame) for frame in frames(shots)]


def played(
    path: Path, reader: Reader, kept: StreamOutputs | None = None, lines: list[str] | None = None
) -> list[str]:
    """The lines of a movie, played without waiting; also appended to `lines` if it is given."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    lines = [] if lines is None else lines
    live(Movie(path, lambda: now[0], sleep), reader, kept or StreamOutputs(), lines.append)
    return lines


def seconds(path: Path, reader: Reader) -> list[Second]:
    movie = Movie(path, lambda: 0.0, lambda _: None)
    return list(ended(movie, Follower(reader)))


def ended(movie: Movie, follower: Follower) -> Iterator[Second]:
    """Yields the seconds of a movie, each as soon as it is over."""
    over: list[Second] = []

    class Keeper(CropSink):
        def end(self, second: Second) -> None:
            over.append(second)

    told = Seconds(movie, [Keeper(Path("nowhere"), movie)], lambda _: None)
    for moment in watch(movie, follower):
        told.add(moment)
        yield from over
        over.clear()
    told.close()
    yield from over


# --- reading and following ----------------------------------------------------------------------


def test_a_face_is_read_as_a_walk_reads_it(reader: Reader) -> None:
    (frame,) = frames([Shot(1, [Square("anna", "happy", x=60, y=30)])])
    (row,) = reader.read(frame).rows
    assert (row.x1, row.y1, row.x2, row.y2) == (60, 30, 84, 54)
    assert (row.person, row.detected, row.frame) == ("anna", 1, 0)
    assert row.distance == pytest.approx(0, abs=0.01)
    assert row.happy == pytest.approx(SURE)


def test_a_frame_without_faces_is_read(reader: Reader) -> None:
    (frame,) = frames([Shot(1)])
    found = reader.read(frame)
    assert found.rows == ()
    assert found.embedding.shape == (0, tracks_npz.EMBEDDING)


def test_a_moving_face_keeps_number_and_name(reader: Reader) -> None:
    seen = followed(reader, [Shot(30, [Square("anna", "happy", x=10, dx=3)])])
    assert {(m.rows[0].track, m.rows[0].person) for m in seen} == {(0, "anna")}


def test_no_name_is_given_twice_in_a_frame(reader: Reader) -> None:
    squares = [Square("anna", x=20), Square(15, x=100)]  # 15 degrees are within the tolerance.
    rows = followed(reader, [Shot(1, squares)])[0].rows
    assert [row.person for row in sorted(rows, key=lambda r: r.x1)] == ["anna", ""]


def test_another_person_in_a_box_is_another_track(reader: Reader) -> None:
    """The boxes do not show this cut: the second person must not inherit name or emotions."""
    shots = [Shot(10, [Square("anna", "happy")]), Shot(10, [Square("ben", "sad")])]
    seen = followed(reader, shots)
    told = [(m.rows[0].track, m.rows[0].person) for m in seen]
    assert told == [(0, "anna")] * 10 + [(1, "ben")] * 10
    assert seen[10].labels == [EMOTIONS.index("sad")]


def test_a_face_that_comes_back_late_is_another_track(reader: Reader) -> None:
    seen = followed(reader, [Shot(60, [Square("anna", "happy 5, gone 40, happy")])])
    assert [m.rows[0].track for m in seen if m.rows] == [0] * 5 + [1] * 15


def test_it_knows_what_a_walk_that_ends_there_would_say(reader: Reader) -> None:
    seen = followed(reader, [Shot(40, [Square("anna", "happy 10, sad 1, happy 9, sad")])])
    at = np.array([m.frame.time for m in seen])
    looks = np.array([shares(m.rows[0]) for m in seen])
    since = seconds_since(at, np.zeros(len(at), np.int64))
    for n, moment in enumerate(seen, 1):
        assert moment.belief[0] == pytest.approx(decoded(looks[:n], since[:n])[-1], abs=1e-5)
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    assert [m.labels[0] for m in seen[:20]] == [happy] * 20, "one odd frame changes nothing"
    assert seen[-1].labels == [sad]
    low = (1 - SURE) / 6
    assert [m.rows[0].sad for m in seen[9:11]] == pytest.approx([low, SURE])  # Rows stay raw.
    assert seen[10].marks()[0].probability == pytest.approx(low), "the network's, in that frame"


def test_marks_are_what_is_drawn(reader: Reader) -> None:
    (mark,) = followed(reader, [Shot(1, [Square(45, "fear", x=60, y=30)])])[0].marks()
    assert (mark.box, mark.name, mark.label) == ((60, 30, 84, 54), "unknown", 2)
    assert mark.probability == pytest.approx(SURE)


# --- known faces that change --------------------------------------------------------------------


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    plug_in(monkeypatch)
    photo(tmp_path / "known" / "anna.png", "anna")
    return Job(walk=puppet.SETTINGS, known_faces=tmp_path / "known")


def test_changed_photos_are_read_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = [], memory.load_gallery

    def counted(folder: Path, *rest: Any) -> gallery.Gallery:
        loads.append(folder)
        return load(folder, *rest)

    monkeypatch.setattr(albums, "load_gallery", counted)
    album = Album(job)
    assert [album.gallery(job.walk).people for _ in range(3)] == [("anna",)] * 3
    assert len(loads) == 1
    photo(job.known_faces / "ben.png", "ben")
    assert [album.gallery(job.walk).people for _ in range(3)] == [("anna", "ben")] * 3
    (job.known_faces / "anna.png").unlink()
    assert album.gallery(job.walk).people == ("ben",)
    assert len(loads) == 3


def test_a_reader_can_learn_new_photos(job: Job) -> None:
    first = Reader.of(job)
    (frame,) = frames([Shot(1, [Square("ben", x=60)])])
    photo(job.known_faces / "ben.png", "ben")
    assert [reader.read(frame).rows[0].person for reader in (first, first.now())] == ["", "ben"]
    assert first.at(200).now().read(frame).rows[0].person == "ben"


def test_a_reader_without_a_folder_stays_as_it_is(reader: Reader) -> None:
    assert reader.now() is reader


def test_an_invalid_name_is_reported_and_can_be_corrected(job: Job) -> None:
    reader = Reader.of(job)
    bad = photo(job.known_faces / "=x.png", "ben")
    with pytest.raises(PeopleError, match="a name cannot begin"):
        reader.now()
    bad.rename(job.known_faces / "ben.png")
    (frame,) = frames([Shot(1, [Square("ben", x=60)])])
    assert reader.now().read(frame).rows[0].person == "ben"


# --- lines --------------------------------------------------------------------------------------


def test_a_line_a_second_as_the_documents_show(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(75, [Square("anna", "happy 50, sad")])])
    assert played(path, reader) == [
        "00:00:00s : Happy , 81%", "00:00:01s : Happy , 81%", "00:00:02s : Sad , 81%",
    ]  # fmt: skip


def test_twenty_seconds_are_twenty_lines_and_as_many_pictures(
    tmp_path: Path, reader: Reader
) -> None:
    path = film(tmp_path / "a.mkv", [Shot(100, [Square("anna", size=40)])], rate=5)
    lines = played(path, reader, StreamOutputs(crops=tmp_path / "crops"))
    files = sorted((tmp_path / "crops").iterdir())
    assert len(lines) in (20, 21)
    assert len(files) == len(lines)
    assert files[7].name == "00007_00-00-07_anna_happy81.png"


def test_the_line_of_several_faces_has_names(tmp_path: Path, reader: Reader) -> None:
    squares = [Square("ben", "sad", x=100), Square(45, "fear", x=60), Square("anna", x=10)]
    path = film(tmp_path / "a.mkv", [Shot(5, squares)])
    assert played(path, reader) == ["00:00:00s : anna Happy , 81% ; unknown Fear , 81% ; ben Sad , 81%"]  # fmt: skip # noqa: E501


def test_the_line_without_faces_says_so(tmp_path: Path, reader: Reader) -> None:
    assert played(film(tmp_path / "a.mkv", [Shot(5)]), reader) == ["00:00:00s : no face"]


def test_a_line_is_the_mean_of_its_second(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(25, [Square("anna", "happy 15, sad")])])
    (second,) = seconds(path, reader)
    ((_, mean),) = second.faces
    assert mean.sum() == pytest.approx(1)
    assert mean[EMOTIONS.index("happy")] == pytest.approx((15 * SURE + 10 * (1 - SURE) / 6) / 25)
    assert line("11:11:11", second) == "11:11:11s : Happy , 50%"


def test_a_line_shows_the_last_face_of_its_second(tmp_path: Path, reader: Reader) -> None:
    """A face that the detector misses in the last frame is still in the line."""
    path = film(tmp_path / "a.mkv", [Shot(25, [Square("anna", "happy 24, gone")])])
    assert played(path, reader) == ["00:00:00s : Happy , 81%"]


# --- what is kept -------------------------------------------------------------------------------


def test_crops_are_grey_small_and_centred(tmp_path: Path, reader: Reader) -> None:
    """A puppet's two eyes are symmetric about the middle; the larger face is saved."""
    squares = [Square("anna", size=48, x=20), Square("ben", size=24, x=110)]
    path = film(tmp_path / "a.mkv", [Shot(25, squares)])
    played(path, reader, StreamOutputs(crops=tmp_path / "crops"))
    (file,) = (tmp_path / "crops").iterdir()
    with Pillow.open(file) as picture:
        assert (picture.mode, picture.size, picture.format) == ("L", (48, 48), "PNG")
        face = np.asarray(picture).astype(int)
    dark = np.argwhere(face < np.median(face) - 6)
    assert len(dark) > 20
    assert dark[:, 1].mean() == pytest.approx(23.5, abs=1)
    assert face[:, 0].min() > 60  # No background: the square lies within the face.


def test_a_second_without_a_face_has_no_crop(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(50, [Square("anna", "happy 20, gone")])])
    assert len(played(path, reader, StreamOutputs(crops=tmp_path / "crops"))) == 2
    assert len(list((tmp_path / "crops").iterdir())) == 1


def test_the_table_is_one_of_faces(tmp_path: Path, reader: Reader) -> None:
    squares = [Square("anna", "happy", x=20), Square("ben", "sad", x=100)]
    path = film(tmp_path / "a.mkv", [Shot(30, squares)])
    played(path, reader, StreamOutputs(table=tmp_path / "live.csv"))
    rows = faces_csv.read_faces(tmp_path / "live.csv")
    assert len(rows) == 60
    assert set(rows["video"]) == {"a.mkv"}
    happy = rows.groupby("person")["happy"].mean().to_dict()
    assert happy == pytest.approx({"anna": SURE, "ben": (1 - SURE) / 6}, abs=1e-4)
    assert rows["frame"].tolist() == [n for n in range(30) for _ in range(2)]


def test_the_recording_holds_every_frame_at_its_time(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(30, [Square("anna", x=20)])])
    played(path, reader, StreamOutputs(record=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        found = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert [time for time, _ in found] == pytest.approx([n / 25 for n in range(30)])
    assert found[0][1].shape == (128, 160, 3)
    plain = next(iter(frames([Shot(1, [Square("anna", x=20)])]))).image
    assert np.abs(found[0][1].astype(int) - plain).max() > 100  # Something was drawn.


def test_a_movie_of_one_frame_is_kept_whole(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(1, [Square("anna")])])
    kept = StreamOutputs(tmp_path / "crops", tmp_path / "out.mp4", tmp_path / "live.csv")
    assert len(played(path, reader, kept)) == 1
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) == 1


@pytest.mark.parametrize("what", ["record", "table", "crops"])
def test_what_cannot_be_written_is_reported(tmp_path: Path, reader: Reader, what: str) -> None:
    (tmp_path / "file").write_text("in the way")
    path = film(tmp_path / "a.mkv", [Shot(600, [Square("anna")])])
    lines: list[str] = []
    with pytest.raises(OutputError, match="cannot be written"):
        played(path, reader, StreamOutputs(**{what: tmp_path / "file" / "out"}), lines)
    assert len(lines) <= 3  # Soon, and not at the end.


def test_a_recording_that_fails_at_its_very_end_is_reported(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails after the writer has read the end of the queue."""

    def full(path: Path, pictures: Iterator[object], base: object) -> None:
        assert len(list(pictures)) == 60
        raise OutputError(f"{path}: cannot be written")

    monkeypatch.setattr("pipeline.live.keep.write_mp4", full)
    path = film(tmp_path / "a.mkv", [Shot(60, [Square("anna")])])
    with pytest.raises(OutputError, match="cannot be written"):
        played(path, reader, StreamOutputs(record=tmp_path / "out.mp4"))


def test_an_interrupt_sends_no_picture_twice(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt comes just after a picture was put into the queue."""
    put, count = Queue.put, count_from(1)

    def interrupted(self: Queue[Any], item: Any) -> None:
        put(self, item)
        if next(count) == 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(Queue, "put", interrupted)
    path = film(tmp_path / "a.mkv", [Shot(60, [Square("anna")])])
    with pytest.raises(KeyboardInterrupt):
        played(path, reader, StreamOutputs(record=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) == 30


def test_pictures_of_two_streams_are_not_mixed(tmp_path: Path, reader: Reader) -> None:
    path = film(tmp_path / "a.mkv", [Shot(30, [Square("anna")])])
    played(path, reader, StreamOutputs(crops=tmp_path / "out"))
    before = sorted(tmp_path.glob("out/*"))
    with pytest.raises(OutputError, match="earlier stream; choose another"):
        played(path, reader, StreamOutputs(crops=tmp_path / "out"))
    assert sorted(tmp_path.glob("out/*")) == before


def test_what_was_seen_before_an_error_is_kept(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mkv", [Shot(60, [Square("anna")])])
    follow, calls = Follower.follow, []

    def failing(self: Follower, frame: object) -> FollowedFrame:
        calls.append(frame)
        if len(calls) > 40:
            raise MovieError("camera 0: gives no more pictures")
        return follow(self, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "follow", failing)
    kept = StreamOutputs(record=tmp_path / "out.mp4", table=tmp_path / "live.csv")
    with pytest.raises(MovieError):
        played(path, reader, kept)
    assert len(faces_csv.read_faces(tmp_path / "live.csv")) == 40  # The last second has 15.
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) == 40


@pytest.mark.e2e
def test_the_demo_has_a_line_a_second_though_most_frames_are_dropped() -> None:
    """The real networks on a slow machine: each frame takes a fifth of a second."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    class Slow(Follower):
        def follow(self, frame: Frame) -> FollowedFrame:
            now[0] += 0.2
            return super().follow(frame)

    job = Job(known_faces=DEMO.parents[1] / "known_faces")
    movie = Movie(DEMO, lambda: now[0], sleep)
    told = list(islice(ended(movie, Slow(Reader.of(job))), 20))
    assert [second.time for second in told] == list(range(20))
    assert all(4 <= len(second.rows) <= 6 for second in told)
    assert all(second.delay < 0.25 for second in told)
    lines = [line(movie.moment(second.time), second) for second in told]
    assert re.fullmatch(r"00:00:19s : Happy , \d\d%", lines[19])
    assert re.fullmatch(r"00:00:15s : actress \w+ , \d\d% ; guest \w+ , \d\d%", lines[15])


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_as_the_documents_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, instead=True)
    path = film(tmp_path / "a.mkv", [Shot(5, [Square("anna", "surprise")])])
    result = CliRunner().invoke(
        main, ["live", "--source", str(path), "--known-faces", str(tmp_path / "nobody"), "-v"]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Reading video stream ...", "Preprocessing ...", "00:00:00s : Surprise , 81%",
    ]  # fmt: skip
    assert re.search(r"delay \d\.\d\d s, \d frames analysed", result.stderr)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--source", "a.mkv", "--record", "./a.mkv"], "--source and --record are both"),
        (["--source", "a.mkv", "--csv", "link.mkv"], "--source and --csv are both"),
        (["--source", "a.mkv", "--csv", "x", "--record", "x"], "--record and --csv are both x"),
        (["--source", "a.mkv", "--camera", "0"], "--camera or --source, not both"),
    ],
)
def test_the_movie_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = film(tmp_path / "a.mkv", [Shot(5, [Square("anna")])])
    (tmp_path / "link.mkv").symlink_to(path)
    before = path.read_bytes()
    result = CliRunner().invoke(main, ["live", *args])
    assert result.exit_code == 2
    assert told in result.output
    assert path.read_bytes() == before


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("ending", "again"), [*((ending, (0.0,)) for ending in ENDINGS), (ENDINGS[-1], (0.01, 0.01))]
)
def test_a_program_that_is_ended_closes_its_recording(
    tmp_path: Path, ending: int, again: tuple[float, ...]
) -> None:
    """As when its terminal is closed; also if another signal follows before it has ended."""
    out = tmp_path / "out.mp4"
    call = ["live", "--source", str(DEMO), "--record", str(out), "--known-faces", str(tmp_path)]
    program = [sys.executable, "-u", "-c", "from pipeline.cli import run; run()", *call]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line_ in process.stdout:
            if line_.startswith("00:00:01s"):
                break
        process.send_signal(ending)
        for pause in again:
            time.sleep(pause)
            process.send_signal(ending)
        process.communicate(timeout=120)
        assert process.returncode == 130
    with av.open(str(out)) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown[-1] is not None
    assert shown[-1] > 1, "a second was told"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".mp4"] == []


@pytest.mark.e2e
def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """As by nohup."""
    program = "from signal import *; signal(SIGTERM, SIG_IGN); from pipeline.cli import run; run()"
    call = ["live", "--source", str(DEMO), "--known-faces", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, *call], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [next(process.stdout) for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        told += [next(process.stdout) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert told[-1].startswith("00:00:0")
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--record", "photo.jpg"], "--record photo.jpg: exists, and is not a file"),
        (["--csv", "photo.jpg"], "--csv photo.jpg: exists, and is not a file"),
        (["--record", "hard.mp4", "--source", "other.mp4"], "--record hard.mp4: exists, and"),
        (["--csv", "walk/live.csv"], "--csv walk/live.csv: is in the folder of a movie"),
        (["--csv", "film.mp4", "--source", "hard.mp4"], "--source and --csv are both film.mp4"),
    ],
)
def test_existing_files_are_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "film.mp4", [Shot(5, [Square("anna")])])
    (tmp_path / "hard.mp4").hardlink_to(tmp_path / "film.mp4")
    film(tmp_path / "other.mp4", [Shot(5, [Square("anna")])])
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 a photo")
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "walk.json").write_text("{}")
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    source = [] if "--source" in args else ["--source", "film.mp4"]
    result = CliRunner().invoke(main, ["live", *source, *args])
    assert told in result.output + str(result.exception)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files


def test_what_an_earlier_stream_left_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, instead=True)
    path = film(tmp_path / "a.mkv", [Shot(5, [Square("anna")])])
    record, table_ = str(tmp_path / "r.mp4"), str(tmp_path / "t.csv")
    (tmp_path / "r.mp4").touch()
    for _ in range(2):
        call = ["live", "--source", str(path), "--record", record, "--csv", table_]
        assert CliRunner().invoke(main, call).exit_code == 0


def test_each_second_of_a_table_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = film(tmp_path / "a.mkv", [Shot(5, [Square("anna")])]), list[bytes]()
    monkeypatch.setattr(os, "fsync", lambda _: synced.append((tmp_path / "a.csv").read_bytes()))
    with closing(Movie(path)) as source, closing(TableSink(tmp_path / "a.csv", source)) as keeper:
        for second in range(2):
            keeper.end(Second(second, [(PLAIN,)]))
    assert [data.count(b"\n") for data in synced] == [1, 2, 3]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_table_that_cannot_be_finished_is_reported(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [Shot(5, [Square("anna")])])
    with closing(Movie(path)) as source:
        keeper = TableSink(tmp_path / "a.csv", source)
        keeper._file.close()
        keeper._file = Path("/dev/full").open("w")  # noqa: SIM115 - the keeper closes it.
        with pytest.raises(OutputError, match=r"a\.csv: cannot be written"):
            keeper.end(Second(0, [(PLAIN,)]))
        with pytest.raises(OutputError, match=r"a\.csv: cannot be written"):
            keeper.close()


def test_the_command_without_a_camera_fails_with_the_way_out() -> None:
    result = CliRunner().invoke(main, ["live", "--camera", "97"])
    assert isinstance(result.exception, MovieError)
    assert "--source movie.mp4" in str(result.exception)


def test_ctrl_c_ends_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, instead=True)
    path = film(tmp_path / "a.mkv", [Shot(5, [Square("anna")])])
    follow, calls = Follower.follow, []

    def interrupted(self: Follower, frame: object) -> FollowedFrame:
        calls.append(frame)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return follow(self, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "follow", interrupted)
    out = tmp_path / "out.mp4"
    result = CliRunner().invoke(main, ["live", "--source", str(path), "--record", str(out)])
    assert result.exit_code == 130
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 1


def test_shares_are_in_the_order_of_the_classes(reader: Reader) -> None:
    (frame,) = frames([Shot(1, [Square("anna", "disgust")])])
    (row,) = reader.read(frame).rows
    assert shares(row).argmax() == EMOTIONS.index("disgust")
