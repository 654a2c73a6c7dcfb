#!/usr/bin/env bash
# The training step of sae.c beside that of other packages on the same cores (make bench-peers).
#
#   bench/peers/run.sh BUILD [OPTION…]      options of compare.py
#
# Makes (once) a Python environment with the packages; writes BUILD/bench-peers.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [OPTION…]" >&2; exit 2; }
build=$1
shift
python=$(scripts/venv.sh bench/peers/requirements.txt)
HF_HUB_OFFLINE=1 WANDB_MODE=disabled "$python" bench/peers/compare.py --build "$build" --out "$build/bench-peers.json" "$@"
