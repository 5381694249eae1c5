"""Carry what was trained on an old backbone over to the backbone that was trained on from it.

python tools/pretrain/carry.py zf.caffemodel OLD_SET NEW_SET

NEW_SET's teacher has conv1 to conv5 of zf.caffemodel and the region proposal layers of OLD_SET's. Its
student is zf.caffemodel plus what distillation had changed: OLD_SET's student minus its teacher. Both are
starts, for `rpn2t train-rpn --start NEW_SET` and `rpn2t distill --weights NEW_SET --start student`: a
backbone trained on keeps conv5's channels what they are, so most of what was learnt still holds. The scale
of conv5 must be the same in both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rpn2t.nets.caffemodel import ZF_SHAPES, Layers, check_zf, read_caffemodel, write_caffemodel
from rpn2t.nets.weight_sets import FILES, find_set, write_sums


def carried(backbone: Layers, teacher: Layers, student: Layers) -> Layers:
    """The new student: the new backbone plus what distillation had changed. All have only conv1 to conv5."""
    return {
        name: [
            new + (its - old)
            for new, old, its in zip(backbone[name], teacher[name], student[name], strict=True)
        ]
        for name in ZF_SHAPES
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the new set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone", type=Path, help="conv1 to conv5, of export.py")
    parser.add_argument("old", help="a set with teacher and student, by name or folder")
    parser.add_argument("new", type=Path, help="folder to write")
    options = parser.parse_args(arguments)
    old = find_set(options.old)
    files = (options.backbone, old.file("teacher"), old.file("student"))
    read = [read_caffemodel(path) for path in files]
    zf = [check_zf(layers, source=path) for layers, path in zip(read, files, strict=True)]
    options.new.mkdir(parents=True, exist_ok=True)
    write_caffemodel(options.new / FILES["teacher"], {**read[1], **zf[0]})
    write_caffemodel(options.new / FILES["student"], carried(*zf))
    write_sums(options.new)


if __name__ == "__main__":
    main()
