"""The networks, as prototxt files; ``python -m rpn2t.prototxt.generate`` writes them."""
