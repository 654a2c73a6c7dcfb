/* The header of a safetensors file: 8 bytes of length, JSON, then the data area. */
#ifndef SAE_IO_ST_HEADER_H
#define SAE_IO_ST_HEADER_H

#include <jansson.h>
#include <sae/tensor.h>

#define SAE_ST_MAX_HEADER 100000000 /* bytes; the limit of the format's own reader */

/* Everything a header says, checked against the file. */
typedef struct sae_st_header {
    size_t count;
    sae_tensor *tensors; /* [count] in file order, views into the file */
    size_t *by_name;     /* [count] indices into tensors, names ascending */
    char *names;         /* storage of all names */
    json_t *metadata;    /* object text → text, or NULL */
} sae_st_header;

/* Parses and checks a whole file that lies at file[0 … size); `path` is for messages. SAE_E_FORMAT with the reason. */
sae_status sae_st_header_parse(sae_st_header *out, const char *path, const unsigned char *file, size_t size,
                               sae_error *err);
void sae_st_header_clear(sae_st_header *header);

/* The format's name of a dtype ("F32"), NULL for SAE_DTYPE_OTHER. */
const char *sae_st_dtype_name(sae_dtype dtype);

#endif
