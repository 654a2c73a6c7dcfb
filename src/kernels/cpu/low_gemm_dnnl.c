/* Low-precision products by oneDNN's matmul, versions 2.6 and 3. Weights come in the layout that its kernels for
 * AVX-512 BF16, VNNI and AMX read, so nothing is copied. Its primitives are made for fixed sizes: two heights
 * of A, two widths of B. */
#include "kernels/cpu/low_gemm.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/shadow.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

/* ---- what differs between versions 2 and 3 --------------------------------------------------------- */

/* One product: C [m, n] = A [m, depth] · B, descriptions of the three, and its primitive. */
typedef struct shape {
    int64_t m, n, depth;
    sae_screen_kind kind;
} shape;

typedef struct product {
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c, scratch;
} product;

static dnnl_data_type_t type_of_a(const shape *s)
{
    return s->kind == SAE_SCREEN_BF16 ? dnnl_bf16 : dnnl_u8;
}

static dnnl_data_type_t type_of_b(const shape *s)
{
    return s->kind == SAE_SCREEN_BF16 ? dnnl_bf16 : dnnl_s8;
}

static dnnl_data_type_t type_of_c(const shape *s)
{
    return s->kind == SAE_SCREEN_BF16 ? dnnl_f32 : dnnl_s32;
}

static dnnl_format_tag_t layout_of_b(const shape *s)
{
    return s->kind == SAE_SCREEN_BF16 ? dnnl_BA16a64b2a : dnnl_BA16a64b4a;
}

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t description;

static bool describe(description *out, int64_t rows, int64_t columns, dnnl_data_type_t type, dnnl_format_tag_t layout)
{
    dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_create_with_tag(out, 2, dims, type, layout) == dnnl_success;
}

static void forget(description *d)
{
    if (*d) dnnl_memory_desc_destroy(*d);
}

static bool describe_product(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const description *a,
                             const description *b, const description *c, dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(out, engine, *a, *b, NULL, *c, attr) == dnnl_success;
}

static bool make_memory(dnnl_memory_t *out, const description *d, dnnl_engine_t engine)
{
    return dnnl_memory_create(out, *d, engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static bool make_scratch(dnnl_memory_t *out, dnnl_primitive_desc_t pd, dnnl_engine_t engine)
{
    const_dnnl_memory_desc_t d = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    return dnnl_memory_create(out, d, engine, DNNL_MEMORY_ALLOCATE) == dnnl_success;
}

#else

typedef dnnl_memory_desc_t description;

static bool describe(description *out, int64_t rows, int64_t columns, dnnl_data_type_t type, dnnl_format_tag_t layout)
{
    dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, layout) == dnnl_success;
}

static void forget(description *d)
{
    (void)d;
}

static bool describe_product(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const description *a,
                             const description *b, const description *c, dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t matmul;
    return dnnl_matmul_desc_init(&matmul, a, b, NULL, c) == dnnl_success &&
           dnnl_primitive_desc_create(out, &matmul, attr, engine, NULL) == dnnl_success;
}

static bool make_memory(dnnl_memory_t *out, const description *d, dnnl_engine_t engine)
{
    return dnnl_memory_create(out, d, engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static bool make_scratch(dnnl_memory_t *out, dnnl_primitive_desc_t pd, dnnl_engine_t engine)
{
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    return d && dnnl_memory_create(out, d, engine, DNNL_MEMORY_ALLOCATE) == dnnl_success;
}

#endif

/* ---- one product --------------------------------------------------------------------------------------- */

static void product_clear(product *p)
{
    if (p->scratch) dnnl_memory_destroy(p->scratch);
    if (p->c) dnnl_memory_destroy(p->c);
    if (p->b) dnnl_memory_destroy(p->b);
    if (p->a) dnnl_memory_destroy(p->a);
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    *p = (product){0};
}

/* name: what the library calls its kernel. */
static bool product_new(product *out, const shape *s, dnnl_engine_t engine, char name[64])
{
    product p = {0};
    description a = {0}, b = {0}, c = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    const char *kernel = NULL;
    bool made = describe(&a, s->m, s->depth, type_of_a(s), dnnl_ab) &&
                describe(&b, s->depth, s->n, type_of_b(s), layout_of_b(s)) &&
                describe(&c, s->m, s->n, type_of_c(s), dnnl_ab) && dnnl_primitive_attr_create(&attr) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success &&
                describe_product(&pd, engine, &a, &b, &c, attr) &&
                dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &kernel) == dnnl_success &&
                dnnl_primitive_create(&p.primitive, pd) == dnnl_success && make_memory(&p.a, &a, engine) &&
                make_memory(&p.b, &b, engine) && make_memory(&p.c, &c, engine) && make_scratch(&p.scratch, pd, engine);
    if (made) snprintf(name, 64, "%s", kernel);
    if (pd) dnnl_primitive_desc_destroy(pd);
    if (attr) dnnl_primitive_attr_destroy(attr);
    forget(&a);
    forget(&b);
    forget(&c);
    if (made)
        *out = p;
    else
        product_clear(&p);
    return made;
}

static bool product_run(const product *p, dnnl_stream_t stream, void *A, void *B, void *C)
{
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->b}, {DNNL_ARG_DST, p->c}, {DNNL_ARG_SCRATCHPAD, p->scratch}};
    return dnnl_memory_set_data_handle(p->a, A) == dnnl_success &&
           dnnl_memory_set_data_handle(p->b, B) == dnnl_success &&
           dnnl_memory_set_data_handle(p->c, C) == dnnl_success &&
           dnnl_primitive_execute(p->primitive, stream, 4, arguments) == dnnl_success;
}

/* The kernels whose accuracy is known: float sums of exact products of bfloat16, exact sums of bytes. Reference
 * kernels would be a thousand times slower, and those for bytes without VNNI saturate in between. */
static bool is_known(sae_screen_kind kind, const char *name)
{
    if (strncmp(name, "brg", 3) != 0) return false;
    if (strstr(name, "amx")) return true;
    return strstr(name, kind == SAE_SCREEN_BF16 ? "avx512_core_bf16" : "vnni") != NULL;
}

/* ---- all sizes ------------------------------------------------------------------------------------------- */

enum { HEIGHTS = 2, WIDTHS = 2 };

struct sae_low_gemm {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int64_t height[HEIGHTS], width[WIDTHS]; /* the larger first */
    int64_t depth;
    size_t a_size, b_size, c_size; /* bytes of a value */
    product products[HEIGHTS][WIDTHS];
};

void sae_low_gemm_free(sae_low_gemm *g)
{
    if (!g) return;
    for (int h = 0; h < HEIGHTS; h++)
        for (int w = 0; w < WIDTHS; w++) product_clear(&g->products[h][w]);
    if (g->stream) dnnl_stream_destroy(g->stream);
    if (g->engine) dnnl_engine_destroy(g->engine);
    sae_free(g);
}

static bool make(sae_low_gemm *g, sae_screen_kind kind)
{
    bool made = dnnl_engine_create(&g->engine, dnnl_cpu, 0) == dnnl_success &&
                dnnl_stream_create(&g->stream, g->engine, dnnl_stream_default_flags) == dnnl_success;
    for (int i = 0; made && i < HEIGHTS * WIDTHS; i++) {
        char name[64];
        shape s = {g->height[i / WIDTHS], g->width[i % WIDTHS], g->depth, kind};
        made = product_new(&g->products[i / WIDTHS][i % WIDTHS], &s, g->engine, name) && is_known(kind, name);
    }
    return made;
}

/* The library cuts its work for as many threads as OpenMP gives: here one. What is set in a parallel region holds for
 * the thread's task in it alone. */
static bool make_for_one_thread(sae_low_gemm *g, sae_screen_kind kind)
{
    bool made = false;
#pragma omp parallel num_threads(1)
    {
        omp_set_num_threads(1);
        made = make(g, kind);
    }
    return made;
}

sae_status sae_low_gemm_new(sae_low_gemm **out, sae_screen_kind kind, int64_t depth, int64_t max_rows, int64_t latents,
                            sae_error *err)
{
    sae_low_gemm *g = sae_calloc(1, sizeof *g);
    if (!g) return sae_fail_memory(err, "products in low precision", sizeof *g);
    bool bf16 = kind == SAE_SCREEN_BF16;
    *g = (sae_low_gemm){
        .height = {max_rows, SAE_LOW_ROWS},
        .width = {latents, SAE_SHADOW_PANEL},
        .depth = depth,
        .a_size = bf16 ? 2 : 1,
        .b_size = bf16 ? 2 : 1,
        .c_size = 4,
    };
    if (!make_for_one_thread(g, kind)) {
        sae_low_gemm_free(g);
        return sae_fail(err, SAE_E_MEMORY, "oneDNN could not prepare products of %lld rows by %lld latents",
                        (long long)max_rows, (long long)latents);
    }
    *out = g;
    return SAE_OK;
}

bool sae_low_gemm_run(sae_low_gemm *g, int64_t rows, int64_t latents, const void *A, const void *B, void *C)
{
    int w = latents == g->width[0] ? 0 : 1;
    omp_set_num_threads(1);
    for (int64_t row = 0; row < rows;) {
        int h = rows - row >= g->height[0] ? 0 : 1;
        /* the library takes no pointers to const */
        char *a = (char *)(uintptr_t)A + (size_t)(row * g->depth) * g->a_size;
        char *c = (char *)C + (size_t)(row * latents) * g->c_size;
        if (!product_run(&g->products[h][w], g->stream, a, (void *)(uintptr_t)B, c)) return false;
        row += g->height[h];
    }
    return true;
}

bool sae_low_gemm_usable(sae_screen_kind kind, char name[64])
{
    char unwanted[64];
    dnnl_engine_t engine = NULL;
    product p = {0};
    shape s = {SAE_LOW_ROWS, SAE_SHADOW_PANEL, 64, kind};
    if (!name) name = unwanted;
    bool usable = dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success && product_new(&p, &s, engine, name) &&
                  is_known(kind, name);
    product_clear(&p);
    if (engine) dnnl_engine_destroy(engine);
    return usable;
}

void sae_low_gemm_library(char name[64])
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, 64, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}
