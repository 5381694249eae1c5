"""Weights of networks that were trained to classify, for section 3.1: published files, and one scale for all.

A published file is known by its SHA-1, so that CaffeNet does not pass for AlexNet, whose layers have the same
shapes. Patches are BGR minus 128. If a network subtracts another mean, the difference goes into the bias of
its first layer.

The head's learning rates belong to the magnitude of the conv5 that it stands on. So that a comparison is not
one of scales, :func:`match_backbone` multiplies a network's last convolution by one factor: then its feature
vectors are as long as the student's on the same images.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rpn2t.boxes import Floats, as_boxes
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.nets.backbone import CLASSIFIERS, Backbone, BackboneSpec, backbone_names
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import load_into, read_caffemodel, scaled_layer, write_caffemodel
from rpn2t.nets.device import choose_device
from rpn2t.nets.install import Tell, fetch_file, fold_mean
from rpn2t.nets.patch import cut_patches
from rpn2t.nets.weight_sets import WeightSet, user_backbones_dir
from rpn2t.system.files import sha256, write_whole

IMAGENET_MEAN = (104.0, 117.0, 123.0)
"""What networks trained on ImageNet in Caffe subtract: blue, green, red."""


@dataclass(frozen=True)
class PublishedFile:
    """A file that its makers published: the network, its name there, its folder's address, and its SHA-1."""

    backbone: str
    name: str
    folder: str
    sha1: str


_BVLC = "http://dl.caffe.berkeleyvision.org"
_VGG = "http://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe"

# The SHA-1s of BVLC's files are those of BVLC/caffe's models/*/readme.md. Oxford published none for VGG's;
# theirs are those by which MXNet's Caffe converter and others check the files. None of a ZF is known to us.
PUBLISHED = tuple(
    PublishedFile(*row)
    for row in (
        ("alexnet", "bvlc_alexnet.caffemodel", _BVLC, "9116a64c0fbe4459d18f4bb6b56d647b63920377"),
        ("caffenet", "bvlc_reference_caffenet.caffemodel", _BVLC, "4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46"),
        ("vgg16", "VGG_ILSVRC_16_layers.caffemodel", _VGG, "9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24"),
        ("vgg19", "VGG_ILSVRC_19_layers.caffemodel", _VGG, "239785e7862442717d831f682bb824055e51e9ba"),
    )
)


def identify(file: str | Path, published: Sequence[PublishedFile] = PUBLISHED) -> PublishedFile | None:
    """Which published file this is, by its SHA-1; None if it is none of them.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Path(file).open("rb") as content:
            found = hashlib.file_digest(content, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    return next((each for each in published if each.sha1 == found), None)


def import_backbone(
    name: str,
    file: str | Path,
    mean: Sequence[float] = IMAGENET_MEAN,
    *,
    force: bool = False,
    published: Sequence[PublishedFile] = PUBLISHED,
) -> Path:
    """Install the weights of a classification network for the backbone of this name.

    Args:
        name: one of CLASSIFIERS.
        file: a Caffe model with its layers; it need not be a published one.
        mean: what the network subtracts: blue, green, red.
        force: replace what is installed.
        published: the files that are known.

    Returns:
        The installed file.

    Raises:
        InputError: no such network, the file is not its weights, or something is installed already.
    """
    if name not in CLASSIFIERS:
        what = "no classification network" if name in backbone_names() else "no such backbone"
        raise InputError(
            f"{name}: {what}; there are {', '.join(CLASSIFIERS)}, and `rpn2t weights import` takes ZF's "
            "student and teacher"
        )
    spec = BackboneSpec.find(name)
    place = _place(spec)
    if place.exists() and not force:
        raise InputError(f"{name}: already installed in {place}; --force replaces it")
    known = identify(file, published)
    if known is not None and known.backbone != name:
        raise InputError(
            f"{file}: is {known.name}, {known.backbone}'s weights; import it as {known.backbone}"
        )
    caffe = load_caffe()
    net = caffe.Net(str(spec.folder / spec.prototxt), caffe.TEST)
    load_into(net, read_caffemodel(file, only=net.params.keys()), source=file)
    layers = {layer: [blob.data.copy() for blob in blobs] for layer, blobs in net.params.items()}
    first = next(iter(layers))
    layers[first] = fold_mean(layers[first], mean)
    write_caffemodel(place, layers)
    return place


def fetch_backbone(
    name: str,
    folder_url: str | None = None,
    *,
    force: bool = False,
    timeout: float = 30.0,
    tell: Tell | None = None,
    published: Sequence[PublishedFile] = PUBLISHED,
) -> Path:
    """Download the published weights of a classification network, check their SHA-1 and install them.

    Args:
        name: the network's.
        folder_url: address of another folder that holds the file (a mirror).
        force: replace what is installed.
        timeout: seconds to wait for an answer, and for each piece of the file.
        tell: called as the file arrives.
        published: the files that are known.

    Returns:
        The installed file.

    Raises:
        InputError: no file is known for this network, it cannot be fetched, or it is not the published one.
    """
    file = next((each for each in published if each.backbone == name), None)
    if file is None:
        raise InputError(
            f"{name}: no published file is known; `rpn2t weights import-backbone` takes one of yours"
        )
    if (place := _place(BackboneSpec.find(name))).exists() and not force:
        raise InputError(f"{name}: already installed in {place}; --force replaces it")
    url = f"{(folder_url or file.folder).rstrip('/')}/{file.name}"
    with tempfile.TemporaryDirectory(prefix="rpn2t-") as scratch:
        path = Path(scratch) / file.name
        fetch_file(url, path, timeout, tell)
        if identify(path, [file]) is None:
            raise InputError(f"{url}: not the published {file.name}, or not all of it: nothing was installed")
        return import_backbone(name, path, force=force, published=published)


def match_backbone(name: str, images: Iterable[Image], weights: WeightSet) -> float:
    """Bring the conv5 of an installed network to the magnitude of the student's.

    The last convolution's weights and bias are multiplied by one factor, which its ReLU passes on. Doing it
    again, on the same images and with the same student, changes nothing but roundings.

    Args:
        name: of the network.
        images: uint8 (height, width, 3), BGR; a few typical ones, for example frames of the sequences.
        weights: the set with the student.

    Returns:
        The factor.

    Raises:
        InputError: the network is not installed, there is no image, or its conv5 is 0.
    """
    spec = BackboneSpec.find(name)
    place = _place(spec)
    if not spec.classifies or not place.exists():
        raise InputError(f"{name}: not installed; `rpn2t weights import-backbone {name} FILE` does that")
    seen = list(images)
    if not seen:
        raise InputError(f"{name}: there is no image to measure its conv5 on")
    layers = read_caffemodel(place)
    device = choose_device("cpu")
    wanted = feature_length(Backbone(BackboneSpec.find("student"), weights, device), seen)
    have = feature_length(Backbone(spec, weights, device), seen)
    if not 0 < have < np.inf:
        raise InputError(f"{place}: its conv5 is {have:g} everywhere on these images; import other weights")
    factor = wanted / have
    last = list(layers)[-1]
    layers[last] = scaled_layer(layers[last], (factor, factor), f"{place}: layer {last}")
    write_caffemodel(place, layers)
    record = {"sha256": sha256(place), "student": sha256(weights.file("student")), "factor": factor}
    write_whole(_record(place), json.dumps(record | {"images": len(seen)}, indent=1) + "\n")
    return factor


def is_matched(name: str, weights: WeightSet) -> bool:
    """Whether the conv5 of an installed network was brought to the magnitude of this set's student."""
    place = _place(BackboneSpec.find(name))
    try:
        record = json.loads(_record(place).read_text(encoding="utf-8"))
        files = record["sha256"], record["student"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return files == (sha256(place), sha256(weights.file("student")))


UNMATCHED = "its conv5 is not at the student's magnitude, and scale may decide"
BROUGHT = "brings it there"
"""A note on such a network begins and ends with these; the command stands between."""


def is_unmatched(backbone: str, weights: WeightSet) -> bool:
    """Whether a backbone is a classification network whose features have a scale of their own."""
    return backbone in CLASSIFIERS and not is_matched(backbone, weights)


def feature_length(backbone: Backbone, images: Iterable[Image]) -> float:
    """How long a network's feature vectors are: the root mean square over the positions that the loss reads.

    The variance of a gaussian layer on them goes with the square of this length, whatever the number of
    channels.

    Args:
        backbone: the network.
        images: uint8 (height, width, 3), BGR. Five boxes of each are looked at, half as wide and high as it.
    """
    spec, rim, squares = backbone.spec, backbone.map_size // 7, []
    for image in images:
        patches = cut_patches(image, _five_boxes(image), spec.input_side, spec.context)
        maps = backbone.conv5(patches)[:, :, rim:-rim, rim:-rim].astype(np.float64)
        squares.append((maps**2).sum(axis=1).mean())
    return float(np.sqrt(np.mean(squares)))


def _five_boxes(image: Image) -> Floats:
    height, width = image.shape[:2]
    corners = ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5), (0.25, 0.25))
    return as_boxes([(x * width, y * height, width / 2, height / 2) for x, y in corners])


def _place(spec: BackboneSpec) -> Path:
    return user_backbones_dir() / spec.weights


def _record(place: Path) -> Path:
    return place.with_suffix(".json")
