"""Whether strength rises with how strong a look is, and how strong people find it.

python benchmarks/strength.py DIR [--output strength]

DIR is a copy of github.com/ShinminHsu/face_morphing: the neutral face of six people of the Radboud
faces database, and morphs from it to six emotions by 25, 50, 75 and 100 %, each rated by 40 people.
A film is made of each person, with a second of each picture between black ones, and walked with the
default settings into the folder `--output`.

Printed, as a Markdown table with a row an emotion:

* told: how many of the pictures at 25, 50, 75 and 100 % are told as that emotion;
* strength: the mean at each step, told so or not, of the strength that the emotion has;
* rising: how many of the steps from one picture to the next raise it;
* morph, people: Spearman's rank correlation of it with the step, and with what people rated.

Source: Huang, Hsu and Fu, "Data augmentation via face morphing for recognizing intensities of
facial emotions", IEEE Transactions on Affective Computing, 2021.
"""

import argparse
import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline import mine
from pipeline.disk import faces_csv
from pipeline.faces import EMOTIONS
from pipeline.movie.encode import FilmPicture, write_mp4
from pipeline.pick import evidence, select
from pipeline.pick.strength import NEUTRAL, strength
from pipeline.settings import Job, PickSettings

LOOKS = {
    "angry": "angry", "disgusted": "disgust", "fearful": "fear", "happy": "happy", "sad": "sad",
    "surprised": "surprise",
}  # fmt: skip
RATED = {
    "angry": "am", "disgusted": "dm", "fearful": "fm", "happy": "hm", "sad": "sam",
    "surprised": "surm",
}  # fmt: skip
"""The columns of mean ratings."""
RATE, SHOWN, BLACK = 25, 25, 10
"""Frames: in a second, of a picture, and between two."""


def pictures(folder: Path) -> pd.DataFrame:
    """The pictures of one person: `path`, `look` of the set, and `step` in percent."""
    found = [
        (path, match["look"], int(match["step"] or 0))
        for path in sorted(folder.rglob("*.png"))
        if (match := re.search(r"male_(?P<look>[a-z]+)(?:_frontal_(?P<step>\d+))?$", path.stem))
    ]
    return pd.DataFrame(found, columns=["path", "look", "step"])


def film_of(shown: pd.DataFrame, path: Path) -> None:
    """Writes a film of pictures."""

    def frames() -> Iterator[FilmPicture]:
        for number, name in enumerate(shown["path"]):
            image = np.asarray(cv2.cvtColor(cv2.imread(str(name)), cv2.COLOR_BGR2RGB), np.uint8)
            for frame in range(SHOWN + BLACK):
                tick = number * (SHOWN + BLACK) + frame
                yield FilmPicture(image if frame < SHOWN else np.zeros_like(image), tick, 1)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(path, frames(), Fraction(1, RATE))


def told(folder: Path, output: Path) -> pd.DataFrame:
    """Walks the film of a person; gives the pictures with `told`, the look, and `strength`."""
    shown, film = pictures(folder), output / f"{folder.name}.mp4"
    film_of(shown, film)
    job = Job(output=output, known_faces=output / "nobody")
    walked = mine.walk(film, job, lambda _: lambda *_: None)
    rows = select.steadied(faces_csv.read_faces(walked / "faces.csv"), 1, PickSettings())
    number = (rows["frame"] // (SHOWN + BLACK)).to_numpy()
    probabilities, time = rows[list(EMOTIONS)].to_numpy(np.float32), rows["time"].to_numpy()
    means = evidence.nearby_means(probabilities, time, number)
    acted = shown["look"].map({look: EMOTIONS.index(name) for look, name in LOOKS.items()})
    label = acted.fillna(NEUTRAL).astype(np.int64).to_numpy()[number]
    strong = strength(means, label, rows["person"], NEUTRAL)
    each = rows.assign(strength=strong).groupby(number).agg(
        told=("label", lambda labels: labels.mode()[0]), strength=("strength", "mean")
    )  # fmt: skip
    return shown.join(each).assign(person=re.findall(r"_(\d+)_", folder.name)[0])


def ratings(folder: Path) -> pd.DataFrame:
    """How strong people found the look of each morph: `person`, `look`, `step`, `rated`."""
    paths = sorted((folder / "human_validation").glob("*summary.csv"))
    key = {"imgID": "person", "imgEmo": "look", "imgInt": "step"}
    summed = pd.concat(pd.read_csv(path) for path in paths).rename(columns=key)
    means = summed[summed["look"] != "neutral"].groupby([*key.values()]).mean().reset_index()
    rated = [row[RATED[row["look"]]] for row in means.to_dict("records")]
    return means[[*key.values()]].astype({"person": str}).assign(rated=rated)


def row_of(name: str, faces: pd.DataFrame) -> str:
    """A line of the table."""
    at = faces.groupby("step")
    steps = faces.pivot(index=["person", "look"], columns="step", values="strength").diff(axis=1)
    ranked = (faces["strength"].corr(faces[by], method="spearman") for by in ("step", "rated"))
    cells = [
        " / ".join(str(count) for count in at["right"].sum()),
        " / ".join(f"{mean:.2f}" for mean in at["strength"].mean()),
        f"{int((steps > 0).to_numpy().sum())} of {int(steps.notna().to_numpy().sum())}",
        *(f"{one:.2f}" for one in ranked),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def report(folder: Path, output: Path) -> Iterator[str]:
    """Yields the lines of the table."""
    people = sorted(path for path in (folder / "images").iterdir() if path.is_dir())
    faces = pd.concat([told(person, output) for person in people], ignore_index=True)
    faces = faces.merge(ratings(folder), on=["person", "look", "step"])
    acted = faces["look"].map({look: EMOTIONS.index(name) for look, name in LOOKS.items()})
    faces["right"] = faces["told"] == acted
    yield "| emotion | told | strength | rising | morph | people |"
    yield "|---|---|---|---|---|---|"
    for look, name in LOOKS.items():
        yield row_of(name, faces[faces["look"] == look])
    yield row_of("all", faces)
    yield row_of("all that are told so", faces[faces["right"]])


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description="Whether strength rises with the look's.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a copy of face_morphing")
    parser.add_argument(
        "--output", type=Path, default=Path("strength"), help="folder for the walks"
    )
    args = parser.parse_args()
    logging.getLogger("pipeline").setLevel(logging.ERROR)  # That nobody is known is no news.
    for line in report(args.folder, args.output):
        print(line)


if __name__ == "__main__":
    main()
