#!/usr/bin/env bash
# Results appear whole or not at all: what a disk that fills up leaves behind, and what --force leaves of an earlier
# result. The limit on the size of files stands in for the full disk: with SIGXFSZ ignored, writing fails as it does when
# there is no space.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 4k --out acts
works "$sae" train --acts acts --batch 256 --width 32,48,64,96 --k 4 --tokens 8k --out saes
s32=saes/batchtopk-32-k4 s48=saes/batchtopk-48-k4 s64=saes/batchtopk-64-k4 s96=saes/batchtopk-96-k4
works "$sae" encode $s64 --acts acts --out codes.safetensors
works "$sae" dash $s64 --acts acts --model "$model" --out all.db

# ---- a full disk -----------------------------------------------------------------------------------------
# full KIB COMMAND...: no file may grow beyond that. Nothing of the folder new/ is left, not even itself.
full() {
    local before
    before=$(ls -A)
    rejects 1 'cannot (write|keep).*File too large' limited "$@"
    equals "what is left by $3" "$(ls -A | tr '\n' ' ')" "$(tr '\n' ' ' <<<"$before")"
}
limited() {
    (
        trap '' XFSZ
        ulimit -f "$1"
        shift
        exec "$@"
    )
}
touch out.txt err.txt # which are among the files
for kib in 8 40; do # the first file that is written, and one after some that were whole
    full $kib "$sae" compare $s32 $s64 --acts acts --out new/deep
done
full 8 "$sae" compare $s32 $s48 $s64 --acts acts --out new
full 40 "$sae" compare $s32 $s48 $s64 --acts acts --out new
full 8 "$sae" stitch $s32 $s64 --acts acts --out new
full 160 "$sae" stitch $s32 $s64 --acts acts --save at=0.5 --out new/stitching
full 40 "$sae" stitch $s32 $s64 --acts acts --out new
full 64 "$sae" train --acts acts --batch 256 --width 64 --k 4 --tokens 8k --out new/sae
full 64 "$sae" train --acts acts --batch 256 --width 8,64 --k 4 --tokens 8k --out new
full 64 "$sae" train --acts acts --batch 256 --width 64 --k 4 --tokens 8k --checkpoint-every 10 --out new
full 64 "$sae" meta $s64 --width 48 --k 2 --epochs 2 --out new
full 64 "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 4k --out new/acts
full 8 "$sae" encode $s64 --acts acts --out new.safetensors
full 64 "$sae" decode $s64 --codes codes.safetensors --out new
for format in saelens dictionary_learning npz; do
    full 64 "$sae" convert $s64 new/sae --to $format
done
full 64 "$sae" convert $s64 new.npz --to npz
full 64 "$sae" dash $s64 --acts acts --model "$model" --out new.db
full 64 "$sae" dash export all.db --sae batchtopk-64-k4 --out new.html
full 64 "$sae" dash export all.db --sae batchtopk-64-k4 --format saedashboard --out new
full 24 "$sae" dash export all.db --sae batchtopk-64-k4 --format neuronpedia --out new/np
full 24 "$sae" dash export all.db --sae batchtopk-64-k4 --format delphi --acts acts --out new/delphi
full 1 "$sae" eval $s32 $s48 $s64 --acts acts --svg new.svg

# a directory that was there before stays, with what lies in it
mkdir mine
touch mine/notes
rejects 1 'cannot write mine/' limited 40 "$sae" compare $s32 $s64 --acts acts --out mine
equals "what was there" "$(ls -A mine)" notes

# ---- --force over an earlier, larger result --------------------------------------------------------------
works "$sae" compare $s32 $s48 $s64 $s96 --acts acts --out family
works "$sae" compare $s32 $s48 $s64 --acts acts --out wanted
touch family/notes
works "$sae" compare $s32 $s48 $s64 --acts acts --out family --force
rm family/notes # what is not of a comparison is left alone
equals "files of a smaller family over a larger one" "$(cd family && find . | sort | tr '\n' ' ')" \
    "$(cd wanted && find . | sort | tr '\n' ' ')"
works "$sae" compare $s32 $s48 --acts acts --latent 3 --out pair
cp -r pair over
works "$sae" compare $s32 $s48 $s64 --acts acts --out over --force
equals "files of a family over a pair" "$(cd over && find . | sort | tr '\n' ' ')" "$(cd wanted && find . | sort | tr '\n' ' ')"
works "$sae" compare $s32 $s48 --acts acts --latent 3 --out family --force
same family pair
works "$sae" stitch $s32 $s64 --acts acts --save at=0.25,0.5 --out stitching
works "$sae" stitch $s32 $s64 --acts acts --save at=0.5 --out stitching --force
equals "SAEs of a second stitching" "$(cd stitching && ls -d at-*)" at-0.5
works "$sae" stitch $s32 $s64 --acts acts --out stitching --force
absent stitching/at-0.5
finish
