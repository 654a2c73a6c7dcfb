/* GPT-2's pattern, which cuts a text into the words that BPE works on:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Its classes are written out so that every version of PCRE2 gives the same words as the tokenizers library:
 * \s is the property White_Space (PCRE2's also has U+180E, which left it with Unicode 6.3), and letters and
 * numbers that came with Unicode 14 to 16 are listed, since PCRE2 before 10.44 does not know them all. */
#include "lm/bpe.h"

#include "base/error.h"

#define SPACE                                                                                                          \
    "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

#define NEW_LETTERS                                                                                                    \
    "\\x{870}-\\x{887}\\x{889}-\\x{88e}\\x{8b5}\\x{8c8}-\\x{8c9}\\x{c5d}\\x{cdd}\\x{170d}\\x{171f}\\x{1b4c}"           \
    "\\x{1c89}-\\x{1c8a}\\x{2c2f}\\x{2c5f}\\x{9ffd}-\\x{9fff}\\x{a7c0}-\\x{a7c1}\\x{a7cb}-\\x{a7cd}"                   \
    "\\x{a7d0}-\\x{a7d1}\\x{a7d3}\\x{a7d5}-\\x{a7dc}\\x{a7f2}-\\x{a7f4}\\x{10570}-\\x{1057a}"                          \
    "\\x{1057c}-\\x{1058a}\\x{1058c}-\\x{10592}\\x{10594}-\\x{10595}\\x{10597}-\\x{105a1}"                             \
    "\\x{105a3}-\\x{105b1}\\x{105b3}-\\x{105b9}\\x{105bb}-\\x{105bc}\\x{105c0}-\\x{105f3}"                             \
    "\\x{10780}-\\x{10785}\\x{10787}-\\x{107b0}\\x{107b2}-\\x{107ba}\\x{10d4a}-\\x{10d65}"                             \
    "\\x{10d6f}-\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{10f70}-\\x{10f81}\\x{11071}-\\x{11072}\\x{11075}"                   \
    "\\x{1123f}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"          \
    "\\x{113d3}\\x{11740}-\\x{11746}\\x{11ab0}-\\x{11abf}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}"         \
    "\\x{11f12}-\\x{11f33}\\x{12f90}-\\x{12ff0}\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}"                   \
    "\\x{16100}-\\x{1611d}\\x{16a70}-\\x{16abe}\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1aff0}-\\x{1aff3}"                   \
    "\\x{1aff5}-\\x{1affb}\\x{1affd}-\\x{1affe}\\x{1b11f}-\\x{1b122}\\x{1b132}\\x{1b155}\\x{1df00}-\\x{1df1e}"         \
    "\\x{1df25}-\\x{1df2a}\\x{1e030}-\\x{1e06d}\\x{1e290}-\\x{1e2ad}\\x{1e4d0}-\\x{1e4eb}"                             \
    "\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{1e7e0}-\\x{1e7e6}\\x{1e7e8}-\\x{1e7eb}\\x{1e7ed}-\\x{1e7ee}"                   \
    "\\x{1e7f0}-\\x{1e7fe}\\x{2a6de}-\\x{2a6df}\\x{2b735}-\\x{2b739}\\x{2ebf0}-\\x{2ee5d}"                             \
    "\\x{31350}-\\x{323af}"

#define NEW_NUMBERS                                                                                                    \
    "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}"                             \
    "\\x{16130}-\\x{16139}\\x{16ac0}-\\x{16ac9}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}"                             \
    "\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"

#define LETTER "a-zA-Z\\p{L}" NEW_LETTERS
#define NUMBER "0-9\\p{N}" NEW_NUMBERS

/* Runs are possessive where nothing can follow them, so that no text makes the matcher try again. */
static const char pattern[] = "'(?:[stmd]|re|ve|ll)"
                              "| ?[" LETTER "]++"
                              "| ?[" NUMBER "]++"
                              "| ?[^" SPACE LETTER NUMBER "]++"
                              "|[" SPACE "]+(?![^" SPACE "])"
                              "|[" SPACE "]++";

sae_status sae_bpe_compile_pattern(sae_tokenizer *t, sae_error *err)
{
    int problem;
    PCRE2_SIZE where;
    t->pattern = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1, PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED,
                               &problem, &where, NULL);
    if (!t->pattern) {
        char reason[128] = "";
        pcre2_get_error_message(problem, (PCRE2_UCHAR *)reason, sizeof reason);
        return sae_fail(err, problem == PCRE2_ERROR_NOMEMORY ? SAE_E_MEMORY : SAE_E_UNSUPPORTED,
                        "this PCRE2 library cannot compile the tokenizer's pattern: %s (at %zu)", reason,
                        (size_t)where);
    }
    t->jit = pcre2_jit_compile(t->pattern, PCRE2_JIT_COMPLETE) == 0;
    return SAE_OK;
}
