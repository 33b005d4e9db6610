"""Page Photo: upload a picture, see its faces, names and bars."""

from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, File, HTTPException, Request, Response, UploadFile
from fastapi.responses import HTMLResponse

from pipeline.faces import Image
from pipeline.live.reader import Reader
from pipeline.movie.frame import shrink
from pipeline.web.pages import Problem, page
from pipeline.web.readings import (
    LOOKED_WIDTH,
    READING_WIDTH,
    SHOWN_WIDTH,
    PhotoReading,
    jpeg_bytes,
    jpeg_url,
    photo_reading,
)
from pipeline.web.safety import REFUSALS, Responses, check_csrf
from pipeline.web.uploads import clean_name, read_upload

Picture = Annotated[UploadFile, File(description="a JPEG, PNG or WebP")]

PHOTO_PROBLEMS: Responses = REFUSALS | {
    400: {"model": Problem, "description": "The form cannot be read."},
    409: {"model": Problem, "description": "The known faces cannot be read."},
    415: {"model": Problem, "description": "Neither JPEG, PNG nor WebP."},
    422: {"model": Problem, "description": "No picture, or a broken one."},
}


def photo_router(reader: Reader) -> APIRouter:
    """Makes the routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["photo"])
    precise, turn = reader.at(READING_WIDTH), Lock()

    def analysed(photo: UploadFile) -> tuple[Image, PhotoReading]:
        name = clean_name(photo.filename)
        with turn:  # One at a time: parallel photos would fill the memory and compete for cores.
            image, size = read_upload(photo.file.read(), name, SHOWN_WIDTH)
            small = shrink(image, LOOKED_WIDTH)
            return small, photo_reading(small, size, name, precise.now())

    @routes.get("/", response_class=HTMLResponse)
    def show_photo_page(request: Request) -> Response:
        """Shows the empty page."""
        return page(request, "photo.html", reading=None, picture="", why="")

    @routes.post("/", response_class=HTMLResponse, responses=PHOTO_PROBLEMS)
    def show_photo(request: Request, photo: Picture) -> Response:
        """Shows the page with a picture's faces, or with what is wrong with the picture."""
        try:
            image, reading = analysed(photo)
        except HTTPException as error:
            content = {"reading": None, "picture": "", "why": error.detail}
            return page(request, "photo.html", status=error.status_code, **content)
        return page(
            request, "photo.html", reading=reading, picture=jpeg_url(jpeg_bytes(image)), why=""
        )

    @routes.post("/api/photo", responses=PHOTO_PROBLEMS)
    def read(photo: Picture) -> PhotoReading:
        """Reads the faces of a picture: boxes, names and probabilities."""
        return analysed(photo)[1]

    return routes
