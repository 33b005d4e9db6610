"""What the documents name exists: files, headings, commands, options and columns."""

import re
import shlex
from pathlib import Path

import click
import pytest

from pipeline.cli import COMMANDS, WORD, main
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.moments_csv import LISTED_MOMENT
from pipeline.faces import EMOTIONS, FaceRow
from tests.support.markdown import Page

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
PAGES = [*GUIDES, ROOT / "CHANGELOG.md", *(ROOT / "pipeline").rglob("*.md")]
NAMED = re.compile(
    r"(?:benchmarks|tools|tests|docs|pipeline)/[\w/.-]*\w\.(?:py|md|png|jpg|txt|csv)\b"
)
SAMPLE = re.compile(r"(?:^|&&|[;|])\s*(?:\.venv/bin/)?(mine-video(?:\s[^&|;>#]*)?)")
"""A call of the program at the beginning of a line, or after another command."""

PLACEHOLDER = re.compile(r"[A-Z|:]+")
"""What stands for a value: `--ray ADDRESS`."""

PROMISED = ("mine-video", "pytest")
"""The programs that the two lines of the README end with."""

every_page = pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
every_guide = pytest.mark.parametrize("page", GUIDES, ids=[p.name for p in GUIDES])


@every_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_readme_names_files_at_all() -> None:
    assert len(NAMED.findall(README.read_text(encoding="utf-8"))) > 10


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_has_the_two_lines_that_ci_takes_from_it() -> None:
    (taken,) = re.findall(r'grep -m 1 -E "(\^.*)\$1"', (ROOT / ".ci" / "run").read_text("utf-8"))
    text = README.read_text(encoding="utf-8")
    assert [len(re.findall(taken + end, text, re.MULTILINE)) for end in PROMISED] == [1, 1]


def leads_nowhere(page: Path, link: str) -> bool:
    """Whether a relative link has no file, or no heading in it."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    return not target.exists() or (bool(anchor) and anchor not in Page(target).anchors())


@every_page
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    relative = [link for link in Page(page).links() if not re.match(r"https?://|mailto:", link)]
    assert [link for link in relative if leads_nowhere(page, link)] == []


def test_pictures_of_the_readme_load_on_a_package_index_too() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert [link for link in pictures if not link.startswith("https://")] == []


def test_a_heading_is_called_as_links_call_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# What `--learn` is worth, a_b\n```\n# no heading\n```\n## Same\n## Same\n")
    assert Page(page).anchors() == {"what---learn-is-worth-a_b", "same", "same-1"}


def test_a_link_without_its_heading_leads_nowhere() -> None:
    assert not leads_nowhere(README, "docs/commands.md#pick")
    assert leads_nowhere(README, "docs/commands.md#chose")
    assert leads_nowhere(README, "docs/comands.md")


def test_every_command_has_a_link_in_the_readme() -> None:
    links = Page(README).links()
    assert [c.name for c in COMMANDS if f"docs/commands.md#{c.name}" not in links] == []


def test_every_page_has_a_link_in_the_list_of_pages() -> None:
    listed = Page(ROOT / "docs" / "README.md").links()
    pages = {page.name for page in (ROOT / "docs").iterdir() if page.suffix in (".md", ".ipynb")}
    assert pages - {*listed, "README.md"} == set()


def samples(page: Path) -> list[str]:
    """Lists the command lines of the program on a page."""
    read = Page(page)
    return [call for line in (*read.block, *read.inline()) for call in SAMPLE.findall(line)]


def check_sample(line: str) -> None:
    """Reads a command line as the program would, and opens nothing.

    Raises:
        click.UsageError: it has an option that is none, or a value that the option does not take.
    """
    first, *rest = shlex.split(line)[1:] or ["--help"]
    if first not in main.commands:
        if WORD.fullmatch(first) and not PLACEHOLDER.fullmatch(first):
            raise click.UsageError(f"no command {first}")
        first, rest = ("mine", [first, *rest]) if not first.startswith("-") else ("", [first])
    command = main.commands.get(first, main)
    context = click.Context(command)
    values, _, given = command.make_parser(context).parse_args(rest)
    for option in given:
        # A path is not asked for: the reader's files are not here.
        if isinstance(option, click.Option) and not isinstance(option.type, click.Path):
            check_values(context, option, values[option.name or ""])


def check_values(context: click.Context, option: click.Option, value: object) -> None:
    """Turns what an option is given into its type, unless it stands for something else."""
    each = value if option.multiple and isinstance(value, list) else [value]
    for one in each:
        if not PLACEHOLDER.fullmatch(str(one)):
            option.type_cast_value(context, [one] if option.multiple else one)


@every_guide
def test_every_command_line_is_one_that_the_program_takes(page: Path) -> None:
    for line in samples(page):
        try:
            check_sample(line)
        except (click.UsageError, ValueError) as error:
            pytest.fail(f"{page.name}: {line}\n{error}")


@pytest.mark.parametrize(
    "line",
    [
        "mine-video chose output/demo",
        "mine-video pick output/demo --repaet 8",
        "mine-video pick output/demo --emotion hapy",
        "mine-video movie.mp4 --sure 2",
        "mine-video movie.mp4 --repeat",
    ],
)
def test_a_command_line_with_a_mistake_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        check_sample(line)


def test_there_are_command_lines_to_check() -> None:
    assert len([line for page in GUIDES for line in samples(page)]) > 80
    assert samples(README)[0].endswith("--person actress --emotion happy --repeat 8")


def known_options() -> set[str]:
    """Names the options of all commands, and those of our benchmarks and tools."""
    programs = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").glob("*.py")]
    written = re.findall(r'"(--[\w-]+)"', "".join(p.read_text(encoding="utf-8") for p in programs))
    parameters = [p for command in (main, *COMMANDS) for p in command.params]
    return {name for p in parameters for name in (*p.opts, *p.secondary_opts)} | {
        *written,
        "--help",
    }


def strange_options(page: Path) -> set[str]:
    """Names the options in a page's text that no command has, but for those of other programs."""
    code = [code for code in Page(page).inline() if not re.match(r"\S*(pip|jupyter) ", code)]
    named = [name for one in code for name in re.findall(r"(?<!\S)--[a-z][\w-]*", one)]
    return {*named} - known_options()


@every_guide
def test_every_option_that_is_named_is_one(page: Path) -> None:
    assert strange_options(page) == set()


def test_an_option_that_is_none_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Give `--repeat 8`, `search --oder time`, `pip install --no-deps .` or `--suer`."
    )
    assert strange_options(page) == {"--oder", "--suer"}


def test_every_column_is_explained() -> None:
    told = set(Page(ROOT / "docs" / "files.md").inline())
    assert sorted({*FaceRow._fields, *CROP_COLUMNS, *LISTED_MOMENT} - {*EMOTIONS} - told) == []
