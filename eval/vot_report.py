"""VOT's report from trackers' result files: accuracy, robustness, expected average overlap, AR plot.

    python eval/vot_report.py --root DIR --results DIR --output DIR

It does what `rpn2t evaluate vot2016` does. It needs NumPy, SciPy and matplotlib, and the package rpn2t (`pip
install --no-deps -e .` is enough), but no Caffe and no OpenCV. docs/vot.md says what the numbers mean.
"""

import argparse
import sys
from collections.abc import Sequence

try:
    from rpn2t.eval.report.command_line import Parser, positive, run, words
    from rpn2t.eval.vot.evaluation import evaluate
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "rpn2t":
        raise
    cure = "use the Python that has it, as .venv/bin/python after make setup, or: pip install --no-deps -e ."
    print(f"vot_report.py: the package rpn2t is not installed; {cure}", file=sys.stderr)
    sys.exit(2)


def _interval(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    if not (low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high)):
        raise argparse.ArgumentTypeError("give LOW:HIGH, as 108:371")
    return int(low), int(high)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = Parser(prog="vot_report.py", description="VOT's report from trackers' result files.")
    add = parser.add_argument
    add("--root", metavar="DIR", required=True, help="the sequences")
    add("--results", metavar="DIR", required=True, help="TRACKER/baseline/SEQUENCE/SEQUENCE_001.txt")
    add("--output", metavar="DIR", required=True, help="folder to write")
    add("--dataset", default="vot2016", metavar="NAME", help="vot2016 or a folder [vot2016]")
    add("--trackers", type=words, default=(), metavar="A,B", help="which, in this order [all]")
    add("--sequences", type=words, default=(), metavar="A,B", help="which [all]")
    add("--frames", type=positive, metavar="N", help="compare the first N frames only")
    add("--no-strips", dest="strips", action="store_false", help="show no frames")
    add("--interval", type=_interval, metavar="LOW:HIGH", help="of the EAO [the challenge's, or by its rule]")
    return run(parser, arguments, evaluate)


if __name__ == "__main__":
    sys.exit(main())
