#!/usr/bin/env bash
# sae bench: the whole way from text to an SAE. (Steps take minutes and are run by make bench.)
source "$(dirname "$0")/lib.sh" "$1"
make_text
mkdir scratch
way=("$sae" bench --end-to-end --model "$model" --text text.txt --max-tokens 8k --batch 256 --width 64 --k 4)
works "${way[@]}" --folder scratch --json
has_keys cpu blas end_to_end.{hook_name,precision,n,k,B,tokens,trained,text_bytes,tokenizer_bytes_per_core_s,cold,limit} \
    end_to_end.stages.{0,1,2,3,4}.{stage,seconds,tokens_per_s} end_to_end.files.{seconds,tokens_per_s} \
    end_to_end.streamed.{seconds,model_seconds,tokens_per_s} end_to_end.reading_alone.{seconds,tokens_per_s}
equals "tokens" "$(value end_to_end.tokens)" 7936 # 62 contexts
equals "hook" "$(value end_to_end.hook_name)" blocks.3.hook_resid_pre
equals "limit" "$(value end_to_end.limit)" "$(for i in 0 1 2 3 4; do
    echo "$(value end_to_end.stages.$i.seconds) $(value end_to_end.stages.$i.stage)"
done | sort -g | tail -n 1 | cut -d' ' -f2)"
checks=$((checks + 1))
awk -v bytes="$(value end_to_end.text_bytes)" -v tokens="$(value end_to_end.tokens)" \
    'BEGIN { exit !(bytes > 1.5 * tokens && bytes < 6 * tokens) }' || fail "$(value end_to_end.text_bytes) bytes of text"
equals "what is left in the folder" "$(ls -A scratch)" ""
works "${way[@]}" --folder scratch
matches out.txt 'What limits it: .* \([0-9]+% of the time\)'
matches out.txt 'together, from the running model'

rejects 2 '\-\-model is missing' "$sae" bench --end-to-end --text text.txt
rejects 2 '\-\-text is missing' "$sae" bench --end-to-end --model "$model"
rejects 1 'cannot make a folder in nosuch' "${way[@]}" --folder nosuch

# stopped: one line, and nothing is left
env --default-signal=INT "${way[@]}" --folder scratch --max-tokens 100k --text text.txt text.txt text.txt text.txt \
    >out.txt 2>err.txt &
pid=$!
for _ in $(seq 200); do
    [ -n "$(ls -A scratch)" ] && break
    sleep 0.05
done
kill -INT $pid
wait $pid
equals "exit status when stopped" $? 1
equals "what a stopped run leaves" "$(ls -A scratch)" ""
matches err.txt '^sae: stopped'
finish
