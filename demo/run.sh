#!/usr/bin/env bash
# The demo: text through a language model to trained, judged and compared sparse autoencoders. Called by `make demo`.
# SAE: the program; OUT: folder for what is made; TEXT: your own text file instead of the demo's.
set -euo pipefail

sae=${SAE:-build/sae}
out=${OUT:-build/demo}
model=demo/model
hook=blocks.4.hook_resid_pre
here=$(dirname "$0")
started=$SECONDS

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
run() { # prints the command, then runs it
    printf '\n$ %s\n\n' "$*"
    "$@"
}

mkdir -p "$out"
rm -rf "$out/acts" "$out/acts-held-out" "$out/saes" "$out/comparison" "$out/latents.db"
if [ -n "${TEXT:-}" ]; then
    [ -r "$TEXT" ] || { echo "demo: cannot read TEXT=$TEXT" >&2; exit 1; }
    text=$TEXT
    held_out=$TEXT
    split=()
    about="your text $TEXT"
    unseen="on the same text, so that the numbers say nothing about text not seen in training"
else
    [ -e "$out/held-out.txt" ] || "$here/text.sh" "$out"
    text=$out/text.txt
    held_out=$out/held-out.txt
    split=(--split %%%%)
    about="WordNet glosses, the King James Bible and fortunes, mixed"
    unseen="on other documents than those trained on"
fi
echo "Language model: a GPT-2 with 6.9 million parameters, $model"
echo "Text: $about"

say "1. Activations: what the model computes inside, at $hook, for a million tokens"
run "$sae" harvest --model $model --hook $hook --text "$text" "${split[@]}" --max-tokens 1M --out "$out/acts"
run "$sae" harvest --model $model --hook $hook --text "$held_out" "${split[@]}" --max-tokens 50k \
    --out "$out/acts-held-out"

# One and a half million training tokens, but no more than 20 passes over a short text.
rows=$("$sae" inspect "$out/acts" --json | sed 's/.*"tokens":\([0-9]*\).*/\1/')
tokens=$((20 * rows < 1500000 ? 20 * rows : 1500000))

say "2. Training: three sparse autoencoders (SAEs) of different width, at once"
run "$sae" train --acts "$out/acts" --arch batchtopk --width 256,512,2048 --k 8 --batch 1024 --tokens $tokens \
    --out "$out/saes"

say "3. Evaluation, $unseen; and what the model loses when it reads reconstructions"
run "$sae" eval "$out"/saes/batchtopk-{256,512,2048}-k8 --acts "$out/acts-held-out" \
    --model $model --text "$held_out" "${split[@]}" --text-tokens 8k

say "4. Comparison: does the SAE with 512 latents find directions that the one with 256 lacks?"
run "$sae" compare "$out"/saes/batchtopk-256-k8 "$out"/saes/batchtopk-512-k8 --acts "$out/acts" \
    --out "$out/comparison"

say "5. Latents: what some of them stand for"
run "$sae" latents "$out/saes/batchtopk-512-k8" --acts "$out/acts" --model $model

say "6. Dashboards: every latent of the three, to look at in a browser"
run "$sae" dash "$out"/saes/batchtopk-{256,512,2048}-k8 --acts "$out/acts" --max-tokens 300k --model $model \
    --compare "$out/comparison" --out "$out/latents.db"

say "Made in $((SECONDS - started)) seconds:"
cat <<END
  $out/acts                        activations, one row per token
  $out/acts-held-out               the same, of other text
  $out/saes/batchtopk-{256,512,2048}-k8   SAEs, which SAELens loads too
  $out/comparison                  the report, its tables (.csv), pictures (.svg) and numbers (compare.json)
  $out/latents.db                  dashboards of all latents

Look at $out/comparison/index.html: the report of the comparison, with its figures.
The same commands work on your own GPT-2: see README.md. With your own text: TEXT=file.txt make demo

Open the latents in a browser, at http://127.0.0.1:8000/, with:

  $sae serve $out/latents.db --model $model --labels $out/labels.db
END
