"""Accuracy of the shipped emotion network on FER2013's private test.

python benchmarks/emotion.py fer2013.csv      (Kaggle's file: emotion, pixels, Usage)
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.faces import EMOTIONS
from pipeline.models.emotion import OnnxEmotion
from pipeline.models.registry import EMOTION_MODELS


def main() -> None:
    """Prints the accuracy over all rows, and without those that stand in the training rows too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    rows = pd.read_csv(parser.parse_args().csv)
    trained = set(rows.loc[rows["Usage"] == "Training", "pixels"])
    test = rows[rows["Usage"] == "PrivateTest"]
    faces = np.array([p.split() for p in test["pixels"]], np.uint8).reshape(-1, 48, 48)
    found = OnnxEmotion(EMOTION_MODELS["two-headed"].path).classify(faces).argmax(axis=1)
    right = found == test["emotion"].to_numpy()
    new = ~test["pixels"].isin(trained).to_numpy()
    print(f"all {len(right)} faces: {right.mean():.3f}")
    print(f"the {new.sum()} that are pixel-identical to no training row: {right[new].mean():.3f}")
    for i, emotion in enumerate(EMOTIONS):
        mine = test["emotion"].to_numpy() == i
        print(f"{emotion:9} {mine.sum():5d} faces, recall {right[mine].mean():.3f}")


if __name__ == "__main__":
    main()
