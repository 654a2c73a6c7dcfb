#!/usr/bin/env python3
"""Numbers of `sae dash` against NumPy in float64 and transformers.

    dash_parity.py BUILD_FOLDER

Takes activations, SAEs and the language model from their own files and recomputes from the definitions of docs/dashboards.md
everything that the database holds of 20 latents. Latents with an activation so near their threshold that float32 may
decide otherwise are not among them.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
from common import Report  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import GPT2LMHeadModel  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "demo" / "model"
LATENTS, WINDOW, REACH, EPS = 20, 64, 63, 1e-4
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]


def read_acts(folder):
    shards = [load_file(p) for p in sorted(folder.glob("acts-*.safetensors"))]
    return {k: np.concatenate([s[k] for s in shards]) for k in ("acts", "tokens", "positions", "docs")}


class Sae:
    """An SAE in float64: pre-activations and activations of all encoded rows."""

    def __init__(self, folder, x):
        cfg = json.loads((folder / "cfg.json").read_text())
        w = {k: v.astype(np.float64) for k, v in load_file(folder / "sae_weights.safetensors").items()}
        self.W_dec = w["W_dec"]
        self.z = (x - (w["b_dec"] if cfg.get("apply_b_dec_to_input", True) else 0)) @ w["W_enc"] + w["b_enc"]
        if cfg["architecture"] == "topk":
            order = np.sort(self.z, axis=1)
            k = cfg["k"]
            cut = order[:, -k][:, None]
            fires = (self.z >= cut) & (self.z > 0)
            close = (order[:, -k] - order[:, -k - 1])[:, None] < EPS
            self.doubtful = ((np.abs(self.z - cut) < EPS) & close) | ((np.abs(self.z) < EPS) & (cut < EPS))
        else:
            fires = self.z > w["threshold"]
            self.doubtful = np.abs(self.z - w["threshold"]) < EPS
        self.f = np.where(fires, self.z, 0)

    def certain(self):
        return np.flatnonzero(~self.doubtful.any(0) & (self.f > 0).any(0))


def blob(data, dtype):
    return np.frombuffer(data or b"", dtype)


class Texts:
    """Rows of the text, and the windows that count as one text."""

    def __init__(self, acts, encoded):
        self.tokens, self.docs, self.encoded = acts["tokens"], acts["docs"], encoded
        rows = np.arange(len(self.tokens))
        self.context = np.maximum.accumulate(np.where(acts["positions"] == 0, rows, 0))
        ends = np.append(np.flatnonzero(acts["positions"] == 0)[1:], len(rows))
        self.end = ends[np.searchsorted(ends, rows, side="right")]
        window = (rows - self.context) // WINDOW
        new = np.r_[True, (np.diff(self.context) != 0) | (np.diff(window) != 0) | (np.diff(self.docs) != 0)]
        self.text = np.cumsum(new) - 1

    def around(self, row):
        a, b = max(self.context[row], row - 8), min(self.end[row], row + 9)
        return row - a, tuple(self.tokens[a:b])

    def best_per_text(self, value, rows):
        """(value, row) of the largest of each text, descending, the earlier of equals first."""
        order = np.lexsort((rows, -value))
        text = self.text[rows[order]]
        first = np.sort(np.unique(text, return_index=True)[1])
        return value[order][first], rows[order][first]


def check_stats(r, db, s, i, f):
    fired = f[f > 0]
    row = db.execute("SELECT n_active, max, mean, std, skew, kurtosis, p50, p90, p99, dec_norm FROM latent WHERE sae=? AND id=?",
                     (s, i)).fetchone()
    m = fired.mean()
    c = fired - m
    want = [len(fired), fired.max(), m, fired.std(), (c**3).mean() / fired.std() ** 3, (c**4).mean() / fired.std() ** 4,
            *np.quantile(fired, [0.5, 0.9, 0.99], method="inverted_cdf")]
    good = row[0] == want[0] and np.allclose(row[1:9], want[1:], rtol=2e-5)
    d = db.execute("SELECT min, quantiles, hist, log_lo, log_hi, log_hist FROM detail WHERE sae=? AND latent=?", (s, i)).fetchone()
    good &= np.isclose(d[0], fired.min(), rtol=2e-5)
    good &= np.allclose(blob(d[1], "<f4"), np.quantile(fired, QUANTILES, method="inverted_cdf"), rtol=2e-5)
    # float32 may put a value that lies on an edge on its other side
    edges = row[1] * np.arange(51) / 50
    bins = np.clip(np.searchsorted(edges, fired, side="left") - 1, 0, 49)
    moved = np.abs(np.bincount(bins, minlength=50) - blob(d[2], "<u4")).sum() // 2
    log_edges = d[3] + (d[4] - d[3]) * np.arange(41) / 40
    bins = np.clip(np.searchsorted(log_edges, np.log10(fired), side="left") - 1, 0, 39)
    moved += np.abs(np.bincount(bins, minlength=40) - blob(d[5], "<u4")).sum() // 2
    near = sum((np.abs(fired[:, None] - edges) < 1e-4).any(1)) + sum((np.abs(np.log10(fired)[:, None] - log_edges) < 1e-4).any(1))
    good &= blob(d[2], "<u4").sum() == len(fired) == blob(d[5], "<u4").sum() and moved <= near
    return bool(good)


def read_examples(db, s, i, kind):
    row = db.execute("SELECT populations, counts, rows, peaks, more, copies, act_counts, act_offsets, act_values FROM example "
                     "WHERE sae=? AND latent=? AND kind=?", (s, i, kind)).fetchone()
    return None if row is None else [blob(b, t) for b, t in zip(row, "<i8 <i4 <i4 <f4 <u2 <u2 <u2 <i2 <f4".split())]


def acts_agree(texts, full, rows, counts, offsets, values):
    """Sparse activations around the examples against the latent's activations on all rows of the text."""
    at = 0
    for row, n in zip(rows, counts):
        a, b = max(texts.context[row], row - REACH), min(texts.end[row], row + REACH + 1)
        want = np.flatnonzero(full[a:b]) + a
        here = offsets[at : at + n]
        if not np.array_equal(here + row, want) or not np.allclose(values[at : at + n], full[want], rtol=2e-5):
            return False
        at += n
    return at == len(offsets)


def check_examples(r, db, s, i, f, texts):
    full = np.zeros(len(texts.tokens))
    full[texts.encoded] = f
    rows = texts.encoded[f > 0]
    value = f[f > 0]
    best, best_rows = texts.best_per_text(value, rows)
    per_text = np.bincount(texts.text[rows], minlength=texts.text[-1] + 1)
    good = True
    # top: distinct texts in order
    _, _, got, peaks, more, copies, n, off, val = read_examples(db, s, i, 0)
    seen, want = {}, []
    for v, row in zip(best, best_rows):
        key = texts.around(row)
        if key in seen:
            continue
        if len(want) == 20:
            break
        seen[key] = row
        want.append((v, row))
    good &= np.allclose(peaks, [v for v, _ in want], rtol=2e-5) and len(got) == len(want)
    # equal strength to rounding may swap places, so rows are compared as activations
    good &= np.allclose(full[got], peaks, rtol=2e-5) and len({texts.around(x) for x in got}) == len(got)
    good &= np.array_equal(more, per_text[texts.text[got]] - 1) and acts_agree(texts, full, got, n, off, val)
    # intervals and random firings: members of their population, one per text
    for kind in (1, 2):
        populations, counts, got, peaks, more, copies, n, off, val = read_examples(db, s, i, kind)
        good &= np.allclose(full[got], peaks, rtol=2e-5) and acts_agree(texts, full, got, n, off, val)
        good &= np.array_equal(more, per_text[texts.text[got]] - 1)
        at = 0
        for b, (population, count) in enumerate(zip(populations, counts)):
            lo, hi = (value.max() * b / 10, value.max() * (b + 1) / 10) if kind == 1 else (0, np.inf)
            inside = (value > lo) & (value <= hi)
            close = (np.abs(value - lo) < 1e-4).sum() + (np.abs(value - hi) < 1e-4).sum()
            good &= abs(inside.sum() - population) <= close
            here = got[at : at + count]
            good &= len(set(texts.text[here])) == count and bool(np.all((full[here] > lo - 1e-4) & (full[here] <= hi + 1e-4)))
            n_texts = len(set(texts.text[rows[inside]]))
            good &= abs(count - min(5 if kind == 1 else 10, n_texts)) <= close
            at += count
    return bool(good)


def check_near(r, db, s, i, sae, texts):
    quiet = sae.f[:, i] == 0
    best, _ = texts.best_per_text(sae.z[quiet, i], texts.encoded[quiet])
    _, _, got, peaks, *_ = read_examples(db, s, i, 3)
    place = np.searchsorted(texts.encoded, got)
    return (np.allclose(peaks, best[:10], rtol=1e-4, atol=1e-4) and np.allclose(sae.z[place, i], peaks, rtol=1e-4, atol=1e-4)
            and not sae.f[place, i].any() and len(set(texts.text[got])) == len(got))


def pearson(a, f):
    a, f = a - a.mean(), f - f.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return a @ f / np.sqrt((a @ a) * (f * f).sum(0))


def check_links(r, db, s, i, saes, other):
    own, theirs = saes[s], saes[other]
    cos = own.W_dec[i] @ theirs.W_dec.T / np.linalg.norm(own.W_dec[i]) / np.linalg.norm(theirs.W_dec, axis=1)
    corr = pearson(own.f[:, i], theirs.f)
    mine, all_ = own.f[:, i] > 0, theirs.f > 0
    both = (mine[:, None] & all_).sum(0)
    jaccard = both / np.maximum((mine[:, None] | all_).sum(0), 1)
    table, extra = ("neighbour", ()) if s == other else ("match", (other,))
    most = 10 if s == other else 5
    good = True
    measures = [cos, corr, jaccard]
    for m in measures:
        if s == other:
            m[i] = -np.inf
    for kind in range(3 if s == other else 2):
        where = "sae=? AND latent=? AND kind=?" + (" AND other=?" if extra else "")
        row = db.execute(f"SELECT latents, cosine, pearson, jaccard, together FROM {table} WHERE {where}", (s, i, kind, *extra)).fetchone()
        ids, c, p, j, t = [blob(b, d) for b, d in zip(row, "<i4 <f4 <f4 <f4 <u4".split())]
        sure = ~theirs.doubtful[:, ids].any(0)
        good &= np.allclose(c, cos[ids], atol=1e-6) and np.allclose(p[sure], corr[ids][sure], atol=1e-5)
        good &= np.allclose(j[sure], jaccard[ids][sure], atol=1e-6) and np.array_equal(t[sure], both[ids][sure])
        ranked = np.where(both > 0, measures[kind], -np.inf) if kind else measures[kind]
        best = np.sort(np.nan_to_num(ranked, nan=-np.inf))[::-1][: len(ids)]
        good &= np.allclose(measures[kind][ids], best, atol=1e-3 if kind else 1e-6) and len(ids) <= most
    return bool(good)


def check_effects(r, db, s, i, sae, unembed, gain, centre=True):
    w = sae.W_dec[i]
    effect = ((w - w.mean() if centre else w) * gain) @ unembed.T
    effect -= effect.mean()
    row = db.execute("SELECT boosted_tokens, boosted_values, suppressed_tokens, suppressed_values, logit_std, logit_lo, logit_hi, "
                     "logit_hist FROM detail WHERE sae=? AND latent=?", (s, i)).fetchone()
    up, up_by, down, down_by, hist = [blob(row[k], t) for k, t in ((0, "<i4"), (1, "<f4"), (2, "<i4"), (3, "<f4"), (7, "<u4"))]
    order = np.argsort(-effect)
    good = np.allclose(up_by, effect[order[:10]], atol=1e-5) and np.allclose(effect[up], up_by, atol=1e-5)
    good &= np.allclose(down_by, effect[order[::-1][:10]], atol=1e-5) and np.allclose(effect[down], down_by, atol=1e-5)
    good &= np.allclose(row[4:7], [effect.std(), effect.min(), effect.max()], atol=1e-5)
    want = np.histogram(effect, 50, (row[5], row[6]))[0]
    return bool(good and hist.sum() == len(effect) and np.abs(hist.astype(int) - want).sum() <= 20)


def check_files(r, build, tmp, folders, saes, picked, unembed, gain):
    """The same effects when W_U and the gain come from files, however they lie there; then in float16, of other norms, without a gain."""
    d = unembed.shape[1]
    np.save(tmp / "rows.npy", unembed.astype("<f4"))
    np.save(tmp / "columns.npy", np.ascontiguousarray(unembed.T, "<f4"))
    np.save(tmp / "gain.npy", gain.astype("<f4"))
    save_file({"W_U": np.ascontiguousarray(unembed.T, "<f4"), "W_E": unembed.astype("<f4"), "gain": gain, "b_U": gain + 1},
              tmp / "named.safetensors")
    save_file({"only": unembed.astype("<f2")}, tmp / "half.safetensors")
    np.savez(tmp / "rows.npz", rows=unembed.astype("<f4"))
    torch.save({"W_U": torch.tensor(unembed.T.astype("<f4"))}, tmp / "transposed.pt")
    half = unembed.astype("<f2").astype(np.float64)
    one = np.ones(d)
    cases = (
        ("[vocab, d] .npy", ["rows.npy", "--final-norm", tmp / "gain.npy"], (unembed, gain, True)),
        ("[d, vocab] .npy", ["columns.npy", "--final-norm", tmp / "gain.npy"], (unembed, gain, True)),
        ("names in safetensors", ["named.safetensors", "--final-norm", tmp / "named.safetensors"], (unembed, gain, True)),
        ("float16, RMS norm", ["half.safetensors", "--final-norm", tmp / "gain.npy", "--rms-norm"], (half, gain, False)),
        ("no gain, .npz", ["rows.npz"], (unembed, one, True)),
        ("RMS norm without gain, torch.save", ["transposed.pt", "--rms-norm"], (unembed, one, False)),
    )
    columns = "boosted_tokens, boosted_values, suppressed_tokens, suppressed_values, logit_std, logit_lo, logit_hi, logit_hist"
    every = f"SELECT {columns} FROM detail ORDER BY sae, latent"
    model = sqlite3.connect(f"file:{tmp / 'saes.db'}?mode=ro", uri=True).execute(every).fetchall()
    for n, (name, words, (rows, gains, centre)) in enumerate(cases):
        run(build / "sae", "dash", *folders, "--acts", tmp / "acts", "--tokenizer", MODEL / "tokenizer.json", "--out",
            tmp / f"files{n}.db", "--unembed", tmp / words[0], *words[1:])
        db = sqlite3.connect(f"file:{tmp / f'files{n}.db'}?mode=ro", uri=True)
        good = [check_effects(r, db, s, int(i), sae, rows, gains, centre) for s, sae in enumerate(saes) for i in picked[s]]
        r.line(f"effects by files, {name}", all(good), f"{sum(good)} of {len(good)} latents")
        same = db.execute(every).fetchall() == model
        r.line(f"effects by files, {name}: {'the' if n < 3 else 'not the'} bits of --model", same == (n < 3))


def run(*words):
    subprocess.run([str(w) for w in words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    build = Path(sys.argv[1]).resolve()
    r, rng = Report(), np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        text = tmp / "text.txt"
        text.write_text("\n%%%%\n".join(p.read_text() for p in sorted((ROOT / "docs").glob("*.md"))))
        run(build / "sae", "harvest", "--model", MODEL, "--layer", 4, "--text", text, "--split", "%%%%", "--max-tokens", "16k",
            "--out", tmp / "acts")
        folders = [tmp / "saes" / "batchtopk-96-k6", tmp / "topk"]
        run(build / "sae", "train", "--acts", tmp / "acts", "--batch", 256, "--width", "96,48", "--k", 6, "--tokens", "60k", "--out",
            tmp / "saes")
        run(build / "sae", "train", "--acts", tmp / "acts", "--batch", 256, "--arch", "topk", "--width", 64, "--k", 6, "--tokens",
            "60k", "--out", tmp / "topk")
        run(build / "sae", "dash", *folders, "--acts", tmp / "acts", "--model", MODEL, "--out", tmp / "saes.db")
        acts = read_acts(tmp / "acts")
        encoded = np.flatnonzero(acts["positions"] != 0)
        x = acts["acts"][encoded].astype(np.float64)
        saes, texts = [Sae(f, x) for f in folders], Texts(acts, encoded)
        lm = GPT2LMHeadModel.from_pretrained(MODEL)
        unembed = lm.lm_head.weight.detach().double().numpy()
        gain = lm.transformer.ln_f.weight.detach().double().numpy()
        db = sqlite3.connect(f"file:{tmp / 'saes.db'}?mode=ro", uri=True)

        checked = []
        for s, sae in enumerate(saes):
            name, l0, fvu, mse = db.execute("SELECT name, l0, fvu, mse FROM sae WHERE id=?", (s,)).fetchone()
            b_dec = load_file(folders[s] / "sae_weights.safetensors")["b_dec"].astype(np.float64)
            e = x - sae.f @ sae.W_dec - b_dec
            r.line(f"{name}: L0", abs(l0 - (sae.f > 0).sum(1).mean()) * len(x) <= sae.doubtful.sum())
            r.close(f"{name}: MSE", mse, (e**2).sum(1).mean(), 1e-4)
            r.close(f"{name}: FVU", fvu, (e**2).sum() / ((x - x.mean(0)) ** 2).sum(), 1e-4)
            certain = sae.certain()
            picked = rng.choice(certain, LATENTS // 2, replace=False)
            checked.append(picked)
            for what, check in (
                ("counts, moments, quantiles, histograms", lambda i: check_stats(r, db, s, i, sae.f[:, i])),
                ("texts and activations on them", lambda i: check_examples(r, db, s, i, sae.f[:, i], texts)),
                ("near misses", lambda i: check_near(r, db, s, i, sae, texts)),
                ("neighbours", lambda i: check_links(r, db, s, i, saes, s)),
                ("matches in the other SAE", lambda i: check_links(r, db, s, i, saes, 1 - s)),
                ("effects on output tokens", lambda i: check_effects(r, db, s, i, sae, unembed, gain)),
            ):
                good = [check(int(i)) for i in picked]
                r.line(f"{name}: {what}", all(good), f"{sum(good)} of {len(good)} latents")

        check_files(r, build, tmp, folders, saes, checked, unembed, gain)
        tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        bytes_of = dict(db.execute("SELECT id, bytes FROM token"))
        first, ids = db.execute("SELECT first, tokens FROM context ORDER BY first LIMIT 1").fetchone()
        ids = blob(ids, "<i4")
        r.line("tokens of the text", np.array_equal(ids, acts["tokens"][first : first + len(ids)]))
        r.line("bytes of tokens", b"".join(bytes_of[int(t)] for t in ids[1:]).decode("utf-8", "replace")
               == tokenizer.decode(ids[1:].tolist(), skip_special_tokens=False))
    r.finish()


if __name__ == "__main__":
    main()
