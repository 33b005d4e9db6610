"""Movies by URL: the same frames as on disk, by ranges, whatever the network does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline import remote, video
from pipeline.errors import MovieError
from pipeline.remote import Ranges, Url, place
from tests.movies import H264, blocks, noise, write_movie
from tests.served import Served, served

pytest.importorskip("fsspec", reason="needs the extra `cluster`")
pytest.importorskip("aiohttp", reason="needs the extra `cluster`")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

FRAMES = 300
BLOCK = 1024
KINDS = ("mkv", "mp4", "ts", "avi")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    pictures = blocks(FRAMES)
    for kind in KINDS:
        codec, options = ("libx264", H264) if kind != "avi" else ("mpeg4", {})
        write_movie(folder / f"film.{kind}", pictures, codec=codec, options=options, gop=10)
    return folder


@pytest.fixture
def web(films: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(remote, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(remote, "PAUSE", 0)
    remote._blocks.cache_clear()
    with served(films) as found:
        yield found


def _frames(movie: Path, scan: video.Scan, start: int, stop: int) -> list[np.ndarray]:
    return [np.asarray(frame.image) for frame in video.decode(movie, scan, start, stop)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_movie_by_url_is_the_same_movie(kind: str, films: Path, web: Served) -> None:
    here, there = films / f"film.{kind}", place(f"{web.address}/film.{kind}")
    assert video.fingerprint(there) == video.fingerprint(here)
    mine, theirs = video.scan(here), video.scan(there)
    assert (theirs.stream, theirs.warnings) == (mine.stream, mine.warnings)
    np.testing.assert_array_equal(theirs.pts, mine.pts)
    np.testing.assert_array_equal(theirs.keys, mine.keys)
    for start, stop in ((0, 20), (140, 163), (FRAMES - 5, FRAMES)):
        wanted, found = (_frames(movie, mine, start, stop) for movie in (here, there))
        assert len(found) == stop - start
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_part_only_its_ranges_are_read(
    kind: str,
    web: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str], None],
) -> None:
    monkeypatch.setattr(remote, "BLOCK_BYTES", 64 * BLOCK)
    pictures = noise(FRAMES, width=320, height=192)
    codec, options = ("libx264", H264) if kind != "avi" else ("mjpeg", {})
    here = write_movie(tmp_path / f"film.{kind}", pictures, codec=codec, options=options, gop=10)
    web.folder, there = tmp_path, place(f"{web.address}/{here.name}")
    scan = video.scan(here)
    size, tenth = here.stat().st_size, FRAMES // 10
    _frames(there, scan, FRAMES // 2, FRAMES // 2 + tenth)
    figure(f"of a {kind} of {size:,} bytes, {web.sent / size:.3f} are read for a tenth of it")
    assert 0.09 < web.sent / size < 0.25, "a tenth of the frames, the index, and what rounds up"
    assert max(stop - begin for begin, stop in web.asked) <= 64 * BLOCK
    web.forget()
    _frames(there, scan, FRAMES // 2, FRAMES // 2 + tenth)
    assert web.sent == 0, "a worker keeps the latest blocks"


def test_a_file_that_changed_is_read_anew(films: Path, web: Served, tmp_path: Path) -> None:
    web.folder = tmp_path
    (tmp_path / "a").write_bytes(b"first")
    assert Ranges(Url(f"{web.address}/a")).read() == b"first"
    (tmp_path / "a").write_bytes(b"other")
    assert Ranges(Url(f"{web.address}/a")).read() == b"other"


def test_where_nothing_tells_versions_nothing_is_kept(web: Served, tmp_path: Path) -> None:
    web.folder, web.versions = tmp_path, False
    (tmp_path / "a").write_bytes(b"first")
    for _ in range(2):
        web.forget()
        assert Ranges(Url(f"{web.address}/a")).read() == b"first"
        assert web.sent == 5


def test_it_is_a_file_like_any_other(films: Path, web: Served) -> None:
    content = (films / "film.mp4").read_bytes()
    with Ranges(Url(f"{web.address}/film.mp4?token=1")) as file:
        assert (file.name, file.size) == ("film.mp4", len(content))
        assert file.readable()
        assert file.seekable()
        assert file.read(10) == content[:10]
        assert file.seek(5, 1) == file.tell() == 15
        assert file.read(2 * BLOCK) == content[15 : 15 + 2 * BLOCK]
        file.seek(-3, 2)
        assert (file.read(), file.read(1)) == (content[-3:], b"")


def test_a_network_that_fails_now_and_then_is_asked_again(films: Path, web: Served) -> None:
    web.failures = remote.TRIES - 1
    assert Ranges(Url(f"{web.address}/film.mp4")).read(3) == (films / "film.mp4").read_bytes()[:3]


def test_a_network_that_fails_in_mid_movie_ends_no_movie_early(films: Path, web: Served) -> None:
    movie, scan = place(f"{web.address}/film.mkv"), video.scan(films / "film.mkv")
    frames = video.decode(movie, scan, 0, FRAMES)
    next(frames)
    web.failures = 1000
    with pytest.raises(MovieError, match=r"film\.mkv: cannot be read .*503.*check the address"):
        list(frames)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{web}/none.mp4", "none.mp4: no such movie"),
        ("http://127.0.0.1:9/a.mp4", "a.mp4: no such movie, or no such server"),
        ("nosuch://host/a.mp4", r"cannot be reached .*pip install 'mine-video\[cluster\]'"),
    ],
)
def test_what_cannot_be_had_is_told(url: str, words: str, web: Served) -> None:
    movie = place(url.format(web=web.address))
    for look in (video.fingerprint, video.scan):
        with pytest.raises(MovieError, match=words):
            look(movie)


def test_a_server_without_ranges_is_told_and_not_asked_twice(films: Path, web: Served) -> None:
    web.ranges = False
    with pytest.raises(MovieError, match=r"bytes came for .* its server knows no ranges"):
        video.fingerprint(place(f"{web.address}/film.mp4"))
    assert web.sent == (films / "film.mp4").stat().st_size


def test_a_movie_by_url_leads_nowhere_else(films: Path, web: Served, tmp_path: Path) -> None:
    web.folder = tmp_path
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{films / 'film.mp4'}'\n")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{films / 'film.ts'}\n")
    for name in ("list.txt", "list.m3u8"):
        with pytest.raises(MovieError, match="cannot be read as a movie"):
            video.scan(place(f"{web.address}/{name}"))


@pytest.mark.parametrize("text", ["films/a.mp4", "/a", r"C:\films\a.mp4", "a:b", ""])
def test_what_is_no_url_is_a_path(text: str) -> None:
    assert place(text) == Path(text)


def test_a_pattern_names_files(films: Path) -> None:
    (films / "more").mkdir(exist_ok=True)
    (films / "more" / "film.mp4").touch()
    found = remote.matching(Url(f"file://{films}/**/*.mp4"))
    assert [str(movie) for movie in found] == [
        f"file://{films}/film.mp4",
        f"file://{films}/more/film.mp4",
    ]
    assert remote.matching(Url(f"file://{films}/*.nothing")) == []
