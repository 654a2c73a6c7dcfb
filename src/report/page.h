/* A page of a report: what all pages have in common. Every text that comes in is plain and is escaped. */
#ifndef SAE_REPORT_PAGE_H
#define SAE_REPORT_PAGE_H

#include "report/draft.h"
#include "report/figure.h"

#include <sae/report.h>

typedef struct sae_page_section {
    const char *id, *title;
} sae_page_section;

/* What a page begins with. */
typedef struct sae_page_head {
    const char *kind;  /* of result: "Comparison" */
    const char *title; /* the page's own */
    const char *lead;  /* the result in a sentence or two */
    const char *above; /* the page that this is a part of, NULL: none */
    const sae_page_section *sections;
    int n_sections;
} sae_page_head;

typedef struct sae_page {
    sae_draft draft;
    FILE *out; /* the draft's */
    const sae_page_section *sections;
    int figures; /* so far */
    bool open;   /* a section */
} sae_page;

/* "SMALL and LARGE": last components of the first and the last SAE's names, or all of them if those are the same; of
 * one SAE its own. */
void sae_page_title(const sae_report_origin *origin, char *out, size_t size);
sae_status sae_page_open(sae_page *page, const sae_page_head *head, sae_error *err);
/* Ends the section before, if any, and begins section number `section` of the head. */
void sae_page_begin(sae_page *page, int section);
void sae_page_paragraph(sae_page *page, const char *text);
/* A number that counts: value, what it is, and a remark. Between tiles and end. */
void sae_page_tiles(sae_page *page);
void sae_page_tile(sae_page *page, const char *value, const char *name, const char *note);
void sae_page_tiles_end(sae_page *page);
/* The figure in both forms with caption, table and downloads. */
sae_status sae_page_figure(sae_page *page, const sae_figure *figure, const void *results, sae_error *err);
/* A table that scrolls by itself where it is too wide. `words`: the column that has lists of words, 0: none. */
sae_table sae_page_table(sae_page *page, const char *caption, const char *const *columns, int count, int words);
void sae_page_table_end(sae_page *page, sae_table *table);
/* A number of each SAE. */
typedef struct sae_page_row {
    const char *name;
    const double *values; /* [n_saes] */
    int digits;
} sae_page_row;
/* What the SAEs and the activations are. `roles` [n_saes] says what each is, NULL: their numbers from 1. `rows` [count]
 * are their results. */
void sae_page_origin(sae_page *page, const sae_report_origin *origin, const char *const *roles,
                     const sae_page_row *rows, int count);
/* A list of words and what they mean. */
void sae_page_terms(sae_page *page, const char *const (*terms)[2], int count);
/* Ends the page and writes it, whole or not at all. The page is gone either way. */
sae_status sae_page_save(sae_page *page, const char *path, sae_error *err);
void sae_page_drop(sae_page *page);

#endif
