"""One training step (forward, backward, optimiser) of each implementation, as its package does it in its own
training loop, with its defaults where they do not change the work: no hub, no wandb, no logging, fp32, CPU.

Each factory takes the problem (an object with d, n, k, batch, threads, build, settle) and returns a function
step(x) with x [batch, d], and how many untimed steps are to come first.
"""

import pathlib
import sys

# Importing these is to fail: without triton sparsify takes its CPU path, and torchvision, which only comes along as
# a dependency of a dependency, has to be of the same build as torch or nothing imports.
sys.modules["triton"] = sys.modules["torchvision"] = None

TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "parity"
STEPS = 100_000  # length of the run that schedules are told of: nothing decays while measuring
PEER_SETTLE = 3  # dense steps: their time does not depend on the weights


def sae_c(arch):
    def make(problem):
        sys.path.insert(0, str(TESTS))
        from train_library import Trainer
        trainer = Trainer(problem.build, problem.d, problem.batch, STEPS, threads=problem.threads, arch=arch,
                          width=problem.n, k=problem.k, lr=2e-4)
        # The screen's work depends on the data and on the weights, so it is timed on trained ones.
        return trainer.step, problem.settle
    return make


def plain_torch(problem):
    """BatchTopK as one writes it in PyTorch: dense products, topk over the flattened batch."""
    import torch

    torch.manual_seed(0)
    W_dec = torch.randn(problem.n, problem.d)
    W_dec /= W_dec.norm(dim=1, keepdim=True)
    p = [torch.nn.Parameter(t) for t in (W_dec.clone(), torch.zeros(problem.n), W_dec, torch.zeros(problem.d))]
    W_enc, b_enc, W_dec, b_dec = p
    adam = torch.optim.Adam(p, lr=2e-4)

    def step(x):
        z = torch.relu((x - b_dec) @ W_enc.T + b_enc)
        kept = torch.topk(z.flatten(), problem.k * problem.batch, sorted=False)
        f = torch.zeros_like(z).flatten().scatter(0, kept.indices, kept.values).view_as(z)
        loss = (x - f @ W_dec - b_dec).pow(2).sum(1).mean()
        loss.backward()
        with torch.no_grad():
            W_dec.grad -= (W_dec.grad * W_dec).sum(1, keepdim=True) * W_dec
        torch.nn.utils.clip_grad_norm_(p, 1.0)
        adam.step()
        adam.zero_grad()
        with torch.no_grad():
            W_dec.div_(W_dec.norm(dim=1, keepdim=True))
        return loss.item()
    return step, PEER_SETTLE


def encoder_product(problem):
    """Not a training step: the encoder's matrix product alone, in torch, as a measure of the machine."""
    import torch

    W_enc = torch.randn(problem.n, problem.d)
    out = torch.empty(problem.batch, problem.n)
    return lambda x: torch.matmul(x, W_enc.T, out=out), PEER_SETTLE


def dictionary_learning(problem):
    from dictionary_learning.trainers import BatchTopKTrainer

    trainer = BatchTopKTrainer(steps=STEPS, activation_dim=problem.d, dict_size=problem.n, k=problem.k, layer=0,
                               lm_name="none", device="cpu", seed=0)
    count = iter(range(STEPS))
    return lambda x: trainer.update(next(count), x), PEER_SETTLE


def sae_lens(problem):
    from sae_lens.config import LoggingConfig
    from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer, SAETrainerConfig

    sae = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=problem.d, d_sae=problem.n, k=problem.k, device="cpu"))
    cfg = SAETrainerConfig(total_training_samples=STEPS * problem.batch, train_batch_size_samples=problem.batch,
                           lr_end=3e-5, logger=LoggingConfig(log_to_wandb=False))
    trainer = SAETrainer(cfg, sae, iter(()))

    def step(x):
        trainer.step(x)
        trainer.n_training_steps += 1
    return step, PEER_SETTLE


def sparsify(optimizer):
    """The body of sparsify's training loop for one SAE, whose only entry is a language model's hook; the fused
    encoder. With Adam as all others have it, and with the package's own default (signum, schedule-free)."""
    def make(problem):
        import torch
        from sparsify import SparseCoder, SparseCoderConfig
        from sparsify.sign_sgd import SignSGD
        from schedulefree import ScheduleFreeWrapper

        sae = SparseCoder(problem.d, SparseCoderConfig(num_latents=problem.n, k=problem.k), dtype=torch.float32)
        if optimizer == "adam":
            opt = torch.optim.Adam(sae.parameters(), lr=2e-4 / (problem.n / 2**14) ** 0.5)
        else:
            opt = ScheduleFreeWrapper(SignSGD(sae.parameters(), lr=5e-3 / (problem.n / 2**14) ** 0.5), momentum=0.95)
            opt.train()
        since_fired = torch.zeros(problem.n, dtype=torch.long)
        did_fire = torch.zeros(problem.n, dtype=torch.bool)

        def step(x):
            sae.set_decoder_norm_to_unit_norm()
            variance = (x - x.mean(0)).pow(2).sum()
            out = sae(x=x, y=x, dead_mask=None, total_variance=variance)
            did_fire[out.latent_indices.flatten()] = True
            float(out.fvu.detach())
            out.fvu.backward()
            sae.remove_gradient_parallel_to_decoder_directions()
            opt.step()
            opt.zero_grad()
            since_fired.add_(problem.batch)
            since_fired[did_fire] = 0
            did_fire.zero_()
        return step, PEER_SETTLE
    return make


# name: (architecture, factory)
IMPLEMENTATIONS = {
    "sae.c BatchTopK": ("batchtopk", sae_c("batchtopk")),
    "plain PyTorch BatchTopK": ("batchtopk", plain_torch),
    "dictionary_learning BatchTopK": ("batchtopk", dictionary_learning),
    "sae_lens BatchTopK": ("batchtopk", sae_lens),
    "sae.c TopK": ("topk", sae_c("topk")),
    "sparsify TopK, Adam": ("topk", sparsify("adam")),
    "sparsify TopK, its default optimiser": ("topk", sparsify("signum")),
    "encoder SGEMM alone, PyTorch": (None, encoder_product),
}
