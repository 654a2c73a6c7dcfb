#!/usr/bin/env bash
# Are SAEs trained by sae as good as plain PyTorch's, and does --l0 give what was asked? (make bench-quality; an hour
# or so, not part of any test run)
#
#   bench/quality/run.sh BUILD [torch|l0 [OPTION…]]     one of the two, with options of fvu_vs_torch.py or l0.py
#
# Text and activations as in the demo; everything is made in BUILD/quality.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [OPTION…]" >&2; exit 2; }
sae=$1/sae
out=$1/quality
which=${2:-all}
shift $(($# > 1 ? 2 : 1))
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
status=0
if [ "$which" != l0 ]; then
    "$python" bench/quality/fvu_vs_torch.py --sae "$sae" --acts "$out/acts" --held-out "$out/acts-held-out" --out "$out" \
        "$@" || status=1
fi
if [ "$which" != torch ]; then
    "$python" bench/quality/l0.py --sae "$sae" --acts "$out/acts" --out "$out" "$@" || status=1
fi
exit $status
