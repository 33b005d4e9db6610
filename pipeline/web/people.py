"""Page People: who is in a movie, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from pipeline.cast import cast as casting
from pipeline.cast import changes
from pipeline.cast.changes import NameWish, Naming, NamingPlan
from pipeline.cast.company import company, listed_movies, pictures, version
from pipeline.cast.folder import PrintedMember
from pipeline.disk.find import walked_movie
from pipeline.disk.walked import CAST, finished
from pipeline.errors import MiningError, PeopleError
from pipeline.faces import clock
from pipeline.people import gallery
from pipeline.settings import Job
from pipeline.walk.part import StartProgress
from pipeline.web.jobs import Jobs, Run
from pipeline.web.live import LIVE_PROBLEMS
from pipeline.web.mine import address_of_last
from pipeline.web.pages import Problem, page
from pipeline.web.pictures import small
from pipeline.web.readings import jpeg_url
from pipeline.web.safety import REFUSALS, Responses, check_csrf

MOST_NAMED = 499
"""Most names in one form: Starlette reads 1000 fields, and a form has two fields for each name,
one for the token and one for the cast."""

PORTRAIT_WIDTH = 240
"""Width of a portrait in pixels: a card shows it half as wide, for dense screens."""

FormNames = Annotated[list[str], Form(default_factory=list, max_length=MOST_NAMED)]
FormNumbers = Annotated[
    list[Annotated[int, Field(ge=1, le=1_000_000)]],
    Form(default_factory=list, max_length=MOST_NAMED),
]

MISSING_MOVIE: Responses = {
    404: {"description": "No such movie or picture.", "content": {"text/html": {}}},
    409: {"description": "A file is missing or damaged.", "content": {"text/html": {}}},
}
READ: Responses = MISSING_MOVIE | {401: REFUSALS[401], 421: REFUSALS[421]}
AS_HTML: dict[str, Any] = {"content": {"text/html": {}}}
REFUSED_NAMES: Responses = REFUSALS | {
    n: {"model": Problem, "description": LIVE_PROBLEMS[n]["description"]}
    for n in (400, 404, 409, 422)
}


@dataclass(frozen=True, slots=True)
class CastSorting:
    """A movie whose unknown faces to sort into people."""

    kind: ClassVar[str] = "cast"
    folder: Path
    movie: Path
    job: Job

    def do(self, progress: StartProgress) -> Sequence[PrintedMember]:
        """See `Work`."""
        return casting.cast([self.folder], self.job, progress=progress)


class PlannedProblem(BaseModel):
    """Why somebody cannot have a name."""

    card: str = Field(description="cast-2 for number 2 of the cast, known-anna for anna")
    why: str


class PlanReading(BaseModel):
    """What the names would change, before anything is done."""

    changes: list[str] = Field(description="the changes in words")
    commands: list[str] = Field(description="shell commands that do the same")
    problems: list[PlannedProblem]


class Wishes:
    """The names in a form: each `number` has a `name`, and each `old` name a `new` one."""

    def __init__(
        self,
        number: FormNumbers,
        name: FormNames,
        old: FormNames,
        new: FormNames,
        cast: Annotated[
            str, Form(description="version of the cast that the numbers are from")
        ] = "",
    ) -> None:
        """Pairs the fields.

        Raises:
            HTTPException: 422 if a field has no partner.
        """
        if len(number) != len(name) or len(old) != len(new):
            raise HTTPException(422, "a number or an old name has no new name; reload the page")
        strangers = [NameWish(*pair) for pair in zip(number, name, strict=True)]
        self.all = [*strangers, *(NameWish(*pair) for pair in zip(old, new, strict=True))]
        self.cast = cast

    def names(self) -> dict[str, str]:
        """Maps cards to the names in their fields."""
        return {card(wish.who): wish.name for wish in self.all}

    def check(self, folder: Path) -> None:
        """Refuses numbers of an earlier cast.

        Raises:
            PeopleError: The faces have been sorted again since.
        """
        adopts = any(isinstance(wish.who, int) and wish.wanted for wish in self.all)
        if adopts and not self.current(folder):
            raise PeopleError(
                f"{folder / CAST}: the faces were sorted again, and the numbers now mean other "
                "people; look at them, and enter the names again"
            )

    def current(self, folder: Path) -> bool:
        """Whether the numbers still mean the same people."""
        return self.cast == version(folder)


Given = Annotated[Wishes, Depends()]


def card(who: int | str) -> str:
    """Makes the identifier of a card.

    >>> card(2), card("anna")
    ('cast-2', 'known-anna')
    """
    return f"cast-{who}" if isinstance(who, int) else f"known-{who}"


class People:
    """What the page shows and what it can do."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs, self._job = jobs, job
        self._changing = Lock()
        self._last: tuple[Path, Naming] | None = None
        self._undone: tuple[Path, Naming] | None = None

    def folder(self, movie: str) -> Path:
        """Finds the folder of a movie.

        Raises:
            HTTPException: 404, there is none.
        """
        folder = walked_movie(self._job.output, movie)
        if folder is None:
            raise HTTPException(404, "this walked movie no longer exists; reload the page")
        return folder

    def shown(self, movie: str) -> dict[str, Any]:
        """Collects the content of a movie's page.

        Raises:
            MiningError: The page cannot be shown.
        """
        folder = self.folder(movie)
        last, undone = (
            deed[1] if deed is not None and deed[0] == folder else None
            for deed in (self._last, self._undone)
        )
        return {
            "address": f"/people/{quote(movie, safe='')}", "key": movie, "last": last,
            "undone": undone,
            "company": company(folder, self._job), "run": self.sorting(folder),
            "names": sorted(gallery.photos(self._job.known_faces)), "card": card,
            "clock": clock, "jpeg_url": jpeg_url,
            "most": MOST_NAMED,
            "mine_again": address_of_last(folder),
            "again": NamingPlan((), (), frozenset()).commands(folder, self._job),
        }  # fmt: skip

    def sorting(self, folder: Path) -> Run | None:
        """The newest run that sorts this movie's unknown faces."""
        runs = (
            run
            for run in self._jobs.all()
            if isinstance(run.work, CastSorting) and run.work.folder == folder
        )
        return next(runs, None)

    def sort(self, movie: str) -> None:
        """Queues the sorting of the unknown faces, unless it is already queued or running.

        Raises:
            MiningError: The movie's walk is incomplete.
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
        """Plans the changes that the names ask for, with the commands that do the same.

        Raises:
            HTTPException: 404, there is no such movie.
            PeopleError: The faces were sorted again or are just being sorted, or the cast or the
                known faces cannot be read.
        """
        folder = self.folder(movie)
        wishes.check(folder)
        plan = changes.plan_names(wishes.all, folder, self._job)
        run = self.sorting(folder)
        if plan.adopted and run is not None and run.working:
            raise PeopleError(
                f"{folder / CAST}: the faces are being sorted again; wait until that is done"
            )
        wanted = plan.renames or plan.adopted
        return plan, plan.commands(folder, self._job) if wanted else []

    def do(self, movie: str, wishes: Wishes) -> NamingPlan:
        """Applies the names that can be given; the plan says which cannot, and why.

        Raises:
            HTTPException: See `plan`.
            MiningError: A file cannot be read or written.
        """
        with self._changing:
            plan, _ = self.plan(movie, wishes)
            if plan.renames or plan.adopted or not plan.problems:
                folder = self.folder(movie)
                naming = changes.apply_names(plan, folder, self._job)
                self._last = (folder, naming) if naming.words else self._last
                self._undone = None
            return plan

    def undo(self, movie: str) -> None:
        """Undoes the last naming.

        Raises:
            MiningError: It cannot be undone, or a file cannot be read or written.
        """
        with self._changing:
            folder = self.folder(movie)
            if self._last is None or self._last[0] != folder or self._last[1].final:
                raise PeopleError("there is nothing to undo")
            changes.undo_names(self._last[1], folder, self._job)
            self._undone, self._last = self._last, None


def picture(paths: Sequence[Path], place: int = 0) -> Response:
    """Responds with a small copy of one of the pictures.

    Raises:
        HTTPException: 404, there is none, or it cannot be read.
    """
    try:
        return Response(small(paths[place], PORTRAIT_WIDTH), media_type="image/jpeg")
    except (IndexError, OSError, PeopleError) as error:
        raise HTTPException(404, "this picture no longer exists; reload the page") from error


def people_router(jobs: Jobs, job: Job) -> APIRouter:
    """Makes the routes of the page."""
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
    """What a movie's page shows in addition to its people.

    Attributes:
        plan: what the names would change.
        commands: shell commands that do the same.
        why: why a request failed.
        given: whether names were just given, so that only those with problems are left.
    """

    plan: NamingPlan | None = None
    commands: Sequence[str] = ()
    why: str = ""
    given: bool = False

    @property
    def problems(self) -> dict[str, str]:
        """Maps cards to the reason why they cannot have their new name."""
        return {card(p.who): p.why for p in self.plan.problems} if self.plan else {}

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        return 409 if self.why else 422 if self.problems and not self.given else 200


PLAIN_PAGE = PageState()


def _page(
    request: Request,
    people: People,
    movie: str,
    wishes: Wishes | None = None,
    state: PageState = PLAIN_PAGE,
) -> Response:
    """Shows the page of a movie; its fields keep the wishes if their numbers are still current."""
    folder = people.folder(movie)
    # Giving names changes the cast's version, but not its numbers.
    same = wishes is not None and (state.given or wishes.current(folder))
    filled = wishes.names() if wishes and same else {}
    content = people.shown(movie)
    return page(request, "people.html", status=state.status, state=state, filled=filled, **content)


def _refused(
    request: Request, people: People, movie: str, error: MiningError, wishes: Wishes | None = None
) -> Response:
    return _page(request, people, movie, wishes, PageState(why=str(error)))


def _add_pages(routes: APIRouter, people: People, job: Job) -> None:
    @routes.get("/people", response_class=HTMLResponse)
    def show_movies(request: Request) -> Response:
        """Lists the walked movies."""
        return page(request, "people_movies.html", movies=list(listed_movies(job.output)))

    @routes.get("/people/{movie}", response_class=HTMLResponse, responses=READ)
    def show_people(request: Request, movie: str) -> Response:
        """Shows who is in a movie: the known people, and the unknown cast."""
        return _page(request, people, movie)


def _add_plans(routes: APIRouter, people: People) -> None:
    @routes.post("/people/{movie}/plan", response_class=HTMLResponse, responses=LIVE_PROBLEMS)
    def show_plan(request: Request, movie: str, wishes: Given) -> Response:
        """Shows the page with what the names would change; changes nothing."""
        try:
            return _page(request, people, movie, wishes, PageState(*people.plan(movie, wishes)))
        except MiningError as error:
            return _refused(request, people, movie, error, wishes)

    @routes.post("/api/people/{movie}/plan", responses=REFUSED_NAMES)
    def plan(movie: str, wishes: Given) -> PlanReading:
        """Plans what the names would change: in words, as commands, and with the problems."""
        planned, commands = people.plan(movie, wishes)
        problems = [PlannedProblem(card=card(p.who), why=p.why) for p in planned.problems]
        return PlanReading(changes=planned.words(), commands=commands, problems=problems)


def _add_names(routes: APIRouter, people: People) -> None:
    @routes.post(
        "/people/{movie}", status_code=303, response_class=RedirectResponse,
        responses=LIVE_PROBLEMS | {200: {"description": "Some names cannot be given.", **AS_HTML}},
    )  # fmt: skip
    def give_names(request: Request, movie: str, wishes: Given) -> Response:
        """Applies the names, and then names the movie by its photos; without names only that.

        Names that cannot be given stay in their fields, with the reason.
        """
        try:
            plan = people.do(movie, wishes)
        except MiningError as error:
            return _refused(request, people, movie, error, wishes)
        if plan.problems:
            left = replace(plan, renames=(), adopted=())
            return _page(request, people, movie, wishes, PageState(left, given=plan != left))
        return _back(movie)

    @routes.post(
        "/people/{movie}/undo",
        status_code=303,
        response_class=RedirectResponse,
        responses=LIVE_PROBLEMS,
    )
    def undo(request: Request, movie: str) -> Response:
        """Undoes the last naming."""
        try:
            people.undo(movie)
        except MiningError as error:
            return _refused(request, people, movie, error)
        return _back(movie)


def _add_cast(routes: APIRouter, people: People) -> None:
    @routes.get("/people/{movie}/cast", response_class=HTMLResponse, responses=READ)
    def show_sorting(request: Request, movie: str) -> Response:
        """Shows the progress of sorting the unknown faces, as a part of the page."""
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
        """Queues the sorting of a movie's unknown faces into people."""
        people.sort(movie)
        return _back(movie)

    @routes.post(
        "/people/{movie}/cast/cancel",
        status_code=303,
        response_class=RedirectResponse,
        responses=LIVE_PROBLEMS,
    )
    def cancel(movie: str) -> Response:
        """Stops sorting the faces, or takes it out of the queue; an earlier cast stays."""
        people.unsort(movie)
        return _back(movie)


def _add_pictures(routes: APIRouter, people: People, job: Job) -> None:
    kind: dict[str, Any] = {
        "response_class": Response,
        "responses": READ | {200: {"description": "A JPEG.", "content": {"image/jpeg": {}}}},
    }

    @routes.get("/pictures/known/{person}", **kind)
    def show_known(person: str) -> Response:
        """Shows a known person's first photo, small."""
        return picture(gallery.photos(job.known_faces).get(person, ()))

    @routes.get("/pictures/cast/{movie}/{number}/{place}", **kind)
    def show_stranger(movie: str, number: int, place: Annotated[int, InPath(ge=0)]) -> Response:
        """Shows one of the photos of a number in a movie's cast, small."""
        return picture(pictures(people.folder(movie)).get(number, ()), place)


def _back(movie: str) -> Response:
    return RedirectResponse(f"/people/{quote(movie, safe='')}", 303)
