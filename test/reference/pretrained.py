"""Reference numbers of the example models, by Hugging Face transformers. Rewrites
test/compute/families/pretrained/*.json:

    python test/reference/pretrained.py          (torch, transformers and tokenizers; the versions used stand in each file)

For each folder of examples/models: token ids of a text, logits at the last two positions, the mean next-token loss, and
the norm of its gradient by every parameter. Weights are read as float32; the model computes in float64 wherever its code
does not cast down.
"""

import base64
import json
import pathlib

import numpy as np
import tokenizers
import torch
import torch.nn.functional as F
import transformers
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = ROOT / "examples" / "models"
GOLDEN = ROOT / "test" / "compute" / "families" / "pretrained"
TEXT = (ROOT / "examples" / "data" / "valid.txt").read_text()[:600]


def reference(folder: pathlib.Path) -> dict:
    ids = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT).ids
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).double()
    tokens = torch.tensor([ids])
    logits = model(tokens, use_cache=False).logits
    loss = F.cross_entropy(logits[0, :-1], tokens[0, 1:])
    loss.backward()
    last = logits[0, -2:].detach().numpy().astype("<f4")
    return {
        "madeWith": {"torch": torch.__version__, "transformers": transformers.__version__},
        "text": TEXT,
        "ids": ids,
        "lastLogits": base64.b64encode(last.tobytes()).decode(),
        "loss": loss.item(),
        "gradientNorms": {name: p.grad.norm().item() for name, p in model.named_parameters()},
    }


if __name__ == "__main__":
    np.seterr(all="raise")
    torch.manual_seed(0)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path for path in MODELS.iterdir() if path.is_dir()):
        result = reference(folder)
        (GOLDEN / f"{folder.name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"{folder.name}: {len(result['ids'])} tokens, loss {result['loss']:.4f}")
