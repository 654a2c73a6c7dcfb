#include "model/fold.h"

#include "base/parallel.h"

#include <math.h>

enum { W_ENC, B_ENC, W_DEC, B_DEC, THRESHOLD }; /* the order of sae_model.owned */

static double row_norm(const float *row, int64_t d)
{
    double square = 0;
    for (int64_t j = 0; j < d; j++) square += (double)row[j] * (double)row[j];
    return sqrt(square);
}

static void scale_row(float *row, int64_t d, double factor)
{
    for (int64_t j = 0; j < d; j++) row[j] = (float)((double)row[j] * factor);
}

void sae_fold_decoder_norms(sae_model *model, bool thresholds)
{
    int64_t n = model->info.n, d = model->info.d;
    float *const *w = model->owned;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double norm = row_norm(w[W_DEC] + i * d, d);
        scale_row(w[W_ENC] + i * d, d, norm);
        w[B_ENC][i] = (float)((double)w[B_ENC][i] * norm);
        if (thresholds) w[THRESHOLD][i] = (float)((double)w[THRESHOLD][i] * norm);
        for (int64_t j = 0; norm > 0 && j < d; j++) w[W_DEC][i * d + j] = (float)((double)w[W_DEC][i * d + j] / norm);
    }
}

static void divide(float *values, int64_t count, double s)
{
    for (int64_t i = 0; values && i < count; i++) values[i] = (float)((double)values[i] / s);
}

void sae_fold_input_scale(sae_model *model, double s)
{
    divide(model->owned[B_ENC], model->info.n, s);
    divide(model->owned[B_DEC], model->info.d, s);
    divide(model->owned[THRESHOLD], model->info.n, s);
}

void sae_fold_gate(sae_model *model, const float *r, const float *b_gate)
{
    int64_t n = model->info.n, d = model->info.d;
    float *const *w = model->owned;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double gain = exp((double)r[i]), theta = (double)w[B_ENC][i] - gain * (double)b_gate[i];
        scale_row(w[W_ENC] + i * d, d, gain);
        w[THRESHOLD][i] = (float)(theta < 0 ? 0 : theta); /* NaN stays NaN, to be refused */
    }
}

void sae_fold_output_scale(sae_model *model, const float *c)
{
    int64_t n = model->info.n, d = model->info.d;
    float *W_dec = model->owned[W_DEC];
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) scale_row(W_dec + i * d, d, (double)c[i]);
}

void sae_bias_for_input(const sae_model *model, bool subtract_b_dec, float *b_out)
{
    int64_t n = model->info.n, d = model->info.d;
    const sae_weights *w = &model->weights;
    double sign = (double)subtract_b_dec - (double)model->info.subtract_b_dec; /* W(x − b) + c = Wx + (c − Wb) */
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; sign != 0 && j < d; j++) sum += (double)w->W_enc[i * d + j] * (double)w->b_dec[j];
        b_out[i] = (float)((double)w->b_enc[i] + sign * sum);
    }
}
