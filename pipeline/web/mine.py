"""Page Mine: choose a movie, people and emotions; watch the progress bar and the new faces."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated, ClassVar, Self
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
from pydantic import BaseModel, Field, model_validator

from pipeline import files, mine
from pipeline.cast.company import ListedMovie, listed_movie
from pipeline.disk import manifest, npz
from pipeline.disk.find import MOVIE_SUFFIXES, WALK_FILE, walked_movie
from pipeline.disk.pick_json import read_picks
from pipeline.disk.report_html import REPORT
from pipeline.disk.text_table import Stamp, file_stamp
from pipeline.disk.walked import FACES, TRACKS_FILE
from pipeline.errors import MiningError, MovieError
from pipeline.faces import ANY, UNKNOWN
from pipeline.movie import scan
from pipeline.people import gallery
from pipeline.report.outcome import Outcome
from pipeline.settings import AUTO, JOIN, OWN_SUBTITLES, Job
from pipeline.walk.part import WalkProgress
from pipeline.web.jobs import DONE, NEWEST, RUNNING, Jobs, Run, Watch
from pipeline.web.live import LIVE_PROBLEMS, playable_movies
from pipeline.web.pages import page
from pipeline.web.pictures import small
from pipeline.web.readings import Emotion, Look, jpeg_url
from pipeline.web.safety import REFUSALS, UPLOAD_ROUTE, Responses, check_csrf
from pipeline.web.uploads import clean_name

MOST_REPEAT = 100_000
"""Largest number of frames that the form accepts for how long an emotion must last."""

MINED_SIDE = 128
"""Width of a new crop's picture in pixels: the page shows it half as wide, for dense screens."""

MOST_SECONDS = 3600
"""Longest time that the form accepts for a change of look."""

MOST_WORDS = 200
"""Letters of the words that looks begin after, at most."""

MISSING_RUN: Responses = REFUSALS | {404: {"description": "No such run."}}

MISPUT: Responses = {422: {"description": "A wrong setting.", "content": {"text/html": {}}}}


FIRST_FILTERS = ("repeat", "sure")
"""The filters that the form always shows."""

MORE_FILTERS = (
    "from_", "within", "after", "smooth", "gap", "min_prob", "min_margin", "min_size",
    "min_sharpness", "max_yaw", "border", "per_run", "with_", "without", "single_face", "alone",
    "same_frame", "peak", "onset", "silent_only", "learn",
)  # fmt: skip
"""Those in the folded part of the form, by their names in `PickSettings`, or else in `Job`."""


class MineForm(BaseModel):
    """The fields of the form, or of the page's address."""

    movie: str = Field("", description="a movie's name")
    person: list[str] = Field([], description="people to pick; none means everybody")
    emotion: list[Emotion] = Field([], description="emotions to pick; none means any emotion")
    repeat: int | None = Field(
        None, ge=1, le=MOST_REPEAT, description="frames that the emotion must last"
    )
    sure: float | None = Field(
        None, ge=0, le=1, description="lowest chance that the emotion is right"
    )
    from_: Look | None = Field(None, description="only where a face changes from this emotion")
    within: float | None = Field(
        None, ge=0, le=MOST_SECONDS, description="seconds that this may take, and after the words"
    )
    after: str | None = Field(
        None, max_length=MOST_WORDS, description="only looks that begin soon after these words, by "
        "the movie's own subtitles",
    )  # fmt: skip
    smooth: str | None = Field(
        None, pattern=r"^(auto|\d{0,3}[13579])$",
        description="how looks are smoothed over time: auto, or an odd number of frames",
    )  # fmt: skip
    gap: int | None = Field(
        None, ge=0, le=MOST_REPEAT, description="frames without the emotion that it may bridge"
    )
    min_prob: float | None = Field(
        None, ge=0, le=1, description="lowest probability of the emotion in a frame"
    )
    min_margin: float | None = Field(
        None, ge=0, le=1, description="lowest lead over the next emotion in a frame"
    )
    min_size: float | None = Field(
        None, ge=0, le=10_000, description="least size of a face in pixels"
    )
    min_sharpness: float | None = Field(
        None, ge=0, le=1e6, description="least sharpness of a face, as in faces.csv"
    )
    max_yaw: float | None = Field(
        None, ge=0, le=90, description="degrees that a face may be turned to either side"
    )
    border: int | None = Field(
        None, ge=0, le=10_000, description="pixels between a face and the edge of the picture; "
        "empty is no limit",
    )  # fmt: skip
    per_run: int | None = Field(
        None, ge=0, le=MOST_REPEAT, description="crops of each run; 0 keeps all"
    )
    with_: list[str] | None = Field(
        None, description="only where all these people are in the shot, too"
    )
    without: list[str] | None = Field(
        None, description="only where none of these people is in the shot"
    )
    single_face: bool | None = Field(None, description="only frames with a single face")
    alone: bool | None = Field(None, description="only where nobody else is in the shot")
    same_frame: bool | None = Field(
        None, description="for these, look at the frame and not at the whole shot"
    )
    peak: bool | None = Field(None, description="only the face at the height of each look")
    onset: bool | None = Field(None, description="only the face where each look begins")
    silent_only: bool | None = Field(
        None, description="only while nobody speaks, by the movie's own subtitles"
    )
    learn: bool | None = Field(
        None, description="learn from what was accepted and rejected in this movie, where it helps"
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        self.job(Job())
        return self

    @classmethod
    def of(cls, work: "Mining") -> "MineForm":
        """The form filled in for a movie and job."""
        # The page knows no classes: it asks for each of their emotions alone.
        looks = [look for name in work.job.emotions for look in name.split(JOIN)]
        people, emotions = (
            [name for name in names if name != ANY] for names in (work.job.people, looks)
        )
        pick = work.job.pick
        changed = {f.name: f.value for f in filter_fields(work.job) if f.changed}
        if "smooth" in changed:
            changed["smooth"] = str(changed["smooth"])
        return MineForm.model_validate({
            "movie": work.movie.name, "person": people, "emotion": emotions,
            **{name: getattr(pick, name) for name in FIRST_FILTERS}, **changed,
        })  # fmt: skip

    def work(self, job: Job, videos: Path) -> "Mining | None":
        """What to do; None if there is no such movie, or no such person."""
        movie = playable_movies(videos).get(self.movie)
        named = {*self.person, *(self.with_ or ()), *(self.without or ())}
        there = movie is not None and named <= set(people(job.known_faces))
        return Mining(movie, self.job(job)) if movie is not None and there else None

    def job(self, job: Job) -> Job:
        """Builds the settings; empty fields keep those of `job`."""
        given = self.model_dump(include={*FIRST_FILTERS, *MORE_FILTERS}, exclude_none=True)
        if self.smooth is not None:
            given["smooth"] = self.smooth if self.smooth == AUTO else int(self.smooth)
        given = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items() if v != ""}
        if self.from_ and not self.peak:
            given["onset"] = True
        learn = given.pop("learn", job.learn)
        pick = replace(job.pick, **given)
        # A page reads no files of subtitles.
        own = OWN_SUBTITLES if pick.after or pick.silent_only else job.subtitles
        return replace(
            job, people=tuple(self.person) or (ANY,), emotions=tuple(self.emotion) or (ANY,),
            learn=learn, pick=pick, subtitles=own,
        )  # fmt: skip


class MinePageQuery(MineForm):
    """The fields of the page's address."""

    added: bool = Field(default=False, description="whether the movie was just added")


@dataclass(frozen=True, slots=True)
class Mining:
    """A movie to mine."""

    kind: ClassVar[str] = "mine"
    movie: Path
    job: Job

    @property
    def address(self) -> str:
        """The address of the page with the form filled in for this movie and job."""
        filled = MineForm.of(self).model_dump(exclude_none=True)
        return f"/mine?{urlencode(filled, doseq=True)}"

    def do(self, watch: Watch) -> Sequence[Outcome]:
        """See `Work`."""

        def walk(left: int) -> WalkProgress:
            return watch(left, finished_frames(self, left))

        return mine.mine(self.movie, self.job, walk, watch.cropping)


def address_of_last(folder: Path) -> str:
    """The address of the page with the form filled in as the last pick of a movie was.

    Raises:
        TableError: The folder holds no walk, or a damaged one.
    """
    movie, picks = Path(manifest.movie_name(folder)), read_picks(folder)
    with suppress(ValueError):  # More than the form takes.
        if picks is not None:
            return Mining(movie, picks.last.job(Job())).address
    return f"/mine?{urlencode({'movie': movie.name})}"


def finished_frames(work: Mining, left: int) -> int:
    """Counts the walk's frames that earlier runs finished, from the number of those left."""
    begin, end = manifest.read(manifest.folder_for(work.movie, work.job.output)).span
    return end - begin - left


class RunReading(BaseModel):
    """The progress of a run."""

    number: int
    kind: str = Field(description="mine, or cast (sorts the movie's unknown faces into people)")
    movie: str
    state: str = Field(
        description="waiting, running, picking, stopping, done, cancelled, failed, or stopped: the "
        "server ended before the run did"
    )
    total: int = Field(description="frames of the whole walk, 0 until known")
    frames: int = Field(description="frames walked so far, including those of an earlier run")
    faces: int = Field(description="faces found so far by this run")
    wanted: int = Field(description="crops to write, 0 until known")
    crops: int = Field(description="crops written so far")
    rate: float = Field(
        description="frames per second, or crops per second while picking, over the last seconds"
    )
    left: float | None = Field(description="seconds that this will take, or null if not known yet")
    error: str

    @classmethod
    def of(cls, run: Run) -> "RunReading":
        """Converts a run."""
        return cls(
            number=run.number, kind=run.work.kind, movie=run.movie.name, state=run.state,
            total=run.total, frames=run.frames, faces=run.faces, wanted=run.wanted,
            crops=run.crops, rate=run.rate, left=run.left, error=run.error,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilterField:
    """A filter in the folded part of the form.

    Attributes:
        name: its name in `PickSettings`, or else in `Job`.
        label: what it is, in words.
        value: what it is set to; None if it has no limit.
        default: what it is set to if nobody changes it.
        least: its lowest value, if it is a number.
        most: its highest value.
        whole: whether it is a whole number.
        pattern: what a text must be like; "" for any.
    """

    name: str
    label: str
    value: object
    default: object
    least: float | None
    most: float | None
    whole: bool
    pattern: str

    @property
    def changed(self) -> bool:
        """Whether it is set to something else than usual."""
        return self.value != self.default

    @property
    def kind(self) -> str:
        """How a page asks for it: checkbox, people, emotion, number or text."""
        if isinstance(self.default, bool | tuple):
            return "checkbox" if isinstance(self.default, bool) else "people"
        if self.name == "from_":
            return "emotion"
        return "text" if self.least is None else "number"


def filter_fields(job: Job) -> list[FilterField]:
    """The folded filters, as they are set."""
    return [_filter_field(name, job) for name in MORE_FILTERS]


def _filter_field(name: str, job: Job) -> FilterField:
    field = MineForm.model_fields[name]
    value, default = (getattr(j.pick, name, getattr(j, name, None)) for j in (job, Job()))
    limits = ("ge", "le", "pattern")
    bounds = {
        k: v for m in field.metadata for k in limits if (v := getattr(m, k, None)) is not None
    }
    return FilterField(
        name, str(field.description), value, default, bounds.get("ge"), bounds.get("le"),
        not isinstance(default, float), bounds.get("pattern", ""),
    )  # fmt: skip


def people(folder: Path) -> list[str]:
    """Lists the names that the form offers: everybody with a photo, and `unknown`."""
    return [*(name for name, photos in gallery.photos(folder).items() if photos), UNKNOWN]


def newest(run: Run) -> list[str]:
    """Makes data URLs of small pictures: the newest crops, or faces of the newest finished part."""
    try:
        if run.newest and run.working:
            return [jpeg_url(small(path, MINED_SIDE)) for path in run.newest]
        return _newest_faces(run) if run.state == RUNNING else []
    except (MiningError, OSError):  # A file is just being replaced, or damaged: the run reports it.
        return []


def _newest_faces(run: Run) -> list[str]:
    folder = manifest.folder_for(run.movie, run.job.output) / "parts"
    times = {path: path.stat().st_mtime for path in folder.glob("*.npz")}
    # Parts that an earlier run finished are older than this run.
    parts = [path for path, time in times.items() if path.stem.isdecimal() and time >= run.begun]
    if not parts:
        return []
    thumbs = npz.read_arrays(max(parts, key=times.__getitem__), {"thumb": ("S", (None,))})["thumb"]
    return [jpeg_url(thumb) for thumb in thumbs.tolist()[-NEWEST:]]


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as the page shows it.

    Attributes:
        run: the run.
        pictures: data URLs of small pictures.
        mined: once it is done, the movie in the lists of the other pages.
        report: whether that movie has a report.
    """

    run: Run
    pictures: list[str]
    mined: ListedMovie | None = None
    report: bool = False


def _shown_run(run: Run) -> ShownRun:
    if run.state != DONE:
        return ShownRun(run, newest(run))
    with suppress(MiningError):  # The lists of the other pages tell what is damaged.
        output = run.job.output
        walk = output / manifest.safe_name(run.movie.stem) / WALK_FILE
        mined = walked_movie(output, _folder(run.movie, output, file_stamp(walk)).name)
        if mined is not None:
            stamps = [file_stamp(mined / file) for file in (WALK_FILE, TRACKS_FILE, FACES)]
            return ShownRun(run, [], _listed(mined, *stamps), (mined / REPORT).is_file())
    return ShownRun(run, [])  # Somebody deleted it, or its name is one that no page can show.


@lru_cache(maxsize=1000)
def _folder(movie: Path, output: Path, _: Stamp) -> Path:
    """A movie's folder; kept until the walk changes that it is told from."""
    return manifest.folder_for(movie, output)


@lru_cache(maxsize=1000)
def _listed(folder: Path, *_: Stamp) -> ListedMovie:
    """A movie in the lists; kept until its files change, as the page asks twice a second."""
    return listed_movie(folder.name, folder)


def _shown_runs(jobs: Jobs) -> list[ShownRun]:
    return [_shown_run(run) for run in _mining_runs(jobs)]


def _mining_runs(jobs: Jobs) -> list[Run]:
    return [run for run in jobs.all() if isinstance(run.work, Mining)]


def _mining(jobs: Jobs, number: int) -> Mining:
    work = next((run.work for run in _mining_runs(jobs) if run.number == number), None)
    if not isinstance(work, Mining):
        raise HTTPException(404, "this run does not exist; reload the page")
    return work


def _stored(upload: UploadFile, videos: Path) -> str:
    """Stores an uploaded movie in the folder of movies, if its name is free and it can be read.

    Returns:
        Its name there.

    Raises:
        HTTPException: 409 if the name is taken, 415 if it is not a movie.
    """
    sent = Path(clean_name(upload.filename))
    name = manifest.safe_name(sent.stem) + sent.suffix.lower()
    if sent.suffix.lower() not in MOVIE_SUFFIXES:
        raise HTTPException(
            415, f"{name}: the name has no ending of a movie; rename it, for example to film.mp4"
        )
    if (videos / name).exists():
        raise HTTPException(
            409, f"{name}: there is already a movie of this name; choose it, or rename yours"
        )
    with files.replacing(videos / name, "folder with --videos") as file:
        shutil.copyfileobj(upload.file, file)
    try:
        scan.scan_movie(videos / name)
    except MovieError as error:
        files.remove([videos / name])
        message = str(error).replace(str(videos / name), name)
        if error.__cause__ is not None:  # FFmpeg's error codes do not help anybody in a browser.
            message = (
                f"{name}: not a playable movie, or damaged; check that it plays elsewhere and was "
                "copied completely, or convert it to MP4, and add it again"
            )
        raise HTTPException(415, message) from error
    return name


def mine_router(jobs: Jobs, job: Job, videos: Path) -> APIRouter:
    """Makes the routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["mine"])
    _add_pages(routes, jobs, job, videos)
    _add_order(routes, jobs, job, videos)
    _add_upload(routes, videos)
    _add_deeds(routes, jobs)
    return routes


def _add_pages(routes: APIRouter, jobs: Jobs, job: Job, videos: Path) -> None:
    @routes.get("/mine", response_class=HTMLResponse, responses=MISPUT)
    def show_mine(request: Request, order: Annotated[MinePageQuery, Query()]) -> Response:
        """Shows the page, with the form filled in as the address says."""
        names, known = list(playable_movies(videos)), people(job.known_faces)
        movie = order.movie if order.movie in names else ""
        return page(
            request, "mine.html", movies=names, people=known, runs=_shown_runs(jobs),
            movie=movie, wanted=order.job(job), longest=MOST_REPEAT, upload_route=UPLOAD_ROUTE,
            added=order.added, asked=order.movie, filters=filter_fields(order.job(job)),
        )  # fmt: skip

    @routes.get("/mine/runs", response_class=HTMLResponse)
    def show_runs(request: Request) -> Response:
        """Shows the progress of all runs, as a part of the page."""
        return page(request, "runs.html", runs=_shown_runs(jobs))

    @routes.get("/api/runs")
    def runs() -> list[RunReading]:
        """Lists the progress of all runs, the newest first."""
        return [RunReading.of(run) for run in jobs.all()]


def _add_order(routes: APIRouter, jobs: Jobs, job: Job, videos: Path) -> None:
    @routes.post("/mine", status_code=303, response_class=RedirectResponse, responses=LIVE_PROBLEMS)
    def start(order: Annotated[MineForm, Form()]) -> str:
        """Puts a movie at the end of the queue."""
        work = order.work(job, videos)
        if work is None:
            raise HTTPException(404, "this movie or person no longer exists; reload the page")
        jobs.submit(work)
        return work.address


def _add_upload(routes: APIRouter, videos: Path) -> None:
    adding = Lock()

    @routes.post(
        UPLOAD_ROUTE, status_code=303, response_class=RedirectResponse,
        responses=LIVE_PROBLEMS
        | {415: {"description": "Not a movie.", "content": {"text/html": {}}}},
    )  # fmt: skip
    def upload(movie: Annotated[UploadFile, File(description="a movie")]) -> str:
        """Adds a movie to the folder of movies, and shows the page with it chosen."""
        with adding:  # Otherwise two uploads of one name might both find it free.
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
        """Stops a run soon; what it finished is kept."""
        work = _mining(jobs, number)
        jobs.cancel(number)
        return work.address

    @routes.post(
        "/mine/{number}/again",
        status_code=303,
        response_class=RedirectResponse,
        responses=MISSING_RUN,
    )
    def again(number: int) -> str:
        """Continues a run where it was stopped."""
        work = _mining(jobs, number)
        jobs.again(number)
        return work.address
