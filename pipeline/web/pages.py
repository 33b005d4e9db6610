"""Renders pages from templates."""

from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, Field

from pipeline import report
from pipeline.disk.find import walked_movie
from pipeline.faces import EMOTIONS
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.page import NEUTRAL_AT_NIGHT
from pipeline.web.safety import CSRF_FIELD

HERE = Path(__file__).parent
REPORT_PAGE = Path(report.__file__).parent / "page"
"""The pages share the report's style sheet."""

_templates = Environment(
    loader=PackageLoader("pipeline.web"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="what is wrong, and what to do about it")


def fragment(template: str, **content: Any) -> str:
    """Renders a part of a page; all content is escaped."""
    return _templates.get_template(template).render(emotions=EMOTIONS, **content)


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """Renders a page; its forms send the CSRF token."""
    csrf = request.app.state.policy.csrf
    text = fragment(
        template, csrf=csrf, csrf_field=CSRF_FIELD, path=request.url.path, status=status, **content
    )
    return HTMLResponse(text, status)


def movie_folder(output: Path, movie: str) -> Path:
    """The folder of a walked movie.

    Raises:
        HTTPException: 404, there is none.
    """
    folder = walked_movie(output, movie)
    if folder is None:
        raise HTTPException(404, "this movie no longer exists; go back to the list")
    return folder


def looks_css() -> str:
    """Makes the style sheet of the emotions' colours."""
    night = [*EMOTION_COLOURS[:-1], NEUTRAL_AT_NIGHT]
    pairs = enumerate(zip(EMOTION_COLOURS, night, strict=True))
    return "".join(f".look-{i} {{ --look: light-dark({a}, {b}); }}\n" for i, (a, b) in pairs)
