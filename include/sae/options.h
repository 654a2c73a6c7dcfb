/* Option tables: one table per config struct, from which the command line, --help, bounds checks,
 * JSON recipes and the man page are made, so that none can drift from another. */
#ifndef SAE_OPTIONS_H
#define SAE_OPTIONS_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sae_option_type {
    SAE_OPT_BOOL,   /* bool; a flag on the command line: present = true */
    SAE_OPT_ON_OFF, /* bool; takes the words on or off */
    SAE_OPT_INT,    /* int64_t; suffixes k, M, G (powers of 1000) are read */
    SAE_OPT_FLOAT,  /* double; a zero_word such as "off" stands for 0 */
    SAE_OPT_STRING, /* const char *: borrowed from argv, or from the JSON document for a recipe */
    SAE_OPT_CHOICE, /* int: index into `choices`, words separated by '|' */
    SAE_OPT_LIST,   /* const char *: comma-separated, taken apart by the command */
    SAE_OPT_FILES   /* const char *const *: NULL-terminated list of paths; only the command line can set it */
} sae_option_type;

/* One option. `offset` is that of the field in the config struct. */
typedef struct sae_option {
    const char *name; /* without the dashes: "batch" */
    sae_option_type type;
    size_t offset;
    const char *metavar;      /* "N", "F", "DIR"; NULL for flags */
    const char *default_text; /* as shown in help, NULL: none; the real default is the struct's */
    double min, max;          /* bounds of INT and FLOAT, inclusive; ignored when max < min */
    const char *choices;      /* CHOICE: "a|b|c" */
    const char *zero_word;    /* FLOAT, INT: a word that stands for 0, or NULL */
    const char *help;         /* one line, no full stop */
} sae_option;

/* A table of options and the struct that they are read into. */
typedef struct sae_option_group {
    const sae_option *options;
    size_t count;
    void *config;
} sae_option_group;

/* config.<option> = text, checked for type and bounds; a BOOL becomes true whatever the text.
 * SAE_E_ARG with the option, the value and what is allowed; always for FILES, whose list one text cannot
 * be. `text` must outlive config for strings. */
SAE_API sae_status sae_option_set(const sae_option *option, void *config, const char *text, sae_error *err);

/* The option called `name` in a table of `count`, or NULL. */
SAE_API const sae_option *sae_option_find(const sae_option *table, size_t count, const char *name);

/* Writes the current value of an option as text, as it would be given on the command line ("" for an
 * unset string or list, the paths of FILES with spaces between); cut to size, always ends with NUL. */
SAE_API void sae_option_get(const sae_option *option, const void *config, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
