"""Folders between this project and Hugging Face transformers, both ways:

    python test/reference/exportParity.py          (torch, transformers, safetensors, tokenizers and numpy; needs `npm run build`)

For each family, in float32, float16 and bfloat16, whole and in shards, with and without rows beyond the tokenizer's ids,
tied and untied: `save_pretrained` writes a small random model with the examples' tokenizer; our engine loads it, computes
logits and exports it (`exportParity.ts`); then
  - our logits must be those of transformers to 1e-4 · max(1, max |logit|),
  - every tensor of the export must be that of the original to the bit, rows beyond V included,
  - `from_pretrained` must load the export with no key missing or left over, and give the original's logits exactly.
Prints a line for each, fails if one does not hold.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKENIZER = ROOT / "examples" / "pretrain" / "tokenizer"
ROWS = json.loads((TOKENIZER / "tokenizer.json").read_text())["model"]["vocab"].__len__()

GPT2 = dict(n_embd=24, n_layer=3, n_head=3, n_positions=40, bos_token_id=0, eos_token_id=0)
NEO = dict(hidden_size=28, num_layers=4, num_heads=2, max_position_embeddings=40, window_size=5,
           attention_types=[[["global", "local"], 2]], bos_token_id=0, eos_token_id=0)
NEOX = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=50,
            max_position_embeddings=40, bos_token_id=0, eos_token_id=0)
MAMBA = dict(hidden_size=20, num_hidden_layers=3, state_size=5, bos_token_id=0, eos_token_id=0)
LLAMA = dict(hidden_size=24, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
             intermediate_size=40, max_position_embeddings=40, bos_token_id=0, eos_token_id=0)
MAMBA2 = dict(hidden_size=20, num_hidden_layers=3, state_size=5, num_heads=8, head_dim=5, n_groups=2, bos_token_id=0,
              eos_token_id=0)
G2, GN, GX, MA = (transformers.GPT2Config, transformers.GPTNeoConfig, transformers.GPTNeoXConfig,
                  transformers.MambaConfig)
LL, M2 = transformers.LlamaConfig, transformers.Mamba2Config

# name → config class, its fields, dtype, rows beyond V, largest shard
CASES = {
    "gpt2-f32-shards": (G2, GPT2, torch.float32, 0, "30KB"),
    "gpt2-f16-padded-untied": (G2, {**GPT2, "tie_word_embeddings": False}, torch.float16, 7, None),
    "gptNeo-f16-shards": (GN, NEO, torch.float16, 0, "40KB"),
    "gptNeo-bf16-padded": (GN, NEO, torch.bfloat16, 51, None),
    "gptNeox-bf16-padded-shards": (GX, NEOX, torch.bfloat16, 27, "50KB"),
    "gptNeox-f32-sequential-tied": (GX, {**NEOX, "use_parallel_residual": False, "tie_word_embeddings": True,
                                         "rope_parameters": {"rope_type": "default", "rope_theta": 900.0,
                                                             "partial_rotary_factor": 1.0}},
                                    torch.float32, 3, None),
    "llama-bf16-padded-shards": (LL, LLAMA, torch.bfloat16, 11, "30KB"),
    "llama-f32-tied-scaled": (LL, {**LLAMA, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True,
                                   "rope_parameters": {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0,
                                                       "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                       "original_max_position_embeddings": 16}},
                              torch.float32, 3, None),
    "mamba2-f32-padded": (M2, MAMBA2, torch.float32, 3, None),
    "mamba2-bf16-tied-shards": (M2, {**MAMBA2, "use_bias": True, "tie_word_embeddings": True,
                                     "time_step_limit": (0.01, float("inf"))}, torch.bfloat16, 0, "20KB"),
    "mamba-f32-padded": (MA, MAMBA, torch.float32, 3, None),
    "mamba-bf16-shards": (MA, {**MAMBA, "use_bias": True}, torch.bfloat16, 0, "20KB"),
    "mamba-f16-untied-padded": (MA, {**MAMBA, "tie_word_embeddings": False}, torch.float16, 5, None),
}


def make(folder, seed, config, fields, dtype, surplus, shard):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config(vocab_size=ROWS + surplus, **fields))
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn_like(value) * 0.05)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)
    if shard:
        assert (folder / "model.safetensors.index.json").exists(), f"{folder.name} is in one file"


def tensors_of(folder):
    return {name: value for file in sorted(folder.glob("*.safetensors")) for name, value in load_file(file).items()}


def logits_of(folder, ids):
    """Logits [b, l, rows] at float32 and what loading said."""
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    with torch.no_grad():
        return model.eval()(torch.tensor(ids), use_cache=False).logits.numpy(), info


def compare(name, original, exported, ours, ids):
    """A line of figures, and what does not hold."""
    want, _ = logits_of(original, ids)
    got, info = logits_of(exported, ids)
    faults = [f"{kind}: {sorted(map(str, info[kind]))}"
              for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[kind]]
    scale = max(1.0, float(np.abs(want).max()))
    error = float(np.abs(ours.reshape(want.shape[0], want.shape[1], ROWS) - want[..., :ROWS]).max()) / scale
    if error > 1e-4:
        faults.append("our logits differ")
    if not np.array_equal(got, want):
        faults.append(f"the export's logits differ by {np.abs(got - want).max()}")
    before, after = tensors_of(original), tensors_of(exported)
    if before.keys() != after.keys():
        faults.append(f"names differ: {sorted(before.keys() ^ after.keys())}")
    equal = sum(1 for key in before.keys() & after.keys()
                if before[key].dtype == after[key].dtype and torch.equal(before[key], after[key]))
    if equal != len(before):
        faults.append(f"{len(before) - equal} tensors differ")
    text = "In the beginning, 1 + 1 = 2.\n"
    if AutoTokenizer.from_pretrained(original)(text) != AutoTokenizer.from_pretrained(exported)(text):
        faults.append("the tokenizers differ")
    print(f"{name:30} our logits within {error:.1e} of their scale; {equal}/{len(before)} tensors equal; "
          f"{'FAILS: ' + '; '.join(faults) if faults else 'export equal'}")
    return not faults


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        models, out, ids_file = root / "models", root / "out", root / "ids.json"
        out.mkdir()
        for seed, (name, case) in enumerate(CASES.items()):
            make(models / name, seed, *case)
        ids = np.random.default_rng(0).integers(0, ROWS, (2, 37)).tolist()
        ids_file.write_text(json.dumps(ids))
        program = root / "exportParity.cjs"
        subprocess.run(["npx", "esbuild", "test/reference/exportParity.ts", "--bundle", "--platform=node", "--target=node20",
                        "--main-fields=module,main", "--loader:.wasm=binary", f"--outfile={program}",
                        "--external:@tensorflow/tfjs-node*", "--log-level=error"], cwd=ROOT, check=True)
        subprocess.run(["node", program, models, ids_file, out], cwd=ROOT, check=True)
        results = [compare(name, models / name, out / name, np.fromfile(out / f"{name}.f32", np.float32), ids)
                   for name in CASES]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
