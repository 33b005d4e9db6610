"""How pages are made of templates."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, Field

from pipeline import report
from pipeline.faces import EMOTIONS
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.page import NEUTRAL_AT_NIGHT
from pipeline.web.safety import CSRF_FIELD

HERE = Path(__file__).parent
REPORT_PAGE = Path(report.__file__).parent / "page"
"""The report's style is that of the pages too."""

_templates = Environment(
    loader=PackageLoader("pipeline.web"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


class Problem(BaseModel):
    """Why something was refused."""

    detail: str = Field(description="what is wrong, and what to do")


def fragment(template: str, **content: Any) -> str:
    """A piece of a page; all content is escaped."""
    return _templates.get_template(template).render(emotions=EMOTIONS, **content)


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """A page; its forms bring the CSRF token."""
    csrf = request.app.state.policy.csrf
    text = fragment(
        template, csrf=csrf, csrf_field=CSRF_FIELD, path=request.url.path, status=status, **content
    )
    return HTMLResponse(text, status)


def looks_css() -> str:
    """The emotions' colours as a style sheet."""
    night = [*EMOTION_COLOURS[:-1], NEUTRAL_AT_NIGHT]
    pairs = enumerate(zip(EMOTION_COLOURS, night, strict=True))
    return "".join(f".look-{i} {{ --look: light-dark({a}, {b}); }}\n" for i, (a, b) in pairs)
