"""Loading Caffe, and its BLAS. What must happen at load time is looked at in a fresh process."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest


def in_fresh_process(code: str, **environment: str) -> tuple[dict[str, object], str]:
    """What ``code`` leaves in ``result``, and what it wrote to standard error."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OPENBLAS_CORETYPE", "GLOG_minloglevel")
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import json\n{code}\nprint(json.dumps(result))"],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout), ran.stderr


def test_caffe_takes_the_chosen_core() -> None:
    code = """
import os
from rpn2t.nets.caffe import blas_report, load_caffe
from rpn2t.system.processor import choose_core
load_caffe()
left = [name for name in ("OPENBLAS_CORETYPE", "GLOG_minloglevel") if name in os.environ]
result = {"report": blas_report(), "chosen": choose_core(), "left": left}
"""
    result, errors = in_fresh_process(code)
    report, chosen = result["report"], result["chosen"]
    assert isinstance(report, dict)
    assert chosen is None or report["core"].upper() == chosen
    assert report["threads"] >= 1
    assert report["library"].startswith("OpenBLAS")
    assert result["left"] == []
    assert errors == ""  # OpenBLAS knew the core


def test_caffe_reads_pictures_and_imports_what_that_needs_only_then(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    code = f"""
import sys
import numpy as np
from rpn2t.nets.caffe import load_caffe
caffe = load_caffe()
early = [name for name in ("skimage", "scipy") if name in sys.modules]
image = caffe.io.load_image({str(tmp_path / "a.png")!r})
grey = caffe.io.load_image({str(tmp_path / "a.png")!r}, color=False)
small, deep = caffe.io.resize_image(image, (4, 6)), caffe.io.resize_image(np.ones((4, 4, 5)), (8, 8))
result = {{"early": early, "image": (255 * image[..., ::-1]).round().astype(int).tolist(),
          "shapes": [each.shape for each in (grey, small, deep)]}}
"""
    result, _ = in_fresh_process(code)
    assert result["early"] == []
    assert result["image"] == picture.tolist()
    assert result["shapes"] == [[9, 12, 1], [4, 6, 3], [8, 8, 5]]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the core named is an x86-64 one")
def test_numpy_and_scipy_keep_their_own_core() -> None:
    # A core that no library takes by itself on a processor of the last ten years.
    code = """
from threadpoolctl import threadpool_info
from rpn2t.nets import caffe as loading
loading.choose_core = lambda: "NEHALEM"
loading.load_caffe()
import numpy, scipy.linalg
blas = [each for each in threadpool_info() if each["internal_api"] == "openblas"]
result = {"caffe": loading.blas_report()["core"],
          "wheels": [each["architecture"] for each in blas if "site-packages" in each["filepath"]]}
"""
    result, _ = in_fresh_process(code)
    assert result["caffe"] == "Nehalem"
    assert isinstance(result["wheels"], list)
    assert result["wheels"]
    assert "Nehalem" not in result["wheels"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the core named is an x86-64 one")
def test_the_users_core_is_kept() -> None:
    code = """
import os
from rpn2t.nets.caffe import blas_report
result = {"core": blas_report()["core"], "left": os.environ["OPENBLAS_CORETYPE"]}
"""
    result, _ = in_fresh_process(code, OPENBLAS_CORETYPE="Nehalem")
    assert result == {"core": "Nehalem", "left": "Nehalem"}


def test_thread_count_is_the_one_caffe_uses() -> None:
    code = "from rpn2t.nets.caffe import blas_report\nresult = blas_report()"
    result, _ = in_fresh_process(code, OPENBLAS_NUM_THREADS="1")
    assert result["threads"] == 1


# The log


def test_caffes_log_is_quiet_unless_the_user_wants_it(tmp_path: Path) -> None:
    net = tmp_path / "net.prototxt"
    net.write_text('input: "data" input_shape { dim: 1 }\n')
    code = f"""
from rpn2t.nets.caffe import load_caffe
caffe = load_caffe()
caffe.Net({str(net)!r}, caffe.TEST)
result = {{}}
"""
    assert in_fresh_process(code)[1] == ""
    assert "Network initialization done" in in_fresh_process(code, GLOG_minloglevel="0")[1]


def test_without_caffe_one_line_says_what_to_do() -> None:
    code = """
import importlib.machinery
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
whole = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *more: None if name == "caffe" else whole(name, *more)
try:
    load_caffe()
except InputError as error:
    result = {"message": str(error)}
"""
    message = str(in_fresh_process(code)[0]["message"])
    assert message.startswith("Caffe is not installed for ")
    assert message.endswith(": run `make setup`")


# A Caffe or a protobuf that is not ours

SAY_WHY = """
import sys
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
sys.path.insert(0, %r)
try:
    load_caffe()
except InputError as error:
    result = {"message": str(error)}
"""


def complaint(folder: Path, *files: tuple[str, str], **environment: str) -> str:
    """What is said if these files lie in a folder that Python searches first."""
    for name, text in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    path = f"{os.environ['PYTHONPATH']}:{folder}" if "PYTHONPATH" in os.environ else str(folder)
    result, errors = in_fresh_process(SAY_WHY % str(folder), PYTHONPATH=path, **environment)
    assert errors == ""
    return str(result["message"])


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("caffe/__init__.py", "")], "it has no compiled part"),
        ([("caffe.py", "")], "it has no compiled part"),
        ([("caffe/__init__.py", ""), ("caffe/_caffe.so", "not one")], "file too short"),
    ],
)
def test_a_caffe_that_hides_ours_is_named(tmp_path: Path, files: list[tuple[str, str]], reason: str) -> None:
    message = complaint(tmp_path, *files)
    assert message.startswith(f"{tmp_path / files[0][0]} is not the caffe that rpn2t needs (")
    assert reason in message
    assert "site-packages/caffe/__init__.py" in message.partition("and hides ")[2]
    assert message.endswith(f": take {tmp_path} out of PYTHONPATH")


def test_a_caffe_that_lacks_our_functions_is_named(tmp_path: Path) -> None:
    code = f"""
import sys, types
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
sys.modules["caffe"] = types.ModuleType("caffe")
sys.modules["caffe"].__file__ = {str(tmp_path / "caffe/__init__.py")!r}
try:
    load_caffe()
except InputError as error:
    result = {{"message": str(error)}}
"""
    message = str(in_fresh_process(code)[0]["message"])
    assert message.startswith(
        f"{tmp_path / 'caffe/__init__.py'} is not the caffe that rpn2t needs (it has no "
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("google/protobuf/__init__.py", ""), ("google/__init__.py", "")], "google.protobuf.text_format"),
        ([("google/__init__.py", "")], "No module named 'google.protobuf'"),
    ],
)
def test_a_protobuf_that_hides_ours_is_named(
    tmp_path: Path, files: list[tuple[str, str]], reason: str
) -> None:
    message = complaint(tmp_path, *files)
    assert message.startswith(f"{tmp_path / files[0][0]} is not the google.protobuf that rpn2t needs (")
    assert reason in message
    assert message.endswith(f"google/protobuf/__init__.py: take {tmp_path} out of PYTHONPATH")


@pytest.mark.parametrize("choice", ["cpp", "unheard-of"])
def test_a_part_of_protobuf_that_there_is_not(tmp_path: Path, choice: str) -> None:
    message = complaint(tmp_path, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=choice)
    assert message.endswith(
        f"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION={choice} asks for what it does not have: unset that variable"
    )
