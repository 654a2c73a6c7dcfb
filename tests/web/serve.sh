# What the tests of sae serve share, after tests/cli/lib.sh: a small database and a server on a free port of 127.0.0.1.

# make_database: saes/, acts and latents.db, of the tests' text.
make_database() {
    make_text
    works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
    works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,128 --k 4 --tokens 40k --out saes
    works "$sae" dash saes/batchtopk-64-k4 saes/batchtopk-128-k4 --model "$model" --text text.txt --max-tokens 6k \
        --out latents.db
}

# start_server OPTION...: starts a server; $base is its address, without the last slash. Its stderr is serve.log. Status 1
# when it ended without one.
start_server() {
    : >serve.log # here and now: the new server may not have opened it yet, and the address of the last one would be read
    "$sae" serve latents.db --port 0 "$@" 2>serve.log &
    server=$!
    base=
    for _ in $(seq 600); do
        base=$(sed -n 's|.* is at \(http://.*\)/ (Ctrl-C.*|\1|p' serve.log)
        [ -z "$base" ] || return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# serve OPTION...: start_server, which must work.
serve() {
    start_server "$@" || fail "the server did not start: $(cat serve.log)"
}

# stop_server: ends it as Ctrl-C does; it must end well.
stop_server() {
    kill -INT "$server"
    wait "$server"
    equals "exit status of the server after Ctrl-C" $? 0
}

# http STATUS METHOD PATH [HEADER…] [--body TEXT]: the answer has this status; out.txt is its body, headers.txt the rest.
http() {
    local wanted=$1 method=$2 path=$3 got
    shift 3
    checks=$((checks + 1))
    "$build/tests/http" "$method" "$base$path" "$@" >out.txt 2>headers.txt || fail "no answer: $method $path"
    got=$(sed -n '1s/HTTP\/1.1 \([0-9]*\).*/\1/p' headers.txt)
    [ "$got" = "$wanted" ] || fail "status $got instead of $wanted: $method $path ($(head -c 200 out.txt))"
}

# write_api STATUS METHOD PATH [BODY]: a request as the page sends it.
write_api() {
    http "$1" "$2" "/api/v1$3" "Origin: $base" "Content-Type: application/json" "X-Sae-Token: $token" --body "${4:-}"
}
