"""Mining never loads the packages for training, whether they are installed or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOVIE = ROOT / "videos" / "demo.mp4"
TRAINERS = ("tensorflow", "keras", "jax", "torch")

TRAP = """from pathlib import Path
Path({log!r}).open("a").write(__name__ + "\\n")
raise ImportError(__name__ + " is not to be loaded")
"""
"""Stands in for a trainer in every process, including workers; records that it was imported."""

TOLD = "print('LOADED', *sys.modules)"


def _loaded(code: str, folder: Path) -> set[str]:
    """The trainers that a program and its workers import."""
    log = folder / "asked.txt"
    for name in TRAINERS:
        (folder / f"{name}.py").write_text(TRAP.format(log=str(log)), encoding="utf-8")
    paths = os.pathsep.join(map(str, (folder, ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    kept = {name.partition(".")[0] for name in done.stdout.rpartition("LOADED ")[2].split()}
    asked = set(log.read_text(encoding="utf-8").split()) if log.exists() else set()
    return (kept | asked) & set(TRAINERS)


@pytest.mark.e2e
@pytest.mark.skipif(not MOVIE.exists(), reason="the demo movie is not here")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_main_job_loads_no_trainer(workers: int, tmp_path: Path) -> None:
    args = (
        "mine-video", str(MOVIE), "--known-faces", str(ROOT / "known_faces"), "--end", "0.4",
        "--person", "any", "--emotion", "any", "--repeat", "1", "--workers", str(workers),
    )  # fmt: skip
    code = (
        f"import sys; sys.argv = {list(args)!r}\nfrom pipeline import cli\n"
        f"if __name__ == '__main__':\n    cli.run()\n    {TOLD}"
    )
    assert _loaded(code, tmp_path) == set()
    assert len((tmp_path / "output/demo/faces.csv").read_text(encoding="utf-8").splitlines()) > 1


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_that_is_asked_for_is_noticed(name: str, tmp_path: Path) -> None:
    code = f"import sys, contextlib\nwith contextlib.suppress(ImportError): import {name}\n{TOLD}"
    assert _loaded(code, tmp_path) == {name}
