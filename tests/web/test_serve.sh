#!/usr/bin/env bash
# sae serve: the JSON API, labels and lists, what is refused, and what a damaged database says.
source "$(dirname "$0")/../cli/lib.sh" "$1"
source "$root/tests/web/serve.sh"
make_database

# ---- what it will not serve ------------------------------------------------------------------------------
rejects 2 'FILE.db is missing' "$sae" serve
rejects 1 'cannot open none.db' "$sae" serve none.db --port 0
rejects 1 'text.txt is no SQLite database' "$sae" serve text.txt --port 0
head -c 20000 latents.db >cut.db
rejects 1 'cut.db.*cut short' "$sae" serve cut.db --port 0
rejects 2 'host is "localhost"; it takes an address in numbers' "$sae" serve latents.db --port 0 --host localhost
rejects 1 'latents.db is a database of something else than labels' "$sae" serve latents.db --port 0 --labels latents.db
rejects 1 'no/such' "$sae" serve latents.db --port 0 --labels no/such/labels.db
rejects 1 'no-model' "$sae" serve latents.db --port 0 --model no-model

# ---- reading ---------------------------------------------------------------------------------------------
before=$(cksum <latents.db)
serve
a=/api/v1/saes/batchtopk-64-k4
http 200 GET /api/v1/meta
equals "schema" "$(value schema)" 1
equals "no model" "$(value encode.available)" false
equals "no labels" "$(value labels.writable)" false
tokens=$(value database.tokens)
for header in "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'" \
    'X-Content-Type-Options: nosniff' 'Referrer-Policy: no-referrer' 'Cross-Origin-Opener-Policy: same-origin' \
    'Cross-Origin-Resource-Policy: same-origin' 'Content-Type: application/json'; do
    matches headers.txt "^$header"
done
http 200 GET /api/v1/saes
equals "SAEs" "$(value items)" "[2]"
equals "the first" "$(value items.0.name)" batchtopk-64-k4
equals "its width" "$(value items.0.n)" 64
for key in clean spliced zero recovered kl; do matches <(value items.1.ce.$key) '^[0-9]+\.[0-9]+$'; done
checks=$((checks + 1))
[ "$(value items.1.ce.tokens)" -gt 5000 ] || fail "cross-entropy on $(value items.1.ce.tokens) tokens"
http 200 GET $a
equals "tokens" "$(value tokens)" "$tokens"
equals "bins of density" "$(value density_counts)" "[40]"
http 200 GET "$a/latents?sort=n_active&dir=desc&limit=3"
equals "all latents" "$(value total)" 64
equals "rows" "$(value items)" "[3]"
equals "where the next ones begin" "$(value next)" 3
first=$(value items.0.id) most=$(value items.0.n_active)
checks=$((checks + 1))
[ "$most" -ge "$(value items.1.n_active)" ] || fail "not in descending order"
http 200 GET "$a/latents?sort=n_active&dir=desc&min_n_active=$most"
equals "latents that fire as often as the densest" "$(value items.0.id)" "$first"
http 200 GET "$a/latents?ids=5,3,63&dead=too"
equals "latents by id" "$(value items.0.id) $(value items.1.id) $(value items.2.id)" "3 5 63"
http 200 GET "$a/latents/$first/place?sort=n_active&dir=desc"
equals "place of the densest" "$(value position)" 0
equals "nothing before it" "$(value previous)" null
http 200 GET "$a/latents/$first?around=4"
for key in id n_active max mean quantiles hist.edges hist.counts log_hist logits neighbours.by_cosine matches neurons \
    groups.0.examples.0.passage.text groups.0.examples.0.passage.acts.0.1 groups.0.examples.0.row; do
    checks=$((checks + 1))
    "$build/tests/json_value" "$key" <out.txt >/dev/null || fail "a latent has no $key"
done
equals "its number" "$(value id)" "$first"
row=$(value groups.0.examples.0.row) peak=$(value groups.0.examples.0.value)
equals "the largest activation" "$peak" "$(value max)"
http 200 GET "/api/v1/texts/0?count=3"
equals "tokens with ids" "$(value ids)" "[3]"
http 200 GET "/api/v1/texts/$row?count=3" # fewer where a document ends
document=$(value document)
http 200 GET "/api/v1/documents/$document"
equals "a document" "$(value id)" "$document"
http 200 GET /api/v1/compare/batchtopk-128-k4/batchtopk-64-k4
equals "nothing was compared" "$(value result)" null
http 200 GET /api/v1/nearest/batchtopk-128-k4/batchtopk-64-k4
http 200 GET "$a/latents/$first/pair/batchtopk-128-k4/0"
http 200 GET "$a/latents/$first/pair/batchtopk-64-k4/$first"
equals "a pair that is not kept, without a model" "$(value stored) $(value live) $(value others) $(value link.cosine)" "false false null null"
http 200 GET "$a/latents/$first"
kept=" $(for k in 0 1 2; do value matches.0.by_cosine.$k.latent; done | tr '\n' ' ')"
for far in 0 1 2 3; do [[ $kept == *" $far "* ]] || break; done # a latent of the other SAE whose activations are not kept
near=$("$build/tests/http" GET "$base$a/latents/$first" 2>/dev/null | "$build/tests/json_value" neighbours.by_cosine.0.latent)
http 200 GET "$a/latents/$first/pair/batchtopk-64-k4/$near"
matches <(value link.cosine) '^[0-9]\.[0-9]+$'
http 200 GET "$a/latents/$first/nearest/batchtopk-128-k4"
http 200 GET /api/v1/results
equals "no results" "$(value items)" "[0]"
http 200 GET $a/labels
equals "no labels" "$(value labels)" "[0]"

# the page, and what it is made of
http 200 GET /
matches headers.txt '^Content-Type: text/html'
for asset in $(grep -o '/assets/[a-z_.]*' out.txt); do http 200 GET "$asset"; done
http 200 GET "/s/batchtopk-64-k4/f/$first?ctx=3"
http 404 GET /nowhere
matches headers.txt '^Content-Type: text/html'
http 404 GET /assets/../../../etc/passwd
http 404 GET /assets/%2e%2e%2fmain.js
etag=$(http 200 GET /api/v1/saes >/dev/null; sed -n 's/^ETag: \(.*\)\r$/\1/p' headers.txt)
http 304 GET /api/v1/saes "If-None-Match: $etag"
equals "nothing is sent again" "$(wc -c <out.txt)" 0
http 200 GET "$a/latents/$first" "Accept-Encoding: gzip"
matches headers.txt '^Content-Encoding: gzip'
checks=$((checks + 1))
[ "$(wc -c <out.txt)" -le 20480 ] || fail "a latent takes $(wc -c <out.txt) bytes"

# ---- what is refused -------------------------------------------------------------------------------------
http 404 GET /api/v1/nothing
http 404 GET /api/v2/saes
http 404 GET /api/v1/saes/none
matches out.txt 'there is no SAE \\"none\\" in this database'
http 404 GET $a/latents/64
matches out.txt 'numbered from 0 to 63'
http 404 GET $a/latents/-1
http 404 GET $a/latents/1e1
http 404 GET /api/v1/texts/99999999
http 404 GET /api/v1/documents/99999999
http 404 GET /api/v1/results/0
http 404 GET /api/v1/compare/batchtopk-64-k4/batchtopk-64-k4
http 400 GET "$a/latents?sort=nothing"
http 400 GET "$a/latents?dir=up"
http 400 GET "$a/latents?limit=501"
http 400 GET "$a/latents?min_max=nan"
http 400 GET "$a/latents?vs=batchtopk-128-k4&sort=id&offset=-1"
http 400 GET "$a/latents?sort=vs_cos"
http 400 GET "$a/latents?ids=1,,2"
http 400 GET "$a/latents?ids=1;DROP%20TABLE%20latent"
http 400 GET "$a/latents?sort=id&sort=max"
http 400 GET "$a/latents/3?around=513"
http 400 GET "/api/v1/saes?x=%zz"
http 400 GET "/api/v1/saes?x=%00"
http 400 GET "/$(printf 'a%.0s' $(seq 9000))"
http 501 GET "$a/latents?label=x"
http 403 GET /api/v1/saes "Host: evil.example"
http 403 GET / "Host: evil.example:8000"
http 200 GET /api/v1/saes "Host: localhost:1"
http 403 GET /api/v1/saes "Origin: http://evil.example"
http 403 GET /api/v1/saes "Sec-Fetch-Site: cross-site"
http 403 PUT $a/latents/3/label --body '{"text":"x"}'
http 405 OPTIONS /api/v1/saes
http 405 PATCH /api/v1/saes
http 405 PUT / "Origin: $base" "Content-Type: application/json" "X-Sae-Token: $(http 200 GET /api/v1/meta; value token)" --body '{}'
token=$(http 200 GET /api/v1/meta; value token)
write_api 501 PUT /saes/batchtopk-64-k4/latents/3/label '{"text":"x"}'
write_api 501 POST /saes/batchtopk-64-k4/encode '{"text":"x"}'
write_api 405 POST /saes
stop_server
equals "the database was not written to" "$(cksum <latents.db)" "$before"

# ---- labels and lists ------------------------------------------------------------------------------------
serve --labels labels.db --model "$model"

# a pair that the model makes: a latent beside itself has the activations that the database has, token for token
http 200 GET "$a/latents/$first/pair/batchtopk-64-k4/$first?around=20"
equals "a pair made by the model" "$(value stored) $(value live) $(value others) $(value examples)" "false true [10] [10]"
equals "its cosine with itself" "$(value link.cosine)" 1
equals "whether they fire together is not known" "$(value link.both)" null
for text in 0 4 9; do
    count=$(value others.$text | tr -d '[]')
    equals "activations in text $text" "[$count]" "$(value examples.$text.passage.acts)"
    for ((k = 0; k < count; k++)); do
        equals "token" "$(value others.$text.$k.0)" "$(value examples.$text.passage.acts.$k.0)"
        awk -v x="$(value others.$text.$k.1)" -v y="$(value examples.$text.passage.acts.$k.1)" \
            'BEGIN { exit !(x > 0 && (x - y) ^ 2 <= 1e-6 * y ^ 2) }' || fail "an activation in text $text"
    done
done
token=$(http 200 GET /api/v1/meta; value token)
l=/saes/batchtopk-64-k4
write_api 200 PUT $l/latents/3/label '{"text":"the </script> \"word\" \u202e é"}'
write_api 200 PUT $l/latents/4/label '{"text":"another Word"}'
write_api 200 PUT $l/latents/4/label '{"text":"a better word"}'
http 200 GET $a/labels
equals "labels" "$(value labels)" "[2]"
equals "a label as it was written" "$(value labels.0.text)" $'the </script> "word" \xe2\x80\xae é'
equals "the later label" "$(value labels.1.text)" "a better word"
http 200 GET "$a/latents?label=WORD"
equals "latents by label" "$(value total)" 2
http 200 GET "$a/latents?label=better"
equals "one latent by label" "$(value items.0.id)" 4
write_api 200 PUT $l/latents/4/label '{"text":""}'
http 200 GET "$a/latents?label=better"
equals "a label that was taken away" "$(value total)" 0
write_api 200 POST /lists '{"name":"nouns"}'
list=$(value id)
write_api 409 POST /lists '{"name":"nouns"}'
matches out.txt 'there is a list \\"nouns\\" already'
write_api 400 POST /lists '{"name":""}'
write_api 200 PUT /lists/"$list"/items/batchtopk-64-k4/3
write_api 200 PUT /lists/"$list"/items/batchtopk-64-k4/3
write_api 200 PUT /lists/"$list"/items/batchtopk-128-k4/100
http 200 GET /api/v1/lists/"$list"
equals "on the list" "$(value list.items)" "[2]"
equals "with its label" "$(value list.items.0.latent) $(value list.items.0.here)" "3 true"
http 200 GET "$a/latents?list=$list"
equals "latents of the list" "$(value total)" 1
http 200 GET "$a/latents?list=$list&label=better"
equals "of the list with a label" "$(value total)" 0
write_api 200 DELETE /lists/"$list"/items/batchtopk-64-k4/3
http 200 GET /api/v1/lists/"$list"
equals "off the list" "$(value list.items)" "[1]"
write_api 400 PUT /lists/999/items/batchtopk-64-k4/3
write_api 404 PUT /lists/"$list"/items/batchtopk-64-k4/64
write_api 404 PUT /lists/x/items/batchtopk-64-k4/3
write_api 200 DELETE /lists/"$list"
http 404 GET /api/v1/lists/"$list"

# writing takes the page's origin, its token, and one JSON object of the right form
j="Content-Type: application/json" t="X-Sae-Token: $token" o="Origin: $base"
http 403 PUT /api/v1$l/latents/3/label "$j" "$t" --body '{"text":"x"}'
http 403 PUT /api/v1$l/latents/3/label "$j" "$t" "Origin: http://evil.example" --body '{"text":"x"}'
http 403 PUT /api/v1$l/latents/3/label "$j" "$t" "Origin: null" --body '{"text":"x"}'
http 403 PUT /api/v1$l/latents/3/label "$j" "$o" --body '{"text":"x"}'
http 403 PUT /api/v1$l/latents/3/label "$j" "$o" "X-Sae-Token: ${token%?}x" --body '{"text":"x"}'
http 415 PUT /api/v1$l/latents/3/label "$t" "$o" --body '{"text":"x"}'
http 415 PUT /api/v1$l/latents/3/label "Content-Type: text/plain" "$t" "$o" --body '{"text":"x"}'
for body in '' '[]' '{' '{"text":1}' '{"text":"x","more":1}' '{"text":"x"}x' '{"text":"a\u0000b"}' '{"text":"x","text":"y"}'; do
    write_api 400 PUT $l/latents/3/label "$body"
done
write_api 413 PUT $l/latents/3/label "{\"text\":\"$(printf 'a%.0s' $(seq 70000))\"}"
write_api 400 PUT $l/latents/3/label "{\"text\":\"$(printf 'a%.0s' $(seq 9000))\"}"
http 200 GET $a/labels
equals "the label is what it was" "$(value labels)" "[1]"

# ---- a text of one's own ---------------------------------------------------------------------------------
write_api 200 POST $l/encode '{"text":"The king said é\ud83d\ude00"}'
equals "the first token" "$(value tokens.0.text)" "The"
checks=$((checks + 1))
[ "$(value found)" -gt 0 ] || fail "nothing fires"
equals "whole" "$(value cut)" null
for key in id max peak acts.0.1 latent_max n_active top.text; do
    checks=$((checks + 1))
    "$build/tests/json_value" "latents.0.$key" <out.txt >/dev/null || fail "a latent that fires has no $key"
done
write_api 200 POST $l/encode '{"text":""}'
equals "no tokens" "$(value tokens)" "[0]"
write_api 400 POST $l/encode '{"text":5}'
write_api 200 POST $l/encode "{\"text\":\"$(printf 'word %.0s' $(seq 2000))\"}"
equals "only the first are encoded" "$(value cut)" 2001
write_api 404 POST /saes/none/encode '{"text":"x"}'
mv saes/batchtopk-128-k4 saes/elsewhere
write_api 501 POST /saes/batchtopk-128-k4/encode '{"text":"x"}'
matches out.txt 'cannot be read from where it was'
cp -r saes/batchtopk-64-k4 saes/batchtopk-128-k4
write_api 501 POST /saes/batchtopk-128-k4/encode '{"text":"x"}'
matches out.txt 'holds another SAE than when the database was made'
http 501 GET "$a/latents/$first/pair/batchtopk-128-k4/$far"
rm -r saes/batchtopk-128-k4
mv saes/elsewhere saes/batchtopk-128-k4
http 200 GET "$a/latents/$first/pair/batchtopk-128-k4/$far"
equals "a pair of two SAEs made by the model" "$(value stored) $(value live) $(value others)" "false true [10]"
matches <(value link.cosine) '^-?[0-9.e-]+$'

# ---- a database that was damaged -------------------------------------------------------------------------
# Whatever stands in it: an answer or an error, and a server that goes on.
stop_server
cp latents.db whole.db
size=$(wc -c <whole.db)
noticed=0
for part in 2 3 4 5 6 7; do
    cp whole.db latents.db
    printf 'damaged %.0s' $(seq 60) | dd of=latents.db bs=1 seek=$((size / 8 * part)) conv=notrunc status=none
    if ! start_server; then
        matches serve.log "^sae: latents.db "
        noticed=$((noticed + 1))
        continue
    fi
    for path in "$a/latents?sort=max&limit=500" "/api/v1/compare/batchtopk-64-k4/batchtopk-128-k4" \
        /api/v1/texts/0?count=2000 $(seq -f "$a/latents/%g" 0 4 63); do
        checks=$((checks + 1))
        "$build/tests/http" GET "$base$path" >out.txt 2>headers.txt || fail "damaged at $part/8: no answer to $path"
        noticed=$((noticed + $(grep -c '^HTTP/1.1 500 ' headers.txt)))
        grep -qE '^HTTP/1.1 (200|500) ' headers.txt || fail "damaged at $part/8: $(head -n 1 headers.txt) for $path"
        "$build/tests/json_value" "" <out.txt >/dev/null || fail "damaged at $part/8: no JSON for $path"
    done
    stop_server
done
checks=$((checks + 1))
[ "$noticed" -gt 0 ] || fail "no damage was noticed"
cp whole.db latents.db
serve --labels labels.db

# ---- many slow clients -----------------------------------------------------------------------------------
works "$build/tests/slow_clients" 127.0.0.1 "${base##*:}" 1000 3
cat out.txt
http 200 GET $a/latents/3
stop_server
serve --labels labels.db
http 200 GET $a/labels
equals "labels outlive the server" "$(value labels)" "[1]"
rejects 1 'is taken by another program' "$sae" serve latents.db --port "${base##*:}"
stop_server
finish
