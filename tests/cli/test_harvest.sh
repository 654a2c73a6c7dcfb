#!/usr/bin/env bash
# sae harvest: text and token ids in, activation directories out; what is refused.
source "$(dirname "$0")/lib.sh" "$1"
make_text
harvest=("$sae" harvest --model "$model")
hook=blocks.4.hook_resid_pre

# the plain case, and its JSON object
works "${harvest[@]}" --hook $hook --text text.txt --max-tokens 4k --out acts --json
has_keys out tokens excluded contexts documents dropped d dtype hook_name shards hooks.0.hook_name seconds
equals tokens "$(value tokens)" 3968
equals contexts "$(value contexts)" 31
equals "first positions" "$(value excluded)" 31
equals d "$(value d)" 256
equals dtype "$(value dtype)" f32
equals hook "$(value hook_name)" $hook
equals shards "$(value shards)" 1
tr -s '\n ' ' ' <err.txt >joined.txt # settings are wrapped wherever the line is full
matches joined.txt '[ ;]ctx 128;'
works "$sae" inspect acts --json
equals kind "$(value kind)" acts
equals rows "$(value tokens)" 3968
equals model "$(value model)" model
equals ctx "$(value ctx)" 128

# tables for people; --quiet; --layer and --site name the same hook; the number of threads changes nothing
works "${harvest[@]}" --layer 4 --text text.txt --max-tokens=4k --out acts2 --threads 1 --quiet
equals "messages with --quiet" "$(cat err.txt)" ""
matches out.txt '^  tokens +3,968  rows written'
same acts acts2

# options that change what is computed or kept
works "${harvest[@]}" --layer 4 --text text.txt --max-tokens 4k --out acts3 --dtype bf16 --shard-tokens 1000 \
    --center-residual --prepend-bos --json --keep-first --exclude-tokens 8191
equals "shards of 1000 rows" "$(value shards)" 4
equals "excluded ids" "$(value excluded)" 32
works "$sae" inspect acts3 --json
equals "prepend_bos" "$(value prepend_bos)" true
equals "center_residual" "$(value center_residual)" true
equals "dtype" "$(value dtype)" bf16

# bf16: chosen, said and recorded; or refused with the reason where the processor or the build lacks it
equals "precision" "$(value precision)" fp32
if "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 4k --out low --precision bf16 --json \
    >out.txt 2>err.txt; then
    equals "precision" "$(value precision)" bf16
    matches err.txt '^language model in bf16 \((AMX|AVX-512 BF16)\)'
    works "$sae" inspect low --json
    equals "precision" "$(value precision)" bf16
    works "${harvest[@]}" --layer 4 --text text.txt --max-tokens 4k --out low1 --precision bf16 --threads 1 --quiet
    same low low1
    checks=$((checks + 1))
    ! diff -q acts/acts-00000.safetensors low/acts-00000.safetensors >/dev/null || fail "bf16 gave the bits of fp32"
else
    rejects 1 'cannot run in bf16: .*(AMX|oneDNN)' "${harvest[@]}" --layer 4 --text text.txt --out low --precision bf16
    absent low
fi
rejects 2 'precision.*fp32.*bf16' "${harvest[@]}" --layer 4 --text text.txt --out low --precision fp8 --force

# several hooks in one pass
works "${harvest[@]}" --hook blocks.1.mlp.hook_post,blocks.2.attn.hook_z --text text.txt --max-tokens 1k --out many --json
equals "d of two hooks" "$(value d)" null
equals "first width" "$(value hooks.0.d)" 1024
works "$sae" inspect many/blocks.2.attn.hook_z --json
equals "width of z" "$(value d)" 256

# documents
printf 'one\n---\ntwo\n---\nthree\n' >split.txt
for i in $(seq 200); do cat split.txt; done >parts.txt
works "${harvest[@]}" --layer 1 --text parts.txt --split --- --out split --json
equals "documents of --split" "$(value documents)" 401
works "${harvest[@]}" --layer 1 --text parts.txt --split == --max-tokens 512 --out one
matches err.txt 'warning: no line equals --split "==": each file is one document'
sed 's/$/\r/' parts.txt >crlf.txt
works "${harvest[@]}" --layer 1 --text crlf.txt --split --- --out crlf --json
equals "documents of a file with CR LF" "$(value documents)" 401
{ head -c 1000 text.txt && printf '\377\376' && head -c 3000 text.txt; } >latin.txt
works "${harvest[@]}" --layer 1 --text latin.txt --out latin
matches err.txt 'warning: latin.txt is not UTF-8 at byte 1000'
for i in $(seq 300); do echo "{\"text\": \"line $i of some text\"}"; done >lines.jsonl
works "${harvest[@]}" --layer 1 --text lines.jsonl text.txt --max-tokens 100k --out lines --json
equals "documents of two files" "$(value documents)" 301

# token ids: a .npy of 2 x 128 little-endian u2
{
    printf "\x93NUMPY\x01\x00\x76\x00{'descr': '<u2', 'fortran_order': False, 'shape': (2, 128), }%*s\n" 56 ''
    for i in $(seq 256); do printf '\x05\x01'; done
} >ids.npy
works "${harvest[@]}" --layer 1 --tokens ids.npy --out ids --json
equals "contexts of ids" "$(value contexts)" 2

# refused: nothing is left behind
rejects 1 'cannot open nosuch.txt: No such file' "${harvest[@]}" --layer 1 --text nosuch.txt --out new
rejects 1 'nosuch is not a directory' "$sae" harvest --model nosuch --layer 1 --text text.txt --out new
: >empty.txt
rejects 2 'empty.txt' "${harvest[@]}" --layer 1 --text empty.txt --out new
echo "too short" >short.txt
rejects 2 'context' "${harvest[@]}" --layer 1 --text short.txt --out new
rejects 2 'layer|blocks\.6' "${harvest[@]}" --layer 6 --text text.txt --out new
rejects 2 'layer is -1' "${harvest[@]}" --layer -1 --text text.txt --out new
rejects 2 'blocks\.4\.hook_nothing' "${harvest[@]}" --hook blocks.4.hook_nothing --text text.txt --out new
rejects 2 '"2" twice' "${harvest[@]}" --layer 2,2 --text text.txt --out new
rejects 2 'exclude each other' "${harvest[@]}" --layer 2 --hook $hook --text text.txt --out new
rejects 2 'exclude each other' "${harvest[@]}" --layer 2 --tokens ids.npy --text text.txt --out new
rejects 2 '257.*256 positions' "${harvest[@]}" --layer 2 --ctx 257 --text text.txt --out new
{
    printf "\x93NUMPY\x01\x00\x76\x00{'descr': '<u2', 'fortran_order': False, 'shape': (2, 128), }%*s\n" 56 ''
    for i in $(seq 256); do printf '\x05\xff'; done
} >large.npy
rejects 1 '65285' "${harvest[@]}" --layer 1 --tokens large.npy --out new
mkdir bare && cp "$model"/config.json bare && ln -s "$model/model.safetensors" bare
rejects 1 'tokenizer.json' "$sae" harvest --model bare --layer 1 --text text.txt --out new
works "$sae" harvest --model bare --layer 1 --tokens ids.npy --out bare-acts
mkdir cut && cp "$model"/*.json cut && head -c 1000000 "$model/model.safetensors" >cut/model.safetensors
rejects 1 'cut/model.safetensors' "$sae" harvest --model cut --layer 1 --text text.txt --out new
absent new

# output that is there already
find acts -type f -exec md5sum {} + | sort >before
rejects 1 'acts .*--force' "${harvest[@]}" --layer 4 --text text.txt --max-tokens 4k --out acts
find acts -type f -exec md5sum {} + | sort >after
same before after
works "${harvest[@]}" --layer 4 --text text.txt --max-tokens 1k --out acts --force
works "$sae" inspect acts --json
equals "rows after --force" "$(value tokens)" 896

# output that cannot be written
rejects 1 '/proc/nosuch' "${harvest[@]}" --layer 1 --text text.txt --out /proc/nosuch/acts
touch file
rejects 1 'file' "${harvest[@]}" --layer 1 --text text.txt --out file
mkdir small
if mount -t tmpfs -o size=1m none small 2>/dev/null; then
    trap 'umount small; rm -rf "$tmp"' EXIT
    rejects 1 'No space left' "${harvest[@]}" --layer 4 --text text.txt --out small/acts
    checks=$((checks + 1))
    [ -z "$(find small -type f)" ] || fail "files are left after a full disk: $(find small -type f)"
else
    echo "no tmpfs can be mounted here: the full disk was not checked"
fi
finish
