#!/usr/bin/env bash
# Take out of a virtual environment what only its making needed, before it goes into an image.
#
# usage: docker/trim.sh DIR
set -euo pipefail
venv=${1:?"usage: docker/trim.sh DIR"}

rm -rf "$venv/share/caffe"   # Caffe's own tests and model definitions
"$venv/bin/python" -m pip uninstall --quiet --yes pip
# The packages' tests; nothing imports them. Then what only a compiler reads.
find "$venv/lib" -depth -type d -name tests -exec rm -rf {} +
find "$venv/lib" -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.cuh' \) -delete
