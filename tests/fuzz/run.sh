#!/usr/bin/env bash
# Runs the fuzz targets of this folder with libFuzzer, ASan and UBSan (clang):
#   tests/fuzz/run.sh [SECONDS [TARGET…]]      60 seconds each; targets by name: safetensors npy …
# What it finds is left in build-fuzz/TARGET/ as crash-*; run build-fuzz/fuzz_TARGET on such a file to see why.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60}
shift || true
clang=$(command -v clang || command -v clang-14) || { echo "run.sh: clang is not installed" >&2; exit 1; }
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in "$root"/tests/fuzz/fuzz_*.c; do
        name=$(basename "$file" .c)
        targets+=("${name#fuzz_}")
    done
fi
build=$root/build-fuzz
cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="-g -O1" -DSAE_LIBFUZZER=ON
cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}"
for name in "${targets[@]}"; do
    mkdir -p "$build/$name/corpus"
    cp "$root"/tests/golden/io_*.* "$root"/tests/golden/io_acts/* "$root"/tests/golden/formats/*.* "$build/$name/corpus/"
    cp "$root"/tests/golden/web_targets/* "$build/$name/corpus/"
    for file in "$root"/tests/golden/formats/*/{params.npz,ae.pt}; do
        cp "$file" "$build/$name/corpus/$(basename "$(dirname "$file")")-$(basename "$file")"
    done
    (cd "$build/$name" && "$build/fuzz_$name" -max_total_time="$seconds" -max_len=20000 -timeout=10 \
        -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 corpus)
done
