"""The command line. Results go to standard output, progress and messages to standard error.

Exit codes: 0 done (no match is no error), 1 the world stands in the way, 2 misuse, 3 a bug,
130 Ctrl-C.
"""

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path

import click

from pipeline import __version__
from pipeline.cli import archive, export, live, mine, people, train
from pipeline.errors import MiningError

COMMANDS = (
    mine.mine_command, mine.walk_command, people.name_command, people.cast_command,
    mine.pick_command, mine.judge_command,
    export.annotate_command, export.export_command,
    archive.search_command, archive.table_command, archive.stats_command, archive.status_command,
    live.live_command, live.web_command,
    train.data_command, train.train_command, train.evaluate_command, train.fool_command,
)  # fmt: skip
"""In the order of the README."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why a file cannot be written that standard output leads to."""


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.is_flag


class DefaultGroup(click.Group):
    """`mine-video movie.mp4 …` is short for `mine-video mine movie.mp4 …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the default command before arguments that begin with none."""
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0] not in own | self.commands.keys():
            told = {o for p in self.commands["mine"].params for o in p.opts if _takes_value(p)}
            late = [
                arg for before, arg in pairwise(args)
                if arg in self.commands and before not in told and not Path(arg).exists()
            ]  # fmt: skip
            if args[0].startswith("-") and late:
                raise click.UsageError(f"options stand behind the command: mine-video {late[0]} …")
            near = get_close_matches(args[0], self.commands, n=1, cutoff=0.75)
            if near and not Path(args[0]).exists():
                raise click.UsageError(f"no movie or command is called {args[0]}; {near[0]}?")
            args.insert(0, "mine")
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own.
        """In the order in which they were added, the usual way first."""
        return list(self.commands)


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mine-video")
def main() -> None:
    """Pick the steady faces of a person and an emotion out of movies.

    Put a photo of each person into known_faces/, then:

    \b
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8

    walks the movie once, and crops the faces into output/movie/rdj/happy/. A second call, with
    other people or emotions, takes seconds.
    """


for command in COMMANDS:
    main.add_command(command)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turns what went wrong into a message and an exit code."""
    try:
        yield
    except MiningError as error:
        click.echo(f"mine-video: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nmine-video: stopped; the same line goes on", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            click.echo(f"mine-video: output cannot be written ({error.strerror})", err=True)
            sys.exit(1)
        traceback.print_exc()
        click.echo("mine-video: this is a bug; please report it with the lines above", err=True)
        sys.exit(3)


def run() -> None:
    """The program `mine-video`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # A movie's name may be no text.
            stream.reconfigure(errors="backslashreplace")
    with _exit_codes():
        main(prog_name="mine-video", standalone_mode=False)
