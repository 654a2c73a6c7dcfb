#!/usr/bin/env bash
# sae.c beside other packages on the same cores (make bench-peers): one training step, the whole way from text, or
# dashboards of all latents.
#
#   bench/peers/run.sh BUILD [OPTION…]                     options of compare.py; writes BUILD/bench-peers.json
#   bench/peers/run.sh BUILD --end-to-end [OPTION…]        options of end_to_end.py, on the demo's model and text;
#                                                          writes BUILD/bench-peers-end-to-end.json
#   bench/peers/run.sh BUILD --dashboards [OPTION…]        options of dashboards.py, the same; BUILD/bench-peers-dashboards.json
#
# Makes (once) a Python environment with the packages; SAEDashboard has one of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [--end-to-end|--dashboards] [OPTION…]" >&2; exit 2; }
build=$1
shift
export HF_HUB_OFFLINE=1 WANDB_MODE=disabled
if [ "${1:-}" = --dashboards ]; then
    shift
    python=$(scripts/venv.sh bench/peers/requirements_dashboards.txt)
    exec "$python" bench/peers/dashboards.py --build "$build" --text "$build/demo/text.txt" \
        --out "$build/bench-peers-dashboards.json" "$@"
fi
python=$(scripts/venv.sh bench/peers/requirements.txt)
if [ "${1:-}" = --end-to-end ]; then
    shift
    exec "$python" bench/peers/end_to_end.py --build "$build" --text "$build/demo/text.txt" \
        --held-out "$build/demo/held-out.txt" --out "$build/bench-peers-end-to-end.json" "$@"
fi
exec "$python" bench/peers/compare.py --build "$build" --out "$build/bench-peers.json" "$@"
