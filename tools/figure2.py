"""Draw the paper's figure 2 from the label layer's own output: docs/figure2.png.

python tools/figure2.py
"""

from pathlib import Path

from rpn2t.reproduce.figure2 import figure2, label_maps
from rpn2t.system.plotting import plain


@plain()
def main() -> None:
    """Draw and save."""
    path = Path(__file__).parents[1] / "docs/figure2.png"
    figure2(label_maps()).savefig(path, dpi=120)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
