#!/usr/bin/env bash
# Help, versions, wrong usage, and where output goes.
source "$(dirname "$0")/lib.sh" "$1"

commands="harvest train eval encode decode compare stitch meta latents dash serve convert inspect bench"

works "$sae" --version
matches out.txt '^sae [0-9]+\.[0-9]+\.[0-9]+$'
# started by naming the loader, as bundles do
loader=$(ldd "$sae" | awk '$1 ~ /\/ld-/ {print $1}')
if [ -x "$loader" ] && ! grep -q __asan_init "$sae"; then
    works "$loader" "$sae" --version
    matches out.txt '^sae [0-9]'
fi
works "$sae" --help
for command in $commands; do matches out.txt "^  $command +[a-z]"; done
cp out.txt general.txt
works "$sae" help
same out.txt general.txt

for command in $commands; do
    works "$sae" "$command" --help
    matches out.txt "^Usage: sae $command "
    for option in threads json quiet keep-first exclude-tokens; do matches out.txt "^  --$option( |$)"; done
    cp out.txt help.txt
    works "$sae" help "$command"
    same out.txt help.txt
    # --help wins over what is missing or wrong after it
    works "$sae" "$command" --help --no-such-option
done

# a terminal of 80 columns is enough, but for examples, which are one line each
for command in $commands "dash export" "dash import"; do
    works "$sae" help $command
    matches out.txt "^Usage: sae $command "
    equals "lines of help on $command beyond 80 columns" "$(grep -v '^      sae' out.txt | LC_ALL=C.UTF-8 grep -E '.{81}')" ""
done

# commands of two words
works "$sae" dash export --help
cp out.txt help.txt
works "$sae" dash-export --help
same out.txt help.txt
rejects 2 'no command "dash exprot"; did you mean "dash export"\?' "$sae" dash exprot x.db --out y
rejects 2 'no command "dash-exprot"; did you mean "dash export"\?' "$sae" dash-exprot x.db --out y
rejects 2 'no command "trian"; did you mean "train"\?' "$sae" help trian
rejects 2 'train has no option --hlep; did you mean --help\?' "$sae" train --hlep
touch exprot # a file of that name may be meant
rejects 2 '\-\-out is missing' "$sae" dash exprot

# wrong usage: exit status 2, one line that says what to do
rejects 2 'no command.*sae --help' "$sae"
rejects 2 'no command "harvset"; did you mean "harvest"\?' "$sae" harvset
rejects 2 'no command "xyz"; see sae --help' "$sae" xyz
rejects 2 '^sae: --json stands before the command' "$sae" --json inspect x
rejects 2 'no command "nosuch"' "$sae" help nosuch
rejects 2 'train has no option --widht; did you mean --width\?' "$sae" train --widht 8
rejects 2 'train has no option --wid; did you mean --width\?' "$sae" train --wid 8
rejects 2 'train has no option --zzz; see sae train --help' "$sae" train --zzz
rejects 2 'train has no option -k' "$sae" train -k 8
rejects 2 '\-\-out needs a value' "$sae" train --out
rejects 2 '\-\-out needs a value' "$sae" train --out --json
rejects 2 '\-\-out is empty' "$sae" train --out=
rejects 2 '\-\-json takes no value' "$sae" train --json=yes
rejects 2 '\-\-threads takes a whole number, not "two"' "$sae" inspect x --threads two
rejects 2 '\-\-threads is -1; it must be from 0 to 4096' "$sae" inspect x --threads -1
rejects 2 '\-\-threads takes a whole number' "$sae" inspect x --threads 1e3
rejects 2 '\-\-threads takes a whole number' "$sae" inspect x --threads 99999999999999999999
rejects 2 '\-\-dtype is "f8"; it must be one of: f32 f16 bf16' "$sae" harvest --dtype f8
rejects 2 'SAE is missing; usage: sae encode SAE' "$sae" encode --acts a --out b
rejects 2 'LARGE is missing; usage: sae compare' "$sae" compare a
rejects 2 '"c" is one argument too many' "$sae" stitch a b c
rejects 2 '\-\-acts is missing' "$sae" train --width 8 --k 2 --out new
rejects 2 '\-\-out is missing' "$sae" train --width 8 --k 2 --acts a
rejects 2 '\-\-model is missing' "$sae" harvest --layer 1 --text x --out new
rejects 2 '\-\-text is missing' "$sae" harvest --model "$model" --layer 1 --out new
rejects 2 'exclude-tokens "1,,2" has an empty entry' "$sae" encode x --acts y --out z --exclude-tokens 1,,2
rejects 2 'exclude-tokens takes a whole number, not "a"' "$sae" encode x --acts y --out z --exclude-tokens a
absent new

# --name=value and --name value are the same; after -- nothing is an option
works "$sae" inspect --threads=1 "$model" --json
rejects 1 'cannot open --json' "$sae" inspect -- --json

# a result that cannot be written is a failure
if [ -w /dev/full ]; then
    checks=$((checks + 2))
    "$sae" --help >/dev/full 2>err.txt
    [ $? -eq 1 ] || fail "writing to a full disk did not fail"
    matches err.txt '^sae: cannot write the result to stdout: No space left'
    "$sae" --help >&- 2>err.txt
    [ $? -eq 1 ] || fail "writing to a closed stdout did not fail"
else
    echo "no /dev/full here: not checked"
fi

# manual page and completions
works "$sae" help --man
cp out.txt sae.1
for command in $commands; do matches sae.1 "^\.SS $command$"; done
matches sae.1 '^\.TH SAE 1 '
if command -v groff >/dev/null; then
    works groff -man -Tutf8 -ww sae.1
    equals "warnings of groff" "$(cat err.txt)" ""
else
    echo "groff is not installed: the manual page was not formatted"
fi
rejects 2 'no completion for the shell "tcsh"' "$sae" help --completion tcsh
works "$sae" help --completion zsh
works "$sae" help --completion fish
works "$sae" help --completion bash
complete_words() { # WORD...: what bash offers for the last one
    (
        source out.txt
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _sae 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
    )
}
equals "completed command" "$(complete_words sae harv)" "harvest "
equals "completed option" "$(complete_words sae train --held)" "--held-out "
equals "completed choice" "$(complete_words sae harvest --dtype b)" "bf16 "
mkdir completion && cd completion && cp ../out.txt .
touch exact.db
equals "completed second word or file" "$(complete_words sae dash ex)" "exact.db export "
equals "completed option of two words" "$(complete_words sae dash export --form)" "--format "
equals "completed choice of two words" "$(complete_words sae dash export --format n)" "neuronpedia "
equals "completed option of the first word alone" "$(complete_words sae dash --unem)" "--unembed "
cd ..
for shell in zsh fish; do
    command -v $shell >/dev/null || continue
    works "$sae" help --completion $shell
    cp out.txt script
    works $shell -n script
done
finish
