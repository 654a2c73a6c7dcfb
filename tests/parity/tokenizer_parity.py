"""Token ids of libsae against the tokenizers library, on about 3 MB of text made to be difficult.

usage: tokenizer_parity.py BUILD [MODEL_DIR]
"""
import json
import os
import random
import shutil
import sys
import tempfile

import numpy as np
from tokenizers import AddedToken, Tokenizer as Reference

from common import Report, SaeError
from lm_library import Tokenizer, load

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pieces(rng):
    """Endless fragments of every kind of text that has broken a tokenizer."""
    blanks = list(" \t\n\r\v\f\u00a0\u0085\u1680\u180e\u2000\u2003\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff")
    words = ("the of and Lord said unto him that is was in for it with as his on be at by I this had not are but from "
             "or have an they which one you were all her she there would their we him been has when who will no more "
             "if out so said what up its about into than them can only other new some could time these two may first "
             "then do any like my now over such our man me even most made after also did many off before must well").split()
    contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'RE", "’s", "'", "''", "don't", "I'll've", "x'ss"]
    code = ["def f(x):\n\treturn x[::-1] # ok\n", "for (int i = 0; i < n; ++i) {\n    a[i] += b[i]->c;\n}\n", "==", "!=",
            "->", "::", "/* */", "<div class=\"x\">&nbsp;</div>\n", "0x1F", "1e-5", "printf(\"%d\\n\");", "a_b", "__init__",
            "https://example.org/a?b=c&d=%20", "C:\\Users\\x", "$HOME", "#include <stdio.h>\n", "{{}}", "[1,2,3]", ";;"]
    scripts = [(0x20, 0x7f), (0xa0, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x531, 0x600),
               (0x600, 0x700), (0x700, 0x860), (0x900, 0xe00), (0xe00, 0x1000), (0x1100, 0x1200), (0x1e00, 0x2000),
               (0x2000, 0x2070), (0x2070, 0x2c00), (0x2c00, 0x3000), (0x3000, 0x3100), (0x4e00, 0x9fff),
               (0xa000, 0xabff), (0xac00, 0xd7a4), (0xe000, 0xe100), (0xf900, 0xfb00), (0xfe00, 0x10000),
               (0x10000, 0x11000), (0x12000, 0x13460), (0x1d400, 0x1d800), (0x1f000, 0x1fb00), (0x20000, 0x20100),
               (0x2ebf0, 0x2ee00), (0x31350, 0x31400), (0xe0100, 0xe01f0), (0x10ff00, 0x110000)]
    emoji = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "☕️", "1️⃣", "🤦🏼‍♂️", "❤️", "e\u0301", "a\u0300\u0316", "ﬁ", "ǆ", "İ", "ß", "Å", "Å",
             "\u0645\u0631\u062d\u0628\u0627", "שָׁלוֹם", "\u202eabc\u202c", "कि", "ก็", "각", "½", "Ⅷ", "①", "٣", "²", "一", "㊀"]
    while True:
        kind = rng.randrange(12)
        if kind <= 3:
            yield " ".join(rng.choice(words) for _ in range(rng.randint(1, 30))) + rng.choice([".", ",", "\n", " ", "?!", ""])
        elif kind == 4:
            yield rng.choice(words).capitalize() + rng.choice(contractions) + rng.choice(["", " "])
        elif kind == 5:
            yield rng.choice(code)
        elif kind == 6:
            low, high = rng.choice(scripts)
            chars = (chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 40)))
            yield "".join(c if not rng.randrange(9) == 0 else " " for c in chars if not 0xd800 <= ord(c) < 0xe000)
        elif kind == 7:
            yield rng.choice(blanks) * rng.randint(1, 12) + rng.choice(["", "x", "7", "!", "\u0301"])
        elif kind == 8:
            yield "".join(rng.choice(blanks) for _ in range(rng.randint(1, 8)))
        elif kind == 9:
            yield rng.choice(emoji) * rng.randint(1, 3) + rng.choice(["", " "])
        elif kind == 10:
            yield "".join(chr(rng.choice([0, 1, 7, 8, 27, 28, 31, 127, 128, 133, 159, 173])) for _ in range(rng.randint(1, 6)))
        else:
            yield str(rng.randrange(10 ** rng.randint(1, 15))) + rng.choice(["", "%", "th", ".5", ",000", "٣", "½"])


def make_texts(total):
    rng = random.Random(20)
    source = pieces(rng)
    texts, size = [], 0
    while size < total:
        text = "".join(next(source) for _ in range(rng.randint(1, 400)))
        texts.append(text)
        size += len(text.encode())
    every = [chr(c) for c in range(0x110000) if not 0xd800 <= c < 0xe000]
    texts.append("".join("a" + c for c in every[:0x3400]) + "".join("a1 " + c for c in every[0x3400:] if ord(c) % 7 == 0))
    rng.shuffle(every)
    texts.append("".join(every[:150000]))
    texts += ["", " ", "  ", "\n", "a", "\0", "a\0b", " a", "  a", "\u00a0a", "x" * 20000, " " * 20000, "ab" * 20000 + " ",
              "'" * 3000, "\u4e00" * 5000, "<|endoftext|>", "x<|endoftext|>y <|endoftext|> z", "<|endoftext|><|endof"]
    return texts


def compare(report, name, ours, reference, texts, special):
    reference.encode_special_tokens = not special
    size = wrong = 0
    example = ""
    for text in texts:
        expected = np.array(reference.encode(text, add_special_tokens=False).ids, np.int32)
        got = ours.encode(text.encode(), special)
        size += len(text.encode())
        if not np.array_equal(expected, got):
            wrong += 1
            at = next((i for i, (a, b) in enumerate(zip(expected, got)) if a != b), min(len(expected), len(got)))
            example = example or f"first: ids {expected[at:at + 4]} became {got[at:at + 4]} at {at}"
    report.line(name, wrong == 0, f"{len(texts)} texts, {size / 1e6:.2f} MB, {wrong} differ {example}")


def invalid_utf8(report, ours, reference):
    """Bytes that are no UTF-8 give the ids of Python's errors="replace"."""
    rng = random.Random(3)
    cases = [b"\xff", b"a\xc3", b"\xe2\x82", b"\xe2\x82A", b"\xed\xa0\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80",
             b"\xc0\xaf", b"\xf0\x9f\x98", b"\xf0\x9f\x98 ", b"\x80\x80", b"ok\xffok", b"\xe0\x9f\x80", b"\xf8\x88\x80\x80\x80"]
    for _ in range(3000):
        cases.append(bytes(rng.choice([rng.randrange(256), rng.randrange(128, 256), 0x20, 0xe2, 0xf0, 0x9f, 0x41])
                           for _ in range(rng.randint(1, 40))))
    wrong = sum(not np.array_equal(reference.encode(c.decode("utf-8", "replace"), add_special_tokens=False).ids,
                                   ours.encode(c)) for c in cases)
    report.line("invalid UTF-8", wrong == 0, f"{len(cases)} byte strings, {wrong} differ")


def round_trip(report, ours, texts):
    data = "".join(texts[:50]).encode()
    back = b"".join(ours.bytes(int(i)) for i in ours.encode(data))
    report.line("bytes of the tokens make up the text", back == data, f"{len(data)} bytes")


def variants(report, lib, model_dir, texts, folder):
    """Added tokens of all kinds, add_prefix_space, and merges in the older notation."""
    path = os.path.join(folder, "variant.json")
    with open(os.path.join(model_dir, "tokenizer.json")) as file:
        data = json.load(file)
    data["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    with open(path, "w") as file:
        json.dump(data, file)
    reference = Reference.from_file(path)
    reference.add_special_tokens([AddedToken("<s>", special=True), AddedToken("<s>x y", special=True)])
    reference.add_tokens([AddedToken("    ", normalized=False), AddedToken("  ", normalized=True), "Lord said", "né",
                          AddedToken("Lord", normalized=True), AddedToken("\n\n", normalized=False)])
    reference.save(path)
    extra = ["<s>x y<s>x    y  z", "the Lord said unto", "né ne\u0301", "     five", "<s>x", "\n\n\n x"]
    few = extra + texts[:60] + texts[-20:]
    for prefix in (False, True):
        with open(path) as file:
            data = json.load(file)
        data["pre_tokenizer"]["add_prefix_space"] = prefix
        with open(path, "w") as file:
            json.dump(data, file)
        for special in (False, True):
            compare(report, f"added tokens, add_prefix_space={prefix}, parse_special={special}", Tokenizer(lib, path),
                    Reference.from_file(path), few, special)


def main():
    lib = load(sys.argv[1])
    model_dir = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "demo", "model")
    report = Report()
    texts = make_texts(2_500_000)
    reference = Reference.from_file(os.path.join(model_dir, "tokenizer.json"))
    ours = Tokenizer(lib, model_dir)
    for special in (False, True):
        compare(report, f"tokenizer.json, parse_special={special}", ours, reference, texts, special)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(os.path.join(model_dir, name), folder)
        pair = Tokenizer(lib, folder)
        for special in (False, True):
            compare(report, f"vocab.json + merges.txt, parse_special={special}", pair, reference, texts, special)
        variants(report, lib, model_dir, texts, folder)
        empty = os.path.join(folder, "nothing")
        os.mkdir(empty)
        try:
            Tokenizer(lib, empty)
            report.line("a folder without tokenizer is refused", False)
        except SaeError as error:
            report.line("a folder without tokenizer is refused", "tokenizer.json" in str(error))
    invalid_utf8(report, ours, reference)
    round_trip(report, ours, texts)
    report.finish()


if __name__ == "__main__":
    main()
