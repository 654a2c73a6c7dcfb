/* Runs a fuzz target without a fuzzer: on the files given, on every truncation of small ones, and on a fixed
 * number of mutations of them, the same in every run. A crash, or an abort of the target, fails the test.
 *
 *   fuzz_X [-n MUTATIONS] FILE…     tests/fuzz/run.sh runs the same targets with libFuzzer */
#include "fuzz/target.h"

#include "base/rng.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SEEDS = 64, ROOM = 256 };

typedef struct seed {
    unsigned char *data;
    size_t size;
} seed;

static seed read_seed(const char *path)
{
    seed s = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    s.size = (size_t)ftell(file);
    rewind(file);
    s.data = malloc(s.size + 1);
    if (fread(s.data, 1, s.size, file) != s.size) exit(1);
    fclose(file);
    return s;
}

/* In a block of its own, so that a sanitizer sees a read behind the end. */
static void run(const unsigned char *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

typedef struct dice {
    sae_rng rng;
    uint64_t draws;
} dice;

static size_t below(dice *d, size_t bound)
{
    return (size_t)sae_rng_below(&d->rng, d->draws++, bound);
}

/* Mostly near the start, where headers are. */
static size_t place(dice *d, size_t size)
{
    size_t near = size < 512 ? size : 512;
    return below(d, below(d, 4) ? near : size);
}

static size_t mutate(dice *d, unsigned char *data, size_t size, const seed *other)
{
    static const char *const words[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "\"",
                                        ":",
                                        ",",
                                        "-1",
                                        "0",
                                        "1",
                                        "e9",
                                        "1.5",
                                        "\\u00",
                                        "null",
                                        "true",
                                        "(",
                                        ")",
                                        "999999999999999999999",
                                        "'",
                                        "__metadata__",
                                        "9223372036854775807"};
    if (size == 0) return 0;
    size_t at = place(d, size);
    switch (below(d, 7)) {
    case 0:
        data[at] ^= (unsigned char)(1u << below(d, 8));
        return size;
    case 1:
        data[at] = (unsigned char)below(d, 256);
        return size;
    case 2: /* cut */
        return below(d, 8) ? size : at;
    case 3: { /* overwrite with a word */
        const char *word = words[below(d, sizeof words / sizeof *words)];
        size_t length = strlen(word) < size - at ? strlen(word) : size - at;
        memcpy(data + at, word, length);
        return size;
    }
    case 4: { /* insert a word */
        const char *word = words[below(d, sizeof words / sizeof *words)];
        size_t length = strlen(word);
        memmove(data + at + length, data + at, size - at);
        memcpy(data + at, word, length);
        return size + length;
    }
    case 5: { /* remove a few bytes */
        size_t length = below(d, size - at < 16 ? size - at + 1 : 16);
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    }
    default: { /* a piece of another file */
        if (other->size == 0) return size;
        size_t from = place(d, other->size), length = below(d, 32);
        if (length > other->size - from) length = other->size - from;
        if (length > size - at) length = size - at;
        memcpy(data + at, other->data + from, length);
        return size;
    }
    }
}

int main(int argc, char **argv)
{
    seed seeds[MAX_SEEDS];
    size_t count = 0;
    dice d = {.rng = sae_rng_make(1, "fuzz", 0)};
    int mutations = 15000, first = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        mutations = atoi(argv[2]);
        first = 3;
    }
    for (int i = first; i < argc && count < MAX_SEEDS; i++) seeds[count++] = read_seed(argv[i]);
    if (count == 0) {
        fprintf(stderr, "usage: %s [-n MUTATIONS] FILE…\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        run(seeds[i].data, seeds[i].size);
        for (size_t cut = 0; cut < seeds[i].size && cut < 512; cut++) run(seeds[i].data, cut);
    }
    for (int m = 0; m < mutations; m++) {
        const seed *s = &seeds[below(&d, count)];
        unsigned char *data = malloc(s->size + ROOM);
        size_t size = s->size, steps = 1 + below(&d, 8);
        memcpy(data, s->data, size);
        for (size_t i = 0; i < steps; i++) size = mutate(&d, data, size, &seeds[below(&d, count)]);
        run(data, size);
        free(data);
    }
    for (size_t i = 0; i < count; i++) free(seeds[i].data);
    printf("%zu files, %d mutations\n", count, mutations);
    return 0;
}
