#!/usr/bin/env bash
# Are SAEs trained by sae as good as plain PyTorch's and dictionary_learning's, and does --l0 give what was asked? (make
# bench-quality; hours, not part of any test run)
#
#   bench/quality/run.sh BUILD [torch|l0|lr|peers [OPTION…]]  one of them, with options of fvu_vs_torch.py, l0.py, lr.py or
#                                                             peer_quality.py
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
run() # NAME PYTHON SCRIPT OPTION…
{
    if [ "$which" = all ] || [ "$which" = "$1" ]; then "${@:2}" || status=1; fi
}
run torch "$python" bench/quality/fvu_vs_torch.py --sae "$sae" --acts "$out/acts" --held-out "$out/acts-held-out" --out "$out" "$@"
case $which in
all | lr)
    [ -e "$out/layers" ] || "$sae" harvest --model demo/model --text "$out/text.txt" --split %%%% --max-tokens 500k --dtype f16 \
        --hook blocks.1.hook_resid_pre,blocks.3.hook_resid_pre,blocks.5.hook_resid_pre --out "$out/layers"
    run lr "$python" bench/quality/lr.py --sae "$sae" --acts "$out/acts" --layers "$out/layers" --out "$out" "$@"
    ;;
esac
run l0 "$python" bench/quality/l0.py --sae "$sae" --acts "$out/acts" --out "$out" "$@"
case $which in
all | peers)
    peers=$(scripts/venv.sh bench/peers/requirements.txt)
    run peers "$peers" bench/quality/peer_quality.py --sae "$sae" --acts "$out/acts" --held-out "$out/acts-held-out" \
        --text "$out/held-out.txt" --model demo/model --out "$out/peers" "$@"
    ;;
esac
exit $status
