"""The whole loop on a real sequence, where a copy is at hand: RPN2T_SEQUENCES names the folder with OTB/."""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.config import MODES
from rpn2t.eval.otb.metrics import one_pass_score
from rpn2t.run.session import run
from rpn2t.video.sources import open_source

ROOT = Path(os.environ.get("RPN2T_SEQUENCES", "")) / "OTB"


@pytest.mark.skipif("RPN2T_SEQUENCES" not in os.environ, reason="RPN2T_SEQUENCES is not set")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["Deer", "Crossing"])
def test_follows_a_real_target(name: str, mode: str) -> None:
    """Random weights lose these within a dozen frames."""
    with open_source(str(ROOT / name)) as source:
        truth = source.ground_truth
        config = Config.load("quarter") if mode == "paper" else Config.for_mode(mode)
        tracker = Tracker(config, mode=mode, device="cpu")
        steps = list(islice(run(tracker, source.frames(), tuple(truth[0])), 15))
    result = one_pass_score(np.array([step.box for step in steps]), truth[:15])
    assert result.success_auc > 0.65
