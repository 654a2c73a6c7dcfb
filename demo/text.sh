#!/usr/bin/env bash
# Writes the demo's text: WordNet glosses, the King James Bible and fortunes from Debian's packages, mixed.
# Usage: demo/text.sh DIR [BYTES [HELD_OUT_BYTES]]   makes DIR/text.txt (to train on) and DIR/held-out.txt (to
# evaluate on); there are about 19 million bytes in all
#
# Documents are separated by lines "%%%%". Their order is a hash of their content, so that it is the same on every
# machine with the same packages, and every part of the text is a mixture.
set -euo pipefail
export LC_ALL=C

out=${1:?usage: demo/text.sh DIR [BYTES [HELD_OUT_BYTES]]}
train_bytes=${2:-6000000} # of the default about 1.5 million tokens: more than the demo reads
held_out_bytes=${3:-600000}

# One document per line: \r stands for its line ends, which none of the texts contains.
wordnet() {
    awk '
    function hex(text, value, i) {
        value = 0
        for (i = 1; i <= length(text); i++) value = 16 * value + index("0123456789abcdef", substr(text, i, 1)) - 1
        return value
    }
    BEGIN { name["n"] = "noun"; name["v"] = "verb"; name["a"] = "adj"; name["s"] = "adj"; name["r"] = "adv" }
    /^  / { next } # the licence
    {
        bar = index($0, " | ")
        gloss = substr($0, bar + 3)
        sub(/ +$/, "", gloss)
        words = ""
        for (i = 0; i < hex($4); i++) words = words (i ? ", " : "") $(5 + 2 * i)
        gsub(/_/, " ", words)
        print words " (" name[$3] "): " gloss
    }' /usr/share/wordnet/data.{noun,verb,adj,adv}
}

bible_chapters() {
    bible -f gen1:1-rev22:21 | awk '
    {
        colon = index($1, ":")
        chapter = substr($1, 1, colon - 1)
        verse = substr($1, colon + 1)
        text = substr($0, length($1) + 2)
        if (chapter != before) {
            if (before != "") printf "\n"
            match(chapter, /[0-9]+$/)
            printf "%s %s", substr(chapter, 1, RSTART - 1), substr(chapter, RSTART)
            before = chapter
        }
        printf "\r%s %s", verse, text
    }
    END { printf "\n" }'
}

fortunes() {
    find /usr/share/games/fortunes -type f ! -name '*.dat' ! -name '*.u8' | sort | xargs awk '
    function flush() {
        if (entry != "") print entry
        entry = ""
    }
    FNR == 1 { flush() }
    { sub(/\r$/, "") }
    /^%$/ { flush(); next }
    { entry = entry (entry == "" ? "" : "\r") $0 }
    END { flush() }'
}

mkdir -p "$out"
{ wordnet; bible_chapters; fortunes; } | sort --random-sort --random-source=<(yes sae 2>/dev/null) |
    awk -v train="$out/text.txt.part" -v held_out="$out/held-out.txt.part" \
        -v train_bytes="$train_bytes" -v held_out_bytes="$held_out_bytes" '
    written < train_bytes + held_out_bytes {
        file = written < train_bytes ? train : held_out
        written += length($0) + 6
        gsub(/\r/, "\n")
        print $0 > file
        print "%%%%" > file
    }'
mv "$out/text.txt.part" "$out/text.txt"
mv "$out/held-out.txt.part" "$out/held-out.txt"
