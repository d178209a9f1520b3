#!/usr/bin/env bash
# All tests and measurements that need a GPU, in at most six minutes. The tables go into benchmarks/README.md and the JSON
# files beside it, or to another folder. What fails or takes too long does not keep the rest from being measured.
#
# benchmarks/gpu.sh [--tiny] [--out FOLDER]
#   --tiny  tiny sizes, on any machine, to see that the script works; prints only, unless there is a FOLDER
#   --out   folder for README.md, gpu.json, pretraining.json and gpu-tests.xml
# PYTHON names the interpreter; else it is that of .venv, or python3.
set -uo pipefail

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }
tiny=()
out=
while [ $# -gt 0 ]; do
  case "$1" in
    --tiny) tiny=(--tiny) ;;
    --out) [ $# -ge 2 ] || { usage >&2; exit 2; }; out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ -z "$out" ] || { mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2; }
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -n "${PYTHON:-}" ] || [ -x "$python" ] || python=python3

if [ ${#tiny[@]} -gt 0 ] && [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
elif [ ${#tiny[@]} -eq 0 ] && ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "torch sees no GPU here; --tiny tries this script on the CPU." >&2
  exit 2
fi
into=()
[ -z "$out" ] || into=(--out "$out")
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(nproc)}

failed=()
step() { # NAME SECONDS COMMAND...: run it for at most so long
  local name=$1 seconds=$2 start=$SECONDS code=0
  shift 2
  [ ${#tiny[@]} -eq 0 ] || seconds=$((5 * seconds)) # of a machine that may be slow and busy
  echo "== $name"
  timeout --kill-after=10 "$seconds" "$@" || code=$?
  [ "$code" -eq 0 ] || failed+=("$name (exit code $code)")
  echo "== $name: $((SECONDS - start)) s, exit code $code"
}

step "tests" 120 "$python" -m pytest -p no:cacheprovider -m gpu --durations=0 ${out:+--junit-xml="$out/gpu-tests.xml"} tests/gpu
step "measurements" 150 "$python" -m benchmarks.gpu "${tiny[@]}" "${into[@]}"
step "pretraining" 60 "$python" -m benchmarks.pretraining "${tiny[@]}" "${into[@]}"

if [ ${#failed[@]} -gt 0 ]; then
  printf 'Failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "All done in $SECONDS s."
