"""What the emotions are worth on acted, talking people whom nobody here has seen.

python benchmarks/acted.py DIR... [--output acted]

DIR holds clips of RAVDESS, CREMA-D, SAVEE or MEAD under their own names (MEAD and SAVEE need the
folders above the files, too, or their names joined to the file's by "_"). Every clip is walked with
the default settings into the folder `--output`, once: the same call goes on after a stop, and with
more clips. Looks without a class here (calm, contempt) are left out. Of each frame the largest face
counts.

Printed, as a Markdown table with a row a set, and 95 % intervals from resampling actors 1,000
times, because one actor's clips are much alike:

* frames: the share of the faces whose look, as picking tells it, is the acted one;
* clips: the share of the clips in which most of the probability goes to the acted look; a clip
  without a face is wrong;
* recall: the mean over looks of the share of their clips that are right (unweighted average
  recall);
* precision at yield .3, .5 and .7: of the best so many of all faces, those in runs of 8 frames
  first, ordered by how sure their look is.

What others reached is printed below, from:

Dupré, Krumhuber, Küster and McKeown, "A performance comparison of eight commercially available
automatic classifiers for facial affect recognition", PLOS ONE 15(4), 2020, e0231968: 48 to 62 % of
937 clips of six emotions (BU-4DFE, posed, and UT-Dallas, spontaneous).
Ryumina, Dresvyanskiy and Karpov, "In search of a robust facial expressions recognition model: a
large-scale visual cross-corpus study", Neurocomputing 514, 2022, 435-450: recall of a network that
learnt from five other sets of videos.
Cao et al., "CREMA-D: crowd-sourced emotional multimodal actors dataset", IEEE Transactions on
Affective Computing 5(4), 2014, 377-390: what people tell from the picture alone.

Sources of the names: Livingstone and Russo, "The Ryerson audio-visual database of emotional speech
and song (RAVDESS)", PLOS ONE 13(5), 2018, e0196391; Cao et al., above; Haq and Jackson,
"Speaker-dependent audio-visual emotion recognition", AVSP 2009 (SAVEE); Wang et al., "MEAD: a
large-scale audio-visual dataset for emotional talking-face generation", ECCV 2020.
"""

import argparse
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import mine
from pipeline.disk import faces_csv
from pipeline.disk.find import find_movies
from pipeline.errors import MiningError
from pipeline.faces import EMOTIONS, Floats
from pipeline.pick import select
from pipeline.settings import Job, PickSettings

YIELDS = (0.3, 0.5, 0.7)
STEADY = 8
"""Source frames of a run whose faces come first."""
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Naming:
    """How a set names its clips.

    Attributes:
        name: of the set.
        pattern: what a path without suffix ends in; groups `actor`, `look` and `take`, by which
            two files of one performance are told.
        looks: the emotion that each `look` stands for; others are left out.
        published: what others reached on it.
    """

    name: str
    pattern: str
    looks: dict[str, str]
    published: str


NAMINGS = (
    Naming(
        "RAVDESS",
        # Modality 01 has sound and 02 has none; both show one performance. 03 is sound alone.
        r"0[12]-(?P<take>0[12]-(?P<look>0[1-8])-0[12]-0[12]-0[12]-(?P<actor>\d\d))",
        {"01": "neutral", "03": "happy", "04": "sad", "05": "angry", "06": "fear",
         "07": "disgust", "08": "surprise"},
        "recall .658 across sets (Ryumina et al. 2022)",
    ),
    Naming(
        "CREMA-D",
        r"(?P<take>(?P<actor>1\d{3})_[A-Z]{3}_(?P<look>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX?))",
        {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral",
         "SAD": "sad"},
        "recall .606 across sets (Ryumina et al. 2022); people .582 of clips (Cao et al. 2014)",
    ),
    Naming(
        "SAVEE",
        r"(?P<take>(?P<actor>DC|JE|JK|KL)[/_](?P<look>sa|su|[adfhn])\d\d)",
        {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad",
         "su": "surprise"},
        "recall .761 across sets (Ryumina et al. 2022)",
    ),
    Naming(
        "MEAD",
        r"(?P<take>(?P<actor>[MW]\d{3})[/_](?:video[/_])?(?:front|top|down|(?:left|right)_\d\d)[/_]"
        r"(?P<look>angry|contempt|disgusted|fear|happy|neutral|sad|surprised)"
        r"[/_]level_?[123][/_]\d{3})",
        {"angry": "angry", "disgusted": "disgust", "fear": "fear", "happy": "happy",
         "neutral": "neutral", "sad": "sad", "surprised": "surprise"},
        "nothing comparable known",
    ),
)  # fmt: skip
ELSEWHERE = "On other clips, eight commercial programs told 48 to 62 % of 937 (Dupré et al. 2020)."


@dataclass(frozen=True, slots=True)
class ActedClip:
    """A clip, its set, and who acts which of `EMOTIONS`."""

    path: Path
    naming: Naming
    actor: str
    emotion: str


def known_clips(paths: Iterable[Path]) -> list[ActedClip]:
    """The clips whose names tell a look that there is a class for, each performance once."""
    found: dict[tuple[str, str], ActedClip] = {}
    for path in sorted(paths):
        for naming in NAMINGS:
            ending = path.absolute().with_suffix("").as_posix()
            match = re.search(rf"(?:^|[/_]){naming.pattern}$", ending)
            if match and match["look"] in naming.looks:
                clip = ActedClip(path, naming, match["actor"], naming.looks[match["look"]])
                found.setdefault((naming.name, match["take"]), clip)
    return list(found.values())


def told(clip: ActedClip, output: Path) -> pd.DataFrame:
    """Walks a clip; gives its largest face of each frame as picking sees it.

    Returns:
        Columns `truth`, `label` (positions in `EMOTIONS`), `run_length`, `probability`
        and `look_sure`.

    Raises:
        MiningError: the clip cannot be walked.
    """
    job = Job(output=output, known_faces=output / "nobody")
    folder = mine.walk(clip.path, job, lambda _: lambda *_: None)
    rows = select.steadied(faces_csv.read_faces(folder / "faces.csv"), 1, PickSettings())
    area = (rows["x2"] - rows["x1"]) * (rows["y2"] - rows["y1"])
    rows = rows.loc[area.groupby(rows["frame"]).idxmax()]
    columns = ["label", "run_length", "probability", "look_sure"]
    return rows[columns].assign(truth=EMOTIONS.index(clip.emotion))


@dataclass(frozen=True, slots=True, eq=False)
class ToldSet:
    """What was told of the clips of one set.

    Attributes:
        faces: all rows of `told`, with `clip`, the best first.
        right: `(n,)` which clips were told right.
        emotion: `(n,)` position in `EMOTIONS` of each clip.
        actor: `(n,)` number of each clip's actor, from 0.
    """

    faces: pd.DataFrame
    right: NDArray[np.bool_]
    emotion: NDArray[np.int64]
    actor: NDArray[np.int64]

    def figures(self, weight: Floats) -> list[float]:
        """Frames, clips, recall, and precision at `YIELDS`.

        Args:
            weight: `(n,)` how often each clip counts.
        """
        of_class = [weight * (self.emotion == k) for k in np.unique(self.emotion)]
        recall = np.mean([np.average(self.right, weights=w) for w in of_class if w.sum()])
        clips = [float(np.average(self.right, weights=weight)), float(recall)]
        heavy = weight[self.faces["clip"].to_numpy()]
        right = (self.faces["label"] == self.faces["truth"]).to_numpy()
        hits, faces = np.cumsum(heavy * right), np.cumsum(heavy)
        if not faces[-1:].any():
            return [np.nan, *clips, *len(YIELDS) * [np.nan]]
        ends = [len(faces) - 1, *(int(np.searchsorted(faces, y * faces[-1])) for y in YIELDS)]
        whole, *best = (float(hits[end] / faces[end]) for end in ends)
        return [whole, *clips, *best]


def told_set(clips: Sequence[ActedClip], rows: Sequence[pd.DataFrame]) -> ToldSet:
    """Puts what was told of the clips of one set together."""
    faces = pd.concat([r.assign(clip=number) for number, r in enumerate(rows)], ignore_index=True)
    steady = faces["run_length"] >= STEADY
    order = np.lexsort((-faces["look_sure"], ~steady))
    emotion = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    most = [r.groupby("label")["probability"].sum().idxmax() if len(r) else -1 for r in rows]
    actor = np.unique([clip.actor for clip in clips], return_inverse=True)[1]
    return ToldSet(faces.iloc[order], emotion == np.array(most), emotion, actor)


def with_intervals(told_of: ToldSet) -> Iterator[str]:
    """Each figure with its interval."""
    random, number = np.random.default_rng(0), int(told_of.actor.max()) + 1
    draws = (
        np.bincount(random.integers(number, size=number), minlength=number)[told_of.actor]
        for _ in range(DRAWS)
    )
    drawn = [told_of.figures(draw.astype(np.float32)) for draw in draws]
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    points = told_of.figures(np.ones(len(told_of.right), np.float32))
    return (f"{p:.3f} ({a:.3f}–{b:.3f})" for p, a, b in zip(points, low, high, strict=True))


def walked(clips: Sequence[ActedClip], output: Path) -> Iterator[tuple[ActedClip, pd.DataFrame]]:
    """Walks clips; those that cannot be walked are told and left out."""
    for number, clip in enumerate(clips, 1):
        print(f"\r{number} of {len(clips)} ", end="", file=sys.stderr)
        try:
            yield clip, told(clip, output)
        except MiningError as error:
            print(f"\n{error}", file=sys.stderr)
    print(file=sys.stderr)


def report(folders: Sequence[Path], output: Path) -> Iterator[str]:
    """Yields the lines of the table and what was published.

    Raises:
        MovieError: A folder holds no movies.
        SystemExit: There are no clips of these sets, or none can be walked.
    """
    paths = find_movies(folders)
    clips = known_clips(paths)
    print(f"{len(clips)} of {len(paths)} movies are clips of these sets", file=sys.stderr)
    done = list(walked(clips, output))
    if not done:
        raise SystemExit(
            "no clip bears a name of RAVDESS, CREMA-D, SAVEE or MEAD; keep their names"
        )
    columns = ("set", "actors", "clips", "frames", "clips right", "recall")
    yield f"| {' | '.join(columns)} | {' | '.join(f'precision at {y:g}' for y in YIELDS)} |"
    yield "|---" * (len(columns) + len(YIELDS)) + "|"
    sets = [naming for naming in NAMINGS if any(clip.naming is naming for clip, _ in done)]
    for naming in sets:
        of_set = [(clip, rows) for clip, rows in done if clip.naming is naming]
        whole = told_set(*zip(*of_set, strict=True))
        cells = " | ".join(with_intervals(whole))
        yield f"| {naming.name} | {whole.actor.max() + 1} | {len(of_set)} | {cells} |"
    yield ""
    yield from (f"{naming.name}: {naming.published}." for naming in sets)
    yield ELSEWHERE


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description="What emotions are worth on acted clips.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="clips of these sets")
    parser.add_argument("--output", type=Path, default=Path("acted"), help="folder for the walks")
    args = parser.parse_args()
    logging.getLogger("pipeline").setLevel(logging.ERROR)  # That nobody is known is no news.
    for line in report(args.folders, args.output):
        print(line)


if __name__ == "__main__":
    main()
