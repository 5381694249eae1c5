#!/bin/bash
# Train in the background, giving way to everything else:
# background.sh [propose.py|refine.py] PYTHON SNAPSHOTS IMAGES [OPTION]...
#
# Starts pretrain.py, or the script that is named first, or goes on from the folder's last snapshot, and
# writes its process id to `pid` in the folder above SNAPSHOTS. Does nothing if that process still runs.
# To stop it: kill -TERM its id.
set -euo pipefail

name=pretrain.py
if [[ ${1-} = *.py ]]; then
  name=$1
  shift
fi
if (($# < 3)); then
  sed -n '2,7s/^# \?//p' "$0" >&2
  exit 2
fi
python=$1 snapshots=$2 images=$3
shift 3
script=$(dirname "$(realpath "$0")")/$name
mkdir -p "$snapshots"
pid_file=$(dirname "$(realpath "$snapshots")")/pid
if [[ -s $pid_file ]] && grep -qs "$name" "/proc/$(<"$pid_file")/cmdline"; then
  echo "It runs already, as process $(<"$pid_file")"
  exit 0
fi

# Huge pages save a tenth of the time; waiting threads must not spin.
export OMP_WAIT_POLICY=passive THP_MEM_ALLOC_ENABLE=1
setsid nohup nice -n 19 chrt --idle 0 "$python" "$script" --images "$images" --snapshots "$snapshots" "$@" \
  >>"$snapshots/output.txt" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$pid_file"
sleep 1 # by then setsid has given it a group of its own for the scheduler
if [[ -w /proc/$pid/autogroup ]]; then echo 19 >"/proc/$pid/autogroup" || true; fi
echo "Process $pid; its log is $snapshots/log.jsonl"
