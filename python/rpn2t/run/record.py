"""What a run was made of: versions, files, device, settings."""

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rpn2t import __version__
from rpn2t.nets.backbone import BackboneSpec
from rpn2t.nets.caffe import blas_report
from rpn2t.nets.weight_sets import WeightSet
from rpn2t.system.cores import usable_cores
from rpn2t.system.files import sha256
from rpn2t.system.processor import cpu_name
from rpn2t.system.threads import thread_limit
from rpn2t.tracker.loop import Tracker


def describe(tracker: Tracker) -> dict[str, Any]:
    """What a tracker is made of, for a run's record."""
    return {
        "tracker": "RPN2T",
        "version": __version__,
        "mode": tracker.mode,
        "seed": tracker.seed,
        "device": str(tracker.device),
        "tf32": tracker.device.tf32,
        "bf16": tracker.device.bf16,
        "blas": blas_report(),
        "threads": thread_limit(),
        "machine": {
            "cpu": cpu_name(), "cores": usable_cores(), "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "backbone": tracker.backbone_name,
        "weights": {
            "set": tracker.weights.name,
            "sha256": checksums(weight_files(tracker.backbone.spec, tracker.weights)),
        },
        "conv_proposal1_start": tracker.proposal_start,
        "refinement": tracker.refinement,
        "configuration": tracker.config.to_dict(),
    }  # fmt: skip


def weight_files(backbone: BackboneSpec, weights: WeightSet) -> set[Path]:
    """The files of weights that decide a tracker's boxes: the backbone's and its set's.

    Raises:
        InputError: the backbone's is not there.
    """
    return {backbone.weights_file(weights), *weights.files.values()}


def checksums(files: Iterable[Path]) -> dict[str, str]:
    """File name to SHA-256, in order of the paths."""
    return {path.name: sha256(path) for path in sorted(files)}
