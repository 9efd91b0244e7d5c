"""What the Python of an export for Hugging Face transformers computes. Rewrites test/compute/hybrid/golden/transformers.json:

    python test/reference/transformersExport.py               (torch, transformers and numpy)
    python test/reference/transformersExport.py --check DIR   (folders made elsewhere, nothing rewritten)

Each folder is loaded as its users do, `AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)`, then
  - no key is missing or left over, and the logits are ours to 1e-4 · max(1, max |logit|),
  - every parameter that a gradient can reach has one; five steps of AdamW lower the loss,
  - `generate` gives what full forward passes give, token by token, alone, in a batch padded on the left, and with beams,
  - `save_pretrained` and `from_pretrained` give the same bits; in bfloat16 it loads and computes.
The golden file holds the SHA-256 of each file of a folder and the logits: a test without Python makes the same folders, and
so knows that these logits are those of its own files.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
MODULES = tempfile.TemporaryDirectory()
os.environ["HF_MODULES_CACHE"] = MODULES.name

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "test" / "compute" / "hybrid" / "golden" / "transformers.json"


def load(folder, **options):
    return AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, **options)


def logits_of(model, ids):
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits.float().numpy()


def reached(model):
    """Names of the parameters that the loss depends on: a component of weight 0 isn't computed, nor a projector of skip 1."""
    config, names = model.config, set()
    rows = model.alphas
    for name, _ in model.named_parameters():
        kind, m, rest = name.split(".", 2)
        m = int(m)
        if kind == "projectors":
            i, side = rest.split(".")[:2]
            skip = model.gate_weights(int(i), m)[0 if side == "in" else 1]
            if rows[int(i)][m] != 0 and skip != 1:
                names.add(name)
            continue
        component = model.components[m]
        family = component.family
        part = rest.split(".")[0]
        if part == family.layers:
            layer = int(rest.split(".")[1])
            i = next(i for i, (first, end) in enumerate(component.groups) if first <= layer < end)
            live = rows[i][m]
        elif part == family.norm:
            live = rows[-1][m]
        elif part == family.head:
            live = model.head_row[m]
        elif part == family.positions:
            live = rows[0][m]
        else:
            live = rows[0][m] or (component.tied and model.head_row[m])
        if live:
            names.add(name)
    assert config.model_type == "manticore"
    return names


def greedy(model, ids, tokens):
    """Without a cache: each token from a forward pass over all before it."""
    for _ in range(tokens):
        with torch.no_grad():
            following = model(input_ids=ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, following], 1)
    return ids


def check_generation(model, ids, faults):
    model.eval()
    prompt = ids[:, :7]
    settings = dict(max_new_tokens=6, do_sample=False, eos_token_id=None, pad_token_id=0)
    expected = greedy(model, prompt, 6)
    # Given, or transformers takes every token of the padding's id for padding.
    every = dict(attention_mask=torch.ones_like(prompt))
    if not torch.equal(model.generate(prompt, **every, **settings), expected):
        faults.append("generate differs from full forward passes")
    # A short prompt beside a long one, padded on the left.
    short = torch.cat([torch.zeros(1, 3, dtype=torch.long), prompt[1:, :4]], 1)
    batch = torch.cat([prompt[:1], short])
    mask = torch.ones_like(batch)
    mask[1, :3] = 0
    alone = model.generate(prompt[1:, :4], attention_mask=mask[:1, 3:], **settings)
    together = model.generate(batch, attention_mask=mask, **settings)
    if not (torch.equal(together[0], expected[0]) and torch.equal(together[1, 3:], alone[0])):
        faults.append("a padded batch generates something else")
    with torch.no_grad():
        one = model(input_ids=prompt[1:, :4]).logits
        padded = model(input_ids=batch, attention_mask=mask).logits[1:, 3:]
    if not torch.allclose(one, padded, atol=1e-4 * max(1.0, one.abs().max().item())):
        faults.append("padding changes the logits")
    beams = [model.generate(prompt, num_beams=3, use_cache=cache, **every, **settings) for cache in (True, False)]
    if not torch.equal(*beams):
        faults.append("beams with a cache differ from beams without")


def check_training(model, ids, faults):
    model.train()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    have = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    if have != reached(model):
        faults.append(f"gradients: {sorted(have ^ reached(model))}")
    nothing = [name for name, parameter in model.named_parameters()
               if name in have and not parameter.grad.abs().max() > 0 and not name.endswith("k_proj.bias")]
    if nothing:
        faults.append(f"gradients of zero: {nothing}")
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = [loss.item()]
    for _ in range(5):
        optimiser.step()
        optimiser.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        losses.append(loss.item())
    if not losses[-1] < losses[0] - 0.01:
        faults.append(f"training doesn't lower the loss: {losses}")
    return losses


def check(folder, ids, ours, saved):
    """What doesn't hold of a folder, and its logits [2, l, V]."""
    faults = []
    model, info = load(folder, dtype=torch.float32, output_loading_info=True)
    faults += [f"{kind}: {sorted(map(str, info[kind]))}"
               for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[kind]]
    logits = logits_of(model, ids)
    scale = max(1.0, float(np.abs(logits).max()))
    error = float(np.abs(ours.reshape(logits.shape) - logits).max()) / scale
    if not error <= 1e-4:
        faults.append(f"our logits differ by {error}")
    check_generation(model, ids, faults)
    model.save_pretrained(saved)
    if not np.array_equal(logits_of(load(saved, dtype=torch.float32), ids), logits):
        faults.append("saved and loaded again, the logits differ")
    half = load(folder, dtype=torch.bfloat16)
    rounded = float(np.abs(logits_of(half, ids) - logits).max()) / scale
    # transformers leaves A_log as it is: its scans are of float32 too.
    wide = [key for key, p in half.named_parameters() if p.dtype != torch.bfloat16 and not key.endswith("A_log")]
    if not rounded < 0.1 or wide:
        faults.append(f"in bfloat16 the logits differ by {rounded}; not rounded: {wide}")
    losses = check_training(model, ids, faults)
    if (folder / "tokenizer.json").exists():
        if AutoTokenizer.from_pretrained(folder, trust_remote_code=True)("w3 w4 w0").input_ids != [3, 4, 0]:
            faults.append("the tokenizer reads other tokens")
    print(f"{folder.name:26} our logits within {error:.1e} of their scale, bfloat16 {rounded:.1e}; "
          f"loss {losses[0]:.3f} to {losses[-1]:.3f}; {'FAILS: ' + '; '.join(faults) if faults else 'all holds'}")
    return faults, logits


def check_all(root):
    golden, good = {}, True
    for file in sorted(root.glob("*.json")):
        name = file.stem
        ids = torch.tensor(json.loads(file.read_text()))
        ours = np.fromfile(root / f"{name}.f32", np.float32)
        faults, logits = check(root / name, ids, ours, root / "saved" / name)
        good = good and not faults
        golden[name] = {
            "files": {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in sorted((root / name).iterdir())},
            "logits": base64.b64encode(np.ascontiguousarray(logits, "<f4").tobytes()).decode(),
        }
    return golden, good and len(golden) > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", type=pathlib.Path)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if arguments.check:
        sys.exit(0 if check_all(arguments.check)[1] else 1)
    with tempfile.TemporaryDirectory() as temporary:
        program, out = pathlib.Path(temporary) / "transformersExport.cjs", pathlib.Path(temporary) / "out"
        subprocess.run(["npx", "esbuild", "test/reference/transformersExport.ts", "--bundle", "--platform=node",
                        "--target=node20", "--main-fields=module,main", "--loader:.wasm=binary", "--loader:.py=text",
                        f"--outfile={program}", "--external:@tensorflow/tfjs-node*", "--log-level=error"], cwd=ROOT, check=True)
        subprocess.run(["node", program, out], cwd=ROOT, check=True)
        cases, good = check_all(out)
    if not good:
        sys.exit("the golden file was not rewritten")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    GOLDEN.write_text(json.dumps(
        {"madeBy": "test/reference/transformersExport.py", "versions": versions, "cases": cases}, indent=1) + "\n")
    print(GOLDEN, GOLDEN.stat().st_size)


if __name__ == "__main__":
    main()
