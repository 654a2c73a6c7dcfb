#!/usr/bin/env bash
# sae train --recipe: the command line comes before the recipe, the recipe before the defaults.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 2k --out acts
cat >recipe.json <<'END'
{
  "source": "a test",
  "options": {"arch": "topk", "width": [32, 48], "k": 4, "batch": 128, "tokens": "1k", "clip": 1, "layer": 4, "ctx": 64}
}
END
works "$sae" train --recipe recipe.json --acts acts --out saes --json
has_keys saes.1.path
equals "steps" "$(value steps)" 7
equals "kind" "$(value saes.0.arch)" topk
equals "widths" "$(value saes.0.n) $(value saes.1.n)" "32 48"
equals "recorded width" "$(value options.width saes/run.json)" 32,48
equals "recorded clip" "$(value options.clip saes/run.json)" 1
equals "recorded default" "$(value options.k-aux saes/run.json)" 512
# the command line wins wherever it stands, also when it repeats a default
works "$sae" train --width 64 --recipe recipe.json --arch batchtopk --acts acts --out one --clip off --json
equals "kind" "$(value saes.0.arch)" batchtopk
equals "width" "$(value saes.0.n)" 64
equals "one SAE" "$(value saes)" "[1]"
equals "recorded clip" "$(value options.clip one/run.json)" off
# the same options given by hand make the same SAE
works "$sae" train --arch batchtopk --width 64 --k 4 --batch 128 --tokens 1k --acts acts --out hand
same one/sae_weights.safetensors hand/sae_weights.safetensors
same one/cfg.json hand/cfg.json
same one/run.json hand/run.json
# what the command line says in another way takes the recipe's place
cat >lambda.json <<'END'
{"source": "a test", "options": {"arch": "jumprelu", "width": 32, "lambda": 3, "batch": 128, "layer": 2}}
END
works "$sae" train --recipe lambda.json --acts acts --tokens 1k --out asked --l0 4 --json
equals "L0 asked for" "$(value saes.0.l0)" 4
equals "recorded lambda" "$(value options.lambda asked/run.json)" ""
works "$sae" train --recipe recipe.json --acts acts --width 32 --l0 3 --out asked-k --json
equals "k asked for" "$(value saes.0.k)" 3
works "$sae" train --recipe lambda.json --model "$model" --text text.txt --hook blocks.4.hook_mlp_out --out hook --tokens 1k
works "$sae" inspect hook --json
equals "hook given" "$(value hook_name)" blocks.4.hook_mlp_out
# options of the running model are options of sae train too
works "$sae" train --recipe recipe.json --model "$model" --text text.txt --width 32 --out live --json
works "$sae" inspect live --json
equals "hook" "$(value hook_name)" blocks.4.hook_resid_pre

echo '{"source": "s", "options": {"widht": 3}}' >unknown.json
rejects 1 'unknown\.json: there is no option "widht"' "$sae" train --recipe unknown.json --acts acts --out new
rejects 1 'nosuch\.json' "$sae" train --recipe nosuch.json --acts acts --out new
rejects 2 '\-\-recipe needs a value' "$sae" train --acts acts --out new --recipe
rejects 2 'k is 4, more than --width 2' "$sae" train --recipe recipe.json --width 2 --acts acts --out new
absent new
works "$sae" train --recipe nosuch.json --help
finish
