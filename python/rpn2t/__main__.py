"""``python -m rpn2t`` is the command ``rpn2t``."""

import sys

from rpn2t.cli import main

sys.exit(main())
