"""Page Mine: a movie, people and emotions in, a progress bar and faces as they come out."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from pipeline import manifest, mine, table, video
from pipeline.archive.movies import SUFFIXES
from pipeline.errors import MovieError, TableError
from pipeline.faces import EMOTIONS
from pipeline.people import gallery
from pipeline.pick.select import ANY, UNKNOWN
from pipeline.settings import Job
from pipeline.web.jobs import Jobs, Run
from pipeline.web.live import PROBLEMS, movies
from pipeline.web.pages import page
from pipeline.web.pictures import jpeg_url
from pipeline.web.safety import REFUSALS, UPLOAD_ROUTE, Responses, check_csrf
from pipeline.web.uploads import clean_name

Emotion = Annotated[str, Field(pattern=f"^({'|'.join(EMOTIONS)})$")]

LONGEST = 100_000
"""Frames that an emotion may be asked to hold for."""

SHOWN = 16
"""Faces that are shown while they come."""

MISSING: Responses = REFUSALS | {404: {"description": "No such run."}}


@dataclass(frozen=True, slots=True)
class Mining:
    """A movie that is to be mined."""

    kind: ClassVar[str] = "mine"
    movie: Path
    job: Job

    def do(self, progress: mine.StartProgress) -> Sequence[mine.Outcome]:
        """See `Work`."""
        return mine.mine(self.movie, self.job, progress)


class RunReading(BaseModel):
    """How far a run is."""

    number: int
    kind: str = Field(description="mine, or cast: its unknown faces are sorted into people")
    movie: str
    state: str = Field(description="waiting, running, done, cancelled or failed")
    total: int = Field(description="frames to be walked, 0 until it is known")
    frames: int = Field(description="walked by now")
    faces: int = Field(description="found by now")
    rate: float = Field(description="frames a second")
    error: str


def people(folder: Path) -> list[str]:
    """Who can be asked for."""
    return [*gallery.photos(folder), UNKNOWN]


def newest_faces(run: Run) -> list[str]:
    """Small pictures of the faces of the part that was finished last, as data URLs."""
    folder = manifest.folder_for(run.movie, run.job.output) / "parts"
    parts = [path for path in folder.glob("*.npz") if path.stem.isdecimal()]
    if not run.active or not parts:
        return []
    try:
        found = table.read_arrays(max(parts, key=lambda p: p.stem), ["thumb"])["thumb"]
    except TableError:
        return []
    thumbs = found.tolist()[-SHOWN:]
    return [jpeg_url(thumb) for thumb in thumbs]


def _shown(jobs: Jobs) -> list[tuple[Run, list[str]]]:
    return [(run, newest_faces(run)) for run in _own(jobs)]


def _own(jobs: Jobs) -> list[Run]:
    return [run for run in jobs.all() if isinstance(run.work, Mining)]


def _checked(jobs: Jobs, number: int) -> int:
    if number not in {run.number for run in _own(jobs)}:
        raise HTTPException(404, "there is no such run; reload the page")
    return number


def _stored(upload: UploadFile, videos: Path) -> None:
    """Puts an uploaded movie into the folder of movies, where nothing is called so and it plays.

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


def router(jobs: Jobs, job: Job, videos: Path) -> APIRouter:
    """The routes of the page."""
    routes, adding = APIRouter(dependencies=[Depends(check_csrf)], tags=["mine"]), Lock()

    @routes.get("/mine", response_class=HTMLResponse)
    def show_mine(request: Request) -> Response:
        """The page."""
        names, known = list(movies(videos)), people(job.known_faces)
        return page(
            request, "mine.html", movies=names, people=known, runs=_shown(jobs),
            repeat=job.pick.repeat, longest=LONGEST, upload_route=UPLOAD_ROUTE,
        )  # fmt: skip

    @routes.get("/mine/runs", response_class=HTMLResponse)
    def show_runs(request: Request) -> Response:
        """How far all runs are, as a piece of the page."""
        return page(request, "runs.html", runs=_shown(jobs))

    @routes.get("/api/runs")
    def runs() -> list[RunReading]:
        """How far all runs are, the newest first."""
        return [
            RunReading(
                number=r.number, kind=r.work.kind, movie=r.movie.name, state=r.state,
                total=r.total, frames=r.frames, faces=r.faces, rate=r.rate, error=r.error,
            )
            for r in jobs.all()
        ]  # fmt: skip

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

    @routes.post(
        UPLOAD_ROUTE, status_code=303, response_class=RedirectResponse,
        responses=PROBLEMS | {415: {"description": "No movie.", "content": {"text/html": {}}}},
    )  # fmt: skip
    def upload(movie: Annotated[UploadFile, File(description="a movie")]) -> str:
        """Takes a movie into the folder of movies."""
        with adding:  # Or two of one name might both find it free.
            _stored(movie, videos)
        return "/mine"

    @routes.post(
        "/mine/{number}/cancel", status_code=303, response_class=RedirectResponse, responses=MISSING
    )
    def cancel(number: int) -> str:
        """Stops a run; what is finished of it is kept."""
        jobs.cancel(_checked(jobs, number))
        return "/mine"

    @routes.post(
        "/mine/{number}/again", status_code=303, response_class=RedirectResponse, responses=MISSING
    )
    def again(number: int) -> str:
        """Goes on with a run where it was stopped."""
        jobs.again(_checked(jobs, number))
        return "/mine"

    return routes
