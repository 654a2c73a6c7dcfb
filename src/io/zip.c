/* Only the central directory at the end says what an archive holds; the header in front of each member is compared with
 * it. (Layout: PKWARE's APPNOTE, sections 4.3 and 4.5.3.) */
#include "io/zip.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    ENCRYPTED = 1,
    METHOD_STORED = 0,
    METHOD_DEFLATE = 8,
    ZIP64_FIELD = 1
};

#define SIGNATURE_END     0x06054b50u
#define SIGNATURE_LOCATOR 0x07064b50u
#define SIGNATURE_END64   0x06064b50u
#define SIGNATURE_ENTRY   0x02014b50u
#define SIGNATURE_LOCAL   0x04034b50u

#define IN_ZIP64 0xffffffffu /* a field of 32 bits whose value stands in the zip64 field */

static uint32_t u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
    return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32;
}

bool sae_zip_is(const unsigned char *file, size_t size)
{
    return size >= 4 && (u32(file) == SIGNATURE_LOCAL || u32(file) == SIGNATURE_END);
}

typedef struct archive {
    const char *path;
    const unsigned char *file;
    size_t size;
    uint64_t directory, directory_size, entries;
} archive;

static sae_status bad(const archive *a, const char *why, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s is not a readable zip archive: %s", a->path, why);
}

/* ---- the end, which says where the directory is ------------------------------------------------------------- */

/* The end record is the last thing in the file but for a comment, whose length it holds. */
static sae_status find_end(const archive *a, size_t *out, sae_error *err)
{
    size_t longest = END_SIZE + 0xffff, least = a->size > longest ? a->size - longest : 0;
    if (a->size < END_SIZE) return bad(a, "it is too short", err);
    for (size_t at = a->size - END_SIZE + 1; at-- > least;) {
        const unsigned char *end = a->file + at;
        if (u32(end) != SIGNATURE_END || u16(end + 20) != a->size - END_SIZE - at) continue;
        *out = at;
        return SAE_OK;
    }
    return bad(a, "it has no directory at its end; it is cut short or damaged", err);
}

static sae_status read_end64(archive *a, size_t end, sae_error *err)
{
    if (end < LOCATOR_SIZE + END64_SIZE || u32(a->file + end - LOCATOR_SIZE) != SIGNATURE_LOCATOR)
        return bad(a, "the zip64 record that its end asks for is missing", err);
    uint64_t at = u64(a->file + end - LOCATOR_SIZE + 8);
    if (at > end - LOCATOR_SIZE - END64_SIZE || u32(a->file + at) != SIGNATURE_END64)
        return bad(a, "the zip64 record that its end asks for is missing", err);
    const unsigned char *record = a->file + at;
    if (u32(record + 16) != 0 || u32(record + 20) != 0) return bad(a, "it is one of several volumes", err);
    a->entries = u64(record + 32);
    a->directory_size = u64(record + 40);
    a->directory = u64(record + 48);
    return SAE_OK;
}

static sae_status find_directory(archive *a, sae_error *err)
{
    size_t end = 0;
    sae_status status;
    SAE_TRY(find_end(a, &end, err));
    const unsigned char *record = a->file + end;
    if (u16(record + 4) != 0 || u16(record + 6) != 0) return bad(a, "it is one of several volumes", err);
    a->entries = u16(record + 10);
    a->directory_size = u32(record + 12);
    a->directory = u32(record + 16);
    if (a->entries == 0xffff || a->directory_size == IN_ZIP64 || a->directory == IN_ZIP64)
        SAE_TRY(read_end64(a, end, err));
    if (a->directory > end || a->directory_size > end - a->directory)
        return bad(a, "its directory lies outside of the file", err);
    if (a->entries > a->directory_size / ENTRY_SIZE) return bad(a, "it has fewer entries than it says", err);
done:
    return status;
}

/* ---- one member ------------------------------------------------------------------------------------------- */

/* What the zip64 field of an entry holds: those of size, stored size and offset that do not fit 32 bits. */
static bool read_zip64(const unsigned char *extra, size_t length, uint64_t *values[3])
{
    while (length >= 4) {
        size_t field = u16(extra + 2);
        if (field > length - 4) return false;
        if (u16(extra) == ZIP64_FIELD) {
            const unsigned char *at = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*values[i] != IN_ZIP64) continue;
                if (field < 8) return false;
                *values[i] = u64(at);
                at += 8;
                field -= 8;
            }
            return true;
        }
        extra += 4 + field;
        length -= 4 + field;
    }
    return false;
}

/* Points the member at its data and checks the header in front of it. */
static sae_status read_local(const archive *a, sae_zip_member *member, uint64_t offset, size_t name_length,
                             uint32_t method, sae_error *err)
{
    char shown[64];
    sae_printable(member->name, name_length, shown, sizeof shown);
    if (offset > a->directory || a->directory - offset < LOCAL_SIZE)
        return sae_fail(err, SAE_E_FORMAT, "%s: member %s lies outside of the file", a->path, shown);
    const unsigned char *local = a->file + offset;
    size_t head = LOCAL_SIZE + u16(local + 26) + u16(local + 28), room = a->directory - offset;
    if (u32(local) != SIGNATURE_LOCAL || u16(local + 8) != method || u16(local + 26) != name_length || head > room ||
        memcmp(local + LOCAL_SIZE, member->name, name_length) != 0)
        return sae_fail(err, SAE_E_FORMAT, "%s: the header of member %s contradicts the directory", a->path, shown);
    if (member->stored > room - head)
        return sae_fail(err, SAE_E_FORMAT, "%s: member %s lies outside of the file", a->path, shown);
    member->data = local + head;
    return SAE_OK;
}

/* Reads the entry at *at, whose name goes to *names; both move on. */
static sae_status read_entry(const archive *a, const unsigned char **at, char **names, sae_zip_member *member,
                             size_t *offset_out, sae_error *err)
{
    const unsigned char *entry = *at;
    size_t room = (size_t)(a->file + a->directory + a->directory_size - entry);
    if (room < ENTRY_SIZE || u32(entry) != SIGNATURE_ENTRY) return bad(a, "its directory is damaged", err);
    size_t name = u16(entry + 28), extra = u16(entry + 30), comment = u16(entry + 32);
    if (name + extra + comment > room - ENTRY_SIZE) return bad(a, "its directory is damaged", err);
    uint64_t size = u32(entry + 24), stored = u32(entry + 20), offset = u32(entry + 42);
    uint64_t *wide[3] = {&size, &stored, &offset};
    bool zip64 = size == IN_ZIP64 || stored == IN_ZIP64 || offset == IN_ZIP64;
    if (zip64 && !read_zip64(entry + ENTRY_SIZE + name, extra, wide))
        return bad(a, "an entry lacks its zip64 sizes", err);
    if (name == 0 || memchr(entry + ENTRY_SIZE, 0, name)) return bad(a, "an entry has no proper name", err);

    *member = (sae_zip_member){.name = *names, .crc = u32(entry + 16)};
    memcpy(*names, entry + ENTRY_SIZE, name);
    (*names)[name] = 0;
    uint32_t method = u16(entry + 10);
    char shown[64];
    sae_printable(member->name, name, shown, sizeof shown);
    if (u16(entry + 8) & ENCRYPTED)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: member %s is encrypted", a->path, shown);
    if (method != METHOD_STORED && method != METHOD_DEFLATE)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "%s: member %s is compressed with method %u; only stored and deflated members are read",
                        a->path, shown, method);
    member->deflated = method == METHOD_DEFLATE;
    if (stored > a->size || size > SIZE_MAX || (!member->deflated && stored != size))
        return sae_fail(err, SAE_E_FORMAT, "%s: member %s has impossible sizes", a->path, shown);
    member->stored = (size_t)stored;
    member->size = (size_t)size;
    sae_status status = read_local(a, member, offset, name, method, err);
    if (status != SAE_OK) return status;
    *offset_out = (size_t)offset;
    *names += name + 1;
    *at = entry + ENTRY_SIZE + name + extra + comment;
    return SAE_OK;
}

/* ---- all members ------------------------------------------------------------------------------------------ */

typedef struct extent {
    size_t begin, end;
} extent;

static int by_begin(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static sae_status check_extents(const archive *a, extent *extents, size_t count, sae_error *err)
{
    qsort(extents, count, sizeof *extents, by_begin);
    for (size_t i = 1; i < count; i++)
        if (extents[i].begin < extents[i - 1].end) return bad(a, "two of its members overlap", err);
    return SAE_OK;
}

static sae_status check_total(const archive *a, const sae_zip *zip, sae_error *err)
{
    size_t limit = a->size > (SIZE_MAX - SAE_ZIP_ALLOWANCE) / SAE_ZIP_MAX_RATIO
                       ? SIZE_MAX
                       : a->size * SAE_ZIP_MAX_RATIO + SAE_ZIP_ALLOWANCE;
    size_t total = 0;
    for (size_t i = 0; i < zip->count; i++)
        if (!sae_add_size(total, zip->members[i].size, &total) || total > limit)
            return sae_fail(err, SAE_E_FORMAT,
                            "%s has %zu bytes but says that it holds more than %zu: it is refused as a zip bomb",
                            a->path, a->size, limit);
    return SAE_OK;
}

static int compare_members(const void *a, const void *b)
{
    const sae_zip_member *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static sae_status index_names(const archive *a, sae_zip *zip, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_zip_member **sorted = sae_calloc(zip->count, sizeof *sorted);
    zip->by_name = sae_calloc(zip->count, sizeof *zip->by_name);
    if (!sorted || !zip->by_name) {
        status = sae_fail_memory(err, a->path, zip->count * sizeof *sorted);
        goto done;
    }
    for (size_t i = 0; i < zip->count; i++) sorted[i] = &zip->members[i];
    qsort(sorted, zip->count, sizeof *sorted, compare_members);
    for (size_t i = 0; i < zip->count; i++) {
        zip->by_name[i] = (size_t)(sorted[i] - zip->members);
        if (i == 0 || strcmp(sorted[i - 1]->name, sorted[i]->name) != 0) continue;
        char shown[64];
        sae_printable(sorted[i]->name, strlen(sorted[i]->name), shown, sizeof shown);
        status = sae_fail(err, SAE_E_FORMAT, "%s has two members called %s", a->path, shown);
        goto done;
    }
done:
    sae_free(sorted);
    return status;
}

sae_status sae_zip_parse(sae_zip *out, const char *path, const unsigned char *file, size_t size, sae_error *err)
{
    sae_status status;
    archive a = {.path = path, .file = file, .size = size};
    sae_zip zip = {0};
    extent *extents = NULL;
    SAE_TRY(find_directory(&a, err));
    zip.count = (size_t)a.entries;
    zip.members = sae_calloc(zip.count, sizeof *zip.members);
    zip.names = sae_alloc((size_t)a.directory_size + 1, 1);
    extents = sae_calloc(zip.count, sizeof *extents);
    if (!zip.members || !zip.names || !extents) {
        status = sae_fail_memory(err, path, zip.count * sizeof *zip.members);
        goto done;
    }
    const unsigned char *at = file + a.directory;
    char *names = zip.names;
    for (size_t i = 0; i < zip.count; i++) {
        SAE_TRY(read_entry(&a, &at, &names, &zip.members[i], &extents[i].begin, err));
        extents[i].end = (size_t)(zip.members[i].data - file) + zip.members[i].stored;
    }
    if (at != file + a.directory + a.directory_size) {
        status = bad(&a, "its directory has more entries than it says", err);
        goto done;
    }
    SAE_TRY(check_extents(&a, extents, zip.count, err));
    SAE_TRY(check_total(&a, &zip, err));
    SAE_TRY(index_names(&a, &zip, err));
    *out = zip;
    zip = (sae_zip){0};
done:
    sae_free(extents);
    sae_zip_clear(&zip);
    return status;
}

void sae_zip_clear(sae_zip *zip)
{
    sae_free(zip->members);
    sae_free(zip->by_name);
    sae_free(zip->names);
    *zip = (sae_zip){0};
}

const sae_zip_member *sae_zip_find(const sae_zip *zip, const char *name)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const sae_zip_member *member = &zip->members[zip->by_name[middle]];
        int order = strcmp(name, member->name);
        if (order == 0) return member;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- content ---------------------------------------------------------------------------------------------- */

/* zlib counts in 32 bits. */
static unsigned piece(size_t left)
{
    size_t most = (size_t)1 << 30;
    return (unsigned)(left < most ? left : most);
}

/* True when the deflated bytes of the member are exactly one stream of member->size bytes. */
static bool inflate_member(const sae_zip_member *member, unsigned char *out)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    size_t in_left = member->stored, out_left = member->size;
    stream.next_in = (Bytef *)(uintptr_t)member->data;
    stream.next_out = out;
    int state = Z_OK;
    while (state == Z_OK) {
        if (stream.avail_in == 0) in_left -= stream.avail_in = piece(in_left);
        if (stream.avail_out == 0) out_left -= stream.avail_out = piece(out_left);
        state = inflate(&stream, Z_NO_FLUSH);
    }
    bool whole =
        state == Z_STREAM_END && in_left == 0 && stream.avail_in == 0 && out_left == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    return whole;
}

static uint32_t checksum(const unsigned char *data, size_t size)
{
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = 0; at < size;) {
        unsigned count = piece(size - at);
        crc = crc32(crc, data + at, count);
        at += count;
    }
    return (uint32_t)crc;
}

sae_status sae_zip_read(const sae_zip_member *member, const char *path, const unsigned char **content, void **owned,
                        sae_error *err)
{
    unsigned char *inflated = NULL;
    const unsigned char *data = member->data;
    char shown[64];
    sae_printable(member->name, strlen(member->name), shown, sizeof shown);
    *owned = NULL;
    if (member->deflated) {
        inflated = sae_alloc(member->size, 1);
        if (!inflated) return sae_fail_memory(err, path, member->size);
        if (!inflate_member(member, inflated)) {
            sae_free(inflated);
            return sae_fail(err, SAE_E_FORMAT, "%s: member %s does not inflate to the %zu bytes that it should have",
                            path, shown, member->size);
        }
        data = inflated;
    }
    if (checksum(data, member->size) != member->crc) {
        sae_free(inflated);
        return sae_fail(err, SAE_E_FORMAT, "%s: member %s is damaged (its checksum is another)", path, shown);
    }
    *content = data;
    *owned = inflated;
    return SAE_OK;
}
