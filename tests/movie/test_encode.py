"""Files that every player takes: their streams, order, pictures and times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import OutputError
from pipeline.movie.encode import FilmPicture, FilmSound, write_mp4
from pipeline.movie.sound import SOUND_RATE
from tests.support.examples import examples
from tests.support.movies import blocks
from tests.support.reels import difference, nearest, shown


def _film(pictures: list[np.ndarray], lasts: list[int]) -> list[FilmPicture]:
    ticks = np.cumsum([0, *lasts])[:-1].tolist()
    return [FilmPicture(p, t, n) for p, t, n in zip(pictures, ticks, lasts, strict=True)]


def test_a_browser_plays_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    silence = FilmSound("stereo", iter([np.zeros((2, SOUND_RATE), np.int16)]))

    assert write_mp4(path, iter(_film(blocks(25), [1] * 25)), Fraction(1, 25), silence)

    with av.open(str(path)) as container:
        film, voice = container.streams.video[0], container.streams.audio[0]
        assert (film.codec_context.name, film.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (voice.codec_context.name, voice.rate) == ("aac", SOUND_RATE)
        assert film.average_rate == 25
        assert container.duration == pytest.approx(av.time_base, abs=av.time_base // 25)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_colours_stay(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    pictures = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]

    write_mp4(tmp_path / "a.mp4", iter(_film(pictures, [1] * 6)), Fraction(1, 25), quality=0)

    with av.open(str(tmp_path / "a.mp4")) as container:
        for frame, picture in zip(container.decode(video=0), pictures, strict=True):
            rgb = frame.to_ndarray(format="rgb24", src_colorspace="ITU709")
            assert difference(np.asarray(rgb, np.uint8), picture) < 3
            assert int(frame.colorspace) == 1


@settings(max_examples=examples(12))
@given(st.lists(st.integers(90, 9000), min_size=1, max_size=12))
def test_times_are_kept(tmp_path_factory: pytest.TempPathFactory, lasts: list[int]) -> None:
    path = tmp_path_factory.mktemp("t") / "a.mp4"
    pictures = blocks(len(lasts))

    write_mp4(path, iter(_film(pictures, lasts)), Fraction(1, 90_000))

    found, times = shown(path)
    begins = np.cumsum([0, *lasts])[:-1] / 90_000
    assert times == pytest.approx(begins.tolist(), abs=1e-6)
    assert [nearest(picture, pictures) for picture in found] == list(range(len(lasts)))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(
            sum(lasts) / 90_000, abs=2e-5
        )


@pytest.mark.parametrize(("width", "height"), [(33, 17), (64, 17), (33, 16), (1, 1)])
def test_odd_sizes_get_one_more(tmp_path: Path, width: int, height: int) -> None:
    picture = np.full((height, width, 3), 200, np.uint8)

    write_mp4(tmp_path / "a.mp4", iter(_film([picture] * 3, [1] * 3)), Fraction(1, 25))

    found, _ = shown(tmp_path / "a.mp4")
    assert found[0].shape == (height + height % 2, width + width % 2, 3)
    assert difference(found[0], np.full_like(found[0], 200)) < 3


def test_without_a_picture_nothing_is_written(tmp_path: Path) -> None:
    assert not write_mp4(tmp_path / "a.mp4", iter([]), Fraction(1, 25))
    assert list(tmp_path.iterdir()) == []


def test_an_error_midway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def failing() -> "object":
        yield from _film(blocks(3), [1] * 3)
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_mp4(path, failing(), Fraction(1, 25))  # type: ignore[arg-type]

    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_mp4(tmp_path / "a.mp4", iter(_film(blocks(300), [1] * 300)), Fraction(1, 25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="cannot be written"):
        write_mp4(tmp_path / "file" / "a.mp4", iter(_film(blocks(1), [1])), Fraction(1, 25))
