#!/usr/bin/env bash
# SAEs of other tools: sae convert, and inspect of their files.
source "$(dirname "$0")/lib.sh" "$1"
formats=$root/tests/golden/formats

# ---- convert ---------------------------------------------------------------------------------------------
works "$sae" convert "$formats/gemma_scope" gemma --json
has_keys sae out from to arch d n k theta
equals from "$(value from)" npz
equals to "$(value to)" saelens
equals n "$(value n)" 10
equals k "$(value k)" null
equals "what is written" "$(ls gemma | tr '\n' ' ')" "cfg.json sae_weights.safetensors "
works "$sae" inspect gemma --json
equals format "$(value format)" saelens
equals "not centred" "$(value subtract_b_dec)" false
works "$sae" convert gemma gemma.npz --to npz
matches out.txt '^gemma \(saelens\) written to gemma.npz \(npz\)$'
works "$sae" convert gemma.npz again --to npz
same gemma.npz again/params.npz
works "$sae" convert "$formats/dl_topk/ae.pt" sparse --to sparsify
equals "sparsify's files" "$(ls sparse | tr '\n' ' ')" "cfg.json sae.safetensors "
works "$sae" convert sparse dl --to dictionary_learning
works "$sae" inspect dl --json
equals format "$(value format)" dictionary_learning
equals arch "$(value arch)" topk
equals "the hook survives" "$(value hook_name)" blocks.8.hook_resid_post
equals "model survives" "$(value model)" EleutherAI/pythia-70m
works "$sae" convert "$formats/openai_topk.pt" openai
works "$sae" inspect openai --json
equals "tokens are standardised" "$(value input_norm)" token
works "$sae" convert "$formats/btk_batchtopk" btk --theta 0.6 --json
equals theta "$(value theta)" 0.60000002384185791
works "$sae" convert "$formats/btk_batchtopk" measured --acts "$formats/x.npy"
works "$sae" eval measured --acts "$formats/x.npy" --json
equals "L0 by activations" "$(value saes.0.l0)" 3
equals tokens "$(value tokens)" 40
rejects 2 'exclude each other' "$sae" convert "$formats/btk_batchtopk" no --acts "$formats/x.npy" --theta 1
rejects 2 'it has its own' "$sae" convert "$formats/btk_matryoshka" no --acts "$formats/x.npy"
rejects 1 'x2\.npy' "$sae" convert "$formats/btk_batchtopk" no --acts x2.npy

rejects 1 'gemma is already there; --force' "$sae" convert "$formats/dl_topk" gemma
rejects 1 'gemma holds an SAE in the format saelens already' "$sae" convert gemma gemma --to npz --force
works "$sae" convert "$formats/dl_topk" gemma --force
works "$sae" inspect gemma --json
equals "written over" "$(value arch)" topk
# a training checkpoint where it is: its scale is folded, and does not stay beside it
cp -r "$formats/saelens_batchtopk" checkpoint
works "$sae" convert checkpoint checkpoint --force
absent checkpoint/activation_scaler.json
works "$sae" inspect checkpoint --json
equals "the checkpoint's kind" "$(value arch)" batchtopk
rejects 1 'has no threshold, which BatchTopK needs.*--theta' "$sae" convert "$formats/btk_batchtopk" no
rejects 2 'needs no threshold from outside: it has its own' "$sae" convert "$formats/gemma_scope" no --theta 1
rejects 2 'needs no threshold from outside: its rule is TopK' "$sae" convert "$formats/dl_topk" no --theta 1
rejects 1 'sparsify has only TopK' "$sae" convert "$formats/gemma_scope" no --to sparsify
rejects 1 'an \.npz holds thresholds' "$sae" convert "$formats/dl_topk" no --to npz
rejects 1 'an \.npz cannot say that this SAE standardises' "$sae" convert "$formats/btk_matryoshka" no --to npz
rejects 1 'does not standardise tokens' "$sae" convert "$formats/btk_matryoshka" no --to dictionary_learning
rejects 1 'stored by columns' "$sae" convert "$formats/fortran.npz" no
rejects 2 '\-\-to' "$sae" convert gemma no --to openai
rejects 2 '^sae: OUT is missing' "$sae" convert gemma
absent no

# ---- inspect ---------------------------------------------------------------------------------------------
works "$sae" inspect "$formats/openai_topk.pt" --json
has_keys kind format arch tensors.0.name values.0.name
equals kind "$(value kind)" sae
equals "a value of the state dict" "$(value values.1.name) $(value values.1.value)" "activation_state_dict.k 3"
works "$sae" inspect "$formats/openai_topk.pt"
matches out.txt '^  encoder\.weight +f32 +\[10, 6\]$'
matches out.txt '^  activation +TopK'
works "$sae" inspect "$formats/gemma_scope/params.npz"
matches out.txt '^  W_enc +f32 +\[6, 10\]$'
cp "$formats/btk_topk/sae.pt" alone.pt
works "$sae" inspect alone.pt --json
equals kind "$(value kind)" torch
checks=$((checks + 1))
[[ $(value not_an_sae) == *"has no config.json beside it"* ]] || fail "why it is no SAE: $(value not_an_sae)"
works "$sae" inspect sparse/sae.safetensors --json
equals "metadata is listed" "$(value values.0.name) $(value values.0.value)" "format pt"
printf '\x80\x02\x8a\x0alF' >old.pt
rejects 1 'before version 1\.6' "$sae" inspect old.pt
head -c 900 "$formats/dl_topk/ae.pt" >cut.pt
rejects 1 'cut short or damaged' "$sae" inspect cut.pt
finish
