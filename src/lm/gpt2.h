/* GPT-2 inside: configuration, weights, and the forward pass as a line of small steps.
 *
 * A block is six steps, and a place in the model is a number: 6·layer + how many steps of that layer are
 * done. Every hook point is such a place, so "run from here to there" is one loop, whether for harvesting,
 * for logits, or for going on from replaced activations. */
#ifndef SAE_LM_GPT2_H
#define SAE_LM_GPT2_H

#include <sae/io.h>
#include <sae/lm.h>

#include "kernels/bf16.h"
#include "kernels/lm_ops.h"

/* The products of a block. */
typedef enum sae_gpt2_product {
    SAE_GPT2_QKV,
    SAE_GPT2_ATTN_OUT,
    SAE_GPT2_MLP_IN,
    SAE_GPT2_MLP_OUT,
    SAE_GPT2_PRODUCTS
} sae_gpt2_product;

#define SAE_GPT2_STEPS 6 /* steps of a block: z, attn_out, resid_mid, mlp_post, mlp_out, resid_post */

typedef struct sae_gpt2_config {
    int64_t layers, d, heads, d_head, d_mlp, positions, vocab;
    float epsilon;
    sae_activation activation;
    bool scale_attention; /* divide scores by √d_head */
    bool scale_by_layer;  /* and by the layer's number, from 1 */
    bool tied;            /* the unembedding is the embedding */
    int32_t eos;          /* or −1 */
} sae_gpt2_config;

/* Reads and checks config.json. What would change the mathematics and is not known here is refused. */
sae_status sae_gpt2_config_read(sae_gpt2_config *out, const char *path, sae_error *err);

/* y = x·weight + bias, weight [in, out]. */
typedef struct sae_linear {
    const float *weight, *bias;
    const uint16_t *low; /* the weight in bfloat16; NULL in fp32 */
} sae_linear;

typedef struct sae_norm {
    const float *gain, *bias;
} sae_norm;

typedef struct sae_gpt2_layer {
    sae_norm ln_1, ln_2;
    sae_linear qkv;      /* d → 3d: queries, keys, values */
    sae_linear attn_out; /* d → d */
    sae_linear mlp_in;   /* d → d_mlp */
    sae_linear mlp_out;  /* d_mlp → d */
} sae_gpt2_layer;

typedef struct sae_gpt2_weights {
    const float *wte;     /* [vocab, d] */
    const float *wpe;     /* [positions, d] */
    const float *unembed; /* [vocab, d]: wte, or lm_head */
    sae_norm ln_f;
    sae_gpt2_layer *layers;
    int64_t parameters;      /* shared tensors once */
    sae_safetensors **files; /* hold what is used in place */
    size_t n_files;
    float **converted; /* tensors that are not float32, or not aligned, in their files */
    size_t n_converted;
    uint16_t *low;               /* all matrices in bfloat16; NULL in fp32 */
    const uint16_t *unembed_low; /* [vocab, d] within it */
} sae_gpt2_weights;

/* Reads model.safetensors, or the shards that model.safetensors.index.json names. */
sae_status sae_gpt2_weights_read(sae_gpt2_weights *out, const char *dir, const sae_gpt2_config *config,
                                 const sae_env *env, sae_error *err);
void sae_gpt2_weights_clear(sae_gpt2_weights *weights);

struct sae_lm {
    char name[256];
    sae_gpt2_config config;
    sae_gpt2_weights weights;
};

/* A model with random weights and no file behind it (gelu_new, d_mlp = 4d, tied). */
sae_status sae_gpt2_random(sae_lm **out, int64_t layers, int64_t d, int64_t heads, int64_t positions, int64_t vocab,
                           sae_error *err);

/* ---- forward pass ---- */

/* Contexts are worked on in tiles of this many rows or one context, whichever is more: a fixed cut, so that the
 * bits of a context depend neither on the number of threads nor on what else is in a call whose first context has
 * a number (in the stream of contexts) divisible by sae_gpt2_tile_contexts. */
#define SAE_GPT2_TILE_ROWS 256
#define SAE_GPT2_QUERIES   64 /* rows of a block of attention */
int64_t sae_gpt2_tile_contexts(int64_t ctx);

/* Where a hook's value is complete: 6·layer + 0 … 6. */
int64_t sae_gpt2_place(sae_hook hook);
/* SAE_E_ARG unless the model has the hook. */
sae_status sae_hook_check(const sae_lm *lm, sae_hook hook, sae_error *err);

/* One tile on its way through the model, and all memory that this needs; one per thread. */
typedef struct sae_gpt2_tile {
    const sae_lm *lm;
    const sae_lm_ops *ops;
    int64_t contexts, ctx, rows; /* rows = contexts·ctx */
    float *x;                    /* [rows, d] residual stream */
    float *normed;               /* [rows, d] output of a layer norm; then the output of attention or MLP */
    float *z;                    /* [rows, d] heads side by side */
    float *wide;                 /* [rows, max(3d, d_mlp)] queries, keys, values; or the MLP's hidden layer */
    float *scores;               /* [SAE_GPT2_QUERIES, ctx] */
    float *memory;               /* all of the above */
    uint16_t *low;               /* [rows, max(d, d_mlp)] input of a product in bfloat16; NULL in fp32 */
    sae_bf16_product *products[SAE_GPT2_PRODUCTS]; /* of a whole tile's rows; NULL in fp32 */
} sae_gpt2_tile;

sae_status sae_gpt2_tile_new(sae_gpt2_tile *tile, const sae_lm *lm, int64_t ctx, sae_error *err);
void sae_gpt2_tile_free(sae_gpt2_tile *tile);

/* Puts the embeddings of tokens [contexts, ctx] into the tile: place 0. */
void sae_gpt2_embed(sae_gpt2_tile *tile, const int32_t *tokens, int64_t contexts);
/* One step: from place to place + 1. */
sae_status sae_gpt2_step(sae_gpt2_tile *tile, int64_t place, sae_error *err);
/* The value [rows, width] of a hook point, valid at its place. */
float *sae_gpt2_value(const sae_gpt2_tile *tile, sae_hook_site site);
/* z [rows, d] = causal attention over wide = (q, k, v) [rows, 3d]. */
void sae_gpt2_attention(sae_gpt2_tile *tile, float scale);
/* normed = final layer norm of x. */
void sae_gpt2_final_norm(sae_gpt2_tile *tile);
/* From a place through the remaining layers and the final norm (logits.c). */
sae_status sae_gpt2_finish(sae_gpt2_tile *tile, int64_t place, sae_error *err);

/* ---- bfloat16 (precision.c) ---- */

/* The products that a tile needs, with its room for their inputs; nothing in fp32. */
sae_status sae_gpt2_products_new(sae_gpt2_tile *tile, sae_error *err);
void sae_gpt2_products_free(sae_gpt2_tile *tile);
/* y [rows, out] = x [rows, in]·linear.low */
sae_status sae_gpt2_multiply_low(sae_gpt2_tile *tile, sae_gpt2_product product, int64_t in, const float *x,
                                 const sae_linear *linear, float *y, sae_error *err);
/* sae_gpt2_unembed in bfloat16. */
sae_status sae_gpt2_unembed_low(sae_gpt2_tile *tile, const float *final, int64_t first, int64_t count, float *logits,
                                int64_t stride, sae_error *err);

#define SAE_GPT2_LOGITS 2048 /* logits of this many tokens are held at a time */
/* logits [rows, count] (stride elements between rows) = final [rows, d]·unembed[first … first + count)ᵀ, for the rows
 * of the tile. */
sae_status sae_gpt2_unembed(sae_gpt2_tile *tile, const float *final, int64_t first, int64_t count, float *logits,
                            int64_t stride, sae_error *err);

/* Checks tokens [batch, ctx] against the model: SAE_E_ARG for ctx, SAE_E_VALUE for an id. */
sae_status sae_gpt2_check_tokens(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, sae_error *err);

/* Work on one tile: contexts first … first + tile->contexts − 1 of a call. */
typedef sae_status (*sae_gpt2_tile_fn)(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err);
/* Calls fn for all tiles of `batch` contexts, in parallel; the first error, by place, is reported. */
sae_status sae_gpt2_for_tiles(const sae_lm *lm, int64_t batch, int64_t ctx, sae_gpt2_tile_fn fn, void *ud,
                              const sae_env *env, sae_error *err);

#endif
