#!/usr/bin/env bash
# make install: headers, libraries, pkg-config file, manual page, completions; and a program built against them.
source "$(dirname "$0")/lib.sh" "$1"
if grep -q '^SAE_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
    echo "sanitized libraries need the sanitizer's own linking: not checked"
    exit 0
fi
prefix=$tmp/usr
works cmake --install "$build" --prefix "$prefix"
lib=$(dirname "$(find "$prefix" -name libsae.a)")
checks=$((checks + 1))
for file in bin/sae include/sae/train.h share/man/man1/sae.1 share/bash-completion/completions/sae \
    share/zsh/site-functions/_sae share/fish/vendor_completions.d/sae.fish share/sae/recipes/gpt2-topk.json; do
    [ -s "$prefix/$file" ] || fail "$file was not installed"
done
works "$prefix/bin/sae" --version
version=$(sed 's/^sae //' out.txt)

# the paths in libsae.pc are those of the configured prefix
pc=$lib/pkgconfig/libsae.pc
matches "$pc" "^Version: ${version//./\\.}$"
cat >use.c <<'END'
#include <sae/train.h>
#include <sae/compare.h>
#include <stdio.h>
int main(void)
{
    sae_error err;
    sae_model *model = NULL;
    if (sae_model_load(&model, "nosuch", &err) == SAE_OK) return 1;
    printf("%s\n", sae_version());
    return 0;
}
END
configured=$(sed -n 's/^prefix=//p' "$pc")
sed "s|$configured|$prefix|g" "$pc" >libsae.pc
export PKG_CONFIG_PATH=$tmp
# the library's own compiler: the option that brings OpenMP is the compiler's
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
# shellcheck disable=SC2046
works "$cc" -Wall -Wextra -Werror use.c $(pkg-config --cflags --libs libsae) -Wl,-rpath,"$lib" -o shared
works ./shared
equals "version of the shared library" "$(cat out.txt)" "$version"
# shellcheck disable=SC2046
works "$cc" use.c $(pkg-config --cflags --static --libs libsae | sed 's/-lsae/-l:libsae.a/') -o static
works ./static
checks=$((checks + 1))
if ldd static | grep -q libsae; then fail "the static library was not used"; fi
equals "version of the static library" "$(cat out.txt)" "$version"

# the shared library exports the public functions and nothing else
checks=$((checks + 1))
if command -v nm >/dev/null; then
    nm -D --defined-only "$lib"/libsae.so | awk '{ print $3 }' | grep -v '^\.gomp_critical' | sort -u >exported
    grep -hoE '\bsae_[a-z0-9_]+\(' "$root"/include/sae/*.h | tr -d '(' | sort -u >declared
    strange=$(comm -23 exported declared | tr '\n' ' ')
    [ -z "$strange" ] || fail "exported but not in a public header: $strange"
fi
finish
