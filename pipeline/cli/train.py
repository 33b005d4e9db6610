"""The commands about emotion networks: their data, training, evaluating and fooling them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli.options import WALK, Real, options, verbosity
from pipeline.cli.printing import log_to_stderr
from pipeline.errors import PeopleError
from pipeline.faces import EMOTIONS
from pipeline.train.settings import NETWORK_NAMES, OPTIMIZERS, SPLITS, TrainSettings

TRAIN = TrainSettings()

INPUT_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

DATA = click.argument("data", type=click.Path(path_type=Path))
FERPLUS_OPTION = click.option(
    "--ferplus",
    type=INPUT_FILE,
    help="Microsoft's fer2013new.csv: ten people's votes on each face.",
)
WITHOUT = click.option(
    "--without", multiple=True, type=click.Choice(EMOTIONS), metavar="EMOTION",
    help="Drop an emotion; may be repeated.",
)  # fmt: skip
BALANCE = click.option(
    "--balance", type=Real(0, 1), default=TRAIN.balance, show_default=True,
    help="0 shows each emotion as often as the data do, 1 all equally often.",
)  # fmt: skip


def share_option(name: str, text: str) -> Any:
    """An option from 0 to 1 whose default is that of `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    return click.option(name, type=Real(0, 1), default=default, show_default=True, help=text)


def strength_option(name: str, text: str) -> Any:
    """An option from 0 whose default is that of `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    return click.option(name, type=Real(0), default=default, show_default=True, help=text)


def count(name: str, least: int, text: str) -> Any:
    """A whole number whose default is that of `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    kind = click.IntRange(least)
    return click.option(name, type=kind, default=default, show_default=True, help=text)


LEARNING = options(
    click.option(
        "--network", type=click.Choice(NETWORK_NAMES), default=TRAIN.network, show_default=True,
        help="Which network.",
    ),
    click.option("--weights", type=INPUT_FILE, help="Of vgg16: the file of its frozen features."),
    click.option(
        "--split", type=click.Choice(SPLITS), default=TRAIN.split, show_default=True,
        help="What is learnt from and what tests: the data's own parts, at random, or k folds.",
    ),
    share_option("--test-share", "Of --split random: share of the rows in the test."),
    share_option("--validation-share", "Else than official: share that chooses the best epoch."),
    count("--folds", 2, "Of --split folds: how many."),
    count("--fold", 1, "Of --split folds: which one is the test."),
    count("--limit", 0, "Train on so many rows; 0 is all."),
    click.option(
        "--clean/--no-clean", default=TRAIN.clean, show_default=True,
        help="Leave out rows that stand in a test too, have two labels, or show no face.",
    ),
    WITHOUT,
    BALANCE,
    share_option("--ferplus-share", "Share of the FER+ votes in what a one-headed network learns."),
    share_option("--smoothing", "Share of the target that is spread over all emotions."),
    click.option(
        "--teachers",
        type=INPUT_FILE,
        help="An .npz of other networks' answers: hard and fp, (n, 7).",
    ),
    share_option("--distill", "Share of the teachers in the target."),
    strength_option("--loss-correction", "Tau of the prior-corrected loss."),
    strength_option("--correction", "Tau of the prior correction behind the trained network."),
    count("--epochs", 1, "Most epochs."),
    count("--patience", 0, "Stop after so many epochs without gain; 0 never."),
    count("--batch", 1, "Faces a step."),
    click.option(
        "--optimizer", type=click.Choice(OPTIMIZERS), default=TRAIN.optimizer, show_default=True,
        help="Gradient descent with momentum, or Adam.",
    ),
    strength_option("--learning-rate", "The highest rate; it rises, then falls as a cosine."),
    strength_option("--weight-decay", "Of all weights."),
    count("--seed", 0, "Of weights, order and augmentation."),
    click.option(
        "--flip/--no-flip", default=TRAIN.flip, show_default=True, help="Mirror half of the faces."
    ),
    strength_option("--tilt", "Degrees by which faces are turned."),
    strength_option("--scale", "Natural logarithm of the most by which faces are stretched."),
    strength_option("--shift", "By how much faces are moved, as a share of the side."),
    strength_option("--light", "Natural logarithm of the most by which contrast changes."),
    share_option("--erase", "Probability that a rectangle is painted over."),
    share_option("--blur", "Probability of a blur."),
    share_option("--compress", "Probability of JPEG's losses, as in compressed video."),
    share_option("--small", "Probability that a face is shrunk and blown up, as in the distance."),
    click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard."),
)  # fmt: skip


@click.command()
@DATA
@FERPLUS_OPTION
@click.option("--pictures", type=FOLDER, help="Write every face as a picture into a new folder.")
@click.option("--plots", type=FOLDER, help="Write a preview and the class distributions there.")
@BALANCE
@WITHOUT
@verbosity
def data_command(
    data: Path, ferplus: Path | None, pictures: Path | None, plots: Path | None, **given: Any
) -> None:
    """Look at labelled faces: counts, doubles, pictures, plots.

    DATA is Kaggle's fer2013.csv, its later train.csv or icml_face_data.csv, or a folder with a
    folder of pictures for each emotion.

    \b
    Example:
        mine-video data fer2013.csv --pictures faces --plots plots --without disgust
    """
    log_to_stderr(given["quiet"], given["verbose"])
    from pipeline.train import dataset, preview

    if pictures is not None:
        preview.check_new(pictures)
    rows, without = dataset.read_dataset(data, ferplus), given["without"]
    say(preview.describe(dataset.rows_without(rows, without)))
    if pictures is not None:
        say(preview.write_pictures(rows, pictures, without))
    if plots is not None:
        say(preview.write_plots(rows, plots, balance=given["balance"], without=without))


@click.command()
@DATA
@FERPLUS_OPTION
@click.option(
    "--output",
    type=FOLDER,
    default=Path("trained"),
    show_default=True,
    help="Folder of this run; a stopped one goes on there.",
)
@LEARNING
@verbosity
def train_command(
    data: Path, ferplus: Path | None, output: Path, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Train an emotion network on labelled faces; the same line goes on after a stop.

    Writes model.keras, model.onnx with its card for --emotion-model, learning_curves.png,
    architecture.txt, training.csv and settings.json. Needs the extra `train_command`.

    \b
    Example:
        mine-video train fer2013.csv --ferplus fer2013new.csv --network two-headed
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    try:
        settings = TrainSettings(**given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    from pipeline.train import backend, dataset

    backend.require()
    from pipeline.train import fit

    say(fit.train(dataset.read_dataset(data, ferplus), settings, output, progress=not quiet))


@click.command()
@DATA
@click.argument("models", nargs=-1)
@FERPLUS_OPTION
@click.option(
    "--output",
    type=FOLDER,
    default=Path("evaluation"),
    show_default=True,
    help="Where the confusion matrix and the gallery of mistakes go.",
)
@click.option(
    "--compare", is_flag=True, help="All networks in one table, with milliseconds a face."
)
@WITHOUT
@verbosity
def evaluate_command(
    data: Path,
    models: tuple[str, ...],
    ferplus: Path | None,
    output: Path,
    compare: bool,
    without: tuple[str, ...],
    quiet: bool,
    verbose: bool,
) -> None:
    """Hold emotion networks against labelled faces.

    MODELS are paths of .onnx or .keras files, or two-headed, the shipped one, which is taken where
    none is named. Several answer together, by the mean of what they say.

    \b
    Example:
        mine-video evaluate fer2013.csv --ferplus fer2013new.csv
        mine-video evaluate fer2013.csv a/model.onnx b/model.onnx --compare
    """
    log_to_stderr(quiet, verbose)
    source = click.get_current_context().get_parameter_source("output")
    if compare and source is ParameterSource.COMMANDLINE:
        raise click.UsageError("--compare writes no pictures; give it or --output, not both")
    from pipeline.train import dataset
    from pipeline.train import evaluate as program

    rows = dataset.rows_without(dataset.read_dataset(data, ferplus), without)
    if compare:
        say(program.compare_networks(rows, models))
    else:
        say(program.evaluate(rows, models, output))


@click.command()
@click.argument("photo", type=INPUT_FILE)
@click.option("--to", "target", required=True, type=click.Choice(EMOTIONS), help="What to fake.")
@click.option(
    "--budget",
    type=click.IntRange(1, 255),
    default=8,
    show_default=True,
    help="Most that a pixel may change, of 255.",
)
@click.option(
    "--emotion-model",
    "model",
    default=WALK.emotion,
    show_default=True,
    metavar="NAME|PATH",
    help="Whom to fool: the shipped network or a .keras file.",
)
@click.option(
    "--output",
    type=FOLDER,
    default=Path("fooled"),
    show_default=True,
    help="Where the pictures go.",
)
@verbosity
def fool_command(
    photo: Path, target: str, budget: int, model: str, output: Path, quiet: bool, verbose: bool
) -> None:
    """Change a face by a little until the network takes it for another emotion.

    Shows how little it takes, as a warning of what such networks are worth against somebody who
    wants to deceive them. Needs the extra `train_command`.

    \b
    Example:
        mine-video fool photo.jpg --to sad
    """
    log_to_stderr(quiet, verbose)
    from pipeline.people.photo import read_photo
    from pipeline.train import backend

    if not photo.is_file():
        raise PeopleError(f"{photo}: no such photo; check the path")
    backend.require()
    from pipeline.train import fool as program

    say(program.fool(read_photo(photo), target, output, budget=budget, model=model))


def say(lines: Iterator[str]) -> None:
    """Prints results as they come."""
    for line in lines:
        click.echo(line)
