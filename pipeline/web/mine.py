"""Page Mine: a movie, people and emotions in, a progress bar and faces as they come out."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import (
    APIRouter,
    Depends,
    File,
    Form,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from pipeline import files, mine
from pipeline.disk import manifest, npz
from pipeline.disk.find import MOVIE_SUFFIXES
from pipeline.errors import MiningError, MovieError
from pipeline.faces import ANY, UNKNOWN
from pipeline.movie import scan
from pipeline.people import gallery
from pipeline.report.outcome import Outcome
from pipeline.settings import Job
from pipeline.walk.part import WalkProgress
from pipeline.web.jobs import NEWEST, RUNNING, Jobs, Run, Watch
from pipeline.web.live import LIVE_PROBLEMS, playable_movies
from pipeline.web.pages import page
from pipeline.web.pictures import small
from pipeline.web.readings import Emotion, jpeg_url
from pipeline.web.safety import REFUSALS, UPLOAD_ROUTE, Responses, check_csrf
from pipeline.web.uploads import clean_name

MOST_REPEAT = 100_000
"""Frames that an emotion may be asked to hold for."""

MINED_SIDE = 128
"""Pixels across of a crop while they come; shown half as wide, for screens with two a point."""

MISSING_RUN: Responses = REFUSALS | {404: {"description": "No such run."}}

MISPUT: Responses = {422: {"description": "No such order.", "content": {"text/html": {}}}}


class MineForm(BaseModel):
    """What is asked for by the form, or by the address of the page."""

    movie: str = Field("", description="a movie's name")
    person: list[str] = Field([], description="none is everybody")
    emotion: list[Emotion] = Field([], description="none is any emotion")
    repeat: int | None = Field(
        None, ge=1, le=MOST_REPEAT, description="frames that it must hold for"
    )
    min_prob: float | None = Field(None, ge=0, le=1, description="least probability")

    def job(self, job: Job) -> Job:
        """What is wanted; what is not said is as it is in `job`."""
        numbers = self.model_dump(include={"repeat", "min_prob"}, exclude_none=True)
        return replace(
            job, people=tuple(self.person) or (ANY,), emotions=tuple(self.emotion) or (ANY,),
            pick=replace(job.pick, **numbers),
        )  # fmt: skip


class MinePageQuery(MineForm):
    """What the page is opened with."""

    added: bool = Field(default=False, description="whether the movie was just added")


@dataclass(frozen=True, slots=True)
class Mining:
    """A movie that is to be mined."""

    kind: ClassVar[str] = "mine"
    movie: Path
    job: Job

    @property
    def address(self) -> str:
        """The page with the form filled in so."""
        job = self.job
        people = [("person", person) for person in job.people if person != ANY]
        emotions = [("emotion", emotion) for emotion in job.emotions if emotion != ANY]
        numbers = [("repeat", job.pick.repeat), ("min_prob", job.pick.min_prob)]
        return f"/mine?{urlencode([('movie', self.movie.name), *people, *emotions, *numbers])}"

    def do(self, watch: Watch) -> Sequence[Outcome]:
        """See `Work`."""

        def walk(left: int) -> WalkProgress:
            return watch(left, finished_frames(self, left))

        return mine.mine(self.movie, self.job, walk, watch.cropping)


def finished_frames(work: Mining, left: int) -> int:
    """Frames that earlier runs finished of the walk that goes on with those that are left."""
    begin, end = manifest.read(manifest.folder_for(work.movie, work.job.output)).span
    return end - begin - left


class RunReading(BaseModel):
    """How far a run is."""

    number: int
    kind: str = Field(description="mine, or cast: its unknown faces are sorted into people")
    movie: str
    state: str = Field(description="waiting, running, picking, stopping, done, cancelled or failed")
    total: int = Field(description="frames of the whole walk, 0 until it is known")
    frames: int = Field(description="walked by now, those that an earlier run finished too")
    faces: int = Field(description="found by now, by this run")
    wanted: int = Field(description="crops to be written, 0 until it is known")
    crops: int = Field(description="written by now")
    rate: float = Field(
        description="frames a second, or crops while it picks, over the last seconds"
    )
    error: str

    @classmethod
    def of(cls, run: Run) -> "RunReading":
        """A run."""
        return cls(
            number=run.number, kind=run.work.kind, movie=run.movie.name, state=run.state,
            total=run.total, frames=run.frames, faces=run.faces, wanted=run.wanted,
            crops=run.crops, rate=run.rate, error=run.error,
        )  # fmt: skip


def people(folder: Path) -> list[str]:
    """Who can be asked for."""
    return [*(name for name, own in gallery.photos(folder).items() if own), UNKNOWN]


def newest(run: Run) -> list[str]:
    """Small pictures of what came last, as data URLs: crops, or else faces of a finished part."""
    try:
        if run.newest and run.working:
            return [jpeg_url(small(path, MINED_SIDE)) for path in run.newest]
        return _newest_faces(run) if run.state == RUNNING else []
    except (MiningError, OSError):  # What is just replaced, or torn: the run will say so.
        return []


def _newest_faces(run: Run) -> list[str]:
    folder = manifest.folder_for(run.movie, run.job.output) / "parts"
    finished = {path: path.stat().st_mtime for path in folder.glob("*.npz")}
    own = [path for path, at in finished.items() if path.stem.isdecimal() and at >= run.begun]
    if not own:
        return []
    thumbs = npz.read_arrays(max(own, key=finished.__getitem__), {"thumb": ("S", (None,))})["thumb"]
    return [jpeg_url(thumb) for thumb in thumbs.tolist()[-NEWEST:]]


def _shown(jobs: Jobs) -> list[tuple[Run, list[str]]]:
    return [(run, newest(run)) for run in _own(jobs)]


def _own(jobs: Jobs) -> list[Run]:
    return [run for run in jobs.all() if isinstance(run.work, Mining)]


def _checked(jobs: Jobs, number: int) -> Mining:
    work = next((run.work for run in _own(jobs) if run.number == number), None)
    if not isinstance(work, Mining):
        raise HTTPException(404, "there is no such run; reload the page")
    return work


def _stored(upload: UploadFile, videos: Path) -> str:
    """Puts an uploaded movie into the folder of movies, where nothing is called so and it plays.

    Returns:
        What it is called there.

    Raises:
        HTTPException: 409 where something is, 415 where it is no movie.
    """
    given = Path(clean_name(upload.filename))
    name = manifest.safe_name(given.stem) + given.suffix.lower()
    if given.suffix.lower() not in MOVIE_SUFFIXES:
        raise HTTPException(415, f"{name}: not a movie by its name; rename it, as film.mp4")
    if (videos / name).exists():
        raise HTTPException(409, f"{name}: there is one already; choose it, or rename yours")
    with files.replacing(videos / name, "folder with --videos") as file:
        shutil.copyfileobj(upload.file, file)
    try:
        scan.scan_movie(videos / name)
    except MovieError as error:
        files.remove([videos / name])
        told = str(error).replace(str(videos / name), name)
        if error.__cause__ is not None:  # FFmpeg's own words are no help here.
            told = (
                f"{name}: no movie that can be read; check that it plays elsewhere and was copied "
                "whole, or convert it to MP4, and add it again"
            )
        raise HTTPException(415, told) from error
    return name


def mine_router(jobs: Jobs, job: Job, videos: Path) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["mine"])
    _add_pages(routes, jobs, job, videos)
    _add_order(routes, jobs, job, videos)
    _add_upload(routes, videos)
    _add_deeds(routes, jobs)
    return routes


def _add_pages(routes: APIRouter, jobs: Jobs, job: Job, videos: Path) -> None:
    @routes.get("/mine", response_class=HTMLResponse, responses=MISPUT)
    def show_mine(request: Request, order: Annotated[MinePageQuery, Query()]) -> Response:
        """The page; what is asked for is chosen already, where it is there."""
        names, known = list(playable_movies(videos)), people(job.known_faces)
        movie = order.movie if order.movie in names else ""
        return page(
            request, "mine.html", movies=names, people=known, runs=_shown(jobs), movie=movie,
            wanted=order.job(job), longest=MOST_REPEAT, upload_route=UPLOAD_ROUTE,
            added=order.added, asked=order.movie,
        )  # fmt: skip

    @routes.get("/mine/runs", response_class=HTMLResponse)
    def show_runs(request: Request) -> Response:
        """How far all runs are, as a piece of the page."""
        return page(request, "runs.html", runs=_shown(jobs))

    @routes.get("/api/runs")
    def runs() -> list[RunReading]:
        """How far all runs are, the newest first."""
        return [RunReading.of(run) for run in jobs.all()]


def _add_order(routes: APIRouter, jobs: Jobs, job: Job, videos: Path) -> None:
    @routes.post("/mine", status_code=303, response_class=RedirectResponse, responses=LIVE_PROBLEMS)
    def start(order: Annotated[MineForm, Form()]) -> str:
        """Mines a movie, after those that are being mined."""
        found = playable_movies(videos).get(order.movie)
        if found is None or not set(order.person) <= set(people(job.known_faces)):
            raise HTTPException(404, "there is no such movie or person any more; reload the page")
        work = Mining(found, order.job(job))
        jobs.submit(work)
        return work.address


def _add_upload(routes: APIRouter, videos: Path) -> None:
    adding = Lock()

    @routes.post(
        UPLOAD_ROUTE, status_code=303, response_class=RedirectResponse,
        responses=LIVE_PROBLEMS | {415: {"description": "No movie.", "content": {"text/html": {}}}},
    )  # fmt: skip
    def upload(movie: Annotated[UploadFile, File(description="a movie")]) -> str:
        """Takes a movie into the folder of movies, and shows it chosen."""
        with adding:  # Or two of one name might both find it free.
            name = _stored(movie, videos)
        return f"/mine?{urlencode({'movie': name, 'added': True})}"


def _add_deeds(routes: APIRouter, jobs: Jobs) -> None:
    @routes.post(
        "/mine/{number}/cancel",
        status_code=303,
        response_class=RedirectResponse,
        responses=MISSING_RUN,
    )
    def cancel(number: int) -> str:
        """Stops a run, soon; what is finished of it is kept."""
        work = _checked(jobs, number)
        jobs.cancel(number)
        return work.address

    @routes.post(
        "/mine/{number}/again",
        status_code=303,
        response_class=RedirectResponse,
        responses=MISSING_RUN,
    )
    def again(number: int) -> str:
        """Goes on with a run where it was stopped."""
        work = _checked(jobs, number)
        jobs.again(number)
        return work.address
