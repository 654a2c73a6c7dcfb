/* A member's checksum is known only once it is written: its header is completed afterwards. Sizes are known before, so
 * that zip64 fields are there where they are needed. */
#include "io/zip_write.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_SIZE = 30,
    ENTRY_SIZE = 46,
    CRC_AT = 14, /* in a local header */
    ALIGN = 64,
    PADDING_FIELD = 0x4246, /* the field that PyTorch pads with */
    DATE = 0x21             /* 1 January 1980, the first there is */
};

#define NARROW 0xffffffffu

typedef struct member {
    const char *name;
    uint64_t size, offset;
    uint32_t crc;
} member;

struct sae_zip_writer {
    sae_output output;
    uint64_t at; /* bytes written */
    uint64_t left;
    member *members;
    size_t count, room;
};

typedef struct bytes {
    unsigned char data[256];
    size_t count;
} bytes;

static void put(bytes *b, uint64_t value, int size)
{
    for (int i = 0; i < size; i++) b->data[b->count++] = (unsigned char)(value >> 8 * i);
}

static sae_status write_bytes(sae_zip_writer *writer, const void *data, size_t size, sae_error *err)
{
    sae_status status = sae_output_write(&writer->output, data, size, err);
    writer->at += size;
    return status;
}

sae_status sae_zip_writer_open(sae_zip_writer **out, const char *path, sae_error *err)
{
    sae_zip_writer *writer = sae_calloc(1, sizeof *writer);
    if (!writer) return sae_fail_memory(err, path, sizeof *writer);
    sae_status status = sae_output_open(&writer->output, path, err);
    if (status == SAE_OK)
        *out = writer;
    else
        sae_free(writer);
    return status;
}

void sae_zip_writer_abort(sae_zip_writer *writer)
{
    if (!writer) return;
    sae_output_abort(&writer->output);
    sae_free(writer->members);
    sae_free(writer);
}

/* Writes the checksum of the last member into its header. */
static sae_status complete(sae_zip_writer *writer, sae_error *err)
{
    if (writer->count == 0) return SAE_OK;
    const member *last = &writer->members[writer->count - 1];
    if (writer->left)
        return sae_fail(err, SAE_E_ARG, "member %s of %s lacks %llu bytes", last->name, writer->output.path,
                        (unsigned long long)writer->left);
    bytes crc = {.count = 0};
    put(&crc, last->crc, 4);
    FILE *stream = writer->output.stream;
    if (fseeko(stream, (off_t)last->offset + CRC_AT, SEEK_SET) != 0 || fwrite(crc.data, 1, 4, stream) != 4 ||
        fseeko(stream, 0, SEEK_END) != 0)
        return sae_fail_errno(err, "cannot write %s", writer->output.path);
    return SAE_OK;
}

/* Sizes that do not fit stand in a zip64 field instead. */
static void put_zip64(bytes *b, const member *m, bool with_offset)
{
    bool wide_size = m->size >= NARROW, wide_offset = with_offset && m->offset >= NARROW;
    if (!wide_size && !wide_offset) return;
    put(b, 1, 2);
    put(b, (wide_size ? 16u : 0u) + (wide_offset ? 8u : 0u), 2);
    if (wide_size) put(b, m->size, 8);
    if (wide_size) put(b, m->size, 8);
    if (wide_offset) put(b, m->offset, 8);
}

static uint64_t narrow(uint64_t value)
{
    return value < NARROW ? value : NARROW;
}

/* Versions, flags, method, date, checksum, sizes and the length of the name: the same in both headers. */
static void put_common(bytes *b, const member *m)
{
    put(b, m->size >= NARROW || m->offset >= NARROW ? 45 : 20, 2);
    put(b, 0, 2); /* flags */
    put(b, 0, 2); /* stored */
    put(b, 0, 2); /* time */
    put(b, DATE, 2);
    put(b, m->crc, 4);
    put(b, narrow(m->size), 4);
    put(b, narrow(m->size), 4);
    put(b, strlen(m->name), 2);
}

sae_status sae_zip_writer_begin(sae_zip_writer *writer, const char *name, size_t size, sae_error *err)
{
    sae_status status;
    bytes header = {.count = 0}, extra = {.count = 0};
    SAE_TRY(complete(writer, err));
    if (writer->count == writer->room) {
        size_t room = writer->room ? writer->room * 2 : 16;
        member *more = sae_realloc(writer->members, room, sizeof *more);
        if (!more) SAE_TRY(sae_fail_memory(err, writer->output.path, room * sizeof *more));
        writer->members = more;
        writer->room = room;
    }
    member m = {.name = name, .size = size, .offset = writer->at, .crc = (uint32_t)crc32(0, NULL, 0)};
    put_zip64(&extra, &m, false);
    uint64_t unpadded = writer->at + LOCAL_SIZE + strlen(name) + extra.count + 4;
    uint64_t padding = (ALIGN - unpadded % ALIGN) % ALIGN;
    put(&extra, PADDING_FIELD, 2);
    put(&extra, padding, 2);
    for (uint64_t i = 0; i < padding; i++) put(&extra, 0, 1);
    put(&header, 0x04034b50u, 4);
    put_common(&header, &m);
    put(&header, extra.count, 2);
    SAE_TRY(write_bytes(writer, header.data, header.count, err));
    SAE_TRY(write_bytes(writer, name, strlen(name), err));
    SAE_TRY(write_bytes(writer, extra.data, extra.count, err));
    writer->members[writer->count++] = m;
    writer->left = size;
done:
    return status;
}

sae_status sae_zip_writer_write(void *target, const void *data, size_t size, sae_error *err)
{
    sae_zip_writer *writer = target;
    member *last = &writer->members[writer->count - 1];
    if (size > writer->left)
        return sae_fail(err, SAE_E_ARG, "member %s of %s gets more bytes than announced", last->name,
                        writer->output.path);
    const unsigned char *at = data;
    for (size_t left = size; left;) {
        uInt piece = (uInt)(left < (1u << 30) ? left : 1u << 30);
        last->crc = (uint32_t)crc32(last->crc, at, piece);
        at += piece;
        left -= piece;
    }
    writer->left -= size;
    return write_bytes(writer, data, size, err);
}

static sae_status write_entry(sae_zip_writer *writer, const member *m, sae_error *err)
{
    sae_status status;
    bytes entry = {.count = 0}, extra = {.count = 0};
    put_zip64(&extra, m, true);
    put(&entry, 0x02014b50u, 4);
    put(&entry, 45, 2); /* made by */
    put_common(&entry, m);
    put(&entry, extra.count, 2);
    put(&entry, 0, 2); /* comment */
    put(&entry, 0, 2); /* volume */
    put(&entry, 0, 2); /* attributes */
    put(&entry, 0, 4);
    put(&entry, narrow(m->offset), 4);
    SAE_TRY(write_bytes(writer, entry.data, entry.count, err));
    SAE_TRY(write_bytes(writer, m->name, strlen(m->name), err));
    SAE_TRY(write_bytes(writer, extra.data, extra.count, err));
done:
    return status;
}

/* The end record, behind the zip64 ones where the directory lies far into the file. */
static void put_end(bytes *b, uint64_t count, uint64_t directory, uint64_t size, uint64_t at)
{
    if (directory >= NARROW || size >= NARROW || count >= 0xffff) {
        put(b, 0x06064b50u, 4);
        put(b, 44, 8);
        put(b, 45, 2);
        put(b, 45, 2);
        put(b, 0, 8); /* volumes */
        put(b, count, 8);
        put(b, count, 8);
        put(b, size, 8);
        put(b, directory, 8);
        put(b, 0x07064b50u, 4);
        put(b, 0, 4);
        put(b, at, 8);
        put(b, 1, 4);
    }
    uint64_t narrow_count = count < 0xffff ? count : 0xffff;
    put(b, 0x06054b50u, 4);
    put(b, 0, 4); /* volumes */
    put(b, narrow_count, 2);
    put(b, narrow_count, 2);
    put(b, narrow(size), 4);
    put(b, narrow(directory), 4);
    put(b, 0, 2); /* comment */
}

sae_status sae_zip_writer_finish(sae_zip_writer *writer, sae_error *err)
{
    sae_status status;
    bytes end = {.count = 0};
    SAE_TRY(complete(writer, err));
    uint64_t directory = writer->at;
    for (size_t i = 0; i < writer->count; i++) SAE_TRY(write_entry(writer, &writer->members[i], err));
    put_end(&end, writer->count, directory, writer->at - directory, writer->at);
    SAE_TRY(write_bytes(writer, end.data, end.count, err));
    status = sae_output_commit(&writer->output, err);
done:
    sae_zip_writer_abort(writer);
    return status;
}
