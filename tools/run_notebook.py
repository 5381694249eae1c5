"""Runs a notebook's code cells and writes their outputs into it: python tools/run_notebook.py docs/X.ipynb

It needs no Jupyter. What a cell prints, and the value of its last line, become its outputs; a value that can
show itself as a PNG does.
"""

import argparse
import ast
import base64
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the notebook that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook
    notebook = json.loads(path.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, cell in enumerate(cells, 1):
        cell["execution_count"] = count
        cell["outputs"] = run_cell("".join(cell["source"]), namespace, count)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_cell(source: str, namespace: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell in the namespace; its outputs in the notebook's format."""
    tree = ast.parse(source)
    last = None
    if isinstance(end := tree.body[-1], ast.Expr):
        last = ast.Expression(end.value)
        del tree.body[-1]
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, f"cell {count}", "exec"), namespace)
        value = eval(compile(last, f"cell {count}", "eval"), namespace) if last else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        lines = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None:
        outputs.append({
            "data": _shown(value), "execution_count": count, "metadata": {}, "output_type": "execute_result"
        })  # fmt: skip
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    png = getattr(value, "_repr_png_", None)
    if png is None:
        return {"text/plain": repr(value).splitlines(keepends=True)}
    size = " x ".join(map(str, getattr(value, "size", ())))
    return {"image/png": base64.b64encode(png()).decode("ascii"), "text/plain": [f"<image of {size} px>"]}


if __name__ == "__main__":
    main()
