/* The part of Python's pickle language that state dicts are written in (protocol 2), read without running anything.
 *
 * A pickle is a program for a stack machine; Python's own machine lets it call any function. This one builds a tree of
 * plain values. A function of a list that the caller gives may be named and "called", which leaves a CALL node; every
 * other name is refused. */
#ifndef SAE_IO_PICKLE_H
#define SAE_IO_PICKLE_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sae_pickle_kind {
    SAE_PICKLE_NONE,
    SAE_PICKLE_BOOL,
    SAE_PICKLE_INT,
    SAE_PICKLE_REAL,
    SAE_PICKLE_TEXT,
    SAE_PICKLE_TUPLE,
    SAE_PICKLE_LIST,
    SAE_PICKLE_DICT,       /* items: key, value, key, value … */
    SAE_PICKLE_GLOBAL,     /* integer: index into the caller's list */
    SAE_PICKLE_CALL,       /* integer: the global; items: arguments */
    SAE_PICKLE_PERSISTENT, /* items: one, what the writer keeps elsewhere */
} sae_pickle_kind;

typedef struct sae_pickle_node {
    sae_pickle_kind kind;
    int64_t integer; /* INT, BOOL, GLOBAL, CALL */
    double real;
    const char *text; /* TEXT: borrowed from the pickle, not terminated */
    size_t length;
    uint32_t *items; /* indices of nodes */
    size_t count, room;
} sae_pickle_node;

typedef struct sae_pickle {
    sae_pickle_node *nodes;
    size_t count, room;
    uint32_t root;
} sae_pickle;

#define SAE_PICKLE_MAX_BYTES ((size_t)16 << 20)
#define SAE_PICKLE_MAX_NODES ((size_t)1 << 20)

/* Parses data[0 … size). `globals` is a NULL-terminated list of "module name", the first of which is the class of
 * ordered dictionaries: a call of it without arguments is an empty DICT. Nodes may be shared and, in a hostile pickle,
 * hold themselves: readers bound their depth. SAE_E_FORMAT for a damaged pickle and one that is larger than the limits
 * above; SAE_E_UNSUPPORTED names the function or opcode that is not allowed. */
sae_status sae_pickle_parse(sae_pickle *out, const char *path, const char *const *globals, const unsigned char *data,
                            size_t size, sae_error *err);
void sae_pickle_clear(sae_pickle *pickle);

/* Whether the node is this text. */
bool sae_pickle_is_text(const sae_pickle_node *node, const char *text);

#endif
