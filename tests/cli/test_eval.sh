#!/usr/bin/env bash
# sae eval of several SAEs: the frontier in JSON, as a drawing, as CSV and as SVG.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 4k --out acts
works "$sae" train --acts acts --batch 256 --held-out 0.1 --arch topk,batchtopk --width 64 --k 2,8 --tokens 20k --out saes
works "$sae" train --acts acts --batch 256 --width 32 --k 8 --tokens 2k --out poor # narrow and hardly trained

works "$sae" eval saes/*/ poor --acts acts --json --csv frontier.csv --svg frontier.svg
has_keys saes.0.on_frontier saes.3.on_frontier saes.4.on_frontier
cp out.txt eval.json
equals "the poor SAE" "$(value saes.4.on_frontier eval.json)" false
equals "lines of frontier.csv" "$(wc -l <frontier.csv)" 6
equals "heading" "$(head -n 1 frontier.csv)" "sae,arch,width,k,l0,fvu,on_frontier,tokens"
# the CSV has the JSON object's values, and on_frontier is what its definition says
for i in 0 1 2 3 4; do
    IFS=, read -r path arch width k l0 fvu on tokens < <(sed -n "$((i + 2))p" frontier.csv)
    equals "path $i" "$path" "$(value saes.$i.path eval.json)"
    equals "arch $i" "$arch" "$(value saes.$i.arch eval.json)"
    equals "width $i" "$width" "$(value saes.$i.n eval.json)"
    equals "k $i" "${k:-null}" "$(value saes.$i.k eval.json)"
    equals "tokens $i" "$tokens" "$(value tokens eval.json)"
    equals "on_frontier $i" "$([ "$on" = 1 ] && echo true || echo false)" "$(value saes.$i.on_frontier eval.json)"
    checks=$((checks + 1))
    awk -v a="$l0" -v b="$(value saes.$i.l0 eval.json)" -v c="$fvu" -v d="$(value saes.$i.fvu eval.json)" \
        'BEGIN { exit !((a - b) ^ 2 < 1e-12 * b ^ 2 && (c - d) ^ 2 < 1e-12 * d ^ 2) }' || fail "values of SAE $i differ"
done
checks=$((checks + 1))
awk -F, 'NR > 1 { l0[NR] = $5; fvu[NR] = $6; on[NR] = $7 }
    END {
        for (i in l0) {
            best = 1
            for (j in l0)
                if (l0[j] <= l0[i] && fvu[j] <= fvu[i] && (l0[j] < l0[i] || fvu[j] < fvu[i])) best = 0
            if (best != on[i]) exit 1
            any += best
        }
        exit !any
    }' frontier.csv || fail "on_frontier is not the Pareto frontier of frontier.csv"
matches frontier.svg '^<svg xmlns="http://www.w3.org/2000/svg" '

# a grid's own directory and file are no SAEs, and the message says where those are
rejects 1 'saes is of a run of sae train; each of its SAEs is a directory: saes/\*/' "$sae" eval saes --acts acts
rejects 1 'saes/run.json is of a run of sae train.*saes/\*/' "$sae" eval saes/* --acts acts

# a terminal of 80 columns: no table is wider, and what did not fit stands below
script -qec "stty cols 80; '$sae' eval saes/*/ poor --acts acts --quiet" /dev/null </dev/null | tr -d '\r' >terminal.txt
equals "lines of tables that are too wide" "$(LC_ALL=C.UTF-8 grep -cE '^  .{79}' terminal.txt)" 0
matches terminal.txt '^  SAE +width +L0 .* FVU'
matches terminal.txt '^  SAE +.* dead$'
works "$sae" eval saes/*/ poor --acts acts
matches out.txt '^  SAE +width +L0 .* dead$'
matches frontier.svg 'Sparsity and reconstruction of 5 SAEs'
matches frontier.svg '<title>poor: batchtopk, width 32, '
equals "end of frontier.svg" "$(tail -n 1 frontier.svg)" "</svg>"

# the drawing: for several SAEs only, 80 columns where there is no terminal
works "$sae" eval saes/*/ poor --acts acts
matches out.txt '^L0-FVU frontier: lower left is better$'
matches out.txt '■ topk   ● batchtopk   numbers: width'
checks=$((checks + 1))
widest=$(sed -n '/^L0-FVU frontier/,$p' out.txt | LC_ALL=C.UTF-8 wc -L)
[ "$widest" -gt 40 ] && [ "$widest" -le 80 ] || fail "the drawing is $widest columns wide"
works "$sae" eval poor --acts acts --svg one.svg
checks=$((checks + 1))
! grep -q 'frontier:' out.txt || fail "a frontier of one SAE was drawn"
matches one.svg 'Sparsity and reconstruction of 1 SAE with 32 latents'

# files that cannot be written are refused before the work
rejects 2 '\-\-csv no/such/file.csv cannot be written' "$sae" eval poor --acts acts --csv no/such/file.csv
rejects 2 '\-\-svg acts is a directory' "$sae" eval poor --acts acts --svg acts
# nothing is written when the evaluation fails
rejects 1 'nosuch' "$sae" eval poor nosuch --acts acts --csv new.csv --svg new.svg
absent new.csv new.svg
finish
