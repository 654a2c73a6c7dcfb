/* Text that is made in memory and then handed over or written to a file: whole or not at all. */
#ifndef SAE_REPORT_DRAFT_H
#define SAE_REPORT_DRAFT_H

#include <sae/status.h>
#include <stdio.h>

typedef struct sae_draft {
    FILE *stream;     /* write here; NULL once it is handed over */
    const char *what; /* "a histogram": for the message when memory is short */
    char *text;
    size_t length;
} sae_draft;

/* The draft may not move until it is handed over. */
sae_status sae_draft_open(sae_draft *draft, const char *what, sae_error *err);
/* *out = what was written, NUL-terminated; free(). */
sae_status sae_draft_take(sae_draft *draft, char **out, sae_error *err);
sae_status sae_draft_save(sae_draft *draft, const char *path, sae_error *err);
/* Throws it away; nothing happens when it was handed over already, or is all zeros. */
void sae_draft_drop(sae_draft *draft);

#endif
