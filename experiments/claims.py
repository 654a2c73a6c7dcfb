"""The paper's claims, one function each: what it says, what was found here, and whether the two agree."""

import dataclasses
import statistics

NEAR, NOVEL = 0.9, 0.7
VALLEY = 0.8  # of the lower of two peaks: a histogram with a bin under it between them has two


@dataclasses.dataclass
class Claim:
    title: str
    says: str      # the paper's words, in ours
    head: tuple    # of the table
    rows: list     # tuples of texts
    agrees: list   # a bool for every case
    finding: str   # in words
    so: str = "as in the paper"
    pictures: tuple = ()  # (step, file, words): of the first two neighbours at the first k

    @property
    def verdict(self):
        yes, cases = sum(self.agrees), len(self.agrees)
        if not cases:
            return "nothing to judge by"
        if yes == cases:
            return self.so
        return f"not {self.so}" if yes == 0 else f"{self.so} in {yes} of {cases} cases"


def percent(share, digits=1):
    return f"{100 * share:.{digits}f} %"


def number(value, digits=4):
    return "–" if value is None else f"{value:.{digits}g}"


def interval(value, ends):
    return f"{number(value)} ({number(ends[0])} to {number(ends[1])})"


def peaks(counts):
    """Whether a histogram has two peaks with a valley under VALLEY times the lower one between them."""
    return any(min(max(counts[:i]), max(counts[i + 1:])) > 0 and counts[i] < VALLEY * min(max(counts[:i]), max(counts[i + 1:]))
               for i in range(1, len(counts) - 1))


def cases(found, kind):
    """(name, k, result) of every pair of neighbours."""
    return [(f"{key[2]:,} → {key[3]:,}, k = {key[1]}", key[1], result) for key, result in found.items() if key[0] == kind]


def widths_help(found):
    rows, agrees = [], []
    by_k = {}
    for sae in found["eval"]["saes"]:
        by_k.setdefault(sae["k_asked"], []).append(sae)
    for k, saes in sorted(by_k.items()):
        fvus = [sae["fvu"] for sae in saes]
        agrees.append(fvus == sorted(fvus, reverse=True))
        rows += [(f"{sae['n']:,}", str(k), number(sae["l0"]), number(sae["mse_per_dim"]), percent(1 - sae["fvu"]),
                  percent(sae["ce"]["recovered"]), str(sae["dead"])) for sae in saes]
    return Claim("Larger dictionaries reconstruct better", "At one sparsity, error falls as the SAE grows.",
                 ("width", "k", "L0", "MSE per dimension", "explained variance", "cross-entropy recovered", "dead"), rows, agrees,
                 "Judged on text held out of training; cross-entropy is recovered against zero ablation.")


def maxima(found):
    rows, agrees = [], []
    for name, _, result in cases(found, "compare"):
        cosines, n = result["max_cos"]["large_in_small"], len(result["max_cos"]["large_in_small"])
        counts = [sum(result["hist"]["large_in_small"][i:i + 5]) for i in range(50, 100, 5)]
        top = max((high for high, count in zip(result["hist"]["edges"][1:], result["hist"]["random"]) if count), default=-1)
        two = peaks(counts)
        agrees.append(two)
        rows.append((name, percent(sum(c >= NEAR for c in cosines) / n), percent(sum(c < NOVEL for c in cosines) / n),
                     number(top, 2), "two" if two else "one"))
    return Claim("Maximum cosines: a cluster near 1 and a long tail (Figure 7)",
                 "Many latents of the larger SAE have a close relative in the smaller one; a long tail, the novel latents, does not.",
                 ("SAEs", f"maxima ≥ {NEAR}", f"novel: < {NOVEL}", "largest of random directions", "peaks"), rows, agrees,
                 "Peaks: of the histogram in bins of 0.1; two when a bin between them holds less than "
                 f"{VALLEY} of what the lower one holds.",
                 pictures=(("family", "histogram.svg", "histograms of the maximum cosines"),))


def family(found):
    rows, agrees = [], []
    for (kind, k), result in ((key, value) for key, value in found.items() if key[0] == "family" and "saes" in value):
        widths = [sae["n"] for sae in result["saes"]]
        for j, smaller in enumerate(widths[:-1]):
            shares = [result["novel_share"][i][j] for i in range(j + 1, len(widths))]
            agrees.append(shares == sorted(shares))
            rows.append((f"novel to {smaller:,}, k = {k}", *("" for _ in range(j)), *(percent(share) for share in shares)))
    largest = [f"of {width:,}" for width in (widths[1:] if rows else ())]
    return Claim("The larger the dictionary, the more of it is novel",
                 "Every step in width brings latents that no smaller SAE has.", ("share of latents", *largest), rows, agrees,
                 "Counted as agreement, for each smaller SAE: the share of novel latents grows with the width of the larger.")


def similarity(found):
    rows, agrees = [], []
    for name, _, result in cases(found, "compare"):
        agrees.append(result["r2"] is not None and result["r2"] >= 0.7)
        rows.append((name, number(result["r2"], 3), f"{result['r2_pairs']:,}"))
    return Claim("Latents that point alike fire alike (Figure 8)",
                 "Over pairs with a decoder cosine above 0.5, decoder and activation cosine have R² = 0.87 (GPT2-768 and GPT2-1536).",
                 ("SAEs", "R²", "pairs"), rows, agrees, "Counted as agreement: R² of at least 0.7.",
                 pictures=(("family", "pairs.svg", "activation cosine against decoder cosine"),))


def novel_errors(found):
    rows, agrees = [], []
    for name, _, result in cases(found, "compare"):
        mean = result["novel_mean"]
        if not mean["n"]:
            rows.append((name, "0", "–", "–", "–"))
            continue
        agrees.append(mean["excess_ci"][0] > 0)
        rows.append((name, f"{mean['n']:,}", interval(mean["large"]["difference"], mean["large"]["ci"]),
                     interval(mean["small"]["difference"], mean["small"]["ci"]), interval(mean["excess"], mean["excess_ci"])))
    return Claim("Novel latents hold what the smaller SAE misses (table and Figure 11)",
                 "Where a novel latent fires, the error of the smaller SAE grows more than that of the larger one "
                 "(0.589 against 0.293 for one latent; the same on average over 657).",
                 ("SAEs", "novel latents", "active − inactive, large", "active − inactive, small", "small − large"), rows, agrees,
                 "Mean squared errors summed over dimensions, with 95 % bootstrap intervals over latents. "
                 "Counted as agreement: the interval of the last column lies above 0.",
                 pictures=(("family", "novel.svg", "errors of both SAEs where novel latents are active and inactive"),))


def insertion(found):
    rows, agrees = [], []
    for name, _, result in cases(found, "stitch"):
        known = [(cosine, delta) for cosine, delta in zip(result["max_cos"], result["delta_mse"]) if delta is not None]
        novel = [delta < 0 for cosine, delta in known if cosine < NOVEL]
        others = [delta < 0 for cosine, delta in known if cosine >= NOVEL]
        share = [statistics.mean(group) if group else None for group in (novel, others)]
        good = None not in share and share[0] > 0.5 and share[1] < 0.5
        agrees.append(good)
        rows.append((name, *("–" if s is None else percent(s) for s in share), number(result["auc"], 3),
                     percent(result["accuracy"]), number(result["best_threshold"], 3)))
    return Claim("The cosine tells which latents improve the smaller SAE",
                 "Inserting a novel latent (maximum cosine below 0.7) into the smaller SAE lowers its error; inserting another does not.",
                 ("SAEs", "novel that improve", "others that improve", "AUC", "accuracy at 0.7", "best threshold"), rows, agrees,
                 "Counted as agreement: most novel latents improve, and most others do not. The AUC says how well the cosine "
                 "orders latents by the sign, whatever the threshold.",
                 pictures=(("stitch", "delta.svg", "change of the error against the maximum cosine"),))


def paths(found):
    rows, agrees = [], []
    for name, _, result in cases(found, "stitch"):
        start, end = result["base"]["mse"], result["large"]["mse"]
        highest = {order: values["highest_mse"] for order, values in result["orders"].items()}
        agrees.append(highest["cosine"] <= start * 1.001)
        rows.append((name, number(start), number(end),
                     *(number(highest[order]) for order in ("cosine", "delta", "greedy", "random")), number(result["end_error"], 2)))
    return Claim("A smooth path from the smaller to the larger SAE",
                 "Inserting novel latents and swapping the others turns one SAE into the other, with the error falling on the way.",
                 ("SAEs", "MSE at the start", "at the end", "highest: cosine", "delta", "greedy", "random", "end against large"), rows,
                 agrees, "The first order is the paper's; delta and greedy know what each operation does to the error. Counted as "
                 "agreement: in the paper's order the error never rises above that of the smaller SAE (by more than 0.1 %).",
                 pictures=(("stitch", "path.svg", "error along the path in all orders"),))


def meta(found):
    rows, agrees = [], []
    for (kind, k), result in ((key, value) for key, value in found.items() if key[0] == "meta"):
        baselines = result["baselines"]
        best = max(baselines[name] for name in ("random_rows", "random_directions"))
        agrees.append(result["explained_variance"] > best)
        rows.append((f"k = {k}", f"{result['width']:,} for {result['rows']:,}", number(result["l0"], 3),
                     percent(result["explained_variance"]), *(percent(baselines[name]) for name in ("pca", "random_rows", "random_directions"))))
    return Claim("Latents come apart into meta-latents",
                 "2,304 meta-latents, 4 active at a time, explain 55.47 % of the variance of 49,152 decoder rows.",
                 ("SAE", "meta-latents", "L0", "explained variance", "PCA of rank 4", "random rows", "random directions"), rows, agrees,
                 "Of the largest SAE, rows that never fire left out. Baselines code each row with as many atoms. Counted as "
                 "agreement: more than both random dictionaries explain.")


def asked(found):
    rows, agrees = [], []
    for sae in found["asked"]["saes"]:
        want, got = sae["l0"] if sae["l0"] is not None else sae["k"], sae["held_out"]["l0"]
        agrees.append(abs(got / want - 1) <= 0.03)
        rows.append((sae["arch"], number(want), number(got), f"{100 * (got / want - 1):+.1f} %", percent(1 - sae["held_out"]["fvu"])))
    return Claim("A sparsity that is asked for (the drawback of JumpReLU in appendix A.2)",
                 "The paper calls it a major drawback of JumpReLU that its sparsity can only be tuned. Here it is asked for, of all kinds.",
                 ("kind", "L0 asked for", "L0 on held-out rows", "off by", "explained variance"), rows, agrees,
                 "One run each, no sweep; what BatchTopK has is what its calibrated threshold gives.", so="given within 3 %")


ALL = (widths_help, maxima, family, similarity, novel_errors, insertion, paths, meta, asked)
