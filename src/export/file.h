/* The files of an export, which go again if it fails. */
#ifndef SAE_EXPORT_FILE_H
#define SAE_EXPORT_FILE_H

#include <sae/io.h>

#include "base/file.h"

/* DIR/NAME with `name` a path below it, noted in `written` as about to be written; sae_free. */
sae_status sae_export_path(char **out, sae_written *written, const char *dir, const char *name, sae_error *err);
/* The same, opened. */
sae_status sae_export_open(sae_output *out, sae_written *written, const char *dir, const char *name, sae_error *err);

#endif
