"""Reference numbers of the search. Rewrites test/compute/search/golden/search.json:

    python test/reference/search.py          (torch, transformers and numpy; the versions used stand in the file)

Two parts. `architecture`: the gradient of the loss by the architecture parameters a, for every algorithm
and gate, with blocks that are free, pinned and pruned, in float64 by torch's autograd through softmax, Gumbel-softmax or
the simplex itself, on the hybrid of hybrid.py with the weights that its golden file stores. The Gumbel noise is drawn here
by a second implementation of the project's generator (xoshiro128** 1.1 over SplitMix32 over FNV-1a).
`adamw`: torch.optim.AdamW in float32 with torch's clip_grad_norm_, decay on the matrix alone, over gradients that are
given; the second tensor is left out of one step.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch
import transformers

import hybrid

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "compute" / "search" / "golden" / "search.json"
SEED, STEP, TEMPERATURE = 7, 3, 0.7
KINDS = {"paper": "linear", "transition": "mlp-skip", "none": "none"}
LOGITS = [[0.4, -0.3], [-0.2, 0.5], [0.1, 0.0]]
SIMPLEX = [[0.3, 0.7], [0.55, 0.45], [0.8, 0.2]]
PIN = [0.25, 0.75]
MASK = 0xFFFFFFFF


def finish32(h):
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)


def hash32(text):
    h = 0x811C9DC5
    for unit in text.encode("utf-16-le"):
        h = ((h ^ unit) * 0x01000193) & MASK
    return finish32(h)


def rotate(word, bits):
    return ((word << bits) | (word >> (32 - bits))) & MASK


class Stream:
    def __init__(self, seed, name):
        state = hash32(f"{seed}\0{name}")
        self.s = []
        for _ in range(4):
            state = (state + 0x9E3779B9) & MASK
            self.s.append(finish32(state))

    def uint32(self):
        s = self.s
        result = (rotate((s[1] * 5) & MASK, 7) * 9) & MASK
        t = (s[1] << 9) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 11)
        return result

    def gumbel(self):
        high, low = self.uint32() >> 5, self.uint32() >> 6
        return -math.log(-math.log((high * 0x4000000 + low) / 0x20000000000000))


def stored(golden, key):
    entry = golden[key]
    values = np.frombuffer(base64.b64decode(entry["data"]), dtype="<f4").astype(np.float64)
    return torch.from_numpy(values.reshape(entry["shape"]).copy())


def load_components(golden):
    components = [hybrid.Component(name, torch.Generator().manual_seed(0)) for name in hybrid.CONFIGS]
    with torch.no_grad():
        for component in components:
            for key, parameter in component.parameters.items():
                parameter.copy_(stored(golden["weights"], key))
    return components


def architecture_case(golden, components, algorithm, gate, variant):
    kind = KINDS[gate]
    projectors = {key: stored(golden["projectors"][kind], key) for key in golden["projectors"][kind]}
    start = SIMPLEX if algorithm == "gaea" else LOGITS
    a = [torch.tensor(row, dtype=torch.float64, requires_grad=True) for row in start]
    rows = []
    for block, row in enumerate(a):
        if block == 1 and variant == "pinned":
            rows.append(list(PIN))
        elif block == 1 and variant == "pruned":
            rows.append([1, 0])
        elif algorithm == "darts":
            rows.append(list(torch.softmax(row, 0)))
        elif algorithm == "gaea":
            rows.append([row[0], row[1]])
        else:
            noise = [Stream(SEED, f"gumbel/{STEP}/{block}/{m}").gumbel() for m in range(2)]
            rows.append(list(torch.softmax((row + torch.tensor(noise, dtype=torch.float64)) / TEMPERATURE, 0)))
    case = dict(gate=gate, head="last", kind=kind)
    ids = torch.tensor(golden["ids"])
    loss = hybrid.loss_of(hybrid.forward(components, projectors, case, rows, ids), ids)
    grads = torch.autograd.grad(loss, a, allow_unused=True)
    return {
        "algorithm": algorithm, "gate": gate, "kind": kind, "variant": variant, "a": start, "pin": PIN,
        "loss": loss.item(),
        "alphas": [[float(weight.detach() if torch.is_tensor(weight) else weight) for weight in row] for row in rows],
        "gradients": [[0.0, 0.0] if grad is None else grad.tolist() for grad in grads],
    }


def adamw_case():
    torch.manual_seed(3)
    matrix = torch.nn.Parameter(torch.randn(3, 2))
    vector = torch.nn.Parameter(torch.randn(4))
    start = [matrix.tolist(), vector.tolist()]
    optimiser = torch.optim.AdamW(
        [{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0}], lr=0.01)
    steps = []
    for step in range(5):
        scale = 10.0 if step == 3 else 0.2
        gradients = [torch.randn(3, 2) * scale, None if step == 1 else torch.randn(4) * scale]
        matrix.grad, vector.grad = gradients[0].clone(), None if gradients[1] is None else gradients[1].clone()
        norm = torch.nn.utils.clip_grad_norm_([matrix, vector], 1.0).item()
        rate = 0.01 * (step + 1)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        steps.append({
            "gradients": [None if g is None else g.tolist() for g in gradients], "learningRate": rate, "norm": norm,
            "values": [matrix.detach().tolist(), vector.detach().tolist()],
        })
    return {"weightDecay": 0.1, "clip": 1.0, "start": start, "steps": steps}


def main():
    adamw = adamw_case()
    golden = json.loads(hybrid.GOLDEN.read_text())
    components = load_components(golden)
    hybrid.stay_in_float64()
    cases = [
        architecture_case(golden, components, algorithm, gate, variant)
        for algorithm in ("darts", "gaea", "dash")
        for gate in ("paper", "transition", "none")
        for variant in ("free", "pinned", "pruned")
    ]
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps({
        "madeBy": "test/reference/search.py",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__},
        "seed": SEED, "step": STEP, "temperature": TEMPERATURE,
        "architecture": cases, "adamw": adamw,
    }, indent=1) + "\n")
    print(GOLDEN, GOLDEN.stat().st_size)


if __name__ == "__main__":
    main()
