/* Zip archives made byte by byte, so that a test can lie in any field of them. */
#ifndef SAE_TESTS_IO_MAKE_ZIP_H
#define SAE_TESTS_IO_MAKE_ZIP_H

#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAKE_ZIP_ROOM = 1 << 20, MAKE_ZIP_MEMBERS = 16 };

typedef struct made_zip {
    unsigned char data[MAKE_ZIP_ROOM];
    size_t size;
    size_t local[MAKE_ZIP_MEMBERS]; /* where each header starts */
    size_t entry[MAKE_ZIP_MEMBERS]; /* and each entry of the directory, once it is finished */
    size_t count, directory, end;
    struct {
        const char *name;
        uint32_t crc, stored, size;
        int method;
    } members[MAKE_ZIP_MEMBERS];
} made_zip;

static inline void zip_number(made_zip *zip, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) zip->data[zip->size++] = (unsigned char)(value >> 8 * i);
}

/* Overwrites a number at `at`. */
static inline void zip_patch(made_zip *zip, size_t at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) zip->data[at + (size_t)i] = (unsigned char)(value >> 8 * i);
}

static inline void zip_add_raw(made_zip *zip, const char *name, const void *stored, size_t stored_size, size_t size,
                               uint32_t crc, int method)
{
    size_t i = zip->count++;
    zip->local[i] = zip->size;
    zip->members[i].name = name;
    zip->members[i].crc = crc;
    zip->members[i].stored = (uint32_t)stored_size;
    zip->members[i].size = (uint32_t)size;
    zip->members[i].method = method;
    zip_number(zip, 0x04034b50u, 4);
    zip_number(zip, 20, 2);
    zip_number(zip, 0, 2);
    zip_number(zip, (uint64_t)method, 2);
    zip_number(zip, 0, 4);
    zip_number(zip, crc, 4);
    zip_number(zip, stored_size, 4);
    zip_number(zip, size, 4);
    zip_number(zip, strlen(name), 2);
    zip_number(zip, 0, 2);
    memcpy(zip->data + zip->size, name, strlen(name));
    zip->size += strlen(name);
    memcpy(zip->data + zip->size, stored, stored_size);
    zip->size += stored_size;
}

static inline void zip_add(made_zip *zip, const char *name, const void *content, size_t size)
{
    zip_add_raw(zip, name, content, size, size, (uint32_t)crc32(0, content, (uInt)size), 0);
}

static inline void zip_add_deflated(made_zip *zip, const char *name, const void *content, size_t size)
{
    unsigned char *out = malloc(size + 1024);
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)content;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)size + 1024;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    zip_add_raw(zip, name, out, stream.total_out, size, (uint32_t)crc32(0, content, (uInt)size), 8);
    deflateEnd(&stream);
    free(out);
}

/* Writes the directory and the end record. */
static inline void zip_finish(made_zip *zip)
{
    zip->directory = zip->size;
    for (size_t i = 0; i < zip->count; i++) {
        zip->entry[i] = zip->size;
        zip_number(zip, 0x02014b50u, 4);
        zip_number(zip, 20, 2);
        zip_number(zip, 20, 2);
        zip_number(zip, 0, 2);
        zip_number(zip, (uint64_t)zip->members[i].method, 2);
        zip_number(zip, 0, 4);
        zip_number(zip, zip->members[i].crc, 4);
        zip_number(zip, zip->members[i].stored, 4);
        zip_number(zip, zip->members[i].size, 4);
        zip_number(zip, strlen(zip->members[i].name), 2);
        zip_number(zip, 0, 8);
        zip_number(zip, 0, 4);
        zip_number(zip, zip->local[i], 4);
        memcpy(zip->data + zip->size, zip->members[i].name, strlen(zip->members[i].name));
        zip->size += strlen(zip->members[i].name);
    }
    zip->end = zip->size;
    zip_number(zip, 0x06054b50u, 4);
    zip_number(zip, 0, 4);
    zip_number(zip, zip->count, 2);
    zip_number(zip, zip->count, 2);
    zip_number(zip, zip->end - zip->directory, 4);
    zip_number(zip, zip->directory, 4);
    zip_number(zip, 0, 2);
}

static inline made_zip *zip_new(void)
{
    return calloc(1, sizeof(made_zip));
}

#endif
