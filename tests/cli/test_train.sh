#!/usr/bin/env bash
# sae train: grids, both sources, what is refused, Ctrl-C and --resume.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 8k --out acts
train=("$sae" train --acts acts --batch 256 --held-out 0.1)

# one SAE: DIR itself; a grid: one directory for each
works "${train[@]}" --width 64 --k 4 --out one --json
has_keys reading_seconds out tokens steps seconds resumed_from saes.0.path saes.0.arch saes.0.n saes.0.k saes.0.theta \
    saes.0.thetas.calibrated.theta saes.0.thetas.running.l0 saes.0.held_out.tokens saes.0.held_out.l0 \
    saes.0.held_out.mse saes.0.held_out.fvu saes.0.held_out.dead
cp out.txt whole.json
equals "path of one SAE" "$(value saes.0.path)" one
equals "not resumed" "$(value resumed_from)" null
checks=$((checks + 1))
[ "$(value saes.0.held_out.tokens)" -gt 100 ] || fail "held out: $(value saes.0.held_out.tokens) of 8000 rows"
checks=$((checks + 1))
for file in cfg.json sae_weights.safetensors metrics.jsonl; do [ -s one/$file ] || fail "one/$file is missing"; done
while read -r line; do
    echo "$line" >line.json
    checks=$((checks + 1))
    for key in step tokens loss mse aux l0 fvu dead theta lambda lr tokens_per_s; do
        value $key line.json | grep -q '(bad' && fail "metrics.jsonl has no $key"
    done
done <one/metrics.jsonl
works "$sae" inspect one --json
equals "arch" "$(value arch)" batchtopk
equals "trained on" "$(value hook_name)" blocks.4.hook_resid_pre

# an L0 that was missed is told, one that was met is not
works "${train[@]}" --arch relu,batchtopk --width 256 --l0 4 --tokens 2048 --out missed --quiet
matches err.txt '^sae: warning: missed/relu-256-l04 has an L0 of [0-9.]+ where 4 was asked for: 8 steps were too few'
equals "warnings" "$(wc -l <err.txt)" 1

works "${train[@]}" --arch topk,batchtopk --width 32,64 --k 4 --seed 1,2 --out grid --quiet
equals "messages with --quiet" "$(cat err.txt)" ""
equals "SAEs of the grid" "$(ls -d grid/*/ | wc -l)" 8
matches out.txt '^  grid/topk-32-k4-s1 +32 +4 '
# trained alone, with other threads: the same bits
works "${train[@]}" --arch batchtopk --width 64 --k 4 --seed 2 --out alone --threads 3
same alone/sae_weights.safetensors grid/batchtopk-64-k4-s2/sae_weights.safetensors
same alone/metrics.jsonl grid/batchtopk-64-k4-s2/metrics.jsonl

# from the running model
works "$sae" train --model "$model" --layer 4 --text text.txt --max-tokens 8k --batch 256 --held-out 0.1 --width 64 --k 4 \
    --out running --json
equals "steps of the running model" "$(value steps)" "$(value steps whole.json)"
works "$sae" eval running --acts acts --json
fvu=$(value saes.0.fvu)
works "$sae" eval one --acts acts --json
checks=$((checks + 1))
awk -v a="$fvu" -v b="$(value saes.0.fvu)" 'BEGIN { exit !(a > 0 && a < 1.1 * b && b < 1.1 * a) }' ||
    fail "trained on the running model: FVU $fvu; on the same activations from disk: $(value saes.0.fvu)"

# refused before anything is written
rejects 2 'width.*0' "${train[@]}" --width 0 --k 4 --out new
rejects 2 'width.*missing|--width' "${train[@]}" --k 4 --out new
rejects 2 'k.*128.*64|128.*width' "${train[@]}" --width 64 --k 128 --out new
rejects 2 'k.*0' "${train[@]}" --width 64 --k 0 --out new
rejects 2 '64 twice' "${train[@]}" --width 64,64 --k 4 --out new
rejects 2 'empty entry' "${train[@]}" --width 64, --k 4 --out new
rejects 2 'relu' "${train[@]}" --arch relu --width 64 --k 4 --out new
rejects 2 'held-out is 0.9' "${train[@]}" --width 64 --k 4 --held-out 0.9 --out new
rejects 1 'cannot open nosuch' "$sae" train --acts nosuch --width 64 --k 4 --out new
rejects 2 'exclude each other' "$sae" train --acts acts --model "$model" --width 64 --k 4 --out new
rejects 2 'one hook' "$sae" train --model "$model" --layer 3,4 --text text.txt --width 64 --k 4 --out new
rejects 1 'cannot open nosuch' "${train[@]}" --width 64 --k 4 --init nosuch --out new
absent new

# damaged activations: shard and row are named
cp -r acts cut && truncate -s -1000 cut/acts-00000.safetensors
rejects 1 'cut/acts-00000\.safetensors' "$sae" train --acts cut --width 64 --k 4 --out new
cp -r acts nojson && rm nojson/acts.json
rejects 1 'nojson' "$sae" train --acts nojson --width 64 --k 4 --out new
{ # 4 rows of width 4 in f4, with a NaN in row 2
    printf "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }%*s\n" 58 ''
    for i in 0 1 2 3 4 5 6 7 8; do printf '\x00\x00\x80\x3f'; done
    printf '\x00\x00\xc0\x7f'
    for i in 10 11 12 13 14 15; do printf '\x00\x00\x00\x40'; done
} >nan.npy
rejects 1 'nan\.npy.*row 2' "$sae" train --acts nan.npy --width 4 --k 1 --batch 2 --held-out 0 --out nan
equals "files of a run that could not start" "$(find nan -type f)" ""

# a rate that kills every latent
rejects 1 'wild has no threshold: none of its latents is active any more \(lr 1000\); try a smaller --lr' \
    "${train[@]}" --width 64 --k 4 --lr 1000 --out wild

# a directory that holds a run
rejects 1 'one .*--force' "${train[@]}" --width 64 --k 4 --out one
works "${train[@]}" --width 32 --k 4 --out one --force --json
equals "width after --force" "$(value saes.0.n)" 32
# what another grid left is no part of the new one
works "${train[@]}" --width 32,64 --k 4 --out family
touch family/batchtopk-64-k4/notes
works "${train[@]}" --width 48,96 --k 4 --out family --force
equals "SAEs after --force" "$(cd family && ls -d -- */cfg.json)" "batchtopk-48-k4/cfg.json
batchtopk-96-k4/cfg.json"
equals "what is not of a run" "$(ls family/batchtopk-64-k4)" notes
# somebody else's SAE is no run
mkdir other && cp family/batchtopk-48-k4/cfg.json family/batchtopk-48-k4/sae_weights.safetensors other
rejects 1 'other already holds an SAE; --force' "${train[@]}" --width 64 --k 4 --out other

# nothing of an earlier run is lost to a command that cannot run
rejects 1 'one has 32 latents .*; this SAE has 64' "${train[@]}" --width 64 --k 4 --init one --out one --force
works "$sae" inspect one
rejects 2 'give one of them' "${train[@]}" --width 64 --k 4 --out one --force --resume
rejects 2 'lambda is of relu and jumprelu; batchtopk' "${train[@]}" --width 64 --k 4 --lambda 1 --out new
rejects 2 'max-tokens is of activations that a --model makes' "${train[@]}" --width 64 --k 4 --max-tokens 1k --out new
# a pipe is not waited for, and what is no file is not replaced by one
mkfifo pipe
rejects 1 'pipe is not a regular file' timeout 20 "$sae" train --acts pipe --width 64 --k 4 --out new
rejects 1 'cannot write pipe: it is not a regular file' "$sae" eval one --acts acts --svg pipe
# a file that may not grow
rejects 1 'cannot write .*: File too large' bash -c 'ulimit -f 20; exec "$@"' - "${train[@]}" --width 640 --k 4 --out large
absent new

# output that cannot be written
touch file
rejects 1 'file' "${train[@]}" --width 64 --k 4 --out file
rejects 1 '/proc/nosuch' "${train[@]}" --width 64 --k 4 --out /proc/nosuch/sae

# Ctrl-C (and SIGTERM) save a checkpoint; --resume ends with the bits of a run that was never stopped
long=("$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,128 --k 4 --tokens 240k --log-every 5)
works "${long[@]}" --out whole
for signal in INT TERM; do
    checks=$((checks + 3))
    rm -rf stopped
    # A shell's background jobs ignore SIGINT; env gives it back its meaning.
    env --default-signal=INT "${long[@]}" --out stopped >out.txt 2>err.txt &
    pid=$!
    for i in $(seq 600); do
        [ "$(cat stopped/*/metrics.jsonl 2>/dev/null | wc -l)" -gt 6 ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.02
    done
    rejects 1 'another sae train is writing to stopped' "${long[@]}" --out stopped --force
    kill -$signal $pid
    wait $pid
    status=$?
    [ $status -eq 1 ] || fail "SIG$signal gave exit status $status: $(tail -n 1 err.txt)"
    [ ! -s out.txt ] || fail "something on stdout although it was stopped"
    matches err.txt '^sae: .*--resume'
    rejects 1 'stopped .*--resume' "${long[@]}" --out stopped
    rejects 2 'width' "${long[@]}" --width 64,96 --out stopped --resume
    rejects 2 'option tokens was "240000".* and is "2000" now' "${long[@]}" --tokens 2k --out stopped --resume
    rejects 1 'stopped/batchtopk-64-k4 is of a run .* not finished; --resume' "$sae" inspect stopped/batchtopk-64-k4
    works "${long[@]}" --out stopped --resume --json
    [ "$(value resumed_from)" -gt 0 ] || fail "resumed from $(value resumed_from)"
    for name in batchtopk-64-k4 batchtopk-128-k4; do
        same stopped/$name/sae_weights.safetensors whole/$name/sae_weights.safetensors
        same stopped/$name/metrics.jsonl whole/$name/metrics.jsonl
        same stopped/$name/cfg.json whole/$name/cfg.json
    done
done
# a finished run is measured and shown again (its threshold too), and nothing of it changes
works "${long[@]}" --out whole --resume --json
equals "step it went on from" "$(value resumed_from)" "$(value steps)"
has_keys saes.0.theta saes.0.thetas.l0.theta saes.0.held_out.fvu
same stopped/batchtopk-64-k4/cfg.json whole/batchtopk-64-k4/cfg.json
absent whole/batchtopk-64-k4/checkpoint
rejects 1 'holds a run' "${long[@]}" --out whole
rejects 2 'nothing-there has no run to go on with' "${long[@]}" --out nothing-there --resume
finish
