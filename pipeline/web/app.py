"""Puts the pages together into one application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from pipeline import __version__
from pipeline.cast.company import shown
from pipeline.errors import MiningError
from pipeline.files import clear_unfinished
from pipeline.live.reader import Reader
from pipeline.settings import Job
from pipeline.web import label, live, mine, people, photo, results, review
from pipeline.web.broadcast import Broadcast
from pipeline.web.jobs import Jobs
from pipeline.web.pages import HERE, REPORT_PAGE, looks_css, page
from pipeline.web.queue_file import QueueFile
from pipeline.web.safety import REFUSALS, UPLOAD, Guard, Policy, check_csrf, log_out


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the server shows.

    Attributes:
        job: known faces, tolerance and networks.
        videos: folder of the movies to choose from.
        camera: number of this computer's camera, or URL of a network camera.
        limit: largest uploaded picture, in bytes.
    """

    job: Job = field(default_factory=Job)
    videos: Path = Path("videos")
    camera: str = "0"
    limit: int = UPLOAD


def create_app(reader: Reader, settings: WebSettings, policy: Policy) -> FastAPI:
    """Builds the application.

    Args:
        reader: The networks and the known faces.
        settings: What the server shows.
        policy: Who may send requests.
    """
    stage, queue = Broadcast(reader), QueueFile(settings.job, settings.videos)
    jobs = Jobs(queue.write)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clear_unfinished(settings.videos)
        with queue.held():
            jobs.restore(queue.read())
            yield
            stage.stop()
            jobs.close()

    app = FastAPI(
        title="mine-video", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    # Else what is larger than a megabyte would be written to a temporary file.
    MultiPartParser.spool_max_size = settings.limit
    app.state.policy, app.state.stage, app.state.jobs = policy, stage, jobs
    for router in (
        photo.photo_router(reader),
        mine.mine_router(jobs, settings.job, settings.videos),
        people.people_router(jobs, settings.job),
        review.review_router(settings.job),
        label.label_router(settings.job),
        results.results_router(settings.job),
        live.live_router(stage, settings.videos, settings.camera),
    ):
        # `include_router` would make each once more; what is given to `FastAPI` reaches none.
        app.router.routes.extend(router.routes)
    app.post(
        "/logout", response_class=PlainTextResponse, tags=["safety"],
        responses=REFUSALS | {400: {"description": "The form cannot be read."}},
        dependencies=[Depends(check_csrf)],
    )(log_out)  # fmt: skip
    app.get("/static/looks.css", include_in_schema=False)(_looks)
    app.mount("/static/report", StaticFiles(directory=REPORT_PAGE))
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_exception_handler(HTTPException, _error_response)
    app.add_exception_handler(RequestValidationError, _error_response)
    app.add_exception_handler(MiningError, _error_response)
    app.add_middleware(Guard, policy=policy, bug=_bug_response)
    return app


def _looks() -> Response:
    return Response(looks_css(), media_type="text/css")


async def _error_response(request: Request, error: Exception) -> Response:
    """Says what went wrong: as JSON under /api/, elsewhere as a page."""
    status, why, headers = 409, shown(str(error)), None
    if isinstance(error, HTTPException):
        status, why, headers = error.status_code, error.detail, error.headers
        # Starlette writes an upload to the temporary folder first, and turns a full disk into 400.
        if status == 400 and isinstance(error.__cause__, OSError):
            reason = f"the upload cannot be stored ({error.__cause__.strerror})"
            status, why = 507, f"{reason}; free some space in {gettempdir()}, or set TMPDIR"
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        status, why = 422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return _problem(request, status, why, headers)


def _bug_response(request: Request) -> Response:
    """Says that a request failed by a bug, and what to report."""
    about = f"mine-video {__version__}, {request.method} {request.url.path}"
    why = (
        f"This is a bug in mine-video. Finished work is kept. Please report it, with the lines in "
        f"the terminal of mine-video web and this one: {about}"
    )
    return _problem(request, 500, why)


def _problem(
    request: Request, status: int, why: str, headers: Mapping[str, str] | None = None
) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": why}, status, headers)
    answer = page(request, "error.html", status=status, why=why)
    answer.headers.update(headers or {})
    return answer
