/* A zip archive that lies in memory, as NumPy and PyTorch write them: stored and deflated members, zip64. */
#ifndef SAE_IO_ZIP_H
#define SAE_IO_ZIP_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sae_zip_member {
    const char *name;
    const unsigned char *data; /* as it lies in the file */
    size_t stored;             /* bytes in the file */
    size_t size;               /* bytes of content */
    uint32_t crc;
    bool deflated;
} sae_zip_member;

typedef struct sae_zip {
    size_t count;
    sae_zip_member *members; /* in the order of the file */
    size_t *by_name;         /* [count] indices into members, names ascending */
    char *names;             /* storage of all names */
} sae_zip;

/* Whether this looks like the start of a zip archive. */
bool sae_zip_is(const unsigned char *file, size_t size);

/* Reads and checks the central directory of the archive at file[0 … size); `path` is for messages. SAE_E_FORMAT for
 * offsets and sizes outside of the file, members that overlap one another or the directory, names that come twice,
 * headers that contradict the directory, and archives whose content would be more than SAE_ZIP_MAX_RATIO times as long
 * as the file (a zip bomb); SAE_E_UNSUPPORTED for encryption, several disks and other methods than deflate. */
sae_status sae_zip_parse(sae_zip *out, const char *path, const unsigned char *file, size_t size, sae_error *err);
void sae_zip_clear(sae_zip *zip);

/* Content may be this many times the size of the file, plus SAE_ZIP_ALLOWANCE: weights compress by a few per cent, a
 * tensor of zeros by a factor of 1000. */
#define SAE_ZIP_MAX_RATIO 64
#define SAE_ZIP_ALLOWANCE ((size_t)16 << 20)

/* By name, or NULL. */
const sae_zip_member *sae_zip_find(const sae_zip *zip, const char *name);

/* *content [member->size]: the bytes in the file when they are stored, otherwise inflated into *owned (sae_free; NULL
 * when nothing was allocated). SAE_E_FORMAT when they do not inflate to that size or have another checksum. */
sae_status sae_zip_read(const sae_zip_member *member, const char *path, const unsigned char **content, void **owned,
                        sae_error *err);

#endif
