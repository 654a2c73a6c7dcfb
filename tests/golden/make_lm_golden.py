"""Makes tests/golden/lm_tiny (a random GPT-2 of 2 layers with a tokenizer), lm_tiny.safetensors (what transformers
computes with it in float64) and tokenizer.safetensors (ids that the tokenizers library gives for texts made to be
difficult, with the tokenizer of demo/model).

usage: make_lm_golden.py
"""
import os
import random
import shutil
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))
from lm_parity import SITES, forward, flat, loss_sum, make_model  # noqa: E402
from tokenizer_parity import pieces  # noqa: E402

VOCAB = 320


def make_tokenizer(folder):
    rng = random.Random(1)
    source = pieces(rng)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, show_progress=False, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator((next(source) for _ in range(3000)), trainer)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    return tokenizer


def make_tiny():
    folder = os.path.join(HERE, "lm_tiny")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tokenizer = make_tokenizer(folder)
    assert tokenizer.get_vocab_size() == VOCAB
    model = make_model(3, n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=VOCAB, initializer_range=0.3)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    model = model.double()

    rng = np.random.default_rng(0)
    tokens = rng.integers(0, VOCAB, (5, 19)).astype(np.int32)
    logits, values = forward(model, tokens)
    golden = {"tokens": tokens, "logits": flat(logits).astype(np.float32)}
    for layer in range(2):
        for site in SITES:
            name = f"blocks.{layer}.{site}"
            golden[name] = flat(values[name]).astype(np.float32)
    keep = (rng.random(tokens.shape) < 0.25).astype(np.uint8)
    golden["keep"] = keep
    kept = torch.from_numpy(keep == 1)[..., None]
    # Every hook of layer 1 halved; the residual ones, halved about the row's mean, too.
    for site in SITES:
        name = f"blocks.1.{site}"
        for center in (False, True):
            def halve(value):
                mean = value.mean(-1, keepdim=True) if center and "resid" in site else 0
                return torch.where(kept, value, (value - mean) * 0.5 + mean)

            spliced, _ = forward(model, tokens, {name: halve})
            clean_loss, clean, rows = loss_sum(logits, tokens, keep)
            loss, other, _ = loss_sum(spliced, tokens, keep)
            kl = (clean.exp() * (clean - other)).sum(-1)[rows].sum().item()
            golden[f"losses.{site}.{int(center)}"] = np.array([clean_loss, loss, kl, float(rows.sum())])
    save_file(golden, os.path.join(HERE, "lm_tiny.safetensors"))


def make_ids():
    """Texts (some of them no UTF-8) and their ids, special tokens as text and as tokens."""
    tokenizer = Tokenizer.from_file(os.path.join(ROOT, "demo", "model", "tokenizer.json"))
    rng = random.Random(9)
    source = pieces(rng)
    texts = ["".join(next(source) for _ in range(60)).encode() for _ in range(14)]
    texts += [t.encode() for t in ("", " ", "\n", "a", " a", "\0", "  a", "\u00a0 \u2028a", "x" * 300, "ab" * 200, " " * 300,
                                   "x<|endoftext|>y <|endoftext|>", "<|endoftext|><|endof", "don't I'LL we'll'd", "\u180e a\u180e",
                                   "1\u06632\u2167", "\u4e00" * 100)]
    texts += [b"\xff", b"a\xc3", b"\xe2\x82", b"\xe2\x82A", b"\xed\xa0\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf",
              b"\xf0\x9f\x98", b"ok\xffok", bytes(rng.randrange(256) for _ in range(2000))]
    golden = {"text": np.frombuffer(b"".join(texts), np.uint8), "text_ends": np.cumsum([len(t) for t in texts]).astype(np.int32)}
    for name, special in (("text", False), ("special", True)):
        tokenizer.encode_special_tokens = not special
        ids = [tokenizer.encode(t.decode("utf-8", "replace"), add_special_tokens=False).ids for t in texts]
        golden[f"ids_{name}"] = np.concatenate([np.array(i, np.int32) for i in ids])
        golden[f"ends_{name}"] = np.cumsum([len(i) for i in ids]).astype(np.int32)
    save_file(golden, os.path.join(HERE, "tokenizer.safetensors"))
    print(len(golden["text"]), "bytes of text")


if __name__ == "__main__":
    make_tiny()
    make_ids()
