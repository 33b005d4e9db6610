"""The commands about emotion networks: their data, training, evaluating and fooling them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli.options import WALK, OneOf, Real, Whole, options, verbosity
from pipeline.cli.printing import log_to_stderr
from pipeline.cli.sections import command
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
    help="Microsoft's fer2013new.csv, with ten people's votes on each face.",
)
WITHOUT = click.option(
    "--without", "left_out", multiple=True, type=OneOf(EMOTIONS), metavar="EMOTION",
    help="Drop an emotion; may be repeated.",
)  # fmt: skip
BALANCE = click.option(
    "--balance", type=Real(0, 1), default=TRAIN.balance, show_default=True,
    help="0 draws each emotion as often as it is in the data, 1 draws all equally often.",
)  # fmt: skip


def share_option(name: str, text: str) -> Any:
    """Makes an option from 0 to 1 with its default from `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    return click.option(name, type=Real(0, 1), default=default, show_default=True, help=text)


def strength_option(name: str, text: str) -> Any:
    """Makes an option of 0 or more with its default from `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    return click.option(name, type=Real(0), default=default, show_default=True, help=text)


def count(name: str, least: int, text: str) -> Any:
    """Makes an option for a whole number with its default from `TrainSettings`."""
    default = getattr(TRAIN, name.strip("-").replace("-", "_"))
    kind = Whole(least)
    return click.option(name, type=kind, default=default, show_default=True, help=text)


LEARNING = options(
    click.option(
        "--network", type=OneOf(NETWORK_NAMES), default=TRAIN.network, show_default=True,
        help="Network to train.",
    ),
    click.option(
        "--weights", type=INPUT_FILE, metavar="FILE",
        help="Begin with these weights, a .keras file of the same network; for vgg16 the file of "
        "its frozen features.",
    ),
    click.option(
        "--split", type=OneOf(SPLITS), default=TRAIN.split, show_default=True,
        help="How to split training and test rows: by the data's own parts, at random, or in k "
        "folds.",
    ),
    share_option("--test-share", "With --split random: share of rows in the test."),
    share_option(
        "--validation-share", "Except with --split official: share that chooses the best epoch."
    ),
    count("--folds", 2, "With --split folds: number of folds."),
    count("--fold", 1, "With --split folds: number of the fold that is the test."),
    count("--limit", 0, "Train on this many rows; 0 is all."),
    click.option(
        "--clean/--no-clean", default=TRAIN.clean, show_default=True,
        help="Leave out rows that are also in a test, have two labels, or show no face.",
    ),
    WITHOUT,
    BALANCE,
    share_option("--ferplus-share", "Share of the FER+ votes in a one-headed network's target."),
    share_option("--smoothing", "Share of the target that is spread over all emotions."),
    click.option(
        "--teachers",
        type=INPUT_FILE,
        help="An .npz of other networks' answers: arrays hard and fp, (n, 7).",
    ),
    click.option(
        "--unlabelled", multiple=True, metavar="DIR",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        help="Also train on pictures of faces without labels; may be repeated.",
    ),
    click.option(
        "--teacher", multiple=True, metavar="NAME|PATH",
        help="Network that labels the faces of --unlabelled; of several the mean counts.",
    ),
    share_option("--distill", "Share of the teachers' answers in the target."),
    strength_option("--loss-correction", "Tau of the prior correction in the loss."),
    strength_option("--correction", "Tau of the prior correction after the trained network."),
    count("--epochs", 1, "Largest number of epochs."),
    count("--patience", 0, "Stop after this many epochs without improvement; 0 never stops."),
    count("--batch", 1, "Number of faces in a training step."),
    click.option(
        "--optimizer", type=OneOf(OPTIMIZERS), default=TRAIN.optimizer, show_default=True,
        help="Gradient descent with momentum, or Adam.",
    ),
    strength_option(
        "--learning-rate", "Highest learning rate; it rises, then falls along a cosine."
    ),
    strength_option("--weight-decay", "Weight decay of all weights."),
    count("--seed", 0, "Random seed of weights, order and augmentation."),
    click.option(
        "--flip/--no-flip", default=TRAIN.flip, show_default=True, help="Mirror half of the faces."
    ),
    strength_option("--tilt", "Largest rotation of a face, in degrees."),
    strength_option("--scale", "Largest stretch of a face, as a natural logarithm."),
    strength_option("--shift", "Largest shift of a face, as a share of its side."),
    strength_option("--light", "Largest change of contrast, as a natural logarithm."),
    share_option("--erase", "Probability that a rectangle is painted over."),
    share_option("--blur", "Probability of a blur."),
    share_option("--motion", "Probability of a blur along a line, as of a moving face."),
    share_option("--h264", "Probability that a face goes through the codec H.264."),
    share_option("--mouth", "Probability that the lower half is another face's."),
    share_option("--compress", "Probability of JPEG's losses, as in compressed video."),
    share_option(
        "--small", "Probability that a face is shrunk and enlarged again, as if it were far away."
    ),
    strength_option("--average", "Momentum of the average of weights that is kept, such as .999."),
    click.option("--bf16", is_flag=True, help="Calculate in bfloat16, which newer processors and "
                 "graphics cards do faster."),
    click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard."),
)  # fmt: skip


@command(shares=False)
@DATA
@FERPLUS_OPTION
@click.option("--pictures", type=FOLDER, help="Write every face as a picture into a new folder.")
@click.option(
    "--plots", type=FOLDER, help="Write a preview and the class distributions into this folder."
)
@BALANCE
@WITHOUT
@verbosity
def data_command(
    data: Path, ferplus: Path | None, pictures: Path | None, plots: Path | None, **given: Any
) -> None:
    """Inspect labelled faces: counts, duplicates, pictures and plots.

    DATA is Kaggle's fer2013.csv, its later train.csv or icml_face_data.csv, or a folder with a
    subfolder of pictures for each emotion.

    \b
    Example:
        mine-video data fer2013.csv --pictures faces --plots plots --without disgust
    """
    log_to_stderr(given["quiet"], given["verbose"])
    from pipeline.train import dataset, preview

    if pictures is not None:
        preview.check_new(pictures)
    rows, without = dataset.read_dataset(data, ferplus), given["left_out"]
    say(preview.describe(dataset.rows_without(rows, without)))
    if pictures is not None:
        say(preview.write_pictures(rows, pictures, without))
    if plots is not None:
        say(preview.write_plots(rows, plots, balance=given["balance"], without=without))


@command(shares=False)
@DATA
@FERPLUS_OPTION
@click.option(
    "--output",
    type=FOLDER,
    default=Path("trained"),
    show_default=True,
    help="Folder of this run; a stopped run continues there.",
)
@LEARNING
@verbosity
def train_command(
    data: Path, ferplus: Path | None, output: Path, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Train an emotion network on labelled faces.

    Writes model.keras, model.onnx with its card for --emotion-model, learning_curves.png,
    architecture.txt, training.csv and settings.json. Run the same command to continue after a
    stop. Needs the extra `train`.

    \b
    Example:
        mine-video train fer2013.csv --ferplus fer2013new.csv --network two-headed
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    try:
        settings = TrainSettings(without=given.pop("left_out"), **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    from pipeline.train import backend, dataset

    backend.require()
    from pipeline.train import fit

    say(fit.train(dataset.read_dataset(data, ferplus), settings, output, progress=not quiet))


@command(shares=False)
@DATA
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@FERPLUS_OPTION
@click.option(
    "--output", type=FOLDER, default=Path("soup"), show_default=True, help="Folder for the files."
)
@verbosity
def soup_command(
    data: Path, runs: tuple[Path, ...], ferplus: Path | None, output: Path, **given: bool
) -> None:
    """Average the weights of several trained networks.

    RUNS are folders of `train`: one that learnt from DATA, and others that went on from its
    --weights. Takes the best by the faces for validation, then the others, the better ones first,
    each only if the mean gains by it. Writes model.keras and model.onnx with their cards. Needs
    the extra `train`.

    \b
    Example:
        mine-video soup fer2013.csv trained more --ferplus fer2013new.csv
    """
    log_to_stderr(given["quiet"], given["verbose"])
    from pipeline.train import backend, dataset

    backend.require()
    from pipeline.train import soup

    say(soup.soup(dataset.read_dataset(data, ferplus), runs, output))


@command(shares=False)
@DATA
@click.argument("models", nargs=-1)
@FERPLUS_OPTION
@click.option(
    "--output",
    type=FOLDER,
    default=Path("evaluation"),
    show_default=True,
    help="Folder for the confusion matrix and the gallery of mistakes.",
)
@click.option(
    "--compare",
    is_flag=True,
    help="Print all networks in one table, with milliseconds per face.",
)
@WITHOUT
@verbosity
def evaluate_command(
    data: Path,
    models: tuple[str, ...],
    ferplus: Path | None,
    output: Path,
    compare: bool,
    left_out: tuple[str, ...],
    quiet: bool,
    verbose: bool,
) -> None:
    """Evaluate emotion networks on labelled faces.

    MODELS are .onnx or .keras files, or the shipped two-headed-int8, which is the default, and
    two-headed. Without --compare, several networks are evaluated together, by the mean of their
    answers.

    \b
    Example:
        mine-video evaluate fer2013.csv --ferplus fer2013new.csv
        mine-video evaluate fer2013.csv a/model.onnx b/model.onnx --compare
    """
    log_to_stderr(quiet, verbose)
    source = click.get_current_context().get_parameter_source("output")
    if compare and source is ParameterSource.COMMANDLINE:
        raise click.UsageError("--compare writes no pictures; give --compare or --output, not both")
    from pipeline.train import dataset
    from pipeline.train import evaluate as program

    rows = dataset.rows_without(dataset.read_dataset(data, ferplus), left_out)
    if compare:
        say(program.compare_networks(rows, models))
    else:
        say(program.evaluate(rows, models, output))


@command(shares=False)
@click.argument("photo", type=INPUT_FILE)
@click.option("--to", "target", required=True, type=OneOf(EMOTIONS), help="Emotion to fake.")
@click.option(
    "--budget",
    type=Whole(1, 255),
    default=8,
    show_default=True,
    help="Largest change of a pixel, of 255.",
)
@click.option(
    "--emotion-model",
    "model",
    default=WALK.emotion,
    show_default=True,
    metavar="NAME|PATH",
    help="Network to fool: a shipped one, or a .keras file.",
)
@click.option(
    "--output",
    type=FOLDER,
    default=Path("fooled"),
    show_default=True,
    help="Folder for the pictures.",
)
@verbosity
def fool_command(
    photo: Path, target: str, budget: int, model: str, output: Path, quiet: bool, verbose: bool
) -> None:
    """Change a face slightly until the network sees another emotion.

    Shows how small a change is enough: do not rely on such networks against somebody who wants to
    deceive them. Needs the extra `train`.

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
