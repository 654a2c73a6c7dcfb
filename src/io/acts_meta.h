/* acts.json, and the same facts as metadata of a safetensors file. */
#ifndef SAE_IO_ACTS_META_H
#define SAE_IO_ACTS_META_H

#include <sae/io.h>

/* Reads acts.json. SAE_E_FORMAT names the file and the key. */
sae_status sae_acts_meta_read(sae_acts_meta *out, const char *path, sae_error *err);
sae_status sae_acts_meta_write(const sae_acts_meta *meta, const char *path, sae_error *err);

/* Name of a shard, "acts-00007.safetensors". */
#define SAE_SHARD_NAME 40
void sae_shard_name(int64_t index, char out[SAE_SHARD_NAME]);

#endif
