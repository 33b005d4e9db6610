"""How --help groups the options of a command that has many of them."""

from functools import partial
from itertools import groupby

import click

OWN = "Options"
SECTIONS = {
    OWN: (),
    "What to pick": ("people", "emotions"),
    "How strict": (
        "repeat", "sure", "smooth", "gap", "min_prob", "min_size", "min_sharpness", "max_yaw",
        "single_face", "border", "learn",
    ),
    "Subtitles": ("silent_only", "subtitles", "subtitle_offset", "subtitle_encoding"),
    "What to write": ("per_run", "margin", "explain", "compare", "report"),
    "How to read the film": ("every", "detect_every", "width", "start", "end", "align", "rewalk"),
    "Networks and machines": (
        "detector", "recognizer", "emotion", "device", "workers", "ray",
    ),
    "Folders": ("output", "known_faces", "tolerance", "movie", "allow_remote"),
    "Messages": ("quiet", "verbose"),
}  # fmt: skip
"""The options of each section by the names of their parameters; a command's own come first."""

MANY = 12
"""A command with fewer options lists them without sections."""

_SECTION_OF = {name: title for title, names in SECTIONS.items() for name in names}


def _section(option: click.Option) -> str:
    if "--help" in option.opts:  # Click's own, whose parameter has no name that is promised.
        return "Messages"
    return _SECTION_OF.get(str(option.name), OWN)


class SectionedCommand(click.Command):
    """A command whose --help lists its options in `SECTIONS`."""

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


command = partial(click.command, cls=SectionedCommand)
"""`click.command` for a command with sections."""
