/* The style sheet and the program of exported pages: page.css and page.js, put into the library by the build. */
#ifndef SAE_EXPORT_PAGE_FILES_H
#define SAE_EXPORT_PAGE_FILES_H

extern const char sae_page_css[], sae_page_js[]; /* end with NUL */

#endif
