"""The command that makes a data set of walked films."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import (
    FOLDERS,
    LEARN_OPTION,
    MARGIN_OPTION,
    MOVED,
    ONE_EACH,
    PER_RUN_OPTION,
    PLACES,
    SET_FILTERS,
    SPEECH,
    Here,
    OneOf,
    Real,
    Whole,
    check_asked,
    folders_of,
    job_of,
    options,
    verbosity,
    where_the_other_is_given,
    with_defaults,
)
from pipeline.cli.printing import Header, aligned, crop_bar, echo_line, log_to_stderr
from pipeline.cli.sections import FormatsCommand
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.settings import LEAST_PICTURE, MOST_PICTURE, UNITS, DatasetSettings


class Share(Real):
    """A share from 0 to 1; says so to whoever gives per cent."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Returns the share."""
        text = str(value).strip().removesuffix("%")
        with suppress(ValueError):
            if text != str(value).strip() or 1 < float(text) <= 100:
                self.fail(f"{value} is not a share; {text} % is {float(text) / 100:g}.", param, ctx)
        return super().convert(value, param, ctx)


SET_ROW = "{:20} {:12} {:>7} {:>7} {:>7}"

USUAL = DatasetSettings()

SET_OPTIONS = options(
    click.option(
        "--to", required=True, type=Here(file_okay=False, path_type=Path),
        help="The folder of the data set, new or of an earlier call.",
    ),
    click.option(
        "--size", type=Whole(LEAST_PICTURE, MOST_PICTURE), default=USUAL.size,
        show_default=True, help="Pixels of each picture, both ways.",
    ),
    click.option(
        "--no-align", is_flag=True,
        help="Take the face's box, made square, rather than turn the face by its landmarks.",
    ),
    click.option(
        "--top", type=Whole(0), default=USUAL.top, show_default=True,
        help="Keep at most this many faces of each person and emotion, over all films; 0 keeps "
        "all.",
    ),
    click.option(
        "--split-by", type=OneOf(UNITS), default=USUAL.split_by, show_default=True,
        help="What is never divided between train, val and test.",
    ),
    click.option(
        "--val", type=Share(0, 1), default=USUAL.val, show_default=True,
        help="Share of the shots, films or people whose faces are for validation.",
    ),
    click.option(
        "--test", type=Share(0, 1), default=USUAL.test, show_default=True,
        help="Share of the shots, films or people whose faces are for the test.",
    ),
    click.option(
        "--format", "formats", multiple=True, type=OneOf(list(DATASET_FORMATS)), metavar="NAME",
        show_default="all", help="How the labels are written, see the table below; may be "
        "repeated.",
    ),
    click.option(
        "--replace", is_flag=True, help="Make a data set that has other settings anew."
    ),
)  # fmt: skip


@click.command(
    cls=FormatsCommand, formats={name: form.what for name, form in DATASET_FORMATS.items()}
)
@where_the_other_is_given
@FOLDERS
@SET_OPTIONS
@with_defaults(per_run=3, border=0, min_size=64.0, min_margin=0.0)
@SET_FILTERS
@LEARN_OPTION
@SPEECH
@ONE_EACH
@PER_RUN_OPTION
@MARGIN_OPTION
@PLACES
@MOVED
@verbosity
def dataset_command(
    folders: tuple[Path, ...],
    to: Path,
    no_align: bool,
    replace: bool,
    movie: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Make a data set: aligned faces of one size, split, captioned and labelled.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. The faces are those that `pick` would keep and whose own frame names their
    look (--min-margin 0), without near-duplicates; the films must be there. A call that was stopped
    goes on where it was.

    \b
    Example:
        mine-video dataset output/ --person rdj --emotion any --to faces
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    from pipeline.dataset.dataset import Order, make_dataset

    check_asked(folders)
    if given["val"] + given["test"] >= 1:
        raise click.BadParameter("leaves nothing to train on", param_hint="--val and --test")
    own = {name: given.pop(name) for name in ("size", "top", "split_by", "val", "test", "formats")}
    own["formats"] = tuple(name for name in DATASET_FORMATS if name in own["formats"]) or tuple(
        DATASET_FORMATS
    )
    settings = DatasetSettings(align=not no_align, **own)
    job = job_of(given)
    found = folders_of(folders, job, movie)
    order = Order(job, settings, to, movie, replace)
    rows = make_dataset(found, order, lambda name: crop_bar(name, quiet))
    if rows:
        Header(SET_ROW, "person", "emotion", "train", "val", "test").show()
    for row in rows:
        echo_line(aligned(SET_ROW, row.person, row.emotion, row.train, row.val, row.test))
    if rows:
        click.echo(to)
