"""The command line. Results go to standard output, progress and messages to standard error.

Exit codes: 0 success (even if nothing matches), 1 a file, the disk or the network prevents the
work, 2 wrong usage, 3 a bug, 130 Ctrl-C.
"""

import errno
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from pipeline import __version__
from pipeline.cli import archive, config, dataset, export, live, mine, people, train
from pipeline.cli.terminal import visible_streams
from pipeline.errors import MiningError
from pipeline.faces import visible
from pipeline.models.registry import LOADING
from pipeline.settings import Job

COMMANDS = (
    mine.mine_command, mine.walk_command, people.name_command, people.cast_command,
    mine.pick_command, mine.report_command, mine.judge_command,
    export.annotate_command, export.export_command, dataset.dataset_command,
    archive.search_command, archive.table_command, archive.stats_command, archive.status_command,
    live.live_command, live.web_command, config.config_command,
    train.data_command, train.train_command, train.soup_command, train.evaluate_command,
    train.fool_command,
)  # fmt: skip
"""All commands, in the order in which --help and docs/commands.md list them."""

WORD = re.compile(r"[^\W\d_][\w-]*")
"""What may be meant as a command: a path, a pattern and a file name have other characters too."""

NO_MEMORY = re.compile(
    r"cannot allocate memory|failed to (map segment|alloc)|bad_alloc|insufficient memory|"
    r"can't start new thread", re.IGNORECASE,
)  # fmt: skip
"""What libraries say that cannot be loaded, or cannot go on, for want of memory or of threads.

FFmpeg's answer where it can start no thread is a `BlockingIOError`."""

TOO_LITTLE_MEMORY = (
    "mine-video: there is too little memory; close other programs, or give fewer --workers"
)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of writing to standard output when it is redirected to a file: no fault of ours."""


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.is_flag


class DefaultGroup(click.Group):
    """`mine-video movie.mp4 …` is short for `mine-video mine movie.mp4 …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Inserts the default command if the arguments do not begin with a command."""
        group_options = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0] not in group_options | self.commands.keys():
            mine_options = self.commands["mine"].params
            with_value = {name for p in mine_options for name in p.opts if _takes_value(p)}
            # `--person data` names a person, even though `data` is also a command.
            late_commands = [
                arg for before, arg in pairwise(args)
                if arg in self.commands and before not in with_value and not Path(arg).exists()
            ]  # fmt: skip
            if args[0].startswith("-") and late_commands:
                raise click.UsageError(
                    f"put options after the command: mine-video {late_commands[0]} …"
                )
            if WORD.fullmatch(args[0]) and not Path(args[0]).exists():
                similar = get_close_matches(args[0], self.commands, n=1)
                from pipeline.disk.find import WALK_FILE  # Slow to import.

                walked = (Job().output / args[0] / WALK_FILE).exists()
                raise click.UsageError(
                    f"There is no command and no movie '{args[0]}'."
                    + (f" Did you mean '{similar[0]}'?" if similar else "")
                    + (f" It was walked before: mine-video pick {args[0]} …" if walked else "")
                )
            args.insert(0, "mine")
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Lists commands, and leaves movies to the shell."""
        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="file")]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own.
        """Lists commands in the order of `COMMANDS`; click would sort them by name."""
        return list(self.commands)


# With "color", click leaves paths that are piped on as they are; it would cut codes out of them.
@click.group(
    cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"], "color": True}
)
@click.version_option(__version__, prog_name="mine-video")
def main() -> None:
    """Find the moments when a person shows an emotion in movies, and crop the faces.

    Put a photo of each person into known_faces/, then run:

    \b
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8

    This walks (analyses) the movie once and crops the faces into output/movie/rdj/happy/. Later
    runs with other people or emotions reuse the walk and take seconds.
    """


for command in COMMANDS:
    main.add_command(command)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, or what it was raised from, is that there is too little memory."""
    told = (
        isinstance(error, MemoryError | BlockingIOError) or NO_MEMORY.search(str(error)) is not None
    )
    return told or (error.__cause__ is not None and lacks_memory(error.__cause__))


def _where_it_is(error: click.ClickException) -> click.ClickException:
    """Names the commands that have an option which another command was given."""
    if not isinstance(error, click.NoSuchOption):
        return error
    having = [
        name for name, command in main.commands.items()
        for p in command.params
        if error.option_name in p.opts and not getattr(p, "hidden", False)
    ]  # fmt: skip
    if not having:
        return error
    there = ", ".join(having)
    return click.UsageError(f"{error.message} It is an option of: {there}", error.ctx)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turns exceptions into a message on standard error and an exit code."""
    try:
        yield
    except MiningError as error:
        said = [f"mine-video: {error}", *getattr(error, "__notes__", ())]
        # A network that cannot be loaded, for one, is told as that, with what its library says.
        for line in [TOO_LITTLE_MEMORY] if lacks_memory(error) else said:
            click.echo(visible(line), err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nmine-video: Stopped. Run the same command to continue.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        _where_it_is(error).show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # The reader of standard output has left, as in `mine-video … | head`.
        sys.stderr.close()  # Python would report the broken pipe once more as it exits.
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            click.echo(f"mine-video: cannot write output ({error.strerror})", err=True)
            sys.exit(1)
        if lacks_memory(error):
            click.echo(TOO_LITTLE_MEMORY, err=True)
            sys.exit(1)
        traceback.print_exc()
        click.echo("mine-video: this is a bug; please report it with the lines above", err=True)
        sys.exit(3)


def run() -> None:
    """Runs the program `mine-video`."""
    try:
        with visible_streams(), _exit_codes():
            main(prog_name="mine-video", standalone_mode=False)
    except SystemExit as ended:
        # As Python ends, ONNX Runtime would crash in a network that loads for ever.
        if not any(thread.name == LOADING for thread in threading.enumerate()):
            raise
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
