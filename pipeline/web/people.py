"""Page People: who is in a movie, and what to call them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from pipeline.cast import adopt, changes
from pipeline.cast import cast as casting
from pipeline.cast.changes import NameWish, Naming, NamingPlan
from pipeline.cast.company import company, listed_movies, version
from pipeline.cast.folder import PrintedMember
from pipeline.disk.find import walked_movie
from pipeline.disk.walked import CAST, finished
from pipeline.errors import MiningError, PeopleError
from pipeline.faces import clock
from pipeline.models.registry import tolerances
from pipeline.people import gallery
from pipeline.settings import Job
from pipeline.walk.part import StartProgress
from pipeline.web.jobs import Jobs, Run
from pipeline.web.live import LIVE_PROBLEMS
from pipeline.web.pages import Problem, page
from pipeline.web.pictures import small
from pipeline.web.readings import jpeg_url
from pipeline.web.safety import REFUSALS, Responses, check_csrf

MOST_NAMED = 499
"""Names in one form: Starlette reads 1000 fields, two a name, the token's and the cast's."""

PORTRAIT_WIDTH = 240
"""Pixels across of a portrait: a card shows it half as wide, on screens with two a point."""

FormNames = Annotated[list[str], Form(default_factory=list, max_length=MOST_NAMED)]
FormNumbers = Annotated[
    list[Annotated[int, Field(ge=1, le=1_000_000)]],
    Form(default_factory=list, max_length=MOST_NAMED),
]

MISSING_MOVIE: Responses = {
    404: {"description": "No such movie or picture.", "content": {"text/html": {}}},
    409: {"description": "A file is missing or torn.", "content": {"text/html": {}}},
}
READ: Responses = MISSING_MOVIE | {401: REFUSALS[401], 421: REFUSALS[421]}
REFUSED_NAMES: Responses = REFUSALS | {
    n: {"model": Problem, "description": LIVE_PROBLEMS[n]["description"]}
    for n in (400, 404, 409, 422)
}


@dataclass(frozen=True, slots=True)
class CastSorting:
    """A movie whose unknown faces are to be sorted into people."""

    kind: ClassVar[str] = "cast"
    folder: Path
    movie: Path
    job: Job

    def do(self, progress: StartProgress) -> Sequence[PrintedMember]:
        """See `Work`."""
        return casting.cast([self.folder], self.job, progress=progress)


class PlannedProblem(BaseModel):
    """Why somebody cannot be called so."""

    card: str = Field(description="cast-2 for number 2 of the cast, known-anna for anna")
    why: str


class PlanReading(BaseModel):
    """What names come to, before anything is done."""

    changes: list[str] = Field(description="in words")
    commands: list[str] = Field(description="that do the same in a shell")
    problems: list[PlannedProblem]


class Wishes:
    """The names of a form: `number` and `name` go together, and `old` and `new`."""

    def __init__(
        self,
        number: FormNumbers,
        name: FormNames,
        old: FormNames,
        new: FormNames,
        cast: Annotated[str, Form(description="the cast that the numbers are of")] = "",
    ) -> None:
        """Pairs them.

        Raises:
            HTTPException: 422 where there are more of one than of the other.
        """
        if len(number) != len(name) or len(old) != len(new):
            raise HTTPException(422, "a number or an old name stands alone; reload the page")
        strangers = [NameWish(*pair) for pair in zip(number, name, strict=True)]
        self.all = [*strangers, *(NameWish(*pair) for pair in zip(old, new, strict=True))]
        self.cast = cast

    def names(self) -> dict[str, str]:
        """What the fields hold, by card."""
        return {card(wish.who): wish.name for wish in self.all}

    def check(self, folder: Path) -> None:
        """Refuses numbers of an earlier cast.

        Raises:
            PeopleError: It was sorted anew.
        """
        adopts = any(isinstance(wish.who, int) and wish.wanted for wish in self.all)
        if adopts and not self.current(folder):
            raise PeopleError(
                f"{folder / CAST}: the cast was sorted anew, and its numbers are others now; "
                "look at it, and give names again"
            )

    def current(self, folder: Path) -> bool:
        """Whether numbers still mean whom they meant."""
        return self.cast == version(folder)


Given = Annotated[Wishes, Depends()]


def card(who: int | str) -> str:
    """What a card is called.

    >>> card(2), card("anna")
    ('cast-2', 'known-anna')
    """
    return f"cast-{who}" if isinstance(who, int) else f"known-{who}"


class People:
    """What the page shows and does."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs, self._job = jobs, job
        self._changing = Lock()
        self._last: tuple[Path, Naming] | None = None

    def folder(self, movie: str) -> Path:
        """The folder of a movie.

        Raises:
            HTTPException: 404.
        """
        found = walked_movie(self._job.output, movie)
        if found is None:
            raise HTTPException(404, "there is no such walked movie any more; reload the page")
        return found

    def shown(self, movie: str) -> dict[str, Any]:
        """What the page of a movie is made of.

        Raises:
            MiningError: It cannot be shown.
        """
        folder = self.folder(movie)
        last = self._last[1] if self._last is not None and self._last[0] == folder else None
        return {
            "address": f"/people/{quote(movie, safe='')}", "key": movie, "last": last,
            "company": company(folder, self._job), "run": self.sorting(folder),
            "names": sorted(gallery.photos(self._job.known_faces)), "card": card,
            "clock": clock, "jpeg_url": jpeg_url,
            "tolerance": tolerances(self._job.walk, self._job.tolerance).name,
            "most": MOST_NAMED,
            "again": NamingPlan((), (), frozenset()).commands(folder, self._job),
        }  # fmt: skip

    def sorting(self, folder: Path) -> Run | None:
        """The newest sorting of a movie's unknown faces."""
        own = (
            run
            for run in self._jobs.all()
            if isinstance(run.work, CastSorting) and run.work.folder == folder
        )
        return next(own, None)

    def sort(self, movie: str) -> None:
        """Has the unknown faces sorted, where that is not being done.

        Raises:
            MiningError: The movie's walk is not whole.
        """
        folder = self.folder(movie)
        run = self.sorting(folder)
        if run is None or not run.active:
            walk = finished(folder).manifest
            self._jobs.submit(CastSorting(folder, walk.movie, self._job))

    def unsort(self, movie: str) -> None:
        """Stops a sorting, or takes it out of the queue."""
        run = self.sorting(self.folder(movie))
        if run is not None:
            self._jobs.cancel(run.number)

    def plan(self, movie: str, wishes: Wishes) -> tuple[NamingPlan, list[str]]:
        """What names come to, and the commands.

        Raises:
            HTTPException: 404.
            PeopleError: The cast is another one or just becoming one, or it or the known faces
                cannot be read.
        """
        folder = self.folder(movie)
        wishes.check(folder)
        plan = changes.plan_names(wishes.all, folder, self._job)
        run = self.sorting(folder)
        if plan.adopted and run is not None and run.working:
            raise PeopleError(f"{folder / CAST}: is being sorted anew; wait until that is done")
        wanted = plan.renames or plan.adopted
        return plan, plan.commands(folder, self._job) if wanted else []

    def do(self, movie: str, wishes: Wishes) -> NamingPlan:
        """Does what is wanted, all of it or, where there are problems, nothing.

        Raises:
            HTTPException: See `plan`.
            MiningError: Something stands in the way.
        """
        with self._changing:
            plan, _ = self.plan(movie, wishes)
            if not plan.problems:
                folder = self.folder(movie)
                deed = changes.apply_names(plan, folder, self._job)
                self._last = (folder, deed) if deed.words else self._last
            return plan

    def undo(self, movie: str) -> None:
        """Takes back what was done last.

        Raises:
            MiningError: It is not to be taken back, or something stands in the way.
        """
        with self._changing:
            folder = self.folder(movie)
            if self._last is None or self._last[0] != folder or self._last[1].final:
                raise PeopleError("there is nothing to take back")
            changes.undo_names(self._last[1], folder, self._job)
            self._last = None


def picture(paths: Sequence[Path], place: int = 0) -> Response:
    """One of some pictures, small.

    Raises:
        HTTPException: 404.
    """
    try:
        return Response(small(paths[place], PORTRAIT_WIDTH), media_type="image/jpeg")
    except (IndexError, OSError, PeopleError) as error:
        raise HTTPException(404, "there is no such picture any more; reload the page") from error


def people_router(jobs: Jobs, job: Job) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(dependencies=[Depends(check_csrf)], tags=["people"])
    people = People(jobs, job)
    _add_pages(routes, people, job)
    _add_plans(routes, people)
    _add_names(routes, people)
    _add_cast(routes, people)
    _add_pictures(routes, people, job)
    return routes


@dataclass(frozen=True, slots=True)
class PageState:
    """What a page tells beside who is there.

    Attributes:
        plan: what names come to.
        commands: that do the same.
        why: what stood in the way.
    """

    plan: NamingPlan | None = None
    commands: Sequence[str] = ()
    why: str = ""

    @property
    def problems(self) -> dict[str, str]:
        """Why somebody cannot be called so, by card."""
        return {card(p.who): p.why for p in self.plan.problems} if self.plan else {}

    @property
    def status(self) -> int:
        """Of HTTP."""
        return 409 if self.why else 422 if self.problems else 200


PLAIN_PAGE = PageState()


def _page(
    request: Request,
    people: People,
    movie: str,
    wishes: Wishes | None = None,
    told: PageState = PLAIN_PAGE,
) -> Response:
    """The page of a movie; its fields hold the wishes, where their numbers still mean the same."""
    folder = people.folder(movie)
    filled = wishes.names() if wishes and wishes.current(folder) else {}
    return page(
        request, "people.html", status=told.status, told=told, filled=filled, **people.shown(movie)
    )


def _refused(
    request: Request, people: People, movie: str, error: MiningError, wishes: Wishes | None = None
) -> Response:
    return _page(request, people, movie, wishes, PageState(why=str(error)))


def _add_pages(routes: APIRouter, people: People, job: Job) -> None:
    @routes.get("/people", response_class=HTMLResponse)
    def show_movies(request: Request) -> Response:
        """The movies that are walked."""
        return page(request, "people_movies.html", movies=list(listed_movies(job.output)))

    @routes.get("/people/{movie}", response_class=HTMLResponse, responses=READ)
    def show_people(request: Request, movie: str) -> Response:
        """Who is in a movie: those it names, and its unknown cast."""
        return _page(request, people, movie)


def _add_plans(routes: APIRouter, people: People) -> None:
    @routes.post("/people/{movie}/plan", response_class=HTMLResponse, responses=LIVE_PROBLEMS)
    def show_plan(request: Request, movie: str, wishes: Given) -> Response:
        """The page with what names come to; nothing is done yet."""
        try:
            return _page(request, people, movie, wishes, PageState(*people.plan(movie, wishes)))
        except MiningError as error:
            return _refused(request, people, movie, error, wishes)

    @routes.post("/api/people/{movie}/plan", responses=REFUSED_NAMES)
    def plan(movie: str, wishes: Given) -> PlanReading:
        """What names come to: in words, as commands, and what cannot be."""
        found, commands = people.plan(movie, wishes)
        problems = [PlannedProblem(card=card(p.who), why=p.why) for p in found.problems]
        return PlanReading(changes=found.words(), commands=commands, problems=problems)


def _add_names(routes: APIRouter, people: People) -> None:
    @routes.post(
        "/people/{movie}", status_code=303, response_class=RedirectResponse, responses=LIVE_PROBLEMS
    )
    def give_names(request: Request, movie: str, wishes: Given) -> Response:
        """Gives names, and names the movie by the photos of then; without names only that."""
        try:
            plan = people.do(movie, wishes)
        except MiningError as error:
            return _refused(request, people, movie, error, wishes)
        if plan.problems:
            return _page(request, people, movie, wishes, PageState(plan))
        return _back(movie)

    @routes.post(
        "/people/{movie}/undo",
        status_code=303,
        response_class=RedirectResponse,
        responses=LIVE_PROBLEMS,
    )
    def undo(request: Request, movie: str) -> Response:
        """Takes back what was done last."""
        try:
            people.undo(movie)
        except MiningError as error:
            return _refused(request, people, movie, error)
        return _back(movie)


def _add_cast(routes: APIRouter, people: People) -> None:
    @routes.get("/people/{movie}/cast", response_class=HTMLResponse, responses=READ)
    def show_sorting(request: Request, movie: str) -> Response:
        """How far the sorting of the unknown faces is, as a piece of the page."""
        run = people.sorting(people.folder(movie))
        address = f"/people/{quote(movie, safe='')}"
        return page(request, "people_sorting.html", run=run, address=address)

    @routes.post(
        "/people/{movie}/cast",
        status_code=303,
        response_class=RedirectResponse,
        responses=LIVE_PROBLEMS,
    )
    def sort(movie: str) -> Response:
        """Sorts the unknown faces of a movie into people, after what is being done."""
        people.sort(movie)
        return _back(movie)

    @routes.post(
        "/people/{movie}/cast/cancel",
        status_code=303,
        response_class=RedirectResponse,
        responses=LIVE_PROBLEMS,
    )
    def cancel(movie: str) -> Response:
        """Stops a sorting of faces, or takes it out of the queue; an earlier cast stays."""
        people.unsort(movie)
        return _back(movie)


def _add_pictures(routes: APIRouter, people: People, job: Job) -> None:
    kind: dict[str, Any] = {
        "response_class": Response,
        "responses": READ | {200: {"description": "A JPEG.", "content": {"image/jpeg": {}}}},
    }

    @routes.get("/pictures/known/{person}", **kind)
    def show_known(person: str) -> Response:
        """A known person's first photo, small."""
        return picture(gallery.photos(job.known_faces).get(person, ()))

    @routes.get("/pictures/cast/{movie}/{number}/{place}", **kind)
    def show_stranger(movie: str, number: int, place: Annotated[int, InPath(ge=0)]) -> Response:
        """One of the photos of a number of a movie's cast, small."""
        return picture(adopt.pictures(people.folder(movie)).get(number, ()), place)


def _back(movie: str) -> Response:
    return RedirectResponse(f"/people/{quote(movie, safe='')}", 303)
