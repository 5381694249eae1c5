"""Draw OTB's precision and success plots, tables and a page from trackers' result files.

    python eval/otb_plots.py --root DIR --results DIR --output DIR

It does what `rpn2t evaluate` does. It needs NumPy, SciPy and matplotlib, and the package rpn2t (`pip install
--no-deps -e .` is enough), but no Caffe and no OpenCV. docs/evaluation.md says what it reads and what the
protocols mean.
"""

import sys
from collections.abc import Sequence

try:
    from rpn2t.benchmark.experiments import OTB_EXPERIMENTS
    from rpn2t.eval.otb.evaluation import evaluate
    from rpn2t.eval.report.command_line import Parser, positive, run, words
    from rpn2t.sequences.protocols import PROTOCOLS
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "rpn2t":
        raise
    cure = "use the Python that has it, as .venv/bin/python after make setup, or: pip install --no-deps -e ."
    print(f"otb_plots.py: the package rpn2t is not installed; {cure}", file=sys.stderr)
    sys.exit(2)


def _parser() -> Parser:
    parser = Parser(
        prog="otb_plots.py", description="OTB's plots, tables and a page from trackers' result files."
    )
    add = parser.add_argument
    add("--root", metavar="DIR", required=True, help="the sequences, or NAME.txt and att/NAME.txt")
    add("--results", metavar="DIR", required=True, help="TRACKER/SEQUENCE.txt, .mat or .json")
    add("--output", metavar="DIR", required=True, help="folder to write")
    add("--dataset", default="otb100", metavar="NAME", help="otb100, otb50, otb2013 or a folder [otb100]")
    add("--protocol", choices=PROTOCOLS, default="otb", help="whose rules [otb]")
    add("--experiment", choices=OTB_EXPERIMENTS, default="ope", help="[ope]")
    add("--trackers", type=words, default=(), metavar="A,B", help="which, in this order [all]")
    add("--attributes", type=words, default=(), metavar="A,B", help="which [all that occur]")
    add("--sequences", type=words, default=(), metavar="A,B", help="which [all]")
    add("--frames", type=positive, metavar="N", help="compare the first N frames only")
    add("--normalised", action="store_true", help="add normalised precision, which is no measure of OTB")
    add("--no-strips", dest="strips", action="store_false", help="show no frames")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return run(_parser(), arguments, evaluate)


if __name__ == "__main__":
    sys.exit(main())
