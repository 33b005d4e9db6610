"""walk.json: which movie a folder belongs to and how it was walked."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.disk import manifest
from pipeline.disk.manifest import Manifest
from pipeline.errors import MovieError, TableError
from pipeline.movie import scan, stream
from pipeline.movie.remote import path_or_url
from pipeline.settings import WalkSettings
from tests.support.movies import noise, write_movie

OTHER = WalkSettings(
    every=2, width=320, detect_every=5, start=1.5, end=9.25, min_score=0.5, align=True,
    detector="hog", recognizer="face_recognition", emotion="other",
)  # fmt: skip
MODELS = {"detector": "YuNet 8f23", "emotion": "OnnxEmotion ab04"}


def a_manifest(movie: Path, **changes: Any) -> Manifest:
    if not movie.exists():
        write_movie(movie, noise(30))
    made = Manifest(
        movie=movie, identity=stream.fingerprint(movie), settings=WalkSettings(), models=MODELS,
        scan=replace(scan.scan_movie(movie), warnings=("a wärning",)), parts=((0, 12), (12, 30)),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def made(tmp_path: Path) -> Manifest:
    return a_manifest(tmp_path / "film.mkv")


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "walk.json"
    facts = json.loads(path.read_text())
    changed = change(facts)
    path.write_text(json.dumps(facts if changed is None else changed))


# --- round trip ---------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [WalkSettings(), OTHER], ids=["default", "other"])
def test_a_manifest_comes_back(tmp_path: Path, made: Manifest, settings: WalkSettings) -> None:
    wanted = replace(made, settings=settings)
    manifest.write(tmp_path / "out", wanted)
    found = manifest.read(tmp_path / "out")
    for name in ("movie", "identity", "settings", "models", "parts", "fingerprint", "span"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.scan.stream == wanted.scan.stream
    assert found.scan.warnings == ("a wärning",)
    assert np.array_equal(found.scan.pts, wanted.scan.pts)
    assert np.array_equal(found.scan.keys, wanted.scan.keys)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["frames.npz", "walk.json"]


def test_rewriting_gives_the_same_bytes(tmp_path: Path, made: Manifest) -> None:
    manifest.write(tmp_path / "a", made)
    manifest.write(tmp_path / "b", manifest.read(tmp_path / "a"))
    for name in ("walk.json", "frames.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_relative_path_is_kept_as_an_absolute_one(
    tmp_path: Path, made: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest.write(tmp_path / "out", replace(made, movie=Path("film.mkv")))
    assert manifest.read(tmp_path / "out").movie == tmp_path / "film.mkv"


def test_a_movie_whose_name_is_no_unicode(tmp_path: Path) -> None:
    movie = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv"))
    write_movie(tmp_path / "a.mkv", noise(3)).rename(movie)
    folder = manifest.folder_for(movie, tmp_path / "out")
    manifest.write(folder, a_manifest(movie, parts=((0, 3),)))
    assert manifest.read(folder).movie == movie
    assert manifest.folder_for(movie, tmp_path / "out") == folder


def test_the_span_is_that_of_all_parts(made: Manifest) -> None:
    assert replace(made, parts=((5, 9), (9, 20), (20, 22))).span == (5, 22)


# --- fingerprint --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f.name for f in fields(WalkSettings)])
def test_each_setting_changes_the_fingerprint_and_is_told(made: Manifest, name: str) -> None:
    new = getattr(OTHER, name)
    other = replace(made, settings=replace(made.settings, **{name: new}))
    assert other.fingerprint != made.fingerprint
    (message,) = made.differences(other)
    old = getattr(made.settings, name)
    was = "unset" if old is None else old
    option = "emotion-model" if name == "emotion" else name.replace("_", "-")
    assert message == f"--{option} was {was}, now {new}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identity": {"size": 1, "sha256_of_ends": "ab"}}, "the movie has changed"),
        (
            {"models": MODELS | {"emotion": "OnnxEmotion ffff"}},
            "the emotion network is a different one",
        ),
        ({"models": {"emotion": MODELS["emotion"]}}, "the detector network is a different one"),
    ],
    ids=["movie", "network", "no network"],
)
def test_movie_and_networks_change_the_fingerprint(
    made: Manifest, change: dict[str, Any], message: str
) -> None:
    other = replace(made, **change)
    assert other.fingerprint != made.fingerprint
    assert list(made.differences(other)) == [message]


def test_what_changes_no_row_changes_no_fingerprint(tmp_path: Path, made: Manifest) -> None:
    models = dict(reversed(MODELS.items()))
    moved = replace(made, movie=tmp_path / "moved.mkv", parts=((0, 30),), models=models)
    assert moved.fingerprint == made.fingerprint
    assert list(made.differences(moved)) == []


def test_an_emotion_network_may_move(tmp_path: Path, made: Manifest) -> None:
    """Its hash is among those of the networks."""
    here, there, other = (
        replace(made, settings=WalkSettings(emotion=str(tmp_path / name)))
        for name in ("a/net.onnx", "b/net.onnx", "a/other.onnx")
    )
    assert here.fingerprint == there.fingerprint != other.fingerprint
    trained = replace(here, models=MODELS | {"emotion": "OnnxEmotion ffff"})
    assert trained.fingerprint != here.fingerprint


def test_what_to_type_repeats_the_choice_of_networks(tmp_path: Path, made: Manifest) -> None:
    path = tmp_path / "my net.onnx"
    chosen = WalkSettings(detector="hog", recognizer="face_recognition", emotion=str(path))
    found = replace(made, settings=chosen).options
    assert found == [
        "--detector hog", "--recognizer face_recognition", f"--emotion-model '{path}'",
    ]  # fmt: skip
    assert made.options == []


def test_the_fingerprint_of_equal_settings_is_equal(made: Manifest) -> None:
    whole = replace(made, settings=WalkSettings(start=1, end=2, min_score=1))
    same = replace(made, settings=WalkSettings(start=1.0, end=2.0, min_score=1.0))
    assert whole.settings == same.settings
    assert whole.fingerprint == same.fingerprint


# --- torn files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_torn_walk_json_is_refused(tmp_path: Path, made: Manifest, share: float) -> None:
    manifest.write(tmp_path, made)
    path = tmp_path / "walk.json"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    for use in (manifest.read, lambda f: manifest.folder_for(Path("x") / f.name, f.parent)):
        with pytest.raises(TableError, match=r"walk\.json: damaged.*--rewalk"):
            use(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: [1, 2], lambda f: "text", lambda f: f.pop("format") and None,
        lambda f: f.update(format=99), lambda f: f.update(movie="film.mkv"),
        lambda f: f["movie"].pop("identity") and None, lambda f: f["movie"].update(path=7),
        lambda f: f.pop("stream") and None, lambda f: f["stream"].update(extra=1),
        lambda f: f["stream"].pop("codec") and None,
        lambda f: f["settings"].update(every=0), lambda f: f["settings"].update(foreign=1),
        lambda f: f["settings"].update(width=320), lambda f: f.update(settings=[]),
        lambda f: f.update(models="all"), lambda f: f.update(parts=[]),
        lambda f: f.update(parts=[[0, 12, 30]]), lambda f: f.update(parts=[7]),
        lambda f: f.update(frames=29), lambda f: f.update(fingerprint="00"),
        lambda f: f.pop("warnings") and None, lambda f: f.pop("frames") and None,
    ],
    ids=[
        "a list", "a text", "no format", "another format", "movie no dict", "no identity",
        "a number for a path", "no stream", "a foreign fact", "a missing fact", "a bad setting",
        "a foreign setting", "a changed setting", "no settings", "other networks", "no parts",
        "three ends", "no ends", "other frames", "another fingerprint", "no warnings",
        "no frames",
    ],
)  # fmt: skip
def test_a_changed_walk_json_is_refused(
    tmp_path: Path, made: Manifest, change: Callable[[dict[str, Any]], Any]
) -> None:
    manifest.write(tmp_path, made)
    edit(tmp_path, change)
    with pytest.raises(TableError, match=r"walk\.json: damaged, changed or of another version"):
        manifest.read(tmp_path)


def test_a_folder_without_a_walk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"holds no walk.*mine-video walk MOVIE"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"rubbish"], ids=["missing", "empty", "rubbish"])
def test_without_its_frames_a_walk_is_refused(
    tmp_path: Path, made: Manifest, content: bytes | None
) -> None:
    manifest.write(tmp_path, made)
    path = tmp_path / "frames.npz"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(TableError, match=r"frames\.npz"):
        manifest.read(tmp_path)


# --- folders ------------------------------------------------------------------------------------


def walked(movie: Path, output: Path) -> Path:
    folder = manifest.folder_for(movie, output)
    manifest.write(folder, a_manifest(movie))
    return folder


def test_a_movies_folder_is_its_stem_and_stays(tmp_path: Path) -> None:
    movie = tmp_path / "My film.final.mkv"
    assert walked(movie, tmp_path / "out") == tmp_path / "out" / "My film.final"
    assert manifest.folder_for(movie, tmp_path / "out") == tmp_path / "out" / "My film.final"


def test_equal_stems_get_folders_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = []
    for i, name in enumerate(("a/film.mkv", "b/film.mkv", "a/film.mov")):
        movie = tmp_path / name
        movie.parent.mkdir(exist_ok=True)
        write_movie(movie, noise(30, seed=i), codec="libx264")
        found.append(walked(movie, out))
    assert found[0] == out / "film"
    assert len(set(found)) == 3
    for folder in found[1:]:
        stem, _, suffix = folder.name.partition("-")
        assert (stem, len(suffix), int(suffix, 16) >= 0) == ("film", 8, True)
    again = [
        manifest.folder_for(tmp_path / n, out) for n in ("a/film.mkv", "b/film.mkv", "a/film.mov")
    ]
    assert again == found


def test_a_moved_movie_keeps_its_folder(tmp_path: Path) -> None:
    movie = tmp_path / "film.mkv"
    folder = walked(movie, tmp_path / "out")
    (tmp_path / "b").mkdir()
    moved = movie.rename(tmp_path / "b" / "film.mkv")
    assert manifest.folder_for(moved, tmp_path / "out") == folder


def test_a_changed_movie_keeps_its_folder(tmp_path: Path) -> None:
    movie = tmp_path / "film.mkv"
    folder = walked(movie, tmp_path / "out")
    write_movie(movie, noise(7, seed=5))
    assert manifest.folder_for(movie, tmp_path / "out") == folder


@pytest.mark.parametrize("name", ["...mkv", "..mkv", " .mkv", ". .mkv", "... .mkv"])
def test_no_name_leads_out_of_the_output_folder(tmp_path: Path, name: str) -> None:
    folder = manifest.folder_for(tmp_path / name, tmp_path / "out")
    assert folder.parent == tmp_path / "out"
    assert folder.name == "movie"


# --- the movie again ----------------------------------------------------------------------------


def test_the_movie_is_found_where_it_was_or_is(tmp_path: Path, made: Manifest) -> None:
    assert manifest.movie_of(made, None) == made.movie
    moved = made.movie.rename(tmp_path / "moved.mkv")
    assert manifest.movie_of(made, moved) == moved
    with pytest.raises(MovieError, match=r"the movie is gone.*--movie PATH"):
        manifest.movie_of(made, None)


def test_another_movie_in_its_place_is_refused(tmp_path: Path, made: Manifest) -> None:
    other = write_movie(tmp_path / "other.mkv", noise(30, seed=1))
    with pytest.raises(MovieError, match=r"not the movie that was walked.*--rewalk"):
        manifest.movie_of(made, other)


def test_a_movie_by_url_stays_one(tmp_path: Path, made: Manifest) -> None:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    wanted = replace(made, movie=path_or_url(f"file://{made.movie}"))
    manifest.write(tmp_path / "out", wanted)
    found = manifest.read(tmp_path / "out")
    assert (found.movie, found.fingerprint) == (wanted.movie, made.fingerprint)
    assert manifest.movie_of(found, None) == wanted.movie
    assert manifest.movie_of(found, made.movie) == made.movie
    made.movie.rename(tmp_path / "moved.mkv")
    with pytest.raises(MovieError, match=r"file:///.*the movie is gone.*--movie PATH"):
        manifest.movie_of(found, None)


def test_two_urls_with_one_name_get_folders_of_their_own(tmp_path: Path, made: Manifest) -> None:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    url, output = path_or_url(f"file://{made.movie}"), tmp_path / "out"
    (tmp_path / "other").mkdir()
    other = path_or_url(f"file://{write_movie(tmp_path / 'other' / 'film.mkv', noise(30, seed=1))}")
    manifest.write(manifest.folder_for(url, output), replace(made, movie=url))
    assert manifest.folder_for(url, output) == output / "film"
    assert manifest.folder_for(made.movie, output) == output / "film", "the same movie"
    assert manifest.folder_for(other, output).name.startswith("film-")


def test_settings_are_written_one_by_one(tmp_path: Path, made: Manifest) -> None:
    manifest.write(tmp_path, made)
    facts = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))
    assert facts["settings"] == asdict(made.settings)
    assert facts["models"] == MODELS
    assert facts["frames"] == 30
