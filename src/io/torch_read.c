#include "io/torch_read.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/dtype.h"
#include "io/pickle.h"
#include "io/strided.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8, MAX_NAME = 512, MAX_ITEMS = 1 << 20 };

/* The names that a state dict may use: torch.save writes these and no others. */
enum {
    ORDERED_DICT, /* pickle.h wants it first */
    REBUILD_TENSOR,
    REBUILD_PARAMETER,
    SIZE,
    DEVICE,
    FIRST_STORAGE,
    FIRST_DTYPE = FIRST_STORAGE + 10
};

static const char *const globals[] = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    "torch device",
    "torch DoubleStorage",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
    "torch LongStorage",
    "torch IntStorage",
    "torch ByteStorage",
    "torch BoolStorage",
    "torch CharStorage",
    "torch ShortStorage",
    "torch float64",
    "torch float32",
    "torch float16",
    "torch bfloat16",
    "torch int64",
    "torch int32",
    "torch uint8",
    "torch bool",
    NULL,
};

static const struct {
    sae_dtype dtype;
    size_t size;
} storages[] = {
    {SAE_DTYPE_F64, 8}, {SAE_DTYPE_F32, 4}, {SAE_DTYPE_F16, 2},   {SAE_DTYPE_BF16, 2},  {SAE_DTYPE_I64, 8},
    {SAE_DTYPE_I32, 4}, {SAE_DTYPE_U8, 1},  {SAE_DTYPE_OTHER, 1}, {SAE_DTYPE_OTHER, 1}, {SAE_DTYPE_OTHER, 2},
};

typedef struct reader {
    const char *path;
    const sae_zip *zip;
    char prefix[MAX_NAME]; /* "archive/" */
    sae_pickle pickle;
    sae_tensor_list *list;
    const unsigned char **contents; /* of members that were read, by their place in the archive */
    size_t visited;                 /* a small pickle can share one dictionary a million times */
    size_t allocated, allowance;
} reader;

static sae_status bad(const reader *r, const char *name, const char *why, sae_error *err)
{
    char shown[64];
    sae_printable(name, strlen(name), shown, sizeof shown);
    return sae_fail(err, SAE_E_FORMAT, "%s: %s is not a readable tensor: %s", r->path, shown, why);
}

static const sae_pickle_node *node_at(const reader *r, uint32_t index)
{
    return &r->pickle.nodes[index];
}

static const sae_pickle_node *item(const reader *r, const sae_pickle_node *node, size_t i)
{
    return node_at(r, node->items[i]);
}

/* ---- the archive ------------------------------------------------------------------------------------------- */

static const char description[] = "data.pkl";

/* Length of the prefix of "PREFIX/data.pkl", with its slash; 0 for other names. */
static size_t prefix_length(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && strcmp(slash + 1, description) == 0 ? (size_t)(slash - name) + 1 : 0;
}

static const sae_zip_member *find_description(const sae_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        if (prefix_length(zip->members[i].name)) return &zip->members[i];
    return NULL;
}

bool sae_torch_is(const sae_zip *zip)
{
    return find_description(zip) != NULL;
}

/* The member PREFIX/name, or NULL. */
static const sae_zip_member *find_member(const reader *r, const char *name, size_t length)
{
    char full[2 * MAX_NAME];
    if (length >= MAX_NAME) return NULL;
    snprintf(full, sizeof full, "%s%.*s", r->prefix, (int)length, name);
    return sae_zip_find(r->zip, full);
}

static sae_status check_byte_order(const reader *r, sae_error *err)
{
    sae_status status;
    const sae_zip_member *member = find_member(r, "byteorder", 9);
    const unsigned char *content = NULL;
    void *owned = NULL;
    if (!member) return SAE_OK; /* PyTorch before 2.1 */
    SAE_TRY(sae_zip_read(member, r->path, &content, &owned, err));
    if (member->size != 6 || memcmp(content, "little", 6) != 0)
        status =
            sae_fail(err, SAE_E_UNSUPPORTED,
                     "%s holds numbers with their bytes in another order; save it on a little-endian machine", r->path);
done:
    sae_free(owned);
    return status;
}

/* ---- tensors ----------------------------------------------------------------------------------------------- */

/* A tuple of whole numbers from 0 up. */
static bool read_counts(const reader *r, const sae_pickle_node *tuple, int64_t out[SAE_MAX_RANK])
{
    if (tuple->kind != SAE_PICKLE_TUPLE || tuple->count > SAE_MAX_RANK) return false;
    for (size_t i = 0; i < tuple->count; i++) {
        const sae_pickle_node *number = item(r, tuple, i);
        if (number->kind != SAE_PICKLE_INT || number->integer < 0) return false;
        out[i] = number->integer;
    }
    return true;
}

typedef struct storage {
    const unsigned char *data;
    int64_t elements;
    sae_dtype dtype;
    size_t size; /* of an element */
} storage;

/* The bytes of a member, which are checked and inflated only once: tensors may share a storage. */
static sae_status read_content(reader *r, const sae_zip_member *member, const unsigned char **out, sae_error *err)
{
    sae_status status = SAE_OK;
    const unsigned char **content = &r->contents[member - r->zip->members];
    void *owned = NULL;
    if (!*content) {
        SAE_TRY(sae_zip_read(member, r->path, content, &owned, err));
        if (owned) SAE_TRY(sae_tensor_list_own(r->list, owned, err));
    }
    *out = *content;
done:
    return status;
}

/* ("storage", type, key, location, elements), whose bytes are the member PREFIX/data/KEY. */
static sae_status read_storage(reader *r, const char *name, const sae_pickle_node *persistent, storage *out,
                               sae_error *err)
{
    const sae_pickle_node *id = persistent->kind == SAE_PICKLE_PERSISTENT ? item(r, persistent, 0) : NULL;
    bool fits = id && id->kind == SAE_PICKLE_TUPLE && id->count == 5 && sae_pickle_is_text(item(r, id, 0), "storage") &&
                item(r, id, 1)->kind == SAE_PICKLE_GLOBAL && item(r, id, 2)->kind == SAE_PICKLE_TEXT &&
                item(r, id, 4)->kind == SAE_PICKLE_INT;
    if (!fits) return bad(r, name, "its storage is not described as torch.save does", err);
    int64_t type = item(r, id, 1)->integer - FIRST_STORAGE, elements = item(r, id, 4)->integer;
    if (type < 0 || type >= FIRST_DTYPE - FIRST_STORAGE) return bad(r, name, "its storage has no known type", err);
    const sae_pickle_node *key = item(r, id, 2);
    char member_name[MAX_NAME];
    if (key->length > 64 || memchr(key->text, 0, key->length))
        return bad(r, name, "its storage has no proper name", err);
    int length = snprintf(member_name, sizeof member_name, "data/%.*s", (int)key->length, key->text);
    const sae_zip_member *member = find_member(r, member_name, (size_t)length);
    if (!member) return bad(r, name, "its storage is not in the file", err);
    *out = (storage){.elements = elements, .dtype = storages[type].dtype, .size = storages[type].size};
    int64_t bytes;
    if (!sae_mul_i64(elements, (int64_t)out->size, &bytes) || (uint64_t)bytes != member->size)
        return bad(r, name, "its storage has another size than it says", err);
    return read_content(r, member, &out->data, err);
}

/* Whether offset + Σ (shape − 1)·stride lies in the storage; an empty tensor reaches nothing. */
static bool reaches_inside(const sae_tensor *t, const int64_t *stride, int64_t offset, int64_t elements)
{
    int64_t last = offset;
    for (int i = 0; i < t->rank; i++) {
        int64_t step;
        if (t->shape[i] == 0) return offset <= elements;
        if (!sae_mul_i64(t->shape[i] - 1, stride[i], &step) || __builtin_add_overflow(last, step, &last)) return false;
    }
    return last < elements;
}

/* Views with strides are copied; a tensor that repeats its storage could ask for any amount of memory. */
static sae_status copy_view(reader *r, sae_tensor *t, const int64_t *stride, size_t size, const unsigned char *data,
                            sae_error *err)
{
    if (!sae_add_size(r->allocated, t->bytes, &r->allocated) || r->allocated > r->allowance)
        return bad(r, t->name, "it repeats a small storage many times over", err);
    unsigned char *copy = sae_alloc(t->bytes, 1);
    if (!copy) return sae_fail_memory(err, r->path, t->bytes);
    sae_strided_copy(t->rank, t->shape, stride, size, data, copy);
    t->data = copy;
    return sae_tensor_list_own(r->list, copy, err);
}

/* _rebuild_tensor_v2(storage, offset, size, stride, …). */
static sae_status add_tensor(reader *r, const char *name, const sae_pickle_node *call, sae_error *err)
{
    sae_status status;
    sae_tensor t = {.name = name};
    storage s = {0};
    int64_t stride[SAE_MAX_RANK], elements = 1, bytes;
    bool fits = call->count >= 6 && item(r, call, 1)->kind == SAE_PICKLE_INT && item(r, call, 1)->integer >= 0 &&
                read_counts(r, item(r, call, 2), t.shape) && read_counts(r, item(r, call, 3), stride) &&
                item(r, call, 2)->count == item(r, call, 3)->count;
    if (!fits) return bad(r, name, "its shape is not that of a tensor of at most 8 dimensions", err);
    t.rank = (int)item(r, call, 2)->count;
    int64_t offset = item(r, call, 1)->integer;
    SAE_TRY(read_storage(r, name, item(r, call, 0), &s, err));
    for (int i = 0; i < t.rank; i++)
        if (!sae_mul_i64(elements, t.shape[i], &elements)) return bad(r, name, "its shape overflows", err);
    if (!sae_mul_i64(elements, (int64_t)s.size, &bytes)) return bad(r, name, "its shape overflows", err);
    if (!reaches_inside(&t, stride, offset, s.elements)) return bad(r, name, "it reaches outside of its storage", err);
    t.dtype = s.dtype;
    t.bytes = (size_t)bytes;
    t.data = s.data + (size_t)offset * s.size;
    if (elements > 0 && !sae_is_contiguous(t.rank, t.shape, stride))
        SAE_TRY(copy_view(r, &t, stride, s.size, t.data, err));
    status = sae_tensor_list_add(r->list, &t, err);
done:
    return status;
}

/* ---- the tree of dictionaries ------------------------------------------------------------------------------- */

static sae_status add_text(reader *r, const char *name, const char *text, size_t length, sae_error *err)
{
    char copy[MAX_NAME];
    sae_printable(text, length, copy, sizeof copy);
    sae_value value = {.name = name, .type = SAE_VALUE_TEXT, .text = copy};
    return sae_tensor_list_add_value(r->list, &value, err);
}

static sae_status add_call(reader *r, const char *name, const sae_pickle_node *call, sae_error *err)
{
    /* a parameter is its tensor, the first argument */
    for (int depth = 0; call->kind == SAE_PICKLE_CALL && call->integer == REBUILD_PARAMETER && call->count > 0;
         depth++) {
        if (depth == MAX_DEPTH) return bad(r, name, "it is nested too deep", err);
        call = item(r, call, 0);
    }
    if (call->kind == SAE_PICKLE_CALL && call->integer == REBUILD_TENSOR) return add_tensor(r, name, call, err);
    if (call->kind == SAE_PICKLE_CALL && call->integer == DEVICE && call->count > 0 &&
        item(r, call, 0)->kind == SAE_PICKLE_TEXT)
        return add_text(r, name, item(r, call, 0)->text, item(r, call, 0)->length, err);
    if (call->kind == SAE_PICKLE_CALL && call->integer == SIZE) return SAE_OK; /* the shape of something */
    return bad(r, name, "it is made in an unknown way", err);
}

static sae_status add_value(reader *r, const char *name, const sae_pickle_node *node, sae_error *err)
{
    sae_value value = {.name = name};
    switch (node->kind) {
    case SAE_PICKLE_CALL:
        return add_call(r, name, node, err);
    case SAE_PICKLE_TEXT:
        return add_text(r, name, node->text, node->length, err);
    case SAE_PICKLE_GLOBAL: { /* "torch float32": a dtype as a value */
        const char *global = globals[node->integer];
        if (node->integer < FIRST_DTYPE) return bad(r, name, "it is a class", err);
        return add_text(r, name, strchr(global, ' ') + 1, strlen(strchr(global, ' ') + 1), err);
    }
    case SAE_PICKLE_BOOL:
    case SAE_PICKLE_INT:
        value.type = node->kind == SAE_PICKLE_BOOL ? SAE_VALUE_BOOL : SAE_VALUE_INT;
        value.integer = node->integer;
        value.real = (double)node->integer;
        return sae_tensor_list_add_value(r->list, &value, err);
    case SAE_PICKLE_REAL:
        value.type = SAE_VALUE_REAL;
        value.real = node->real;
        return sae_tensor_list_add_value(r->list, &value, err);
    case SAE_PICKLE_NONE:
        return SAE_OK;
    default:
        return bad(r, name, "it is a storage without a tensor", err);
    }
}

/* name + "." + key; false when it is too long or the key is no name. */
static bool join_name(char out[MAX_NAME], const char *name, const sae_pickle_node *key, size_t number)
{
    int length;
    const char *dot = *name ? "." : "";
    if (!key)
        length = snprintf(out, MAX_NAME, "%s%s%zu", name, dot, number);
    else if (key->kind == SAE_PICKLE_INT)
        length = snprintf(out, MAX_NAME, "%s%s%lld", name, dot, (long long)key->integer);
    else if (key->kind == SAE_PICKLE_TEXT && key->length < MAX_NAME && !memchr(key->text, 0, key->length))
        length = snprintf(out, MAX_NAME, "%s%s%.*s", name, dot, (int)key->length, key->text);
    else
        return false;
    return length < MAX_NAME;
}

/* Recursion is bounded by MAX_DEPTH, work by MAX_ITEMS. */
static sae_status flatten(reader *r, const char *name, const sae_pickle_node *node, int depth, sae_error *err)
{
    bool dict = node->kind == SAE_PICKLE_DICT;
    if (++r->visited > MAX_ITEMS)
        return sae_fail(err, SAE_E_FORMAT, "%s describes more than %d values, which no state dict does", r->path,
                        MAX_ITEMS);
    if (!dict && node->kind != SAE_PICKLE_LIST && node->kind != SAE_PICKLE_TUPLE) return add_value(r, name, node, err);
    if (depth == MAX_DEPTH)
        return sae_fail(err, SAE_E_FORMAT, "%s nests dictionaries more than %d deep", r->path, MAX_DEPTH);
    size_t step = dict ? 2 : 1;
    for (size_t i = 0; i + step <= node->count; i += step) {
        char full[MAX_NAME];
        if (!join_name(full, name, dict ? item(r, node, i) : NULL, i))
            return sae_fail(err, SAE_E_FORMAT, "%s has a key that is neither a short text nor a whole number", r->path);
        sae_status status = flatten(r, full, item(r, node, i + step - 1), depth + 1, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* What tensors and inflated storages may take together, as for the archive itself. */
static size_t memory_allowance(const sae_zip *zip)
{
    size_t total = 0;
    for (size_t i = 0; i < zip->count; i++)
        if (!sae_add_size(total, zip->members[i].size, &total)) return SIZE_MAX;
    return total > (SIZE_MAX - SAE_ZIP_ALLOWANCE) / 4 ? SIZE_MAX : 4 * total + SAE_ZIP_ALLOWANCE;
}

sae_status sae_torch_read(sae_tensor_list *list, const char *path, const sae_zip *zip, sae_error *err)
{
    sae_status status;
    reader r = {.path = path, .zip = zip, .list = list, .allowance = memory_allowance(zip)};
    const sae_zip_member *member = find_description(zip);
    const unsigned char *content;
    void *owned = NULL;
    char where[1024];
    size_t prefix = prefix_length(member->name);
    if (prefix >= sizeof r.prefix) return sae_fail(err, SAE_E_FORMAT, "%s has a member with a long name", path);
    memcpy(r.prefix, member->name, prefix);
    snprintf(where, sizeof where, "%s:%s", path, description);
    r.contents = sae_calloc(zip->count, sizeof *r.contents);
    if (!r.contents) SAE_TRY(sae_fail_memory(err, path, zip->count * sizeof *r.contents));
    SAE_TRY(check_byte_order(&r, err));
    if (member->size > SAE_PICKLE_MAX_BYTES)
        SAE_TRY(sae_fail(err, SAE_E_FORMAT, "%s has %zu bytes, more than the %zu that a state dict may have", where,
                         member->size, SAE_PICKLE_MAX_BYTES));
    SAE_TRY(sae_zip_read(member, path, &content, &owned, err));
    SAE_TRY(sae_pickle_parse(&r.pickle, where, globals, content, member->size, err));
    const sae_pickle_node *root = node_at(&r, r.pickle.root);
    if (root->kind == SAE_PICKLE_CALL)
        status = flatten(&r, "tensor", root, 0, err); /* a tensor saved by itself */
    else if (root->kind == SAE_PICKLE_DICT)
        status = flatten(&r, "", root, 0, err);
    else
        status = sae_fail(err, SAE_E_FORMAT, "%s holds neither a dictionary of tensors nor a tensor", path);
done:
    sae_pickle_clear(&r.pickle);
    sae_free(r.contents);
    sae_free(owned);
    return status;
}
