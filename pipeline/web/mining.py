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

from pipeline import manifest, mine, table, video
from pipeline.archive.movies import SUFFIXES
from pipeline.cropping import Outcome
from pipeline.errors import MiningError, MovieError
from pipeline.faces import EMOTIONS
from pipeline.people import gallery
from pipeline.pick.select import ANY, UNKNOWN
from pipeline.settings import Job
from pipeline.web.jobs import NEWEST, RUNNING, Jobs, Run, Watch
from pipeline.web.live import PROBLEMS, movies
from pipeline.web.pages import page
from pipeline.web.pictures import small
from pipeline.web.readings import jpeg_url
from pipeline.web.safety import REFUSALS, UPLOAD_ROUTE, Responses, check_csrf
from pipeline.web.uploads import clean_name

Emotion = Annotated[str, Field(pattern=f"^({'|'.join(EMOTIONS)})$")]

LONGEST = 100_000
"""Frames that an emotion may be asked to hold for."""

SIDE = 128
"""Pixels across of a crop while they come; shown half as wide, for screens with two a point."""

MISSING: Responses = REFUSALS | {404: {"description": "No such run."}}


@dataclass(frozen=True, slots=True)
class Mining:
    """A movie that is to be mined."""

    kind: ClassVar[str] = "mine"
    movie: Path
    job: Job

    def do(self, watch: Watch) -> Sequence[Outcome]:
        """See `Work`."""
        return mine.mine(self.movie, self.job, watch, watch.cropping)


class RunReading(BaseModel):
    """How far a run is."""

    number: int
    kind: str = Field(description="mine, or cast: its unknown faces are sorted into people")
    movie: str
    state: str = Field(description="waiting, running, picking, stopping, done, cancelled or failed")
    total: int = Field(description="frames to be walked, 0 until it is known")
    frames: int = Field(description="walked by now")
    faces: int = Field(description="found by now")
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
    return [*gallery.photos(folder), UNKNOWN]


def newest(run: Run) -> list[str]:
    """Small pictures of what came last, as data URLs: crops, or else faces of a finished part."""
    try:
        if run.newest and run.working:
            return [jpeg_url(small(path, SIDE)) for path in run.newest]
        return _newest_faces(run) if run.state == RUNNING else []
    except (MiningError, OSError):  # What is just replaced, or torn: the run will say so.
        return []


def _newest_faces(run: Run) -> list[str]:
    folder = manifest.folder_for(run.movie, run.job.output) / "parts"
    finished = {path: path.stat().st_mtime for path in folder.glob("*.npz")}
    own = [path for path, at in finished.items() if path.stem.isdecimal() and at >= run.begun]
    if not own:
        return []
    thumbs = table.read_arrays(max(own, key=finished.__getitem__), ["thumb"])["thumb"]
    return [jpeg_url(thumb) for thumb in thumbs.tolist()[-NEWEST:]]


def _shown(jobs: Jobs) -> list[tuple[Run, list[str]]]:
    return [(run, newest(run)) for run in _own(jobs)]


def _own(jobs: Jobs) -> list[Run]:
    return [run for run in jobs.all() if isinstance(run.work, Mining)]


def _checked(jobs: Jobs, number: int) -> int:
    if number not in {run.number for run in _own(jobs)}:
        raise HTTPException(404, "there is no such run; reload the page")
    return number


def _stored(upload: UploadFile, videos: Path) -> str:
    """Puts an uploaded movie into the folder of movies, where nothing is called so and it plays.

    Returns:
        What it is called there.

    Raises:
        HTTPException: 409 where something is, 415 where it is no movie.
    """
    given = Path(clean_name(upload.filename))
    name = manifest.safe_name(given.stem) + given.suffix.lower()
    if given.suffix.lower() not in SUFFIXES:
        raise HTTPException(415, f"{name}: not a movie by its name; rename it, as film.mp4")
    if (videos / name).exists():
        raise HTTPException(409, f"{name}: there is one already; choose it, or rename yours")
    with table.replacing(videos / name) as file:
        shutil.copyfileobj(upload.file, file)
    try:
        video.scan(videos / name)
    except MovieError as error:
        table.remove([videos / name])
        told = str(error).replace(str((videos / name).absolute()), name)
        raise HTTPException(415, told.replace(str(videos / name), name)) from error
    return name


def router(jobs: Jobs, job: Job, videos: Path) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["mine"])
    _add_pages(routes, jobs, job, videos)
    _add_order(routes, jobs, job, videos)
    _add_upload(routes, videos)
    _add_deeds(routes, jobs)
    return routes


def _add_pages(routes: APIRouter, jobs: Jobs, job: Job, videos: Path) -> None:
    @routes.get("/mine", response_class=HTMLResponse)
    def show_mine(
        request: Request, added: Annotated[str, Query(description="a movie just added")] = ""
    ) -> Response:
        """The page."""
        names, known = list(movies(videos)), people(job.known_faces)
        return page(
            request, "mine.html", movies=names, people=known, runs=_shown(jobs),
            repeat=job.pick.repeat, longest=LONGEST, upload_route=UPLOAD_ROUTE,
            added=added if added in names else "",
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
    @routes.post("/mine", status_code=303, response_class=RedirectResponse, responses=PROBLEMS)
    def start(
        movie: Annotated[str, Form(description="a movie's name")],
        person: Annotated[list[str], Form(default_factory=list, description="none is everybody")],
        emotion: Annotated[list[Emotion], Form(default_factory=list, description="none is any")],
        repeat: Annotated[int, Form(ge=1, le=LONGEST)] = job.pick.repeat,
    ) -> str:
        """Mines a movie, after those that are being mined."""
        found = movies(videos).get(movie)
        if found is None or not set(person) <= set(people(job.known_faces)):
            raise HTTPException(404, "there is no such movie or person any more; reload the page")
        wanted = replace(
            job, people=tuple(person) or (ANY,), pick=replace(job.pick, repeat=repeat),
            emotions=tuple(emotion) or (ANY,),
        )  # fmt: skip
        jobs.submit(Mining(found, wanted))
        return "/mine"


def _add_upload(routes: APIRouter, videos: Path) -> None:
    adding = Lock()

    @routes.post(
        UPLOAD_ROUTE, status_code=303, response_class=RedirectResponse,
        responses=PROBLEMS | {415: {"description": "No movie.", "content": {"text/html": {}}}},
    )  # fmt: skip
    def upload(movie: Annotated[UploadFile, File(description="a movie")]) -> str:
        """Takes a movie into the folder of movies, and shows it chosen."""
        with adding:  # Or two of one name might both find it free.
            name = _stored(movie, videos)
        return f"/mine?{urlencode({'added': name})}"


def _add_deeds(routes: APIRouter, jobs: Jobs) -> None:
    @routes.post(
        "/mine/{number}/cancel", status_code=303, response_class=RedirectResponse, responses=MISSING
    )
    def cancel(number: int) -> str:
        """Stops a run, soon; what is finished of it is kept."""
        jobs.cancel(_checked(jobs, number))
        return "/mine"

    @routes.post(
        "/mine/{number}/again", status_code=303, response_class=RedirectResponse, responses=MISSING
    )
    def again(number: int) -> str:
        """Goes on with a run where it was stopped."""
        jobs.again(_checked(jobs, number))
        return "/mine"
