#!/usr/bin/env bash
# sae bench: its keys and targets on the smallest batch, and the whole way from text to an SAE. (Real steps take minutes and
# are run by make bench.)
source "$(dirname "$0")/lib.sh" "$1"

works "$sae" bench --quick --width 12288 --batch 32 --warm-steps 0 --repeats 1 --json
has_keys cpu kernels blas screen threads steps.{0,1,2}.{d,n,B,k,arch,dense,screen,data,dead,sgemm,ratio,survivors} \
    steps.0.seconds.{encode,select,decode,aux,update,total} \
    steps.0.{update_bytes,update_share,memory_limit,tokens_per_s,peak_bytes} targets.{0,1,2,3,4,5}.{name,value,limit,verdict}
checks=$((checks + 3))
awk -v bytes="$(value steps.0.update_bytes)" -v matrix=$((12288 * 768 * 4)) \
    'BEGIN { exit !(bytes > 12 * matrix && bytes < 13 * matrix) }' || fail "update_bytes $(value steps.0.update_bytes)"
awk -v share="$(value steps.0.update_share)" 'BEGIN { exit !(share > 0 && share < 10) }' ||
    fail "update_share $(value steps.0.update_share)"
awk -v limit="$(value steps.0.memory_limit)" -v matrix=$((12288 * 768 * 4)) \
    'BEGIN { exit !(limit > 6.4 * matrix + 96e6 && limit < 7 * matrix + 96e6) }' || fail "$(value steps.0.memory_limit)"
# one of the two targets for steps is that of another kind of machine
case $(value screen) in
*amx*) other=1 ;;
*) other=0 ;;
esac
equals "verdict" "$(value targets.$other.verdict)" skipped
equals "value" "$(value targets.$other.value)" null
equals "not measured" "$(value targets.4.verdict)" skipped
equals "not measured" "$(value small)" null
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
