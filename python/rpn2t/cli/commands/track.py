"""``rpn2t track``: the options and their help. What it does is in rpn2t.cli.actions.track."""

from typing import Any

import click

from rpn2t.cli.options import FORMAT, GroupedCommand, grouped_option, tracker_options
from rpn2t.system.container import command


class _Command(GroupedCommand):
    """The command; without a source it shows how it is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            example = f"{command()} track clip.mp4 --init 68,36,54,62"
            raise click.UsageError(f"Name a SOURCE, as in `{example}`.", ctx) from error


_BOX = "The object (default: the folder's own ground truth)"
_FRAMES = "Frames"
_RESULTS = "Results"


@click.command(cls=_Command)
@click.argument("source")
@grouped_option(
    _BOX,
    "--init",
    multiple=True,
    metavar="[N:][NAME=]X,Y,W,H",
    help="Box in the first frame, or in frame N, in pixels, 0-based. May be repeated: an object for each.",
)
@grouped_option(
    _BOX,
    "--init-file",
    metavar="FILE",
    help="Ground-truth file: a rectangle or a polygon on each line. With --frames A:B its row A is taken, "
    "otherwise its first line.",
)
@grouped_option(
    _BOX, "--select", is_flag=True, help="Draw the box with the mouse (needs a screen and `make gui`)."
)
@grouped_option(
    _BOX,
    "--fix",
    multiple=True,
    metavar="N:[NAME=]X,Y,W,H",
    help="Correct an object: it is learned anew from this box in frame N. May be repeated.",
)
@grouped_option(
    _BOX, "--fixes", metavar="FILE", help="File of corrections, one a line, written as for --fix."
)
@grouped_option(
    _FRAMES,
    "--frames",
    metavar="A:B",
    help="Track frames A to B - 1, counted from 0: 0:5 is five frames. A or B may be left out.",
)
@grouped_option(
    _FRAMES,
    "--until",
    multiple=True,
    metavar="N[:NAME]",
    help="Track an object to frame N, which is its last (with --backward its first). May be repeated.",
)
@grouped_option(
    _FRAMES,
    "--backward",
    is_flag=True,
    help="Track from the last frame to the first. The boxes of --init are then of the last frame.",
)
@grouped_option(
    _FRAMES,
    "--both",
    is_flag=True,
    help="Track from each given box in both directions. Between two of them the nearer one counts.",
)
@grouped_option(
    _FRAMES,
    "--realtime",
    is_flag=True,
    help="Always take the newest frame. Frames that come while the tracker is busy are dropped.",
)
@grouped_option(
    _RESULTS,
    "--output",
    metavar="DIR",
    help="Folder for the results.  [default: runs/NAME, or runs/NAME-2 ... if that holds a run]",
)
@grouped_option(
    _RESULTS,
    "--overwrite",
    is_flag=True,
    help="Replace an earlier run's results in --output, and its pictures in --explain.",
)
@grouped_option(
    _RESULTS,
    "--format",
    "formats",
    type=FORMAT,
    multiple=True,
    help="Also write boxes.csv as MOT challenge, COCO or CVAT have it. May be repeated.",
)
@grouped_option(_RESULTS, "--no-video", is_flag=True, help="Do not write video.mp4.")
@grouped_option(
    _RESULTS, "--show", is_flag=True, help="Also show the frames in a window. q or Esc ends the run."
)
@grouped_option(
    _RESULTS, "--profile", is_flag=True, help="Also say where the time went, in profile.txt (see above)."
)
@grouped_option(
    _RESULTS,
    "--explain",
    metavar="DIR",
    help="Also draw into DIR why the box was chosen: both terms' probabilities, and the candidates by score.",
)
@grouped_option(
    _RESULTS,
    "--explain-frames",
    metavar="LIST",
    help="Frames to draw, counted from 0: 10,25,40:60.  [default: every tenth, and those where the tracker "
    "failed]",
)
@tracker_options
def track(**options: Any) -> None:
    """Follow one or several objects through SOURCE.

    SOURCE is a video file, a folder of frames, a glob in quotes ('frames/*.png'), a pattern of
    numbered images (frames/%04d.jpg), an image file with several pictures, a sequence folder of
    OTB, VOT or another data set (`rpn2t datasets` shows their layouts), a stream's URL, or the
    index of a camera (0, or /dev/video0 where a folder is called 0).

    \b
    Examples:
      rpn2t track clip.mp4 --init 68,36,54,62
      rpn2t track OTB/Deer --frames 0:40
      rpn2t track OTB/Jogging --init-file OTB/Jogging/groundtruth_rect.2.txt
      rpn2t track frames/ --select --show --output runs/mine
      rpn2t track 0 --select --realtime
      rpn2t track clip.mp4 --init 68,36,54,62 --mode paper --config quarter
      rpn2t track clip.mp4 --init crane=68,36,54,62 --init 120:chick=10,10,40,40
      rpn2t track clip.mp4 --init 68,36,54,62 --fix 60:80,40,54,62 --until 300
      rpn2t track clip.mp4 --init 120:68,36,54,62 --both

    A box is x,y,w,h in pixels of the frame: the upper left corner, then the size. Here and in
    run.json the upper left pixel is 0,0. In box files of OTB's layout and in our boxes.txt it is
    1,1; such files are converted when they are read. Polygons and masks in any file are taken as they
    are, and so are the rectangles of VOT, GOT-10k, TrackingNet and NfS, and of any other file named
    groundtruth.txt (LaSOT's count from 1,1). A polygon or mask stands for the upright rectangle
    around it. Tables of MOT or VisDrone with one target give their boxes. A table whose columns are
    not certain is refused. A ground truth that cannot be read is no hindrance if a box is given.

    If the ground truth of an OTB or UAV123 sequence describes only some of the images, these are the
    frames, as in `rpn2t benchmark`. Without --init, --init-file or --select the box is that of the
    folder's own ground truth for the first tracked frame.

    With --init NAME=X,Y,W,H several objects are tracked in one run, each as it would be alone.
    Without names they are called object, object-2 and so on. An object begins in the first frame, or
    in frame N with --init N:NAME=X,Y,W,H, and ends in the last frame, or in frame N with --until
    N:NAME. The name may be left out where there is one object.

    --fix N:NAME=X,Y,W,H corrects an object. It is learned anew in frame N, as the first box is, and
    tracked on from there; the frames before keep their boxes. With --backward tracking goes from the
    last frame to the first. A correction then counts for the frames before it. With --both it goes
    from each given box in both directions, and each frame between two boxes comes from the nearer
    one. To put a run right, look at its lost frames, give boxes for some of them in --fixes FILE,
    and run it again.

    A frame is lost if the tracker's score is below its threshold. A last line says which frames
    these are. Their box is dashed and red in the video, and their status is lost in boxes.csv and
    run.json.

    The folder of results gets

    \b
      boxes.txt    x,y,w,h of each tracked frame, 1-based as in OTB; with several objects a file
                   boxes_NAME.txt of each
      boxes.csv    for each object and frame: object, frame, time_s, x, y, w, h (0-based), score and
                   status: given, fixed (by --fix), found or lost
      run.json     seed, version, configuration, checksums of the weights, device, init_seconds, and
                   for each object and frame the frame's index, the object, its box, score (0 to 1),
                   status, seconds that tracking took, and time: when the source shows the frame, in
                   seconds after the source's first one. Where the box was given, score and seconds
                   are null
      video.mp4    the frames with the box in yellow, and the ground truth in blue, at the times
                   that they have in the source, counted from the first tracked one. Several objects
                   have a colour each. With --backward and --both it is drawn at the end, in a second
                   reading, and not at all if the run is stopped before
      profile.txt  with --profile: the time of each stage (cutting patches, conv5, the head's
                   scores, mining, learning ...), for the first frame and for the later ones. The
                   stages add up to the whole run. With several threads, patches are cut and
                   windows are copied where conv5 and scores are computed, and count as these. It is
                   also printed at the end, and the boxes are the same as without it
      mot.txt, coco.json, cvat.xml
                   with --format: docs/formats.md says what is in them. `rpn2t convert` writes them
                   later, too

    Frames are counted as they come, whatever their times: a rate that varies, or a slide that is
    held, leaves no number out. Only where a part of a Matroska or WebM file is destroyed, and the
    frames had one rate before it, the frames after it keep their numbers. A note names those that
    are missing. boxes.txt has no rows for them: evaluate by the index in run.json.

    Of images in a folder that have the same numbers and other names (frame_1.png, mask_1.png), one
    kind must be named. But a JPEG is taken as the frame beside a .png of its name, and a kind that
    has only a tenth as many files is left out; a note says so. Images of 16 bits of which few are
    used (12 or 14 bits, temperatures) are scaled to 8 bits by the range of the first frame, for the
    whole run. run.json has it as scaled_from. A glob or a pattern takes all files that it matches.

    With --realtime, which goes forward only and takes no corrections, a camera or stream passes at
    its own pace. A file is played by its frames' times,
    a folder at 30 frames a second, from the moment the learning of the first frame begins. Frames
    that pass while the tracker is busy or learning are dropped, but the last frame of a file is
    always tracked. At the end the command says how many frames were tracked and dropped, the
    frames a second, and the latency: the time from when a frame came, or was due, to when its box
    is known. run.json has the same under realtime, and latency_ms for each frame (null on the
    first). boxes.txt and video.mp4 hold only the tracked frames. So row i is not frame i: evaluate
    by the index in run.json. What is dropped depends on the machine and its load, so two runs may
    differ.

    The pictures of --explain are named by frame (explained_000012.png). They show the searched part
    of the frame enlarged. For each of the head's two terms a picture has the probability that the
    object is there, as the mean of all candidates. Then it has the candidates, the box that was
    chosen, the mean of the best candidates from which that box was regressed, the last frame's box,
    and the ground truth if it is known. The first frame has no picture, since its box was given. The
    boxes are the same as without --explain.

    All results are in the order of frames, whatever the order of tracking. boxes.csv grows while the
    run goes, so a kill loses nothing; with --backward and --both it is put in order at the end.

    A run never replaces another one unasked. With --overwrite it does, once the first frame is
    learned. Ctrl-C and SIGTERM end the run. The files then hold what was tracked, as after any error
    on the way.
    """
    from rpn2t.cli.actions.track import TrackOptions, track_source

    track_source(TrackOptions(**options))
