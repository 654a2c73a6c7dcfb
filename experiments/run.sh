#!/usr/bin/env bash
# The paper's experiments, from text to a page that puts its claims beside what was found (make experiments).
#
#   experiments/run.sh SAE OUT [OPTION…]     options: run.py --help
#
# Without MODEL in the environment: the demo's model and text, and the page is docs/results.md. With MODEL (a Hugging Face directory
# of a GPT-2) and TEXT: that model in the setting of the paper, and the page is OUT/results.md.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { echo "usage: run.sh SAE OUT [OPTION…]" >&2; exit 2; }
sae=$1 out=$2
shift 2
scripts/deps.sh experiments
mkdir -p "$out"
if [ -n "${MODEL:-}" ]; then
    [ -n "${TEXT:-}" ] || { echo "experiments: MODEL=$MODEL needs TEXT=FILE" >&2; exit 2; }
    [ -r "$TEXT" ] || { echo "experiments: cannot read TEXT=$TEXT" >&2; exit 1; }
    exec python3 experiments/run.py --sae "$sae" --out "$out" --page "$out/results.md" --setting paper --model "$MODEL" --text "$TEXT" \
        --held-out-text "${HELD_OUT_TEXT:-$TEXT}" "$@"
fi
if [ ! -e "$out/held-out.txt" ]; then
    scripts/deps.sh demo
    demo/text.sh "$out" 12000000 2500000
fi
exec python3 experiments/run.py --sae "$sae" --out "$out" --page docs/results.md --setting demo --model demo/model --text "$out/text.txt" \
    --held-out-text "$out/held-out.txt" --split %%%% "$@"
