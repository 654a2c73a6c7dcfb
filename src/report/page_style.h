/* The look of all pages. */
#ifndef SAE_REPORT_PAGE_STYLE_H
#define SAE_REPORT_PAGE_STYLE_H

#include <sae/status.h>
#include <stddef.h>

/* *css = the rules of pages and of the pictures in them; free(). */
sae_status sae_page_style(char **css, size_t *length, sae_error *err);

#endif
