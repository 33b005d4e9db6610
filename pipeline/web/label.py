"""Page Label: how a sample of a movie's faces looks, and which settings fit it best."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.datastructures import URL

from pipeline.disk import manifest
from pipeline.errors import MovieError
from pipeline.faces import clock
from pipeline.judge.judge import advice, every_setting
from pipeline.judge.sample import (
    MOST_SAMPLED,
    SAMPLE,
    Sample,
    draw_sample,
    label_face,
    read_sample,
    sampled_face,
)
from pipeline.judge.score import POOLED, Score, recommended
from pipeline.settings import Job
from pipeline.web.pages import Problem, movie_folder, page
from pipeline.web.readings import Emotion, jpeg_bytes
from pipeline.web.safety import REFUSALS, Responses, check_csrf

FACES_DRAWN = 100
"""Faces that the page proposes to draw: about five minutes of work."""

DRAWN_ANEW = "other faces were drawn since; reload the page"

NO_SAMPLE: Responses = {
    404: {"description": "No such movie or face.", "model": Problem},
    409: {"description": "A file is damaged, or cannot be written.", "model": Problem},
}
NO_PAGE: Responses = {
    404: {"description": "No such movie or face.", "content": {"text/html": {}}},
    409: {"description": "A file is damaged, or cannot be written.", "content": {"text/html": {}}},
}
NO_FORM: Responses = {
    400: {"description": "The form cannot be read.", "content": {"text/html": {}}},
    422: {"description": "No such number of faces.", "content": {"text/html": {}}},
}
FACE: Responses = NO_PAGE | {200: {"content": {"image/jpeg": {}}}}


class SampleReading(BaseModel):
    """The faces of a sample, column by column, in order of time."""

    version: str = Field(description="which faces were drawn")
    number: list[str]
    frame: list[int]
    time: list[str] = Field(description="when it is seen, such as 1:02:03.5")
    emotion: list[str] = Field(description="empty if nobody has said")

    @classmethod
    def of(cls, sample: Sample) -> "SampleReading":
        """Converts a sample."""
        times = manifest.read(sample.folder).scan.times
        last = len(times) - 1  # Somebody may have edited the table.
        return cls(
            version=sample.version, number=[face.number for face in sample.faces],
            frame=[face.frame for face in sample.faces],
            time=[clock(times[min(face.frame, last)]) for face in sample.faces],
            emotion=[face.emotion for face in sample.faces],
        )  # fmt: skip


class FaceLabel(BaseModel):
    """How a face looks."""

    version: str = Field(description="of the sample that showed the face", max_length=20)
    number: str = Field(description="the face's number in the sample", max_length=20)
    emotion: Emotion | Literal[""] = Field(
        description="one of the seven, or empty if nobody can tell"
    )


class Labelled(BaseModel):
    """How far the labels are."""

    faces: int
    labelled: int


def label_router(job: Job) -> APIRouter:
    """Makes the routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["label"])
    _add_pages(routes, job)
    _add_faces(routes, job)
    return routes


def _sample(job: Job, movie: str) -> Sample:
    """The sample of a movie.

    Raises:
        HTTPException: 404, there is none, or it is of an earlier walk.
    """
    folder = movie_folder(job.output, movie)
    sample = read_sample(folder)
    if sample is None or not sample.is_of(manifest.read(folder)):
        raise HTTPException(404, "no faces were drawn from this movie; reload the page")
    return sample


def _add_pages(routes: APIRouter, job: Job) -> None:
    @routes.get("/label/{movie}", response_class=HTMLResponse, responses=NO_PAGE)
    def show_sample(request: Request, movie: str) -> Response:
        """Shows a face of the sample, or a form that draws one."""
        folder = movie_folder(job.output, movie)
        sample = read_sample(folder)
        return page(
            request, "label.html", movie=movie, faces=FACES_DRAWN, most=MOST_SAMPLED,
            drawn=sample is not None, old=sample and not sample.is_of(manifest.read(folder)),
        )  # fmt: skip

    @routes.post(
        "/label/{movie}", response_class=RedirectResponse, status_code=303,
        responses=REFUSALS | NO_PAGE | NO_FORM,
    )  # fmt: skip
    def draw(
        request: Request, movie: str, faces: Annotated[int, Form(ge=1, le=MOST_SAMPLED)]
    ) -> Response:
        """Draws a sample of the movie's faces."""
        draw_sample(movie_folder(job.output, movie), faces)
        return RedirectResponse(URL(scope=request.scope).path, 303)

    @routes.get("/label/{movie}/settings", response_class=HTMLResponse, responses=NO_PAGE)
    def show_settings(request: Request, movie: str) -> Response:
        """Shows what each setting is worth by the labels so far."""
        sample = _sample(job, movie)
        if not sample.labelled:
            return page(request, "label_settings.html", movie=movie, labelled=0)
        every_score = every_setting([sample.folder], sample.folder / SAMPLE, job.pick)
        best = recommended(every_score)
        return page(
            request, "label_settings.html", movie=movie, labelled=sample.labelled,
            scores=[score for score in every_score if score.emotion == POOLED],
            best=best, advice=advice(every_score),
            address=_mined_with(sample.folder, best),
        )  # fmt: skip


def _mined_with(folder: Path, score: Score | None) -> str:
    """The address of page Mine with the form filled in by a setting."""
    form = {"movie": manifest.movie_name(folder)}
    if score is not None:
        form |= {"repeat": str(score.repeat), "sure": f"{score.sure:g}"}
        form |= {"smooth": str(score.smooth), "min_prob": f"{score.min_prob:g}"}
    return f"/mine?{urlencode(form)}"


def _add_faces(routes: APIRouter, job: Job) -> None:
    @routes.get("/label/{movie}/face/{version}/{number}", responses=FACE, response_class=Response)
    def show_face(movie: str, version: str, number: str) -> Response:
        """Shows a face, cut out of the movie."""
        sample = _sample(job, movie)
        if sample.version != version:
            raise HTTPException(404, DRAWN_ANEW)
        try:
            face = sampled_face(sample, number)
        except (KeyError, MovieError) as error:
            why = str(error) if isinstance(error, MovieError) else DRAWN_ANEW
            raise HTTPException(404, why) from error
        return Response(jpeg_bytes(face), media_type="image/jpeg")

    @routes.get("/api/label/{movie}", responses=NO_SAMPLE)
    def faces(movie: str) -> SampleReading:
        """Lists the faces to label."""
        return SampleReading.of(_sample(job, movie))

    @routes.post(
        "/api/label/{movie}",
        responses=REFUSALS | NO_SAMPLE
        | {
            400: {"description": "The body is not text.", "model": Problem},
            422: {"description": "No such emotion.", "model": Problem},
        },
    )  # fmt: skip
    def label(movie: str, label: FaceLabel) -> Labelled:
        """Says how a face looks; on disk before the response is sent."""
        try:
            sample = label_face(
                _sample(job, movie).folder, label.version, label.number, label.emotion
            )
        except KeyError as error:
            raise HTTPException(404, DRAWN_ANEW) from error
        return Labelled(faces=len(sample.faces), labelled=sample.labelled)
