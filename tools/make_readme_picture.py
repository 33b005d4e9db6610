"""Makes docs/demo.jpg, the picture in docs/README.md, from the output of the README's demo run.

mine-video videos/demo.mp4 --person actress --person actor --emotion happy --repeat 8
python tools/make_readme_picture.py output/demo docs/demo.jpg
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 150
ACROSS = 6
CAPTION = 22


def spread(paths: list[Path], count: int) -> list[Path]:
    """Gives `count` of the paths, evenly spread from the first to the last."""
    return [paths[round(i * (len(paths) - 1) / (count - 1))] for i in range(count)]


def strip(folder: Path) -> Image.Image:
    """Draws one row of crops with the name of the folder above it."""
    crops = sorted(folder.glob("*.jpg"))
    line = Image.new("RGB", (ACROSS * SIDE, SIDE + CAPTION), "white")
    name = f"{folder.parent.name}/{folder.name}/   {len(crops)} steady faces"
    ImageDraw.Draw(line).text((4, 4), name, fill="black", font_size=14)
    for i, path in enumerate(spread(crops, ACROSS)):
        with Image.open(path) as crop:
            line.paste(crop.resize((SIDE, SIDE)), (i * SIDE, CAPTION))
    return line


def main() -> None:
    """Reads the command line and writes the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="output/demo")
    parser.add_argument("picture", type=Path, help="docs/demo.jpg")
    args = parser.parse_args()
    strips = [strip(path.parent) for path in sorted(args.folder.glob("*/*/crops.csv"))]
    sheet = Image.new("RGB", (ACROSS * SIDE, sum(s.height for s in strips)), "white")
    top = 0
    for line in strips:
        sheet.paste(line, (0, top))
        top += line.height
    sheet.save(args.picture, quality=88)


if __name__ == "__main__":
    main()
