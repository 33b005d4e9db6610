"""Page Review: accept or reject picked crops by keyboard; later picks obey the decisions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.cast.company import renamed_picks
from pipeline.disk.find import walked_movies
from pipeline.disk.moments_csv import best_crop
from pipeline.disk.pick_json import unfinished, unfinished_lines
from pipeline.disk.report_html import REPORT, is_outdated, outdated_line
from pipeline.errors import MiningError, OutputError, PeopleError, TableError
from pipeline.export.clips import exported_files
from pipeline.faces import UNKNOWN
from pipeline.report.page import TIMELINE
from pipeline.review import desk as review
from pipeline.review.desk import STRANGER, Picked, ReviewProgress
from pipeline.review.moments import ReviewedMoment
from pipeline.settings import Job
from pipeline.web import results
from pipeline.web.mine import address_of_last
from pipeline.web.pages import Problem, page
from pipeline.web.pictures import large, small
from pipeline.web.readings import Look
from pipeline.web.safety import REFUSALS, Responses, check_csrf
from pipeline.web.scenes import Scenes

REVIEWED_SIDE = 160
"""Width of the small pictures in pixels: the page shows them at about 100, for dense screens."""

PICKED = "/{movie}/{person}/{emotion}"

Looks = Look | Literal["none", "stranger", ""]
CropFile = Annotated[str, Field(max_length=1000)]

MISSING_CROP: Responses = {
    404: {"description": "No such movie, pick or crop.", "model": Problem},
    409: {"description": "A list is damaged, or a pick is running.", "model": Problem},
}
INVALID: Responses = {
    400: {"description": "The body is not text.", "model": Problem},
    422: {"description": "No such decision.", "model": Problem},
}
MISSING_PAGE: Responses = {
    404: {"description": "No such pick.", "content": {"text/html": {}}},
    409: {"description": "A list is damaged.", "content": {"text/html": {}}},
}
NO_SCENE: Responses = {
    404: {"description": "No such movie, pick or crop.", "model": Problem},
    409: {"description": "The movie is not where it was walked, or damaged.", "model": Problem},
}
STILL_PICTURE: Responses = NO_SCENE | {200: {"content": {"image/jpeg": {}}}}
MOMENT_SOUND: Responses = NO_SCENE | {
    200: {"content": {"audio/wav": {}}},
    204: {"description": "The movie has no sound."},
}
PICTURE: Responses = MISSING_PAGE | {200: {"content": {"image/jpeg": {}}}}


class ProgressReading(BaseModel):
    """The progress of reviewing a pick."""

    crops: int
    decided: int
    accepted: int
    moments: int
    moments_decided: int = Field(description="all of whose crops are decided")
    precision: float | None = Field(
        description="share of the decided crops that are accepted; null if none is decided"
    )

    @classmethod
    def of(cls, progress: ReviewProgress) -> "ProgressReading":
        """Converts the progress."""
        return cls(
            crops=progress.crops, decided=progress.decided, accepted=progress.accepted,
            moments=progress.moments, moments_decided=progress.moments_decided,
            precision=progress.precision,
        )  # fmt: skip


class PickReading(BaseModel):
    """A pick to review."""

    movie: str
    person: str
    emotion: str
    progress: ProgressReading | None
    error: str = Field(description="why it cannot be reviewed, or empty")

    @classmethod
    def of(cls, line: "PickListing") -> "PickReading":
        """Converts a line of the list."""
        return cls(
            movie=line.movie, person=line.person, emotion=line.emotion, error=line.error,
            progress=ProgressReading.of(line.progress) if line.progress else None,
        )  # fmt: skip


class MomentsReading(BaseModel):
    """The moments of a pick, column by column, the surest first."""

    best: list[int] = Field(description="the crop that shows the look best, by its place in `file`")
    start: list[float] = Field(description="seconds")
    seconds: list[float] = Field(description="how long it is on screen")
    length: list[int] = Field(description="frames")
    look_sure: list[float] = Field(description="chance that the emotion is right")
    probability: list[float] = Field(description="the network's mean")

    @classmethod
    def of(cls, moments: Sequence[ReviewedMoment], places: dict[str, int]) -> "MomentsReading":
        """Converts moments.

        Args:
            moments: The moments.
            places: The place of each crop in `CropsReading.file`.
        """
        return cls(
            best=[places[moment.best] for moment in moments],
            start=[moment.start for moment in moments],
            seconds=[round(moment.seconds, 3) for moment in moments],
            length=[moment.length for moment in moments],
            look_sure=[round(moment.look_sure, 4) for moment in moments],
            probability=[round(moment.probability, 4) for moment in moments],
        )


class CropsReading(BaseModel):
    """The crops of a pick, column by column, in the order of their frames."""

    file: list[str]
    time: list[float] = Field(description="seconds")
    probability: list[float]
    run_length: list[int] = Field(description="frames")
    looks: list[str] = Field(description="as in a decision; empty if nothing is decided")
    gone: list[bool] = Field(description="accepted, but not in the last pick: has no picture")
    moment: list[int] = Field(description="the place of its moment in `moments`")
    moments: MomentsReading
    progress: ProgressReading

    @classmethod
    def of(cls, picked: Picked) -> "CropsReading":
        """Converts a pick."""
        rows = sorted(picked.crops.items(), key=lambda item: (int(item[1]["frame"]), item[0]))
        places = {file: n for n, (file, _) in enumerate(rows)}
        moment_of = {file: n for n, moment in enumerate(picked.moments) for file in moment.files}
        return cls(
            file=[file for file, _ in rows],
            time=[float(row["time"]) for _, row in rows],
            probability=[float(row["probability"]) for _, row in rows],
            run_length=[int(row["run_length"]) for _, row in rows],
            looks=[looks_of(picked, file) for file, _ in rows],
            gone=[file in picked.gone for file, _ in rows],
            moment=[moment_of[file] for file, _ in rows],
            moments=MomentsReading.of(picked.moments, places),
            progress=ProgressReading.of(picked.progress),
        )


class Decision(BaseModel):
    """A decision about crops: about one, or about all of a moment, to be taken all or none."""

    looks: dict[CropFile, Looks] = Field(
        description="by the crop's name: the emotion of the pick accepts the crop; another "
        "emotion, none (something else) and stranger (not this person) reject it; empty takes an "
        "earlier decision back",
        min_length=1,
    )


class Decided(BaseModel):
    """The result of a decision."""

    looks: dict[str, str]
    progress: ProgressReading
    told: str = Field(description="a remark for the user, or empty")


@dataclass(frozen=True, slots=True)
class PickListing:
    """A pick in the list of all picks; `renamed` if some of its faces have other names by now."""

    movie: str
    person: str
    emotion: str
    folder: Path
    progress: ReviewProgress | None = None
    error: str = ""
    renamed: bool = False

    @property
    def best(self) -> str:
        """The crop of its surest moment, or ""."""
        name = best_crop(self.folder)
        there = review.best_path(self.folder.parent.parent, self.person, self.emotion, name)
        return name if there else ""

    @property
    def sheets(self) -> list[str]:
        """Its contact sheets."""
        return results.sheets(self.folder)

    @property
    def comparison(self) -> str:
        """Its comparison of settings, or ""."""
        return results.comparison(self.folder)

    @property
    def exports(self) -> list[str]:
        """The files of its last export."""
        return exported_files(self.folder)


@dataclass(frozen=True, slots=True)
class MovieListing:
    """A movie in the list of all picks."""

    name: str
    folder: Path
    picks: list[PickListing]

    @property
    def again(self) -> str:
        """The address of page Mine, filled in as for the last pick."""
        with suppress(TableError):
            return address_of_last(self.folder)
        return "/mine"

    @property
    def notes(self) -> list[str]:
        """See `notes_of`."""
        return notes_of(self.folder)

    @property
    def unfinished(self) -> bool:
        """Whether a pick was stopped."""
        return bool(unfinished(self.folder))

    @property
    def outdated(self) -> bool:
        """Whether its report was made before the last change."""
        return is_outdated(self.folder)

    @property
    def report(self) -> bool:
        """Whether it has a report."""
        return (self.folder / REPORT).is_file()

    @property
    def timeline(self) -> bool:
        """Whether it has a timeline."""
        return (self.folder / TIMELINE).is_file()

    @property
    def exports(self) -> list[str]:
        """The files of its last export of the whole movie."""
        return exported_files(self.folder)

    @property
    def renamed(self) -> bool:
        """Whether some of the picked faces have other names by now."""
        return any(pick.renamed for pick in self.picks)


def movie_listings(output: Path) -> list[MovieListing]:
    """Lists all movies with picks."""
    movies = (
        MovieListing(name, folder, list(pick_listings(name, folder)))
        for name, folder in walked_movies(output).items()
    )
    return [movie for movie in movies if movie.picks]


def pick_listings(movie: str, folder: Path) -> Iterator[PickListing]:
    """Lists the picks of a movie, with the error in the line of a pick that cannot be read.

    An error that all of them share is shown once, and "as above" for the others.
    """
    last_error, renamed = "", renamed_picks(folder)
    for person, emotion in review.picks(folder):
        place = folder / person / emotion
        try:
            progress = review.progress(folder, person, emotion)
            if progress.crops or progress.decided:
                yield PickListing(
                    movie, person, emotion, place, progress, renamed=place in renamed
                )  # fmt: skip
        except MiningError as error:
            why = str(error)
            error_text = "as above" if why == last_error else why
            yield PickListing(movie, person, emotion, place, error=error_text)
            last_error = why


def looks_of(picked: Picked, file: str) -> str:
    """Says what was decided about a crop, as in `Decision.looks`."""
    label = picked.labels.get(file)
    return (label["emotion"] or "stranger") if label else ""


def notes_of(folder: Path) -> list[str]:
    """Says which picks of a movie were stopped, and whether its report is out of date."""
    return [line for line in (*unfinished_lines(folder), outdated_line(folder)) if line]


class Desk:
    """Looks picks up and applies decisions, one at a time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        # A movie's folder is locked while it is written: without this lock, two pages that decide
        # at the same time would get the error that another program is at work there.
        self._deciding = Lock()

    def movies(self) -> list[MovieListing]:
        """Lists all picks by movie."""
        return movie_listings(self._job.output)

    def find(self, movie: str, person: str, emotion: str) -> Picked:
        """Reads a pick.

        Raises:
            HTTPException: 404, there is none.
        """
        return review.picked(
            results.pick_folder(self._job, movie, person, emotion), person, emotion
        )

    def crop(self, pick: tuple[str, str, str], file: str) -> tuple[Picked, dict[str, str]]:
        """Finds a crop in the list of its pick.

        Raises:
            HTTPException: 404, there is none.
        """
        now = self.find(*pick)
        if file not in now.crops:
            raise HTTPException(404, "this crop no longer exists; reload the page")
        return now, now.crops[file]

    def path_of(self, pick: tuple[str, str, str], file: str) -> Path:
        """Finds the file of a crop.

        The list of all picks shows the best of each; few of them have their lists in memory.

        Raises:
            HTTPException: 404, there is none.
        """
        path = review.best_path(results.pick_folder(self._job, *pick), *pick[1:], file)
        path = path or self.find(*pick).path_of(file)
        if path is None:
            raise HTTPException(404, "this crop no longer exists; reload the page")
        return path

    def settled(self, *names: str) -> Picked:
        """Reads a pick after finishing a decision that was interrupted."""
        pick = self.find(*names)
        # If another program is writing there, a later request finishes the decision.
        with self._deciding, suppress(OutputError):
            review.settle_folder(pick.folder, self._job.known_faces)
        return review.picked(pick.folder, pick.person, pick.emotion)

    def decide(self, now: Picked, decision: Decision) -> Picked:
        """Applies a decision and returns the changed pick.

        Raises:
            HTTPException: 404, there is no such crop; 422, see `review.check_looks`.
        """
        meant: dict[str, str | None] = {"stranger": STRANGER, "": None}
        looks = {file: meant.get(look, look) for file, look in decision.looks.items()}
        pick = now.person, now.emotion
        try:
            review.check_looks(pick, looks)
        except ValueError as error:
            raise HTTPException(422, f"looks: {error}") from error
        try:
            with self._deciding:  # Another decision may just be moving these crops.
                return review.decide(now.folder, pick, looks, self._job.known_faces)
        except KeyError as error:
            raise HTTPException(404, "this crop no longer exists; reload the page") from error


def review_router(job: Job) -> APIRouter:
    """Makes the routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["review"])
    desk = Desk(job)
    _add_pages(routes, desk)
    _add_pictures(routes, desk)
    _add_decisions(routes, desk)
    _add_scenes(routes, desk, Scenes(job))
    return routes


def _add_pages(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/review", response_class=HTMLResponse)
    def show_list(request: Request) -> Response:
        """Lists the picks."""
        return page(request, "review_list.html", movies=desk.movies())

    @routes.get(f"/review{PICKED}", response_class=HTMLResponse, responses=MISSING_PAGE)
    def show_pick(request: Request, movie: str, person: str, emotion: str) -> Response:
        """Shows the crops of a pick."""
        pick = desk.find(movie, person, emotion)
        return page(
            request, "review.html", movie=movie, person=person, emotion=emotion, unknown=UNKNOWN,
            next=review.next_open(pick.folder, person, emotion), notes=notes_of(pick.folder),
        )  # fmt: skip


def _add_pictures(routes: APIRouter, desk: Desk) -> None:
    def picture(
        movie: str, person: str, emotion: str, file: str, encode: Callable[[Path], bytes]
    ) -> Response:
        pick = movie, person, emotion
        try:
            try:
                data = encode(desk.path_of(pick, file))
            except FileNotFoundError:  # A decision has just moved it.
                data = encode(desk.path_of(pick, file))
            return Response(data, media_type="image/jpeg")
        except (OSError, PeopleError) as error:
            raise HTTPException(404, "this picture cannot be read; pick again") from error

    @routes.get(f"/review{PICKED}/large/{{file}}", responses=PICTURE, response_class=Response)
    def show_crop(movie: str, person: str, emotion: str, file: str) -> Response:
        """Shows a crop."""
        return picture(movie, person, emotion, file, large)

    @routes.get(f"/review{PICKED}/small/{{file}}", responses=PICTURE, response_class=Response)
    def show_small(movie: str, person: str, emotion: str, file: str) -> Response:
        """Shows a small picture of a crop."""
        return picture(movie, person, emotion, file, partial(small, width=REVIEWED_SIDE))


def _add_decisions(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/api/review")
    def picks() -> list[PickReading]:
        """Lists the picks and their progress."""
        return [PickReading.of(line) for movie in desk.movies() for line in movie.picks]

    @routes.get(f"/api/review{PICKED}", responses=MISSING_CROP)
    def crops(movie: str, person: str, emotion: str) -> CropsReading:
        """Lists the crops of a pick and the decisions about them."""
        return CropsReading.of(desk.find(movie, person, emotion))

    @routes.post(f"/api/review{PICKED}/settle", responses=REFUSALS | MISSING_CROP)
    def settle(movie: str, person: str, emotion: str) -> CropsReading:
        """Finishes a decision that was interrupted, which moves files, and lists the crops."""
        return CropsReading.of(desk.settled(movie, person, emotion))

    @routes.post(f"/api/review{PICKED}", responses=REFUSALS | MISSING_CROP | INVALID)
    def decide(movie: str, person: str, emotion: str, decision: Decision) -> Decided:
        """Decides about crops, or takes decisions back; on disk before the response is sent."""
        now = desk.decide(desk.find(movie, person, emotion), decision)
        return Decided(
            looks={file: looks_of(now, file) for file in decision.looks},
            progress=ProgressReading.of(now.progress),
            told=_hint(now, decision),
        )


def _hint(now: Picked, decision: Decision) -> str:
    """Says whether photos of a stranger were added to the known faces; empty of other decisions."""
    strangers = [file for file, looks in decision.looks.items() if looks == "stranger"]
    if not strangers:
        return ""
    count = sum(now.labels[file]["copy"] != "" for file in strangers)
    if not count:
        return f"no photo was added: {now.person}/not/ in the known faces has enough of this face"
    photos = "a photo of the face was" if count == 1 else f"{count} photos of the face were"
    return (
        f"{photos} added to {now.person}/not/ in the known faces; "
        "names change with the next pick, or with mine-video name"
    )


def _add_scenes(routes: APIRouter, desk: Desk, scenes: Scenes) -> None:
    @routes.get(
        f"/api/review{PICKED}/still/{{file}}", responses=STILL_PICTURE, response_class=Response
    )
    def still(movie: str, person: str, emotion: str, file: str) -> Response:
        """Shows the whole frame of a crop, with a box around the face; read from the movie."""
        pick, crop = desk.crop((movie, person, emotion), file)
        return Response(scenes.still(pick.folder, crop), media_type="image/jpeg")

    @routes.get(
        f"/api/review{PICKED}/sound/{{file}}", responses=MOMENT_SOUND, response_class=Response
    )
    def sound(movie: str, person: str, emotion: str, file: str) -> Response:
        """Plays the sound of the moment that a crop is of, if the movie has any; read from it."""
        pick, _ = desk.crop((movie, person, emotion), file)
        moment = next(moment for moment in pick.moments if file in moment.files)
        wav = scenes.sound(pick.folder, moment.start, moment.seconds)
        return Response(wav, media_type="audio/wav") if wav else Response(status_code=204)
