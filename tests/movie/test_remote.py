"""Movies by URL: the same frames as from disk, read in ranges, despite network errors."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pipeline.archive.status import states
from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.disk.find import find_movies
from pipeline.errors import MovieError
from pipeline.movie import decode, remote, stream
from pipeline.movie.remote import Ranges, Url, path_or_url
from pipeline.movie.scan import Scan, scan_movie
from pipeline.settings import WalkSettings
from pipeline.walk import walker
from tests.support.movies import H264, blocks, noise, write_movie
from tests.support.served import Served, served

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


def _frames(movie: Path, scan: Scan, start: int, stop: int) -> list[np.ndarray]:
    return [np.asarray(frame.image) for frame in decode.decode_frames(movie, scan, start, stop)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_movie_by_url_is_the_same_movie(kind: str, films: Path, web: Served) -> None:
    here, there = films / f"film.{kind}", path_or_url(f"{web.address}/film.{kind}")
    assert stream.fingerprint(there) == stream.fingerprint(here)
    mine, theirs = scan_movie(here), scan_movie(there)
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
    web.folder, there = tmp_path, path_or_url(f"{web.address}/{here.name}")
    scan = scan_movie(here)
    size, tenth = here.stat().st_size, FRAMES // 10
    _frames(there, scan, FRAMES // 2, FRAMES // 2 + tenth)
    figure(f"of a {kind} of {size:,} bytes, {web.sent / size:.3f} are read for a tenth of it")
    assert 0.09 < web.sent / size < 0.25, (
        "a tenth of the frames, the index, and rounding up to blocks"
    )
    assert max(stop - begin for begin, stop in web.asked) <= 64 * BLOCK
    web.forget()
    _frames(there, scan, FRAMES // 2, FRAMES // 2 + tenth)
    assert web.sent == 0, "a worker keeps the latest blocks"


def test_who_reads_on_and_on_is_read_ahead_for(
    films: Path, web: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (films / "film.mp4").read_bytes()
    count = -(-len(content) // BLOCK)
    assert count > remote.STEADY_BLOCKS + remote.AHEAD_BLOCKS
    with Ranges(Url(f"{web.address}/film.mp4")) as file:
        found = b"".join(file.read(BLOCK) for _ in range(count))
        assert found == content
        steady = remote.STEADY_BLOCKS
        ahead = -(-(count - steady) // remote.AHEAD_BLOCKS)
        assert len(web.asked) == steady + ahead
        assert web.sent == len(content), "no byte is sent twice"
        web.forget()
        file.seek(0)
        assert file.read(10) == content[:10]
        assert max(stop - begin for begin, stop in web.asked or [(0, 0)]) <= BLOCK


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
    movie, scan = path_or_url(f"{web.address}/film.mkv"), scan_movie(films / "film.mkv")
    frames = decode.decode_frames(movie, scan, 0, FRAMES)
    next(frames)
    web.failures = 1000
    with pytest.raises(MovieError, match=r"film\.mkv: cannot be read .*503.*check the address"):
        list(frames)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{web}/none.mp4", "none.mp4: no such movie"),
        ("http://127.0.0.1:9/a.mp4", "a.mp4: no such movie, or no such server"),
        ("nosuch://host/a.mp4", r"cannot be reached \(nosuch:// is not opened\); give another"),
        ("zip://a::http://me:secret@host/a.zip", r"zip://…: .*joins several addresses"),
        ("filecache::http://me:secret@host/a", r"filecache::http://host/a: .*joins several"),
        ("file://a::http://me:secret@host/a.mp4", r"file://…: .*joins several addresses"),
        ("ssh://me:secret@host/a.mp4", r"ssh://host/a.mp4: .*ssh:// is not opened"),
    ],
)
def test_what_cannot_be_had_is_told(url: str, words: str, web: Served) -> None:
    movie = path_or_url(url.format(web=web.address))
    for look in (stream.fingerprint, scan_movie):
        with pytest.raises(MovieError, match=words) as caught:
            look(movie)
        assert "secret" not in str(caught.value)


def test_whatever_a_file_system_raises_is_told_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(url: str, **_: object) -> None:
        raise NotImplementedError(f"not {url}")

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(MovieError, match="NotImplementedError: not http://host/a") as caught:
        remote.remote_size(Url("http://me:secret@host/a?token=secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (401, "film.mp4: 401: no right to read; has the link, .*expired", 1),
        (403, "film.mp4: 403: no right to read; has the link, .*expired", 1),
        (404, "film.mp4: no such movie", 1),
        (410, "film.mp4: no such movie", 1),
        (302, "film.mp4: redirects too often", 3),
        (503, "film.mp4: cannot be read .*503", 3),
    ],
)
def test_what_a_server_answers_is_told_and_is_final_or_not(
    status: int, words: str, tries: int, web: Served
) -> None:
    url = Url(f"{web.address}/film.mp4")
    web.status = status
    with pytest.raises(MovieError, match=words):
        remote._fetched(url, 0, 10)
    once = 10 if status == 302 else 1  # aiohttp follows this many redirects.
    assert web.answers == tries * once
    web.forget()
    with pytest.raises(MovieError, match=words):
        remote.remote_size(url)
    assert web.answers == 2 * tries * once, "by HEAD and by GET"


@pytest.mark.parametrize("status", [401, 403, 503])
def test_what_may_not_be_asked_does_not_pass_for_gone(
    status: int, films: Path, web: Served, tmp_path: Path
) -> None:
    movie = path_or_url(f"{web.address}/film.mp4")
    walk = walker.prepare_walk(movie, tmp_path, WalkSettings())
    assert movie.exists()
    web.status = status
    with pytest.raises(MovieError, match=str(status)):
        manifests.movie_of(walk, None, allow_remote=True)


@pytest.mark.parametrize("status", [404, 410])
def test_a_movie_that_is_gone_is_asked_for(status: int, web: Served, tmp_path: Path) -> None:
    movie = path_or_url(f"{web.address}/film.mp4")
    walk = walker.prepare_walk(movie, tmp_path, WalkSettings())
    web.status = status
    assert not movie.exists()
    with pytest.raises(MovieError, match=r"gone, .* or give its new path with --movie PATH"):
        manifests.movie_of(walk, None, allow_remote=True)


def test_where_nobody_answers_nobody_says_that_it_is_gone(web: Served) -> None:
    nobody = path_or_url("http://127.0.0.1:9/film.mp4")
    with pytest.raises(MovieError, match="no such server"):
        nobody.exists()


@pytest.mark.parametrize("status", [0, 302, 403, 404, 503])
def test_no_password_and_no_token_is_told(status: int, web: Served) -> None:
    address = web.address.replace("://", "://me:secret@")
    movie = path_or_url(f"{address}/none.mp4?token=secret#secret")
    web.status = status
    for look in (stream.fingerprint, scan_movie):
        with pytest.raises(MovieError, match=r"none\.mp4") as caught:
            look(movie)
        assert "secret" not in str(caught.value)
    assert "secret" not in f"{movie} {movie!r} {movie.name}"
    assert os.fspath(movie).count("secret") == 3, "os.fspath gives the whole URL"
    with pytest.raises(OSError) as raised:  # noqa: PT011 - of whichever kind.
        movie.read_bytes()
    assert "secret" not in str(raised.value)


def test_a_note_of_a_failure_has_no_password_and_no_token(tmp_path: Path) -> None:
    movie = path_or_url("https://me:secret@host/a.mp4?token=secret")

    def fail() -> None:
        with failure.recorded(tmp_path, movie):
            raise ZeroDivisionError(os.fspath(movie))

    with pytest.raises(ZeroDivisionError):
        fail()
    noted = failure.read_failure(tmp_path)
    assert noted is not None
    assert (noted.movie, "secret" in noted.reason) == ("https://host/a.mp4", False)


def test_a_movie_is_found_again_by_its_whole_url(films: Path, web: Served, tmp_path: Path) -> None:
    movie = path_or_url(f"{web.address}/film.mkv?token=1")
    walk = walker.prepare_walk(movie, tmp_path, WalkSettings())
    assert manifests.read(tmp_path).movie == walk.movie == movie
    (tmp_path / "film").mkdir()
    manifests.write(tmp_path / "film", walk)
    assert manifests.folder_for(movie, tmp_path) == tmp_path / "film"
    (state,) = states([tmp_path / "film"])
    assert state.movie == f"{web.address}/film.mkv", "and shown without its token"


def test_what_another_package_reads_names_that_package() -> None:
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs")):
        if find_spec(package) is not None:
            continue
        with pytest.raises(MovieError, match=f"(?i)install {package}") as caught:
            remote.remote_size(Url(f"{scheme}://bucket/a.mp4"))
        assert "mine-video[cluster]" not in str(caught.value)


def test_the_case_of_a_scheme_does_not_count(films: Path, web: Served) -> None:
    upper = Url(web.address.replace("http", "HTTP") + "/film.mp4")
    assert remote.remote_size(upper) == (films / "film.mp4").stat().st_size


def test_a_server_without_ranges_is_told_and_not_asked_twice(films: Path, web: Served) -> None:
    web.ranges = False
    with pytest.raises(MovieError, match=r"more than .* were wanted; .* does not support ranges"):
        stream.fingerprint(path_or_url(f"{web.address}/film.mp4"))
    assert web.sent == (films / "film.mp4").stat().st_size


def test_a_movie_by_url_leads_nowhere_else(films: Path, web: Served, tmp_path: Path) -> None:
    web.folder = tmp_path
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{films / 'film.mp4'}'\n")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{films / 'film.ts'}\n")
    for name in ("list.txt", "list.m3u8"):
        with pytest.raises(MovieError, match="not a playable movie, or damaged"):
            scan_movie(path_or_url(f"{web.address}/{name}"))


@pytest.mark.parametrize("text", ["films/a.mp4", "/a", r"C:\films\a.mp4", "a:b", ""])
def test_what_is_no_url_is_a_path(text: str) -> None:
    assert path_or_url(text) == Path(text)


def test_a_pattern_names_files(films: Path) -> None:
    (films / "more").mkdir(exist_ok=True)
    (films / "more" / "film.mp4").touch()
    found = remote.matching_files(Url(f"file://{films}/**/*.mp4"))
    assert [str(movie) for movie in found] == [
        f"file://{films}/film.mp4",
        f"file://{films}/more/film.mp4",
    ]
    assert remote.matching_files(Url(f"file://{films}/*.nothing")) == []


def test_a_pattern_names_what_a_server_lists(films: Path, web: Served) -> None:
    found = find_movies([path_or_url(f"{web.address}/*.mkv")])
    assert [str(movie) for movie in found] == [f"{web.address}/film.mkv"]
    with pytest.raises(MovieError, match="no file matches; if the web server does"):
        find_movies([path_or_url(f"{web.address}/*.nothing")])


def test_an_asterisk_in_a_query_is_no_pattern(web: Served) -> None:
    movie = path_or_url(f"{web.address}/film.mp4?token=a*b")
    web.status = 500
    assert find_movies([movie]) == [movie]


def test_a_folder_is_told(films: Path, web: Served) -> None:
    for text in (f"file://{films}", f"{web.address}/"):
        with pytest.raises(MovieError, match=r"a folder; give its movies, or a pattern: '.*/\*"):
            remote.remote_size(Url(text))
