"""Page Live: the annotated stream of the camera or a movie, with the bars of its faces."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pipeline.disk.crop_file import UNSAFE
from pipeline.disk.find import MOVIE_SUFFIXES
from pipeline.errors import MovieError
from pipeline.movie.camera import INSTEAD, Camera, FrameSource, Movie
from pipeline.web.broadcast import BORDER, Broadcast
from pipeline.web.pages import fragment, page
from pipeline.web.readings import FaceReading
from pipeline.web.safety import REFUSALS, Responses, check_csrf, while_let_in

CAMERA = "camera"

LIVE_PROBLEMS: Responses = REFUSALS | {
    400: {"description": "The form cannot be read.", "content": {"text/html": {}}},
    404: {"description": "No such movie.", "content": {"text/html": {}}},
    409: {"description": "The camera or movie cannot be read.", "content": {"text/html": {}}},
    422: {"description": "The form names no source.", "content": {"text/html": {}}},
}


class LiveReading(BaseModel):
    """The faces in the live stream now."""

    source: str = Field(description="name of the camera or movie, or empty")
    running: bool
    delay: float = Field(description="seconds behind")
    error: str
    faces: list[FaceReading]


def playable_movies(folder: Path) -> dict[str, Path]:
    """Maps the names of a folder's movies to their paths.

    Requests name a movie by one of these names, so that none can reach another path. Leaves out
    hidden files and names that a page cannot show.
    """
    if not folder.is_dir():
        return {}
    movies = (
        p for p in sorted(folder.iterdir()) if p.suffix.lower() in MOVIE_SUFFIXES and p.is_file()
    )
    names = {path.name: path for path in movies if not path.name.startswith(".")}
    return {name: path for name, path in names.items() if not UNSAFE.search(name)}


def live_router(stage: Broadcast, videos: Path, camera: str) -> APIRouter:
    """Makes the routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["live"])
    _add_page(routes, stage, videos, camera)
    _add_faces(routes, stage)
    return routes


def _add_page(routes: APIRouter, stage: Broadcast, videos: Path, camera: str) -> None:
    def opened(source: str) -> FrameSource:
        return Camera(camera) if source == CAMERA else Movie(playable_movies(videos)[source])

    def shown(request: Request, status: int = 200, why: str = "") -> Response:
        names = list(playable_movies(videos))
        return page(
            request, "live.html", status=status, scene=stage.scene, movies=names, why=why
        )  # fmt: skip

    @routes.get("/live", response_class=HTMLResponse)
    def show_live(request: Request) -> Response:
        """Shows the page."""
        return shown(request)

    @routes.post("/live", status_code=303, response_class=RedirectResponse, responses=LIVE_PROBLEMS)
    def play(
        request: Request, source: Annotated[str, Form(description="camera, or a movie's name")]
    ) -> Response:
        """Plays the camera or a movie."""
        if source != CAMERA and source not in playable_movies(videos):
            raise HTTPException(404, "this movie no longer exists; reload the page")
        try:
            stage.play(lambda: opened(source))
        except MovieError as error:
            return shown(request, 409, str(error).replace(INSTEAD, "choose a movie under Watch"))
        return RedirectResponse("/live", 303)

    @routes.post("/live/stop", status_code=303, response_class=RedirectResponse, responses=REFUSALS)
    def stop() -> str:
        """Stops playing, and releases the camera."""
        stage.stop()
        return "/live"


def _add_faces(routes: APIRouter, stage: Broadcast) -> None:
    @routes.get("/live/stream", include_in_schema=False)  # The response never ends.
    def stream(request: Request) -> Response:
        """Streams the annotated pictures."""
        kind = f"multipart/x-mixed-replace; boundary={BORDER.decode()}"
        return StreamingResponse(while_let_in(request, stage.pictures()), media_type=kind)

    @routes.get("/live/faces", response_class=HTMLResponse)
    def show_faces() -> HTMLResponse:
        """Shows the bars of the current faces, as a part of the page."""
        return HTMLResponse(fragment("faces.html", scene=stage.scene))

    @routes.get("/api/live")
    def live() -> LiveReading:
        """Lists the current faces."""
        s = stage.scene
        return LiveReading(
            source=s.source, running=s.running, delay=s.delay, error=s.error, faces=s.faces
        )
