"""Training of all five kinds of SAE in plain PyTorch: the mathematics, one line per formula.

Gradients come from autograd and selection from full products, so nothing is shared with the
library but the definition. In float64 it is the oracle of the golden data and of the parity
suites; in float32 it is the "plain PyTorch" that the quality benchmark compares with.

Definitions (x [B, d], n latents, rows of W_enc and W_dec are latents):
  z = (x - b_dec) W_enc^T + b_enc          x_hat = f W_dec + b_dec          e = x - x_hat
  topk       f = ReLU of the k largest z of each row, 0 elsewhere
  batchtopk  f = ReLU of the B k largest z of the batch, 0 elsewhere
  ties       larger z, then smaller row, then smaller latent
  matryoshka f as batchtopk; mse of the prefixes m_1 < ... < m_G = n, x_hat_g = f_{<m_g} W_dec_{<m_g} + b_dec:
             loss = mean over g of mse_g; e, and with it aux, of the whole dictionary
  relu       f = ReLU(z); loss = mse + lambda mean over rows of sum_i f_i |w_i|; no aux
  jumprelu   f = z [z > theta_i]; loss = mse + lambda L0, L0 = mean number of z > theta; no aux. With
             the window |z - theta| < eps/2: df/dtheta = -(theta / eps) [window], d[z > theta]/dtheta
             = -(1 / eps) [window], df/dz = [z > theta]; theta >= eps/2 after each step
  mse        mean over rows of sum_d e^2
  aux        of the latents that were dead before the batch, each row takes the min(k_aux, n_dead)
             with the largest z, a = ReLU(z): mean over rows of sum_d (sg(e) - sum_i a_i w_i)^2.
             aux_norm "variance" divides by the mean over rows of sum_d (e - mean e)^2, without
             gradient. No dead latent, or that variance 0: aux = 0.
  loss       mse + aux_alpha aux
  dead       counter_i >= dead_tokens; after a step the counter is 0 where f_i > 0 in any row of
             the main selection, else it has grown by B
  step       gradients; W_dec's loses its part along each row, g - (g.w) w; clip multiplies all
             four by min(1, clip / norm), norm over all four together; Adam with eps outside the
             root, p -= lr_t m_hat / (sqrt(v_hat) + eps); rows of W_dec to norm 1
  lr_t       lr min(1, t / warmup_steps) min(1, (T - t + 1) / decay_steps), t = 1 ... T
  theta      m = beta m + (1 - beta) min{f > 0}; running theta = m / (1 - beta^u), u the number
             of batches that kept a positive value
"""

import dataclasses
import math

import torch

NAMES = ("W_enc", "b_enc", "W_dec", "b_dec")
THRESHOLD_ARCHS = ("relu", "jumprelu")


@dataclasses.dataclass
class Config:
    arch: str
    k: int = 0
    k_aux: int = 512
    aux_alpha: float = 1 / 32
    aux_norm: str = "none"  # or "variance"
    dead_tokens: int = 10_000_000
    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    clip: float = 0.0  # 0: off
    total_steps: int = 1
    warmup_steps: int = 0
    decay_steps: int = 0
    theta_beta: float = 0.999
    lam: float = 0.0  # lambda of relu and jumprelu
    bandwidth: float = 0.0  # eps of jumprelu, absolute
    prefixes: tuple = ()  # matryoshka: m_1 ... m_G


class Jump(torch.autograd.Function):
    """(z [z > theta], [z > theta]) with the straight-through gradients above."""

    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        on = (z > theta).to(z.dtype)
        return z * on, on

    @staticmethod
    def backward(ctx, grad_f, grad_on):
        z, theta = ctx.saved_tensors
        window = ((z - theta).abs() < ctx.eps / 2).to(z.dtype)
        grad_theta = -(window / ctx.eps * (theta * grad_f + grad_on)).sum(0)
        return grad_f * (z > theta), grad_theta, None


def largest(z, count):
    """Mask of the `count` largest of each row of z; among equals the first ones."""
    if count >= z.shape[1]:
        return torch.ones_like(z, dtype=torch.bool)
    cut = torch.topk(z, count, dim=1).values[:, -1:]
    chosen = z >= cut
    if int(chosen.sum()) == count * z.shape[0]:
        return chosen
    above, equal = z > cut, z == cut
    room = count - above.sum(1, keepdim=True)
    return above | (equal & (torch.cumsum(equal, 1, dtype=torch.int32) <= room))


class Reference:
    """One SAE in training. `parameters` maps NAMES to arrays; they are copied as `dtype`."""

    def __init__(self, parameters, config, counters=None, dtype=torch.float64):
        self.config = config
        self.names = NAMES + (("theta",) if config.arch == "jumprelu" else ())
        self.p = {name: torch.tensor(parameters[name]).to(dtype).clone() for name in self.names}
        self.m = {name: torch.zeros_like(value) for name, value in self.p.items()}
        self.v = {name: torch.zeros_like(value) for name, value in self.p.items()}
        n = self.p["W_enc"].shape[0]
        self.counters = torch.zeros(n, dtype=torch.int64) if counters is None else torch.tensor(counters).clone()
        self.t = 0
        self.theta_m, self.theta_batches = 0.0, 0

    def encode(self, p, x):
        """Pre-activations and the mask of the main selection."""
        z = (x - p["b_dec"]) @ p["W_enc"].T + p["b_enc"]
        values = z.detach()
        if self.config.arch == "relu":
            return z, values > 0
        if self.config.arch == "jumprelu":
            return z, values > p["theta"].detach()
        k = min(self.config.k, z.shape[1])
        if self.config.arch == "topk":
            mask = largest(values, k)
        else:
            mask = largest(values.reshape(1, -1), k * z.shape[0]).reshape(z.shape)
        return z, mask & (values > 0)

    def dead(self):
        return self.counters >= self.config.dead_tokens

    def aux_mask(self, z):
        """Entries of the dead latents that AuxK uses."""
        dead = self.dead()
        count = min(self.config.k_aux, int(dead.sum()))
        values = z.detach().masked_fill(~dead, -math.inf)
        return largest(values, count) & (values > 0)

    def losses(self, p, x):
        """Everything about one batch: mse, aux, loss (scalars with gradient), z, mask, f, e."""
        z, mask = self.encode(p, x)
        f = torch.where(mask, z, torch.zeros_like(z))
        penalty = torch.zeros((), dtype=x.dtype)
        if self.config.arch == "relu":
            penalty = (f * p["W_dec"].norm(dim=1)).sum(1).mean()
        if self.config.arch == "jumprelu":
            f, on = Jump.apply(z, p["theta"], self.config.bandwidth)
            penalty = on.sum(1).mean()
        e = x - (f @ p["W_dec"] + p["b_dec"])
        mse = (e * e).sum(1).mean()
        main = mse
        if self.config.arch == "matryoshka":
            parts = [x - (f[:, :m] @ p["W_dec"][:m] + p["b_dec"]) for m in self.config.prefixes]
            main = sum((part * part).sum(1).mean() for part in parts) / len(parts)
        aux = torch.zeros((), dtype=x.dtype)
        if self.config.arch not in THRESHOLD_ARCHS and self.dead().any():
            target = e.detach()
            a = torch.where(self.aux_mask(z), z, torch.zeros_like(z))
            aux = ((target - a @ p["W_dec"]) ** 2).sum(1).mean()
            if self.config.aux_norm == "variance":
                variance = ((target - target.mean(0)) ** 2).sum(1).mean()
                aux = aux / variance if variance > 0 else torch.zeros_like(aux)
        loss = main + self.config.aux_alpha * aux + self.config.lam * penalty
        return {"mse": mse, "aux": aux, "loss": loss, "z": z, "mask": mask, "f": f, "e": e}

    def gradients(self, x):
        """(batch as from losses(), {name: d loss / d parameter}), before projection and clipping."""
        p = {name: value.clone().requires_grad_() for name, value in self.p.items()}
        batch = self.losses(p, x)
        grads = torch.autograd.grad(batch["loss"], [p[name] for name in self.names])
        return batch, dict(zip(self.names, grads))

    def learning_rate(self, t):
        c = self.config
        rate = c.lr
        if c.warmup_steps > 0:
            rate *= min(1.0, t / c.warmup_steps)
        if c.decay_steps > 0:
            rate *= min(1.0, (c.total_steps - t + 1) / c.decay_steps)
        return rate

    @torch.no_grad()
    def apply(self, grads):
        """Project, clip, Adam, renormalise; the norm before clipping is returned."""
        c = self.config
        self.t += 1
        w = self.p["W_dec"]
        grads = dict(grads)
        grads["W_dec"] = grads["W_dec"] - (grads["W_dec"] * w).sum(1, keepdim=True) * w
        norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in grads.values()))
        scale = min(1.0, c.clip / norm) if c.clip > 0 and norm > 0 else 1.0
        rate = self.learning_rate(self.t)
        for name in self.names:
            g, m, v = grads[name] * scale, self.m[name], self.v[name]
            m.mul_(c.beta1).add_(g, alpha=1 - c.beta1)
            v.mul_(c.beta2).addcmul_(g, g, value=1 - c.beta2)
            m_hat = m / (1 - c.beta1**self.t)
            v_hat = v / (1 - c.beta2**self.t)
            self.p[name] -= rate * m_hat / (v_hat.sqrt() + c.eps)
        w /= w.norm(dim=1, keepdim=True)
        if c.arch == "jumprelu":
            self.p["theta"].clamp_(min=c.bandwidth / 2)
        return norm

    @torch.no_grad()
    def count(self, f):
        """Dead counters and the running threshold after a step."""
        fired = (f > 0).any(0)
        self.counters = torch.where(fired, torch.zeros_like(self.counters), self.counters + f.shape[0])
        if bool(fired.any()):
            beta = self.config.theta_beta
            self.theta_m = beta * self.theta_m + (1 - beta) * float(f[f > 0].min())
            self.theta_batches += 1

    def theta(self):
        """Running threshold, None before the first kept value."""
        if self.theta_batches == 0:
            return None
        return self.theta_m / (1 - self.config.theta_beta**self.theta_batches)

    def step(self, x):
        """One optimiser step on x [B, d]: the batch as from losses() with grads and grad_norm added."""
        batch, grads = self.gradients(x)
        batch["grads"] = grads
        batch["grad_norm"] = self.apply(grads)
        self.count(batch["f"].detach())
        return batch


def cut_gaps(z, count):
    """Per row of z, the smallest relative distance of a chosen value from zero (relative to the largest
    |z| of all) or from the first one not chosen (relative to itself). Below zero nothing depends on the choice."""
    count = min(count, z.shape[1])
    ordered = torch.topk(z, min(count + 1, z.shape[1]), dim=1).values
    gaps = ordered[:, :count].abs().min(1).values / z.abs().max()
    if count < z.shape[1]:
        last, following = ordered[:, count - 1], ordered[:, count]
        relative = (last - following.clamp(min=0)) / last
        gaps = torch.where(last > 0, torch.minimum(gaps, relative), gaps)
    return gaps


def row_gaps(sae, z):
    """Per row, the smallest gap at the cuts that are its own: TopK's and AuxK's."""
    gaps = torch.full((z.shape[0],), math.inf, dtype=z.dtype)
    if sae.config.arch == "topk":
        gaps = cut_gaps(z, sae.config.k)
    dead = sae.dead()
    if dead.any():
        gaps = torch.minimum(gaps, cut_gaps(z[:, dead], min(sae.config.k_aux, int(dead.sum()))))
    return gaps


def threshold_gap(sae, z):
    """Smallest distance of any z from where the step changes: 0, or theta and the window's ends; relative to the
    largest |z|."""
    edges = [torch.zeros(())]
    if sae.config.arch == "jumprelu":
        edges = [sae.p["theta"] + side * sae.config.bandwidth / 2 for side in (-1, 0, 1)]
    return float(min((z - edge).abs().min() for edge in edges) / z.abs().max())


def smallest_gap(sae, x):
    """Smallest relative gap at the cuts that a step on x would make, main selection and AuxK's: where
    it is far above float32's rounding, every precision chooses the same latents."""
    z, _ = sae.encode(sae.p, x)
    if sae.config.arch in THRESHOLD_ARCHS:
        return threshold_gap(sae, z)
    gap = float(row_gaps(sae, z).min())
    if sae.config.arch != "topk":
        gap = min(gap, float(cut_gaps(z.reshape(1, -1), sae.config.k * z.shape[0])[0]))
    return gap
