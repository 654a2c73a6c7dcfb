/* How a tool calls and lays out the tensors of an SAE, and reading them. */
#ifndef SAE_MODEL_FORMATS_LAYOUT_H
#define SAE_MODEL_FORMATS_LAYOUT_H

#include "model/model.h"

typedef struct sae_layout {
    const char *W_enc, *W_dec, *b_enc, *b_dec;
    const char *threshold;               /* [n]; NULL: all 0, which is ReLU */
    bool W_enc_by_input, W_dec_by_input; /* the file has them as [d, n], not [n, d] */
    bool b_enc_unused;                   /* read as zeros */
} sae_layout;

/* n and d by the lengths of b_enc and b_dec, for files that do not state them. */
sae_status sae_layout_sizes(const sae_layout *layout, const sae_tensor_file *file, int64_t *n, int64_t *d,
                            sae_error *err);

/* Fills the model's weights, which have the sizes of model->info, and checks them (sae_model_check). `by`: what says
 * these sizes ("cfg.json"), for the message about a tensor of another shape. */
sae_status sae_layout_read(const sae_layout *layout, const sae_tensor_file *file, const char *by, sae_model *model,
                           sae_error *err);

/* The tensor `name` of a float type and shape [rows, cols], or [rows] when cols is 0. */
sae_status sae_layout_find(const sae_tensor_file *file, const char *name, int64_t rows, int64_t cols, const char *by,
                           const sae_tensor **out, sae_error *err);
/* The values of a 1-D tensor `name` of `count` numbers in new memory (sae_free). */
sae_status sae_layout_vector(const sae_tensor_file *file, const char *name, int64_t count, const char *by, float **out,
                             sae_error *err);
/* What is read behind the layout: a gate (sae_fold_gate) from the tensors `r` and `b_gate`, and thresholds from their
 * natural logarithms, the tensor `name`. */
sae_status sae_layout_gate(const sae_tensor_file *file, const char *r, const char *b_gate, const char *by,
                           sae_model *model, sae_error *err);
sae_status sae_layout_log_threshold(const sae_tensor_file *file, const char *name, const char *by, sae_model *model,
                                    sae_error *err);
/* A tensor of one number, of any type that is read. *out is left alone when there is none of that name. SAE_E_FORMAT
 * for other tensors, SAE_E_VALUE for NaN and Inf. */
sae_status sae_layout_scalar(const sae_tensor_file *file, const char *name, double *out, sae_error *err);

#endif
