#!/usr/bin/env bash
# Are SAEs trained by sae as good as plain PyTorch's? (make bench-quality; minutes, not part of any test run)
#
#   bench/quality/run.sh BUILD [OPTION…]      options of fvu_vs_torch.py, such as --width 2048
#
# Text and activations as in the demo; everything is made in BUILD/quality.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [OPTION…]" >&2; exit 2; }
sae=$1/sae
out=$1/quality
shift
python=$(scripts/venv.sh tests/parity/requirements.txt)
scripts/deps.sh demo
mkdir -p "$out"
[ -e "$out/held-out.txt" ] || demo/text.sh "$out"

harvest()
{
    [ -e "$out/$1/acts.json" ] || "$sae" harvest --model demo/model --hook blocks.4.hook_resid_pre --text "$out/$2" \
        --split %%%% --max-tokens "$3" --out "$out/$1"
}
harvest acts text.txt 1M
harvest acts-held-out held-out.txt 100k
"$python" bench/quality/fvu_vs_torch.py --sae "$sae" --acts "$out/acts" --held-out "$out/acts-held-out" --out "$out" "$@"
