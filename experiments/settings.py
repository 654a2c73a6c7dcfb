"""What is run: the paper's setting for GPT-2 small, and a small one for the demo's model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    layer: int
    widths: tuple
    ks: tuple
    train_tokens: int       # per SAE
    harvest_tokens: int     # activations kept on disk to train on; 0: the model runs while SAEs train
    held_out_tokens: int    # activations kept on disk to judge and compare on
    text_tokens: int        # for cross-entropy
    train_options: tuple    # of `sae train`, besides widths, k and tokens
    meta_share: float       # width of the meta-SAE over that of the largest SAE
    meta_k: int
    asked: tuple            # (kinds, width, L0s): SAEs whose L0 is asked for, beside BatchTopK


DEMO = Setting(
    name="demo", layer=4, widths=(256, 512, 2048, 8192), ks=(8, 32), train_tokens=16_000_000, harvest_tokens=2_400_000,
    held_out_tokens=400_000, text_tokens=16_000, train_options=("--arch", "batchtopk", "--batch", "2048"),
    meta_share=2304 / 49152, meta_k=4, asked=("batchtopk,jumprelu,relu", 512, (8, 32)))

# Bussmann et al.: recipes/gpt2-batchtopk.json has the values and where they stand; widths here end where the paper's figures do.
PAPER = Setting(
    name="paper", layer=8, widths=(768, 1536, 3072, 6144, 12288, 24576, 49152), ks=(32,), train_tokens=1_000_000_000,
    harvest_tokens=0, held_out_tokens=1_000_000, text_tokens=100_000, train_options=("--recipe", "recipes/gpt2-batchtopk.json"),
    meta_share=2304 / 49152, meta_k=4, asked=("batchtopk,jumprelu,relu", 1536, (32,)))

SETTINGS = {setting.name: setting for setting in (DEMO, PAPER)}
