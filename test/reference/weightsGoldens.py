"""Makes test/weights/golden: numbers and files by other implementations, which the tests of server/weights compare with.

    python test/reference/weightsGoldens.py        (numpy, torch, safetensors, tokenizers)

Versions used for the kept files: see `made_with` in precision.json.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import safetensors
import tokenizers
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, trainers

GOLDEN = Path(__file__).resolve().parent.parent / "weights" / "golden"

# Lewis Carroll, Alice's Adventures in Wonderland (1865), public domain; and lines that are hard to tokenize.
TEXT = """\
Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do:
once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations
in it, "and what is the use of a book," thought Alice "without pictures or conversations?"

So she was considering in her own mind (as well as she could, for the hot day made her feel very sleepy and
stupid), whether the pleasure of making a daisy-chain would be worth the trouble of getting up and picking
the daisies, when suddenly a White Rabbit with pink eyes ran close by her.

There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to hear the
Rabbit say to itself, "Oh dear! Oh dear! I shall be late!" (when she thought it over afterwards, it occurred
to her that she ought to have wondered at this, but at the time it all seemed quite natural).
"""

SAMPLES = [
    "",
    " ",
    "\n",
    "\n\n\n",
    "Alice was beginning",
    " Alice was  beginning   to get\n\n  very tired\t\tof it.  \n",
    "I'll she's we've they'd DON'T can't",
    "1234567890 12 3.14159 x2y3",
    "naïve café — “quoted” … żółć",
    "e\u0301 versus \u00e9, \u212b versus \u00c5",
    "日本語のテキスト、漢字とかな。",
    "Привет, мир! Γειά σου Κόσμε",
    "🙂👩‍👩‍👧‍👦🇩🇪 emoji",
    "tab\tcarriage\r\nreturn\r\n\r\nend",
    "a<|endoftext|>b <|endoftext|> c",
    "code:\n    if x:\n        return  {y}\n",
    "\u00a0\u2003wide spaces\u3000here\u200bzero",
    "control \u0001\u0007 characters",
    "((((((!!!!!!......------",
    TEXT,
]

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level_gpt2():
    """As GPT-NeoX-20B's: NFC, byte-level BPE, runs of spaces as added tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|padding|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.add_tokens([AddedToken("        ", normalized=True), AddedToken("    ", normalized=True)])
    return tokenizer


def byte_level_split():
    """As Llama 3's: a Split by regex, then bytes."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer


def sentencepiece_bpe():
    """As Llama 2's: no pre-tokenizer, ▁ for spaces, byte fallback."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    # Trained by words, as sentencepiece does; used on whole text.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.train_from_iterator([TEXT], trainer)
    parsed = json.loads(tokenizer.to_str())
    parsed["pre_tokenizer"] = None
    parsed["added_tokens"] = [token for token in parsed["added_tokens"] if token["id"] < 3]
    parsed["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    parsed["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    return Tokenizer.from_str(json.dumps(parsed))


def write_tokenizers():
    configs = {
        "byteLevel": (byte_level_gpt2(), {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>",
                                          "pad_token": {"content": "<|padding|>"}}),
        "split": (byte_level_split(), {"eos_token": "<|endoftext|>"}),
        "sentencepiece": (sentencepiece_bpe(), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    }
    for name, (tokenizer, config) in configs.items():
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf8")
        (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n", encoding="utf8")
        samples = []
        for text in SAMPLES:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            samples.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        (folder / "samples.json").write_text(json.dumps(samples, ensure_ascii=False) + "\n", encoding="utf8")


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def canonical(bits, exponent, mantissa, quiet):
    """NaN payloads are the hardware's choice: all NaNs become one pattern."""
    nan = ((bits & exponent) == exponent) & ((bits & mantissa) != 0)
    return np.where(nan, np.asarray(quiet, bits.dtype), bits)


def narrowing_inputs(widened_bits):
    """Every finite 16-bit value's neighbourhood: itself, the middle to the next one, and one float32 step around each."""
    low = widened_bits[:-1].astype(np.int64)
    high = widened_bits[1:].astype(np.int64)
    middle = (low + high) // 2
    parts = [low - 1, low, low + 1, middle - 1, middle, middle + 1]
    return np.stack(parts, 1).reshape(-1).clip(0, 0x7FFFFFFF).astype(np.uint32)


def write_precision():
    patterns = np.arange(65536, dtype=np.uint16)
    f16 = patterns.view(np.float16).astype(np.float32).view(np.uint32)
    bf16 = torch.from_numpy(patterns.view(np.int16).copy()).view(torch.bfloat16).float().numpy().view(np.uint32)
    result = {
        "made_with": {
            "numpy": np.__version__,
            "torch": torch.__version__,
            "safetensors": safetensors.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "widenF16": digest(canonical(f16, 0x7F800000, 0x7FFFFF, 0x7FC00000)),
        "widenBF16": digest(canonical(bf16, 0x7F800000, 0x7FFFFF, 0x7FC00000)),
    }
    for name, dtype, widened, exponent, mantissa, quiet in [
        ("narrowF16", torch.float16, f16[: 0x7C01], 0x7C00, 0x3FF, 0x7E00),
        ("narrowBF16", torch.bfloat16, bf16[: 0x7F81], 0x7F80, 0x7F, 0x7FC0),
    ]:
        inputs = narrowing_inputs(widened)
        both = np.concatenate([inputs, inputs | np.uint32(0x80000000)])
        values = torch.from_numpy(both.view(np.float32).copy()).to(dtype)
        bits = values.view(torch.int16).numpy().view(np.uint16)
        result[name] = digest(canonical(bits, exponent, mantissa, quiet))
        result[name + "Inputs"] = digest(both)
    (GOLDEN / "precision.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf8")


def write_safetensors_files():
    numbers = torch.tensor([0.0, -0.0, 1.0, -2.5, 3.1415927, 1e-8, 65504.0, 1e30, float("inf"), float("-inf")])
    tensors = {
        "b.weight": numbers.reshape(2, 5),
        "a.half": numbers.half(),
        "a.brain": numbers.bfloat16(),
        "c.scalar": torch.tensor(7.5),
        "c.empty": torch.zeros(0, 3),
        "é.unicode": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float16),
    }
    save_file(tensors, GOLDEN / "python.safetensors", metadata={"format": "pt"})
    save_file(
        {"mask": torch.tensor([True, False]), "ids": torch.arange(3), "x": torch.tensor([1.5])},
        GOLDEN / "pythonInts.safetensors",
    )
    expected = {name: {"shape": list(t.shape), "bits": [int(v) for v in t.float().reshape(-1).numpy().view(np.uint32)]}
                for name, t in tensors.items()}
    (GOLDEN / "python.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    os.makedirs(GOLDEN, exist_ok=True)
    write_precision()
    write_safetensors_files()
    write_tokenizers()
