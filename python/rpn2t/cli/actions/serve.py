"""What ``rpn2t serve`` does."""

from dataclasses import dataclass

from rpn2t.cli.chosen_tracker import TrackerOptions
from rpn2t.cli.console import say
from rpn2t.paths import typed_path
from rpn2t.serve.server import serve
from rpn2t.serve.worker import TrackerMaker


@dataclass(frozen=True, kw_only=True)
class ServeOptions(TrackerOptions):
    """The command line of ``rpn2t serve``, as it was typed."""

    folder: str
    host: str
    port: int
    runs: str | None
    upload_limit: float


def serve_folder(options: ServeOptions) -> None:
    """Serve the folder until a signal stops it.

    Raises:
        InputError: an option cannot be used.
    """
    tracker = options.spec()
    tracker.identity()  # weights that are missing are told now, and not in the first job
    maker = TrackerMaker(
        config=tracker.config, mode=tracker.mode, backbone=tracker.backbone, weights=tracker.weights,
        device=tracker.device, seed=options.seed, tf32=tracker.tf32, bf16=tracker.bf16,
    )  # fmt: skip
    folder = typed_path(options.folder)
    runs = folder / "runs" if options.runs is None else typed_path(options.runs)
    serve(
        folder, runs, maker, host=options.host, port=options.port,
        upload_limit=round(options.upload_limit * 1e9), say=say,
    )  # fmt: skip
