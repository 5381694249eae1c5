"""Put frames of an annotated video side by side, as docs/result.png shows them.

python tools/filmstrip.py runs/NAME/video.mp4 docs/result.png --frames 0 20 40 60
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from rpn2t.video.sources import open_source


def main() -> None:
    """Read the frames, scale and join them, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", help="an annotated video, as `rpn2t track` writes it")
    parser.add_argument("picture", type=Path, help="the PNG or JPEG to write")
    parser.add_argument("--frames", type=int, nargs="+", required=True, help="0-based frame numbers")
    parser.add_argument("--width", type=int, default=480, help="px of each frame in the picture")
    options = parser.parse_args()
    with open_source(options.video) as source:
        images = {frame.index: frame.image for frame in source.frames(0, max(options.frames) + 1)}
    size = (options.width, round(options.width * images[0].shape[0] / images[0].shape[1]))
    strip = [cv2.resize(images[index], size, interpolation=cv2.INTER_AREA) for index in options.frames]
    rows = [np.hstack(strip[i : i + 2]) for i in range(0, len(strip), 2)]
    cv2.imwrite(str(options.picture), np.vstack(rows))
    print(f"wrote {options.picture}")


if __name__ == "__main__":
    main()
