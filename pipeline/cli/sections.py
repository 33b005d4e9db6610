"""What all commands have in common: --help in sections, and defaults from file and environment."""

from collections.abc import Collection, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import click

OWN = "Options"
SECTIONS = {
    OWN: (),
    "What to pick": (
        "people", "emotions", "from_", "within", "with_", "without", "alone", "same_frame",
    ),
    "How strict": (
        "repeat", "sure", "smooth", "gap", "min_prob", "min_margin", "min_size", "min_sharpness",
        "max_yaw", "single_face", "border", "learn",
    ),
    "Subtitles": ("silent_only", "after", "subtitles", "subtitle_offset", "subtitle_encoding"),
    "What to write": ("peak", "onset", "per_run", "margin", "explain", "compare", "report"),
    "How to read the film": ("every", "detect_every", "width", "start", "end", "align", "rewalk"),
    "Networks and machines": (
        "detector", "recognizer", "emotion", "device", "workers", "ray",
    ),
    "Folders": ("output", "known_faces", "tolerance", "movie", "allow_remote"),
    "Messages": ("as_json", "config", "quiet", "verbose"),
}  # fmt: skip
"""The options of each section by the names of their parameters; a command's own come first."""

CONFIG_META = "pipeline.cli.config"
"""Where a context's `meta` says which file of defaults was read."""

MANY = 12
"""A command with fewer options lists them without sections."""

_SECTION_OF = {name: title for title, names in SECTIONS.items() for name in names}


def _section(option: click.Option) -> str:
    if "--help" in option.opts:  # Click's own, whose parameter has no name that is promised.
        return "Messages"
    return _SECTION_OF.get(str(option.name), OWN)


SHARED = frozenset(_SECTION_OF) - {"movie", "movies", "config", "report"}
"""The parameters whose defaults may be set for all commands at once; [report] is a command's."""

NEVER_SET = frozenset({"rename", "adopted"})
"""The parameters that have no defaults: they say what to change once."""


def long_name(option: click.Option) -> str:
    """An option's name as in mine-video.toml: that of the command line without its dashes."""
    return max(option.opts, key=len).lstrip("-")


class SectionedCommand(click.Command):
    """A command whose --help lists its options in `SECTIONS`, and whose defaults may be set.

    Args:
        shares: Whether defaults that are set for all commands are this one's, too.
        apart: The parameters of which they are not, as they mean something else here.
    """

    def __init__(
        self, *args: Any, shares: bool = True, apart: Collection[str] = (), **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.shares, self.apart = shares, apart
        self.params.append(_config_option())
        for option in self.settable():
            names = [f"{self.name} {long_name(option)}"] + [long_name(option)] * self.has(option)
            option.envvar = [_variable(name) for name in names]

    def settable(self) -> list[click.Option]:
        """The options whose defaults may be set."""
        options = (p for p in self.params if isinstance(p, click.Option))
        return [one for one in options if one.expose_value and one.name not in NEVER_SET]

    def has(self, option: click.Option) -> bool:
        """Whether a default of this option that is set for all commands is this one's, too."""
        return self.shares and option.name in SHARED.difference(self.apart)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; says of a wrong value where it came from."""
        given = {arg.partition("=")[0] for arg in args}
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            option = error.param
            told = option is not None and not given.isdisjoint(option.opts)
            if option and option.envvar and not told and option.resolve_envvar_value(ctx):
                message = (
                    f"{error.message} It is from the environment: {' or '.join(option.envvar)}."
                )
                raise click.BadParameter(message, ctx, option) from error
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options, section by section, each in the order of the command."""
        records = [
            (_section(parameter), record)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            if (record := parameter.get_help_record(ctx)) is not None
        ]
        if len(records) < MANY:
            records = [(OWN, record) for _, record in records]
        order = list(SECTIONS)
        records.sort(key=lambda titled: order.index(titled[0]))
        for title, titled in groupby(records, key=lambda titled: titled[0]):
            with formatter.section(title):
                formatter.write_dl([record for _, record in titled])


class FormatsCommand(SectionedCommand):
    """A command whose --help ends with a table of formats.

    Args:
        formats: What each is, by its name.
    """

    def __init__(self, *args: Any, formats: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._formats = formats

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the table."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Formats"):
            formatter.write_dl(list(self._formats.items()))


command = partial(click.command, cls=SectionedCommand)
"""`click.command` for a command with sections."""


def _variable(name: str) -> str:
    """The environment variable of an option.

    >>> _variable("mine known-faces")
    'MINE_VIDEO_MINE_KNOWN_FACES'
    """
    return "MINE_VIDEO_" + name.replace(" ", "_").replace("-", "_").upper()


def _config_option() -> click.Option:
    """The option --config, read before all others, for it changes their defaults."""
    return click.Option(
        ["--config"], type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True, expose_value=False, callback=_set_defaults, envvar="MINE_VIDEO_CONFIG",
        show_default="mine-video.toml, if it is here",
        help="File of defaults; mine-video config prints one.",
    )  # fmt: skip


def _set_defaults(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    from pipeline.cli.config import set_defaults

    set_defaults(ctx, path)
