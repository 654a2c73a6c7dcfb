#include "io/pickle.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_GLOBAL = 200, /* characters of "module name" */
    MAX_ARGUMENTS = 16
};

#define MARK UINT32_MAX /* on the stack: where a list of arguments begins */

typedef struct indices {
    uint32_t *items;
    size_t count, room;
} indices;

typedef struct machine {
    const char *path;
    const char *const *globals;
    const unsigned char *data;
    size_t size, at;
    sae_pickle pickle;
    indices stack;
    indices memo; /* node + 1, or 0 where nothing was put */
} machine;

static sae_status bad(const machine *m, const char *why, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s is not a readable pickle: %s at byte %zu", m->path, why, m->at);
}

static sae_status too_large(const machine *m, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s describes more than %zu objects, which no state dict does", m->path,
                    SAE_PICKLE_MAX_NODES);
}

static sae_status append(const machine *m, indices *list, uint32_t item, sae_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        uint32_t *more = sae_realloc(list->items, room, sizeof *more);
        if (!more) return sae_fail_memory(err, m->path, room * sizeof *more);
        list->items = more;
        list->room = room;
    }
    list->items[list->count++] = item;
    return SAE_OK;
}

/* ---- input ------------------------------------------------------------------------------------------------ */

/* The next `count` bytes, or NULL at the end. */
static const unsigned char *take(machine *m, size_t count)
{
    if (count > m->size - m->at) return NULL;
    const unsigned char *bytes = m->data + m->at;
    m->at += count;
    return bytes;
}

/* A little-endian number of up to 8 bytes. */
static bool take_number(machine *m, size_t bytes, uint64_t *out)
{
    const unsigned char *p = take(m, bytes);
    if (!p) return false;
    *out = 0;
    for (size_t i = bytes; i-- > 0;) *out = *out << 8 | p[i];
    return true;
}

/* Text up to a line end, which is taken too. */
static const char *take_line(machine *m, size_t *length)
{
    const unsigned char *start = m->data + m->at, *end = memchr(start, '\n', m->size - m->at);
    if (!end) return NULL;
    *length = (size_t)(end - start);
    m->at += *length + 1;
    return (const char *)start;
}

/* ---- nodes and the stack ------------------------------------------------------------------------------------ */

static sae_pickle_node *node_at(machine *m, uint32_t index)
{
    return &m->pickle.nodes[index];
}

/* Pushes a new node. */
static sae_status push(machine *m, sae_pickle_node node, sae_error *err)
{
    sae_pickle *p = &m->pickle;
    if (p->count == SAE_PICKLE_MAX_NODES || m->stack.count == SAE_PICKLE_MAX_NODES) return too_large(m, err);
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        sae_pickle_node *more = sae_realloc(p->nodes, room, sizeof *more);
        if (!more) return sae_fail_memory(err, m->path, room * sizeof *more);
        p->nodes = more;
        p->room = room;
    }
    p->nodes[p->count] = node;
    return append(m, &m->stack, (uint32_t)p->count++, err);
}

static sae_status push_integer(machine *m, size_t bytes, sae_error *err)
{
    uint64_t value;
    if (!take_number(m, bytes, &value)) return bad(m, "it ends too early", err);
    int64_t number = bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value; /* only four bytes have a sign */
    return push(m, (sae_pickle_node){.kind = SAE_PICKLE_INT, .integer = number}, err);
}

/* The top of the stack, which must be a value. */
static sae_status top(machine *m, uint32_t *out, sae_error *err)
{
    if (m->stack.count == 0 || m->stack.items[m->stack.count - 1] == MARK)
        return bad(m, "an instruction finds no value on the stack", err);
    *out = m->stack.items[m->stack.count - 1];
    return SAE_OK;
}

static sae_status pop(machine *m, uint32_t *out, sae_error *err)
{
    sae_status status = top(m, out, err);
    if (status == SAE_OK) m->stack.count--;
    return status;
}

/* Appends the stack's items from `first` on to a node's, and takes them (and what lies below them, down to `base`) off
 * the stack. */
static sae_status take_items(machine *m, uint32_t node, size_t first, size_t base, sae_error *err)
{
    sae_pickle_node *n = node_at(m, node);
    indices list = {n->items, n->count, n->room};
    sae_status status = SAE_OK;
    for (size_t i = first; status == SAE_OK && i < m->stack.count; i++)
        status = append(m, &list, m->stack.items[i], err);
    n->items = list.items;
    n->count = list.count;
    n->room = list.room;
    m->stack.count = base;
    return status;
}

static sae_status find_mark(const machine *m, size_t *out, sae_error *err)
{
    for (size_t i = m->stack.count; i-- > 0;) {
        if (m->stack.items[i] != MARK) continue;
        *out = i;
        return SAE_OK;
    }
    return bad(m, "a mark is missing", err);
}

/* A tuple of the stack's items from `first` on; the stack is cut to `base`. */
static sae_status make_tuple(machine *m, size_t first, size_t base, sae_error *err)
{
    sae_status status = push(m, (sae_pickle_node){.kind = SAE_PICKLE_TUPLE}, err);
    if (status != SAE_OK) return status;
    uint32_t tuple = m->stack.items[--m->stack.count];
    status = take_items(m, tuple, first, base, err);
    return status == SAE_OK ? append(m, &m->stack, tuple, err) : status;
}

static sae_status tuple_of(machine *m, size_t count, sae_error *err)
{
    if (m->stack.count < count) return bad(m, "an instruction finds no value on the stack", err);
    size_t first = m->stack.count - count;
    for (size_t i = first; i < m->stack.count; i++)
        if (m->stack.items[i] == MARK) return bad(m, "an instruction finds no value on the stack", err);
    return make_tuple(m, first, first, err);
}

/* Appends what lies above the mark to the list or dictionary below it (`marked`), or the one or two topmost values. */
static sae_status extend(machine *m, sae_pickle_kind kind, bool marked, sae_error *err)
{
    sae_status status;
    size_t count = kind == SAE_PICKLE_DICT ? 2 : 1, first = 0, base = 0;
    if (marked) {
        SAE_TRY(find_mark(m, &base, err));
        first = base + 1;
    } else {
        base = first = m->stack.count < count ? 0 : m->stack.count - count;
    }
    uint32_t target = base ? m->stack.items[base - 1] : MARK;
    bool fits = target != MARK && node_at(m, target)->kind == kind && (m->stack.count - first) % count == 0;
    for (size_t i = first; fits && i < m->stack.count; i++) fits = m->stack.items[i] != MARK;
    status = fits ? take_items(m, target, first, base, err)
                  : bad(m, "items are added to something that is not a list or dictionary", err);
done:
    return status;
}

/* ---- memo, names, calls ------------------------------------------------------------------------------------- */

static sae_status put(machine *m, size_t bytes, sae_error *err)
{
    uint64_t index;
    uint32_t node = 0;
    sae_status status;
    if (!take_number(m, bytes, &index)) return bad(m, "it ends too early", err);
    if (index >= SAE_PICKLE_MAX_NODES) return too_large(m, err);
    SAE_TRY(top(m, &node, err));
    while (m->memo.count <= index) SAE_TRY(append(m, &m->memo, 0, err));
    m->memo.items[index] = node + 1;
done:
    return status;
}

static sae_status get(machine *m, size_t bytes, sae_error *err)
{
    uint64_t index;
    if (!take_number(m, bytes, &index)) return bad(m, "it ends too early", err);
    if (index >= m->memo.count || !m->memo.items[index]) return bad(m, "it recalls what it never stored", err);
    if (m->stack.count == SAE_PICKLE_MAX_NODES) return too_large(m, err);
    return append(m, &m->stack, m->memo.items[index] - 1, err);
}

static sae_status push_global(machine *m, sae_error *err)
{
    size_t module_length, name_length;
    const char *module = take_line(m, &module_length);
    const char *name = module ? take_line(m, &name_length) : NULL;
    char full[MAX_GLOBAL], shown[MAX_GLOBAL];
    if (!name) return bad(m, "it ends too early", err);
    if (module_length + name_length + 2 > sizeof full) return bad(m, "a name is too long", err);
    snprintf(full, sizeof full, "%.*s %.*s", (int)module_length, module, (int)name_length, name);
    for (int64_t i = 0; m->globals[i]; i++)
        if (strcmp(full, m->globals[i]) == 0)
            return push(m, (sae_pickle_node){.kind = SAE_PICKLE_GLOBAL, .integer = i}, err);
    full[module_length] = '.';
    sae_printable(full, module_length + 1 + name_length, shown, sizeof shown);
    return sae_fail(err, SAE_E_UNSUPPORTED,
                    "%s asks for the Python object %s, which a state dict does not need: it is refused, because Python "
                    "would run it; if you trust the file, load it there and torch.save its state_dict()",
                    m->path, shown);
}

/* callable, arguments → the call. */
static sae_status reduce(machine *m, sae_error *err)
{
    sae_status status;
    uint32_t arguments = 0, callable = 0;
    SAE_TRY(pop(m, &arguments, err));
    SAE_TRY(pop(m, &callable, err));
    if (node_at(m, callable)->kind != SAE_PICKLE_GLOBAL || node_at(m, arguments)->kind != SAE_PICKLE_TUPLE) {
        status = bad(m, "it calls something that is not a function, or without a tuple of arguments", err);
        goto done;
    }
    int64_t function = node_at(m, callable)->integer;
    if (function == 0) {
        status = node_at(m, arguments)->count ? bad(m, "an ordered dictionary is made with arguments", err)
                                              : push(m, (sae_pickle_node){.kind = SAE_PICKLE_DICT}, err);
        goto done;
    }
    SAE_TRY(push(m, (sae_pickle_node){.kind = SAE_PICKLE_CALL, .integer = function}, err));
    uint32_t call = 0;
    SAE_TRY(pop(m, &call, err));
    size_t base = m->stack.count, count = node_at(m, arguments)->count;
    if (count > MAX_ARGUMENTS) { /* one tuple may be passed again and again */
        status = bad(m, "a function has too many arguments", err);
        goto done;
    }
    for (size_t i = 0; i < count; i++) SAE_TRY(append(m, &m->stack, node_at(m, arguments)->items[i], err));
    SAE_TRY(take_items(m, call, base, base, err));
    status = append(m, &m->stack, call, err);
done:
    return status;
}

static sae_status persistent(machine *m, sae_error *err)
{
    sae_status status;
    SAE_TRY(tuple_of(m, 1, err));
    node_at(m, m->stack.items[m->stack.count - 1])->kind = SAE_PICKLE_PERSISTENT;
done:
    return status;
}

/* Attributes of an ordered dictionary (a state dict's _metadata) are not needed. */
static sae_status build(machine *m, sae_error *err)
{
    sae_status status;
    uint32_t attributes = 0, object = 0;
    SAE_TRY(pop(m, &attributes, err));
    SAE_TRY(top(m, &object, err));
    if (node_at(m, object)->kind != SAE_PICKLE_DICT || node_at(m, attributes)->kind != SAE_PICKLE_DICT)
        status = bad(m, "attributes are set on something that is not a dictionary", err);
done:
    return status;
}

/* ---- instructions ------------------------------------------------------------------------------------------- */

static sae_status push_text(machine *m, sae_error *err)
{
    uint64_t length;
    if (!take_number(m, 4, &length)) return bad(m, "it ends too early", err);
    const unsigned char *text = take(m, (size_t)length);
    if (!text) return bad(m, "it ends too early", err);
    return push(m, (sae_pickle_node){.kind = SAE_PICKLE_TEXT, .text = (const char *)text, .length = (size_t)length},
                err);
}

/* A whole number of any length; eight bytes are enough for any that is met in a state dict. */
static sae_status push_long(machine *m, sae_error *err)
{
    uint64_t length, value = 0;
    if (!take_number(m, 1, &length)) return bad(m, "it ends too early", err);
    if (length > 8) return bad(m, "it has a whole number of more than 64 bits", err);
    if (!take_number(m, (size_t)length, &value)) return bad(m, "it ends too early", err);
    bool negative = length > 0 && length < 8 && value >> (8 * length - 1) & 1;
    if (negative) value |= UINT64_MAX << 8 * length;
    return push(m, (sae_pickle_node){.kind = SAE_PICKLE_INT, .integer = (int64_t)value}, err);
}

/* Eight bytes, the first of which has the sign. */
static sae_status push_real(machine *m, sae_error *err)
{
    const unsigned char *p = take(m, 8);
    uint64_t bits = 0;
    sae_pickle_node node = {.kind = SAE_PICKLE_REAL};
    if (!p) return bad(m, "it ends too early", err);
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i];
    memcpy(&node.real, &bits, sizeof bits);
    return push(m, node, err);
}

static sae_status push_mark(machine *m, sae_error *err)
{
    if (m->stack.count == SAE_PICKLE_MAX_NODES) return too_large(m, err);
    return append(m, &m->stack, MARK, err);
}

static sae_status tuple_to_mark(machine *m, sae_error *err)
{
    size_t mark = 0;
    sae_status status = find_mark(m, &mark, err);
    return status == SAE_OK ? make_tuple(m, mark + 1, mark, err) : status;
}

static sae_status check_protocol(machine *m, sae_error *err)
{
    uint64_t version;
    if (!take_number(m, 1, &version)) return bad(m, "it ends too early", err);
    if (version == 2) return SAE_OK;
    return sae_fail(
        err, SAE_E_UNSUPPORTED,
        "%s is a pickle of protocol %d; torch.save writes protocol 2 unless told otherwise, and only that is "
        "read",
        m->path, (int)version);
}

/* Runs one instruction; '.' is the caller's. */
static sae_status step(machine *m, unsigned char opcode, sae_error *err)
{
    switch (opcode) {
    case 0x80:
        return check_protocol(m, err);
    case 'N':
        return push(m, (sae_pickle_node){.kind = SAE_PICKLE_NONE}, err);
    case 0x88:
    case 0x89:
        return push(m, (sae_pickle_node){.kind = SAE_PICKLE_BOOL, .integer = opcode == 0x88}, err);
    case 'K':
        return push_integer(m, 1, err);
    case 'M':
        return push_integer(m, 2, err);
    case 'J':
        return push_integer(m, 4, err);
    case 0x8a:
        return push_long(m, err);
    case 'G':
        return push_real(m, err);
    case 'X':
        return push_text(m, err);
    case ')':
        return push(m, (sae_pickle_node){.kind = SAE_PICKLE_TUPLE}, err);
    case ']':
        return push(m, (sae_pickle_node){.kind = SAE_PICKLE_LIST}, err);
    case '}':
        return push(m, (sae_pickle_node){.kind = SAE_PICKLE_DICT}, err);
    case '(':
        return push_mark(m, err);
    case 't':
        return tuple_to_mark(m, err);
    case 0x85:
    case 0x86:
    case 0x87:
        return tuple_of(m, opcode - 0x84u, err);
    case 'a':
    case 'e':
        return extend(m, SAE_PICKLE_LIST, opcode == 'e', err);
    case 's':
    case 'u':
        return extend(m, SAE_PICKLE_DICT, opcode == 'u', err);
    case 'q':
    case 'r':
        return put(m, opcode == 'q' ? 1 : 4, err);
    case 'h':
    case 'j':
        return get(m, opcode == 'h' ? 1 : 4, err);
    case 'c':
        return push_global(m, err);
    case 'R':
        return reduce(m, err);
    case 'Q':
        return persistent(m, err);
    case 'b':
        return build(m, err);
    default:
        return sae_fail(
            err, SAE_E_UNSUPPORTED,
            "%s uses the pickle instruction 0x%02x at byte %zu, which a state dict saved by torch.save does "
            "not: it is refused; if you trust the file, load it in Python and torch.save its state_dict()",
            m->path, opcode, m->at - 1);
    }
}

sae_status sae_pickle_parse(sae_pickle *out, const char *path, const char *const *globals, const unsigned char *data,
                            size_t size, sae_error *err)
{
    sae_status status;
    machine m = {.path = path, .globals = globals, .data = data, .size = size};
    if (size > SAE_PICKLE_MAX_BYTES)
        return sae_fail(err, SAE_E_FORMAT, "%s has %zu bytes, more than the %zu that a state dict may have", path, size,
                        SAE_PICKLE_MAX_BYTES);
    for (;;) {
        const unsigned char *opcode = take(&m, 1);
        if (!opcode) {
            status = bad(&m, "it ends too early", err);
            goto done;
        }
        if (*opcode == '.') break;
        SAE_TRY(step(&m, *opcode, err));
    }
    SAE_TRY(pop(&m, &m.pickle.root, err));
    if (m.stack.count) {
        status = bad(&m, "values are left on the stack", err);
        goto done;
    }
    *out = m.pickle;
    m.pickle = (sae_pickle){0};
done:
    sae_pickle_clear(&m.pickle);
    sae_free(m.stack.items);
    sae_free(m.memo.items);
    return status;
}

void sae_pickle_clear(sae_pickle *pickle)
{
    for (size_t i = 0; i < pickle->count; i++) sae_free(pickle->nodes[i].items);
    sae_free(pickle->nodes);
    *pickle = (sae_pickle){0};
}

bool sae_pickle_is_text(const sae_pickle_node *node, const char *text)
{
    size_t length = strlen(text);
    return node->kind == SAE_PICKLE_TEXT && node->length == length && memcmp(node->text, text, length) == 0;
}
