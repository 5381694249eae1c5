#!/usr/bin/env bash
# The first ten minutes on a GPU machine without package indexes: what works, what is exact, what is fast.
#
# usage: tools/gpu_first.sh BUNDLE LOGS
#
#   BUNDLE  of tools/gpu_bundle.sh pack
#   LOGS    a folder for a log of each step, and summary.txt
#
# Every step is a process of its own under a time limit, and none keeps the next from running. RPN2T_DEVICE=cpu rehearses it
# without a GPU. BUDGET is the number of seconds for all of it (570). Exit status 1 if a step failed.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ $# = 2 && -f $1 ]] || { sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2; }
bundle=$(realpath "$1")
mkdir -p "$2"
logs=$(realpath "$2")
budget=${BUDGET:-570} failures=0 number=0
export RPN2T_DEVICE=${RPN2T_DEVICE:-gpu:0} PYTHONUNBUFFERED=1 PYTHONPATH=
: >"$logs/summary.txt"

say() { printf '%s\n' "$*" | tee -a "$logs/summary.txt"; }

# step LIMIT NAME COMMAND ... : its log, how it ended, and the last lines.
step() {
  local limit=$1 name=$2 left=$((budget - SECONDS)) status=0 started=$SECONDS log
  shift 2
  number=$((number + 1))
  log=$logs/$(printf %02d $number)-$name.log
  if ((left < 5)); then say "SKIP $name: no time left"; return; fi
  timeout -k 5 $((limit < left ? limit : left)) "$@" >"$log" 2>&1 || status=$?
  if ((status)); then failures=$((failures + 1)); fi
  say "$( ((status)) && echo "FAIL $status" || echo ok) $name, $((SECONDS - started)) s"
  if ((status)); then tail -n 8 "$log" | sed 's/^/    /' | tee -a "$logs/summary.txt"; fi
}

within() { "$root/tools/gpu_bundle.sh" run "$bundle" "$@"; }

# check NAME [--tf32] : one of tests/gpu_checks.py
check() { within python "$root/tests/gpu_checks.py" "$1" "$RPN2T_DEVICE" "${@:2}"; }

machine() {
  nvidia-smi || echo "there is no nvidia-smi"
  free -m | head -n 2
  nproc
  within python -c '
import os
from rpn2t.nets.device import choose_device
from rpn2t.nets.caffe import caffe_library
device = choose_device(os.environ["RPN2T_DEVICE"])
print("device:", device, device.notes)
library = caffe_library()
if hasattr(library, "cudnnGetVersion"):
    print("cuDNN", library.cudnnGetVersion())
'
}

export -f within check machine
export root bundle

step 90 machine bash -c machine
layers=$(sed -n '/^LAYERS/,/^}/s/^    "\([a-z0-9_]*\)": .*/\1/p' "$root/tests/gpu_checks.py")

# checks NAME LIMIT OPTION CHECK ... : of each a log, of all layers one unless some layer fails.
checks() {
  local kind=$1 limit=$2 option=$3 each before
  for each in "${@:4}"; do
    before=$failures
    step "$limit" "$each-$kind" env CAFFE_CUDNN_LOG=1 bash -c 'check "$@"' - "$each" $option
    if [[ $each = layers && $failures != "$before" ]]; then checks "$kind" 60 "$option" $layers; fi
  done
}

checks float 150 '' layers rows crops student paper_head paper_mode fast_mode

# speed, with the GPU's memory beside it
(while sleep 2; do nvidia-smi --query-gpu=memory.used,utilization.gpu --format=csv,noheader; done >"$logs/memory.csv" 2>/dev/null) &
watcher=$!
speed() { # NAME OPTIONS ...
  step "${LIMIT:-60}" "$1" bash -c 'within python "$root/benchmarks/modes.py" --device "$RPN2T_DEVICE" --rounds 1 "$@"' \
    - --output "$logs/$1.json" "${@:2}"
  sed -n '/^|/p' "$logs/$(printf %02d $number)-$1.log" 2>/dev/null | tee -a "$logs/summary.txt"
}
frames=(--paper-frames 60 --fast-frames 100)
if [[ $RPN2T_DEVICE = cpu ]]; then # numbers with which a CPU is done in seconds
  frames=(--paper-frames 10 --fast-frames 10)
  for each in positives_first=16 negatives_first=48 regressor_positives=16 candidates=16 positives_later=4 negatives_later=8 \
    batch_positives=8 batch_negatives=24 mining_pool=32 iterations_first=2 iterations_later=1; do
    frames+=(--set "$each")
  done
fi
speed speed-320-float "${frames[@]}"
speed speed-320-tf32 --tf32 "${frames[@]}"
speed speed-1280-float --size 1280x720 "${frames[@]}"
speed speed-1280-tf32 --size 1280x720 --tf32 "${frames[@]}"
CUDA_LAUNCH_BLOCKING=1 speed stages-320-float --profile "${frames[@]}"
kill $watcher 2>/dev/null
step 40 student-caffe bash -c 'within python "$root/tools/gpu_student.py" caffe "$RPN2T_DEVICE"'
torch=$(for each in $(type -ap python3 python | sort -u); do timeout 60 "$each" -c 'import torch' 2>/dev/null && echo "$each" && break; done)
if [[ -n $torch ]]; then
  step 60 student-torch env PYTHONPATH="$root/benchmarks" "$torch" "$root/tools/gpu_student.py" torch "$RPN2T_DEVICE"
else
  say "SKIP student-torch: no python3 has PyTorch"
fi
cat "$logs"/*-student-*.log 2>/dev/null | grep ' ms ' | tee -a "$logs/summary.txt"

checks tf32 150 --tf32 layers student paper_head paper_mode fast_mode
checks float 60 '' many_rows teacher cpu_beside_gpu full_memory
CAFFE_CUDNN=0 checks without-cudnn 60 '' layers student paper_head

# what time is left goes to the test files
step 240 tests env LIMIT=60 "$root/tools/gpu_bundle.sh" run "$bundle"
if command -v compute-sanitizer >/dev/null; then
  step 60 sanitizer bash -c 'within compute-sanitizer --target-processes all --error-exitcode 1 python "$root/tests/gpu_checks.py" crops "$RPN2T_DEVICE"'
fi
say "$failures steps failed; $SECONDS s in all; logs in $logs"
exit $((failures > 0))
