"""Page Report, and what else a pick and an export left in a movie's folder, for the browser."""

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from pipeline import files, mine
from pipeline.disk.find import walked_movie
from pipeline.disk.report_html import REPORT
from pipeline.errors import PeopleError
from pipeline.export.clips import exported_files
from pipeline.report.page import TIMELINE
from pipeline.report.sheet import COMPARE, SHEET_NAME
from pipeline.review import desk as review
from pipeline.settings import Job
from pipeline.web.pages import movie_folder, page
from pipeline.web.pictures import whole
from pipeline.web.safety import CONTENT_POLICY, FRAMING, HEADERS, REFUSALS, Responses, check_csrf

REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The report is a page of its own, with its script in it, and whoever made the folder may have
changed it: a sandbox keeps it from asking this server for anything. All that it can do is to tell
the page around it which crop is opened."""

FRAME_POLICY = f"{HEADERS[CONTENT_POLICY]}; frame-src 'self'"

NO_RESULT: Responses = {
    404: {"description": "No such movie or file.", "content": {"text/html": {}}},
}
REPORT_HTML: Responses = NO_RESULT | {200: {"content": {"text/html": {}}}}
RESULT_JPEG: Responses = NO_RESULT | {200: {"content": {"image/jpeg": {}}}}
RESULT_FILE: Responses = NO_RESULT | {200: {"content": {"application/octet-stream": {}}}}

NO_LONGER = "this file is no longer there; reload the page"


def results_router(job: Job) -> APIRouter:
    """Makes the routes of the files."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["results"])
    _add_report(routes, job)
    _add_files(routes, job)
    return routes


def sheets(folder: Path) -> list[str]:
    """The names of the contact sheets of a person and emotion, in order of their pages."""
    names = (name for name in _sheets_of_all_kinds(folder) if name != COMPARE)
    return sorted(names, key=lambda name: (len(name), name))


def comparison(folder: Path) -> str:
    """The name of the sheet that compares settings; "" if there is none."""
    return COMPARE if (folder / COMPARE).is_file() else ""


def _sheets_of_all_kinds(folder: Path) -> list[str]:
    return [p.name for p in folder.glob("*.jpg") if SHEET_NAME.fullmatch(p.name)]


def _in_movie(job: Job, movie: str, *names: str) -> Path:
    """A file of a movie's folder.

    Raises:
        HTTPException: 404, it is not there, or a link leads elsewhere.
    """
    folder = movie_folder(job.output, movie)
    path = folder.joinpath(*names)
    if not path.is_file() or not files.is_within(path, folder):
        raise HTTPException(404, NO_LONGER)
    return path


def pick_folder(job: Job, movie: str, person: str, emotion: str) -> Path:
    """The movie's folder of a pick.

    Raises:
        HTTPException: 404, there is no such pick.
    """
    folder = walked_movie(job.output, movie)
    if folder is None or not review.is_pick(folder, person, emotion):
        raise HTTPException(404, "this pick no longer exists; go back to the list")
    return folder


def _in_pick(
    job: Job, pick: tuple[str, str, str], file: str, listed: Callable[[Path], list[str]]
) -> Path:
    """A file of a pick's folder, if it is one of those listed there.

    Raises:
        HTTPException: 404, it is not.
    """
    movie, person, emotion = pick
    folder = pick_folder(job, *pick)
    if file not in listed(folder / person / emotion):
        raise HTTPException(404, NO_LONGER)
    return _in_movie(job, movie, person, emotion, file)


def _shown(path: Path) -> Response:
    try:
        return Response(whole(path), media_type="image/jpeg")
    except (OSError, PeopleError) as error:
        raise HTTPException(404, "this picture cannot be read; pick again") from error


def _saved(path: Path) -> Response:
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _add_report(routes: APIRouter, job: Job) -> None:
    @routes.get("/report/{movie}", responses=REPORT_HTML, response_class=HTMLResponse)
    def show_report(request: Request, movie: str) -> Response:
        """Shows a movie's report; a crop that is opened there is shown in Review, at its moment."""
        _in_movie(job, movie, REPORT)
        answer = page(request, "report.html", movie=movie)
        answer.headers[CONTENT_POLICY] = FRAME_POLICY
        return answer

    @routes.get("/report/{movie}/page", responses=REPORT_HTML, response_class=Response)
    def send_report(movie: str) -> Response:
        """Sends a movie's report by itself."""
        return FileResponse(
            _in_movie(job, movie, REPORT), media_type="text/html",
            headers={CONTENT_POLICY: REPORT_POLICY, FRAMING: "SAMEORIGIN"},
        )  # fmt: skip

    @routes.post(
        "/report/{movie}", status_code=303, response_class=RedirectResponse,
        responses=REFUSALS | NO_RESULT | {409: {"description": "It cannot be written."}},
    )  # fmt: skip
    def write_report(movie: str) -> str:
        """Writes a movie's report anew, by the names, decisions and crops of now."""
        # Whoever made the folder may have changed which file pick.json names.
        mine.report(movie_folder(job.output, movie), job, read_file=False)
        return "/review"

    @routes.get("/timeline/{movie}", responses=RESULT_JPEG, response_class=Response)
    def show_timeline(movie: str) -> Response:
        """Shows a movie's timeline."""
        return _shown(_in_movie(job, movie, TIMELINE))


def _add_files(routes: APIRouter, job: Job) -> None:
    @routes.get(
        "/sheet/{movie}/{person}/{emotion}/{file}", responses=RESULT_JPEG, response_class=Response
    )  # fmt: skip
    def show_sheet(movie: str, person: str, emotion: str, file: str) -> Response:
        """Shows a contact sheet, or a comparison of settings."""
        return _shown(_in_pick(job, (movie, person, emotion), file, _sheets_of_all_kinds))

    @routes.get("/export/{movie}/{file}", responses=RESULT_FILE, response_class=Response)
    def send_movies_export(movie: str, file: str) -> Response:
        """Sends a file of an export of the whole movie, to be saved."""
        if file not in exported_files(movie_folder(job.output, movie)):
            raise HTTPException(404, NO_LONGER)
        return _saved(_in_movie(job, movie, file))

    @routes.get(
        "/export/{movie}/{person}/{emotion}/{file:path}",
        responses=RESULT_FILE, response_class=Response,
    )  # fmt: skip
    def send_export(movie: str, person: str, emotion: str, file: str) -> Response:
        """Sends a file of an export, to be saved."""
        return _saved(_in_pick(job, (movie, person, emotion), file, exported_files))
