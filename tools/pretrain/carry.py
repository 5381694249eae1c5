"""Carry what was trained on an old backbone over to the backbone that was trained on from it.

python tools/pretrain/carry.py zf.caffemodel OLD_SET NEW_SET [--frozen conv1 conv2]

NEW_SET's teacher has conv1 to conv5 of zf.caffemodel, and its region proposal layers. If it has none, they
are those of OLD_SET's teacher. NEW_SET's student is zf.caffemodel plus what distillation had changed:
OLD_SET's student minus its teacher. In the layers that --frozen names it is OLD_SET's student.

Both are starts, for `rpn2t train-rpn --start NEW_SET` and `rpn2t distill --weights NEW_SET --start student`:
a backbone trained on keeps conv5's channels what they are, so most of what was learnt still holds. The scale
of conv5 must be the same in both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rpn2t.nets.caffemodel import ZF_SHAPES, Layers, check_zf, read_caffemodel, write_caffemodel
from rpn2t.nets.weight_sets import FILES, find_set, write_sums
from rpn2t.system.files import write_whole


def carried(backbone: Layers, teacher: Layers, student: Layers, *, frozen: Sequence[str] = ()) -> Layers:
    """The new student: the new backbone plus what distillation had changed. All have only conv1 to conv5."""
    moved = {
        name: [
            new + (its - old)
            for new, old, its in zip(backbone[name], teacher[name], student[name], strict=True)
        ]
        for name in ZF_SHAPES
    }
    return moved | {name: student[name] for name in frozen}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the new set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone", type=Path, help="conv1 to conv5, of export.py")
    parser.add_argument("old", help="a set with teacher and student, by name or folder")
    parser.add_argument("new", type=Path, help="folder to write")
    helped = "layers of the student that stay; with conv1 and conv2 the refinement net still fits"
    parser.add_argument("--frozen", nargs="*", default=[], choices=ZF_SHAPES, help=helped)
    options = parser.parse_args(arguments)
    old = find_set(options.old)
    files = (options.backbone, old.file("teacher"), old.file("student"))
    read = [read_caffemodel(path) for path in files]
    zf = [check_zf(layers, source=path) for layers, path in zip(read, files, strict=True)]
    options.new.mkdir(parents=True, exist_ok=True)
    write_caffemodel(options.new / FILES["teacher"], {**read[1], **read[0]})
    write_caffemodel(options.new / FILES["student"], carried(*zf, frozen=options.frozen))
    if refiner := old.refiner_beside(options.frozen):
        write_whole(options.new / refiner.name, refiner.read_bytes())
    write_sums(options.new)


if __name__ == "__main__":
    main()
