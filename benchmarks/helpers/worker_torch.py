"""PyTorch as an engine of cpu.py: python -m helpers.worker_torch FOLDER float|bf16 THREADS.

It needs PyTorch and NumPy, nothing else. In bfloat16 it is told what makes it fastest: autocast, and channels
last.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.serving import Arrays, Case, read_problem, serve


class LRN(nn.Module):
    """Caffe's LRN within channels: x / (1 + alpha * mean of x^2 over 3 x 3)^0.75, beyond the rim 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape (n, channels, height, width)."""
        return x * (1 + 5e-5 * functional.avg_pool2d(x * x, 3, 1, 1)) ** -0.75


class Student(nn.Module):
    """prototxt/student/deploy.prototxt."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, 4, 3)
        self.conv2 = nn.Conv2d(96, 256, 5, 2, 2)
        self.conv3 = nn.Conv2d(256, 384, 3, 1, 1)
        self.conv4 = nn.Conv2d(384, 384, 3, 1, 1)
        self.conv5 = nn.Conv2d(384, 256, 3, 1, 1)
        self.lrn = LRN()

    def forward(self, x: Tensor) -> Tensor:
        """Patches (n, 3, 107, 107) to conv5 (n, 256, 14, 14)."""
        x = self.lrn(functional.relu(self.conv1(x), inplace=True))
        x = self.lrn(functional.relu(self.conv2(x), inplace=True))
        for layer in (self.conv3, self.conv4, self.conv5):
            x = functional.relu(layer(x), inplace=True)
        return x


class Head(nn.Module):
    """prototxt/head/."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_proposal1 = nn.Conv2d(256, 256, 3)
        self.score_anchor = nn.Conv2d(256, 2, 1)
        self.score_quality = nn.Conv2d(256, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (n, 256, 12, 12) to the scores of both terms, (n, 2, 10, 10) each."""
        x = functional.relu(self.conv_proposal1(x), inplace=True)
        return self.score_anchor(x), self.score_quality(x)

    def loss(self, x: Tensor, anchor: Tensor, quality: Tensor) -> Tensor:
        """Eq. 2, with the labels (n, 10, 10) of both terms, -1 where ignored."""
        first, second = self(x)
        term_1 = functional.cross_entropy(first, anchor, ignore_index=-1)
        return term_1 + 10 * functional.cross_entropy(second, quality, ignore_index=-1)


def is_bf16() -> bool:
    """Whether to compute in bfloat16."""
    return sys.argv[2] == "bf16"


def laid_out(maps: Tensor) -> Tensor:
    """Maps in the order that suits what computes."""
    return maps.contiguous(memory_format=torch.channels_last) if is_bf16() else maps


def cast() -> torch.autocast:
    """A block that computes in bfloat16, or as always."""
    return torch.autocast("cpu", torch.bfloat16, enabled=is_bf16())


def weighted(net: nn.Module, problem: Arrays) -> nn.Module:
    """The net with the problem's weights."""
    net.load_state_dict({name: torch.from_numpy(problem[name]) for name in net.state_dict()})
    return net.to(memory_format=torch.channels_last) if is_bf16() else net


class Engine:
    """A net's passes; the last results stay for `Case.outputs`."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.results: dict[str, Tensor] = {}

    def outputs(self) -> Arrays:
        """Results, and gradients if there are any."""
        gradients = {name: parameter.grad for name, parameter in self.net.named_parameters()}
        found = self.results | {name: value for name, value in gradients.items() if value is not None}
        return {name: value.detach().float().contiguous().numpy().copy() for name, value in found.items()}

    def clear(self) -> None:
        """Drops the gradients."""
        for parameter in self.net.parameters():
            parameter.grad = None


def student(problem: Arrays, batch: int) -> tuple[Case, Case]:
    """Forward; and forward and backward from a given gradient of conv5."""
    patches = laid_out(torch.from_numpy(problem["patches"][:batch]))
    gradient = laid_out(torch.from_numpy(problem["conv5_gradient"][:batch]))
    plain, learning = (Engine(weighted(Student(), problem)) for _ in range(2))

    def forward() -> None:
        with torch.inference_mode(), cast():
            plain.results = {"relu5": plain.net(patches)}

    def training() -> None:
        with cast():
            features = learning.net(patches)
        features.backward(gradient.to(features.dtype))
        learning.results = {"relu5": features}

    return Case(forward, plain.outputs), Case(training, learning.outputs, learning.clear)


def head(problem: Arrays) -> dict[str, Case]:
    """The loss; the loss and its gradients; and the scoring net."""
    windows = laid_out(torch.from_numpy(problem["windows"]))
    batch = windows[: len(problem["flags"])]
    anchor, quality = (torch.from_numpy(problem[f"{term}_labels"]).long() for term in ("anchor", "quality"))
    plain, learning, scoring = (Engine(weighted(Head(), problem)) for _ in range(3))

    def loss(engine: Engine) -> Tensor:
        with cast():
            value: Tensor = engine.net.loss(batch, anchor, quality)
        engine.results = {"loss": value.reshape(1)}
        return value

    def score() -> None:
        with torch.inference_mode(), cast():
            scores = scoring.net(windows)
            names = ("prob_anchor", "prob_quality")
            scoring.results = {name: torch.softmax(s, 1) for name, s in zip(names, scores, strict=True)}

    return {
        "head_forward": Case(lambda: loss(plain), plain.outputs),
        "head_training": Case(lambda: loss(learning).backward(), learning.outputs, learning.clear),
        "head_scoring": Case(score, scoring.outputs),
    }


def main() -> None:
    """Build every net and answer."""
    torch.set_num_threads(int(sys.argv[3]))
    problem = read_problem(Path(sys.argv[1]))
    cases = head(problem)
    for batch in (1, 32):
        plain, learning = student(problem, batch)
        cases |= {f"student_{batch}_forward": plain, f"student_{batch}_training": learning}
    about = {"python": sys.version.split()[0], "torch": torch.__version__, "build": torch.__config__.show()}
    serve(cases, about)


main()
