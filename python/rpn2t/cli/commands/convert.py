"""``rpn2t convert``: the options and their help. What it does is in rpn2t.cli.actions.convert."""

import click

from rpn2t.cli.options import FORMAT, Command


@click.command(cls=Command)
@click.argument("run")
@click.option("--format", "name", type=FORMAT, required=True, help="The format, see above.")
@click.option(
    "--output", metavar="FILE", help="The file to write.  [default: mot.txt, coco.json or cvat.xml in RUN]"
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def convert(run: str, name: str, output: str | None, overwrite: bool) -> None:
    """Write the boxes of a finished run in another tool's format.

    RUN is the folder of results of `rpn2t track`. Its boxes.csv and run.json are read; nothing is tracked.

    \b
    mot   mot.txt    MOT challenge, for TrackEval and motmetrics
    coco  coco.json  COCO with videos and tracks, for pycocotools, TAO and CocoVID
    cvat  cvat.xml   CVAT for video 1.1, to be uploaded to a task of the same video

    docs/formats.md says what becomes of the score, the status and the times.
    """
    from rpn2t.cli.actions.convert import convert_run

    convert_run(run, name, output, overwrite=overwrite)
