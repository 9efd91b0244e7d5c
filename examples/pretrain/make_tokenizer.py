"""Trains the example models' tokenizer: byte-level BPE, 1,024 ids, on both pretraining texts.

    pip install tokenizers==0.23.3
    node examples/pretrain/makeText.mjs
    python examples/pretrain/make_tokenizer.py

Writes tokenizer.json and tokenizer_config.json into examples/pretrain/tokenizer/, which the pretraining configs name
as their `tokenizer`; the pretrained folders carry copies.
"""

import json
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer

here = Path(__file__).parent
end_of_text = "<|endoftext|>"

tokenizer = ByteLevelBPETokenizer()
tokenizer.train(
    [str(here / "text" / "novel-train.txt"), str(here / "text" / "addresses-train.txt")],
    vocab_size=1024,
    min_frequency=2,
    special_tokens=[end_of_text],
    show_progress=False,
)
folder = here / "tokenizer"
folder.mkdir(exist_ok=True)
tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
(folder / "tokenizer_config.json").write_text(
    json.dumps(
        {
            "tokenizer_class": "GPT2TokenizerFast",
            "bos_token": end_of_text,
            "eos_token": end_of_text,
            "unk_token": end_of_text,
            "add_prefix_space": False,
            "model_max_length": 512,
        },
        indent=2,
    )
    + "\n"
)
ids = tokenizer.encode((here / ".." / "data" / "train.txt").read_text()).ids
print(f"{tokenizer.get_vocab_size()} ids; examples/data/train.txt has {len(ids)} tokens")
