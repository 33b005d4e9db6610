"""Page Review: looking through picked crops by keyboard; later picks heed what is decided."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from pipeline.disk.find import walked_movie, walked_movies
from pipeline.errors import MiningError, OutputError, PeopleError
from pipeline.faces import UNKNOWN
from pipeline.review import desk as review
from pipeline.review.desk import STRANGER, Picked, ReviewProgress
from pipeline.settings import Job
from pipeline.web.pages import Problem, page
from pipeline.web.pictures import small
from pipeline.web.readings import Emotion
from pipeline.web.safety import REFUSALS, Responses, check_csrf

REVIEWED_SIDE = 160
"""Pixels across of the small pictures: enough for 100 on a sharp screen."""

PICKED = "/{movie}/{person}/{emotion}"

Looks = Emotion | Literal["none", "stranger", ""]

MISSING_CROP: Responses = {
    404: {"description": "No such movie, pick or crop.", "model": Problem},
    409: {"description": "A list is torn, or a pick is under way.", "model": Problem},
}
INVALID: Responses = {
    400: {"description": "No text.", "model": Problem},
    422: {"description": "No such decision.", "model": Problem},
}
MISSING_PAGE: Responses = {
    404: {"description": "No such pick.", "content": {"text/html": {}}},
    409: {"description": "A list is torn.", "content": {"text/html": {}}},
}
PICTURE: Responses = MISSING_PAGE | {200: {"content": {"image/jpeg": {}}}}


class ProgressReading(BaseModel):
    """How far the review of a pick is."""

    crops: int
    decided: int
    accepted: int
    precision: float | None = Field(description="accepted of decided; null where nothing is")

    @classmethod
    def of(cls, progress: ReviewProgress) -> "ProgressReading":
        """The progress as it is sent."""
        return cls(
            crops=progress.crops, decided=progress.decided, accepted=progress.accepted,
            precision=progress.precision,
        )  # fmt: skip


class PickReading(BaseModel):
    """A pick that can be looked through."""

    movie: str
    person: str
    emotion: str
    progress: ProgressReading | None
    error: str = Field(description="why it cannot be, or empty")

    @classmethod
    def of(cls, line: "PickListing") -> "PickReading":
        """A line as it is sent."""
        return cls(
            movie=line.movie, person=line.person, emotion=line.emotion, error=line.error,
            progress=ProgressReading.of(line.progress) if line.progress else None,
        )  # fmt: skip


class CropsReading(BaseModel):
    """The crops of a pick, column by column, in order of their frames."""

    file: list[str]
    time: list[float] = Field(description="seconds")
    probability: list[float]
    run_length: list[int] = Field(description="frames")
    looks: list[str] = Field(description="as in a decision; empty where nothing is decided")
    gone: list[bool] = Field(description="accepted, but not in the last pick: without a picture")
    progress: ProgressReading

    @classmethod
    def of(cls, picked: Picked) -> "CropsReading":
        """A pick as it is sent."""
        rows = sorted(picked.crops.items(), key=lambda item: (int(item[1]["frame"]), item[0]))
        return cls(
            file=[file for file, _ in rows],
            time=[float(row["time"]) for _, row in rows],
            probability=[float(row["probability"]) for _, row in rows],
            run_length=[int(row["run_length"]) for _, row in rows],
            looks=[looks_of(picked, file) for file, _ in rows],
            gone=[file in picked.gone for file, _ in rows],
            progress=ProgressReading.of(picked.progress),
        )


class Decision(BaseModel):
    """What somebody decides of a crop."""

    file: str = Field(description="the crop's name", max_length=1000)
    looks: Looks = Field(
        description="the emotion of the pick accepts it; another, none (something else) and "
        "stranger (not this person) reject it; empty takes back what was decided"
    )


class Decided(BaseModel):
    """What came of a decision."""

    looks: str
    progress: ProgressReading
    told: str = Field(description="what else to know, or empty")


@dataclass(frozen=True, slots=True)
class PickListing:
    """A pick in the list of all."""

    movie: str
    person: str
    emotion: str
    progress: ReviewProgress | None = None
    error: str = ""


def pick_listings(output: Path) -> Iterator[PickListing]:
    """All picks of all movies; a torn list is told in its line, once what is the movie's."""
    for movie, folder in walked_movies(output).items():
        told = ""
        for person, emotion in review.picks(folder):
            try:
                progress = review.progress(folder, person, emotion)
                if progress.crops or progress.decided:
                    yield PickListing(movie, person, emotion, progress)
            except MiningError as error:
                why = str(error)
                yield PickListing(movie, person, emotion, error="as above" if why == told else why)
                told = why


def looks_of(picked: Picked, file: str) -> str:
    """What was decided of a crop, as it is sent."""
    label = picked.labels.get(file)
    return (label["emotion"] or "stranger") if label else ""


class Desk:
    """Where picks are looked up and decided on, one decision after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._deciding = Lock()  # Else two pages would be told to wait for each other.

    def lines(self) -> list[PickListing]:
        """All picks."""
        return list(pick_listings(self._job.output))

    def find(self, movie: str, person: str, emotion: str) -> Picked:
        """A pick by its name.

        Raises:
            HTTPException: 404, there is none.
        """
        folder = walked_movie(self._job.output, movie)
        if folder is None or not review.is_pick(folder, person, emotion):
            raise HTTPException(404, "there is no such pick any more; go back to the list")
        return review.picked(folder, person, emotion)

    def path_of(self, pick: tuple[str, str, str], file: str) -> Path:
        """Where a crop lies.

        Raises:
            HTTPException: 404, there is none.
        """
        path = self.find(*pick).path_of(file)
        if path is None:
            raise HTTPException(404, "there is no such crop any more; reload the page")
        return path

    def settled(self, *pick: str) -> Picked:
        """A pick after what an interrupted decision left was ended."""
        found = self.find(*pick)
        # Where somebody else writes, it ends another time.
        with self._deciding, suppress(OutputError):
            review.settle_folder(found.folder, self._job.known_faces)
        return review.picked(found.folder, found.person, found.emotion)

    def decide(self, now: Picked, decision: Decision) -> Picked:
        """The pick after a decision.

        Raises:
            HTTPException: 404, there is no such crop; 422, it is nobody's.
        """
        if decision.looks == "stranger" and now.person == UNKNOWN:
            raise HTTPException(422, "looks: nobody is somebody else where nobody is known")
        looks = {"stranger": STRANGER, "": None}.get(decision.looks, decision.looks)
        pick = now.person, now.emotion
        try:
            with self._deciding:  # Only then it is sure which crops there are.
                return review.decide(now.folder, pick, decision.file, looks, self._job.known_faces)
        except KeyError as error:
            raise HTTPException(404, "there is no such crop any more; reload the page") from error


def review_router(job: Job) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["review"])
    desk = Desk(job)
    _add_pages(routes, desk)
    _add_pictures(routes, desk)
    _add_decisions(routes, desk)
    return routes


def _add_pages(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/review", response_class=HTMLResponse)
    def show_list(request: Request) -> Response:
        """The picks there are."""
        return page(request, "review_list.html", lines=desk.lines())

    @routes.get(f"/review{PICKED}", response_class=HTMLResponse, responses=MISSING_PAGE)
    def show_pick(request: Request, movie: str, person: str, emotion: str) -> Response:
        """The crops of a pick."""
        found = desk.find(movie, person, emotion)
        return page(
            request, "review.html", movie=movie, person=person, emotion=emotion, unknown=UNKNOWN,
            next=review.next_open(found.folder, person, emotion),
        )  # fmt: skip


def _add_pictures(routes: APIRouter, desk: Desk) -> None:
    @routes.get(f"/review{PICKED}/large/{{file}}", responses=PICTURE, response_class=FileResponse)
    def show_crop(movie: str, person: str, emotion: str, file: str) -> Path:
        """A crop."""
        return desk.path_of((movie, person, emotion), file)

    @routes.get(f"/review{PICKED}/small/{{file}}", responses=PICTURE, response_class=Response)
    def show_small(movie: str, person: str, emotion: str, file: str) -> Response:
        """A small picture of a crop."""
        path = desk.path_of((movie, person, emotion), file)
        try:
            return Response(small(path, REVIEWED_SIDE), media_type="image/jpeg")
        except (OSError, PeopleError) as error:
            raise HTTPException(404, "this picture cannot be read; pick again") from error


def _add_decisions(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/api/review")
    def picks() -> list[PickReading]:
        """The picks there are, and how far each is."""
        return [PickReading.of(line) for line in desk.lines()]

    @routes.get(f"/api/review{PICKED}", responses=MISSING_CROP)
    def crops(movie: str, person: str, emotion: str) -> CropsReading:
        """The crops of a pick, and what was decided of them."""
        return CropsReading.of(desk.settled(movie, person, emotion))

    @routes.post(f"/api/review{PICKED}", responses=REFUSALS | MISSING_CROP | INVALID)
    def decide(movie: str, person: str, emotion: str, decision: Decision) -> Decided:
        """Decides of a crop, or takes back what was decided; on disk when it is answered."""
        now = desk.decide(desk.find(movie, person, emotion), decision)
        return Decided(
            looks=looks_of(now, decision.file),
            progress=ProgressReading.of(now.progress),
            told=_hint(now, decision.file) if decision.looks == "stranger" else "",
        )


def _hint(now: Picked, file: str) -> str:
    """Whether the known faces were told of a stranger."""
    if not now.labels[file]["copy"]:
        return f"no photo was added: {now.person}/not/ of the known faces has enough of this face"
    return (
        f"a photo of the face was put into {now.person}/not/ of the known faces; "
        "names change with the next pick, or with mine-video name"
    )
