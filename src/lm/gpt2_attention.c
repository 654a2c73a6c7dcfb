/* Causal self-attention of one tile: per context and head, by small products over blocks of queries. */
#include "kernels/blas.h"
#include "lm/gpt2.h"

#include <string.h>

void sae_gpt2_attention(sae_gpt2_tile *tile, float scale)
{
    const int64_t d = tile->lm->config.d, d_head = tile->lm->config.d_head, ctx = tile->ctx, row = 3 * d;
    for (int64_t c = 0; c < tile->contexts; c++) {
        for (int64_t head = 0; head < tile->lm->config.heads; head++) {
            const float *q = tile->wide + c * ctx * row + head * d_head, *k = q + d, *v = k + d;
            float *z = tile->z + c * ctx * d + head * d_head;
            for (int64_t first = 0; first < ctx; first += SAE_GPT2_QUERIES) {
                /* Keys after the block's last query are seen by none of its queries. */
                int64_t end = first + SAE_GPT2_QUERIES < ctx ? first + SAE_GPT2_QUERIES : ctx, n = end - first;
                float *scores = tile->scores;
                sae_gemm_nt(n, end, d_head, 1, q + first * row, row, k, row, 0, scores, ctx);
                for (int64_t i = 0; i < n; i++) {
                    int64_t seen = first + i + 1;
                    tile->ops->softmax(seen, scale, scores + i * ctx);
                    memset(scores + i * ctx + seen, 0, (size_t)(end - seen) * sizeof *scores);
                }
                sae_gemm_nn(n, d_head, end, 1, scores, ctx, v, row, 0, z + first * d, d);
            }
        }
    }
}
