/* What can be asked of a training run: defaults and the option table. */
#include <sae/train.h>

sae_train_options sae_train_options_default(void)
{
    sae_source_config source = sae_source_config_default();
    return (sae_train_options){
        .arch = "batchtopk",
        .lr = "auto",
        .seed = "0",
        .warmup = 0.05,
        .decay = 0.2,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .input_scale = SAE_SCALE_NORM,
        .k_aux = 512,
        .aux_alpha = 1.0 / 32,
        .aux_norm = SAE_AUX_NONE,
        .theta = SAE_THETA_CALIBRATED,
        .lambda_warmup = 0.1,
        .warm_start = 0.4,
        .theta_init = 0.001,
        .prefixes = "1/16,1/8,1/4,1/2,1",
        .b_dec_init = SAE_B_DEC_MEAN,
        .batch = 4096,
        .shuffle = source.shuffle,
        .held_out = 0.02,
        .checkpoint_every = 1000,
        .log_every = 50,
    };
}

#define AT(field) offsetof(sae_train_options, field)

static const sae_option table[] = {
    {"arch", SAE_OPT_LIST, AT(arch), "KIND[,KIND…]", "batchtopk", 0, -1, NULL, NULL,
     "kind of SAE: topk, batchtopk, matryoshka, relu, jumprelu"},
    {"width", SAE_OPT_LIST, AT(width), "N[,N…]", NULL, 0, -1, NULL, NULL, "number of latents"},
    {"k", SAE_OPT_LIST, AT(k), "K[,K…]", "32", 0, -1, NULL, NULL,
     "active latents per token (batchtopk and matryoshka: on average)"},
    {"l0", SAE_OPT_LIST, AT(l0), "X[,X…]", NULL, 0, -1, NULL, NULL,
     "mean active latents per token, for every kind: k where there is one, else reached by a controller"},
    {"lambda", SAE_OPT_LIST, AT(lambda), "F[,F…]", NULL, 0, -1, NULL, NULL,
     "relu, jumprelu: weight of the sparsity term, in place of --l0"},
    {"lr", SAE_OPT_LIST, AT(lr), "F[,F…]", "auto", 0, -1, NULL, NULL,
     "learning rate; auto is min(4e-3, 0.064/√d)·min(1, √(4096/width))·min(1, (4000/steps)^¼), steps the length of the "
     "run"},
    {"seed", SAE_OPT_LIST, AT(seed), "S[,S…]", "0", 0, -1, NULL, NULL, "seed of the initial weights"},
    {"tokens", SAE_OPT_INT, AT(tokens), "N", "one pass", 1, 1e15, NULL, NULL,
     "training tokens; more than there are means several passes"},
    {"batch", SAE_OPT_INT, AT(batch), "N", "4096", 1, 1 << 22, NULL, NULL, "tokens per step"},
    {"warmup", SAE_OPT_FLOAT, AT(warmup), "FRAC", "0.05", 0, 1, NULL, NULL,
     "share of the run over which the learning rate rises"},
    {"decay", SAE_OPT_FLOAT, AT(decay), "FRAC", "0.2", 0, 1, NULL, NULL,
     "share of the run at its end over which the learning rate falls to 0"},
    {"clip", SAE_OPT_FLOAT, AT(clip), "F|off", "off", 0, 1e30, NULL, "off", "largest norm of all gradients of an SAE"},
    {"beta1", SAE_OPT_FLOAT, AT(beta1), "F", "0.9", 0, 0.9999999, NULL, NULL, "Adam's decay of the mean"},
    {"beta2", SAE_OPT_FLOAT, AT(beta2), "F", "0.999", 0, 0.9999999, NULL, NULL, "Adam's decay of the square"},
    {"input-scale", SAE_OPT_CHOICE, AT(input_scale), "HOW", "norm", 0, -1, "none|norm|rms|token", NULL,
     "scale of the input in training: norm (E‖x‖ = √d), rms (E‖x‖² = 1), token (each token standardised)"},
    {"k-aux", SAE_OPT_INT, AT(k_aux), "N", "512", 0, 1 << 24, NULL, NULL,
     "dead latents per token that AuxK trains on the residual; 0: none"},
    {"aux-alpha", SAE_OPT_FLOAT, AT(aux_alpha), "F", "1/32", 0, 1e6, NULL, NULL, "weight of the auxiliary loss"},
    {"aux-norm", SAE_OPT_CHOICE, AT(aux_norm), "HOW", "none", 0, -1, "none|variance", NULL,
     "divide the auxiliary loss by the variance of the residual (as dictionary_learning does)"},
    {"dead-tokens", SAE_OPT_INT, AT(dead_tokens), "N", "min(10M, 10 % of the run)", 1, 1e15, NULL, NULL,
     "tokens without firing after which a latent counts as dead"},
    {"theta", SAE_OPT_CHOICE, AT(theta), "HOW", "calibrated", 0, -1, "calibrated|running|l0", NULL,
     "which inference threshold a batchtopk SAE is saved with"},
    {"lambda-warmup", SAE_OPT_FLOAT, AT(lambda_warmup), "FRAC", "0.1", 0, 1, NULL, NULL,
     "share of the run over which --lambda rises from 0"},
    {"warm-start", SAE_OPT_FLOAT, AT(warm_start), "FRAC", "0.4", 0, 0.9, NULL, NULL,
     "jumprelu with --l0: share of the run that is trained as topk first"},
    {"bandwidth", SAE_OPT_FLOAT, AT(bandwidth), "F", "0.001; with --l0 0.02", 0, 1, NULL, NULL,
     "jumprelu: width of the window around θ that gradients of θ come from, as a share of √E‖x‖²"},
    {"theta-init", SAE_OPT_FLOAT, AT(theta_init), "F", "0.001", 0, 1, NULL, NULL,
     "jumprelu with --lambda: first θ, as a share of √E‖x‖²"},
    {"prefixes", SAE_OPT_LIST, AT(prefixes), "N[,N…]", "1/16,1/8,1/4,1/2,1", 0, -1, NULL, NULL,
     "matryoshka: prefixes of the dictionary that reconstruct by themselves, as widths or shares of the width"},
    {"b-dec-init", SAE_OPT_CHOICE, AT(b_dec_init), "HOW", "mean", 0, -1, "mean|median|zero", NULL,
     "start of b_dec: mean or geometric median of the first 32,768 rows"},
    {"init", SAE_OPT_STRING, AT(init), "SAE", NULL, 0, -1, NULL, NULL, "start from this SAE's weights"},
    {"shuffle", SAE_OPT_ON_OFF, AT(shuffle), "on|off", "on", 0, -1, NULL, NULL, "order of the rows"},
    {"shuffle-seed", SAE_OPT_INT, AT(shuffle_seed), "S", "0", 0, 9e15, NULL, NULL,
     "seed of that order, shared by all SAEs"},
    {"held-out", SAE_OPT_FLOAT, AT(held_out), "FRAC", "0.02", 0, 0.5, NULL, NULL,
     "share of the rows kept for measuring, never trained on"},
    {"checkpoint-every", SAE_OPT_INT, AT(checkpoint_every), "STEPS", "1000", 0, 1e15, NULL, NULL,
     "steps between checkpoints; 0: only when stopped"},
    {"log-every", SAE_OPT_INT, AT(log_every), "STEPS", "50", 1, 1e15, NULL, NULL,
     "steps between lines of metrics.jsonl"},
    {"resume", SAE_OPT_BOOL, AT(resume), NULL, NULL, 0, -1, NULL, NULL, "go on from the last checkpoint in --out"},
    {"force", SAE_OPT_BOOL, AT(force), NULL, NULL, 0, -1, NULL, NULL, "start anew although --out holds a run"},
};

const sae_option *sae_train_option_table(size_t *count)
{
    *count = sizeof table / sizeof *table;
    return table;
}

void sae_train_source_config(const sae_train_options *options, sae_source_config *config)
{
    config->seed = (uint64_t)options->shuffle_seed;
    config->shuffle = options->shuffle;
    config->held_out = options->held_out;
}
