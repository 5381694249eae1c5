"""What the layers share: reading ``param_str``, and blobs that can be looped over."""

import json
from dataclasses import fields
from typing import Any, TypeVar

Parameters = TypeVar("Parameters")


def read_parameters(kind: type[Parameters], text: str) -> Parameters:
    """A layer's parameters from its JSON text, as the dataclass `kind`.

    Raises:
        ValueError: not a JSON object, an unknown or a missing name, or a value `kind` refuses.
    """
    try:
        values: Any = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"param_str is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"param_str must be a JSON object, not {text}")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}; known: {', '.join(known)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"param_str: {error}") from None


def listed(blobs: Any) -> list[Any]:
    """A layer's bottoms or tops as a list: pycaffe's own vectors know only ``blobs[i]``."""
    return [blobs[index] for index in range(len(blobs))]
