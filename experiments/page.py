"""The page about the results: Markdown, with pictures in a folder of its name beside it."""

import pathlib
import shutil

import claims


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def picture(job, folder, step, name, words):
    """Copies a picture of the first two neighbours into the page's folder; the lines that show it."""
    k, (small, large) = job.setting.ks[0], job.setting.widths[:2]
    whole = job.out / f"family-k{k}"
    pair = whole / "1-2" if (whole / "1-2").is_dir() else whole
    source = {"family": pair, "stitch": job.out / f"stitch-{small}-{large}-k{k}"}[step] / name
    folder.mkdir(exist_ok=True)
    shutil.copyfile(source, folder / name)
    return [f"![{small:,} and {large:,} latents, k = {k}: {words}]({folder.name}/{name})", ""]


def section(claim):
    return [f"## {claim.title}", "", claim.says, "", f"Here: **{claim.verdict}**. {claim.finding}", "", *table(claim.head, claim.rows), ""]


def write(job, found, path):
    path = pathlib.Path(path)
    path.write_text(text(job, found, path.with_suffix("")))


def text(job, found, folder):
    setting = job.setting
    # An SAE in its inference form has a threshold and no k: what it was trained with shows in where it lies.
    order = [k for _ in setting.widths for k in setting.ks]
    for sae, k in zip(found["eval"]["saes"], order):
        sae["k_asked"] = k
    all_claims = [make(found) for make in claims.ALL]
    tokens = found["eval"]["tokens"]
    command = "make experiments" if setting.name == "demo" else f"make experiments MODEL={job.args.model} TEXT=…"
    lines = ["# Results", "",
             f"What `{command}` found, and wrote into this page: the claims of \"Sparse Autoencoders Do Not Find Canonical Units of "
             f"Analysis\" beside BatchTopK SAEs of {', '.join(f'{width:,}' for width in setting.widths)} latents, k = "
             f"{' and '.join(map(str, setting.ks))}, trained on {setting.train_tokens:,} tokens at layer {setting.layer} of {job.args.model}. "
             f"Judged and compared on {tokens:,} tokens of other text.", ""]
    if setting.name == "demo":
        lines += ["The model has 6.9 million parameters and d = 256, the paper's is GPT-2 small; what holds for one need not hold for the "
                  "other.", ""]
    lines += table(("claim", "here"), [(claim.title, claim.verdict) for claim in all_claims]) + [""]
    for claim in all_claims:
        lines += section(claim)
        for step, name, words in claim.pictures:
            lines += picture(job, folder, step, name, words)
    return "\n".join(lines).rstrip() + "\n"
