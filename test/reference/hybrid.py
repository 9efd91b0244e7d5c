"""Reference numbers of hybrids. Rewrites test/compute/hybrid/golden/hybrid.json:

    python test/reference/hybrid.py          (torch, transformers and numpy; the versions used stand in the file)

The forward pass of the research code (Roberts et al., arXiv 2406.00894: two pretrained models, embeddings mixed by the
first block's weights, a gated projector before and after each group of layers, heads tied to the embeddings and mixed by
the first block's weights too) is written again here in float64, on the layers of Hugging Face transformers: each group of
layers is their model with the other layers taken out. `research` is that code's own setting; the other cases change gate,
head and projectors as this project defines them (weights 0 and 1 given as constants are not on the tape).

A case stores logits, the mean next-token cross-entropy, its gradient by every searched weight, and the norm of its gradient
by every parameter. The gradients by the weights are checked here against central differences. Arrays are little-endian
float32, base64; weights are float32 numbers, computed with in float64.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from transformers import AutoConfig, AutoModel

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "compute" / "hybrid" / "golden" / "hybrid.json"
VOCABULARY = 13
BLOCKS = 3
BATCH, LENGTH = 2, 9

CONFIGS = {
    "neox": {
        "model_type": "gpt_neox", "vocab_size": VOCABULARY, "num_hidden_layers": 4, "hidden_size": 8,
        "num_attention_heads": 2, "intermediate_size": 20, "max_position_embeddings": 16, "rotary_pct": 0.5,
        "tie_word_embeddings": True,
    },
    "mamba": {
        "model_type": "mamba", "vocab_size": VOCABULARY, "num_hidden_layers": 3, "hidden_size": 12, "state_size": 5,
        "tie_word_embeddings": True, "residual_in_fp32": False,
    },
}
EMBEDDING = {"neox": "embed_in.weight", "mamba": "embeddings.weight"}
FINAL_NORM = {"neox": "final_layer_norm", "mamba": "norm_f"}

SOFT = [[0.3, 0.7], [0.55, 0.45], [0.8, 0.2]]
# Rows; a pair (weight, "constant") is not searched.
CASES = {
    "research": dict(gate="paper", head="first", kind="linear", rows=SOFT),
    "paper-last-mlp": dict(gate="paper", head="last", kind="mlp", rows=SOFT),
    "transition-last": dict(gate="transition", head="last", kind="mlp-skip", rows=SOFT),
    "transition-first": dict(gate="transition", head="first", kind="linear-skip", rows=SOFT),
    "none": dict(gate="none", head="last", kind="none", rows=SOFT),
    "hard-hand-over": dict(gate="transition", head="last", kind="linear",
                           rows=[[0.3, 0.7], [(1, "constant"), (0, "constant")], [(0, "constant"), (1, "constant")]]),
    "pinned": dict(gate="paper", head="last", kind="linear",
                   rows=[[0.6, 0.4], [(0.25, "constant"), (0.75, "constant")], [0.5, 0.5]]),
}


def stay_in_float64():
    """The layers' code casts parts to float32 by these names; in this script they mean float64."""
    torch.Tensor.float = torch.Tensor.double
    torch.float32 = torch.float64


def as_float32(values):
    return torch.from_numpy(values.detach().numpy().astype(np.float32).astype(np.float64))


def encode(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def group_sizes(layers):
    base, longer = divmod(layers, BLOCKS)
    return [base + (block < longer) for block in range(BLOCKS)]


class Component:
    def __init__(self, name, generator):
        self.name = name
        config = AutoConfig.for_model(**CONFIGS[name])
        config._attn_implementation = "eager"
        self.model = AutoModel.from_config(config).double().eval()
        with torch.no_grad():
            for key, parameter in self.model.named_parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                start = parameter if key.endswith("A_log") else torch.zeros_like(parameter)
                scale = 0.1 if key.endswith("A_log") else 0.3
                shift = 1.0 if key.endswith("norm.weight") or key.endswith("norm_f.weight") else 0.0
                parameter.copy_(as_float32(start + shift + scale * noise))
        self.width = config.hidden_size
        self.layers = list(self.model.layers)
        self.norm = getattr(self.model, FINAL_NORM[name])
        self.table = dict(self.model.named_parameters())[EMBEDDING[name]]
        self.parameters = {f"components/{name}/{key}": value for key, value in self.model.named_parameters()}

    def group(self, block, u):
        sizes = group_sizes(len(self.layers))
        first = sum(sizes[:block])
        self.model.layers = torch.nn.ModuleList(self.layers[first:first + sizes[block]])
        setattr(self.model, FINAL_NORM[self.name], self.norm if block == BLOCKS - 1 else torch.nn.Identity())
        out = self.model(inputs_embeds=u, use_cache=False).last_hidden_state
        self.model.layers = torch.nn.ModuleList(self.layers)
        setattr(self.model, FINAL_NORM[self.name], self.norm)
        return out


def fit(x, width):
    return x[..., :width] if x.shape[-1] >= width else F.pad(x, (0, width - x.shape[-1]))


def make_projectors(kind, components, d, generator):
    """torch.nn.Linear's own start, as the research code has it."""
    made = {}

    def linear(prefix, source, target):
        bound = 1 / math.sqrt(source)
        for suffix, shape in (("weight", (target, source)), ("bias", (target,))):
            values = (torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1) * bound
            made[f"{prefix}.{suffix}"] = as_float32(values).requires_grad_()

    if kind == "none":
        return made
    for component in components:
        for block in range(BLOCKS):
            for side, source, target in (("in", d, component.width), ("out", component.width, d)):
                prefix = f"projectors/{component.name}/{block + 1}/{side}"
                if kind.startswith("mlp"):
                    linear(f"{prefix}.hidden", source, source)
                linear(prefix, source, target)
    return made


def project(kind, projectors, prefix, x, target):
    def linear(name, value):
        return value @ projectors[f"{name}.weight"].T + projectors[f"{name}.bias"]

    inner = F.gelu(linear(f"{prefix}.hidden", x)) if kind.startswith("mlp") else x
    y = linear(prefix, inner)
    return fit(x, target) + y if kind.endswith("-skip") else y


def is_zero(weight):
    return not torch.is_tensor(weight) and weight == 0


def forward(components, projectors, case, rows, ids):
    d = max(component.width for component in components)
    head = rows[0] if case["head"] == "first" else rows[-1]
    h = sum(a * fit(c.table[ids], d) for a, c in zip(rows[0], components) if not is_zero(a))
    for block in range(BLOCKS):
        total = 0
        for m, component in enumerate(components):
            alpha = rows[block][m]
            if is_zero(alpha):
                continue
            if case["gate"] == "transition":
                into = alpha * (rows[block - 1] if block > 0 else rows[0])[m]
                out = alpha * (rows[block + 1] if block < BLOCKS - 1 else head)[m]
            else:
                into = out = alpha if case["gate"] == "paper" else 1

            def gated(side, skip, x, width):
                if not torch.is_tensor(skip) and skip == 1:
                    return fit(x, width)
                prefix = f"projectors/{component.name}/{block + 1}/{side}"
                return (1 - skip) * project(case["kind"], projectors, prefix, x, width) + skip * fit(x, width)

            u = gated("in", into, h, component.width)
            y = component.group(block, u)
            total = total + alpha * gated("out", out, y, d)
        h = total
    return sum(a * (fit(h, c.width) @ c.table.T) for a, c in zip(head, components) if not is_zero(a))


def loss_of(logits, ids):
    return F.cross_entropy(logits[:, :-1].reshape(-1, VOCABULARY), ids[:, 1:].reshape(-1))


def run(case, components, projectors, ids):
    searched = []

    def weight(entry):
        if isinstance(entry, tuple):
            return entry[0]
        tensor = torch.tensor(entry, dtype=torch.float64, requires_grad=True)
        searched.append(tensor)
        return tensor

    rows = [[weight(entry) for entry in row] for row in case["rows"]]
    parameters = {**projectors}
    for component in components:
        parameters.update(component.parameters)
    logits = forward(components, projectors, case, rows, ids)
    loss = loss_of(logits, ids)
    grads = torch.autograd.grad(loss, searched + list(parameters.values()), allow_unused=True)
    alpha_grads, parameter_grads = grads[:len(searched)], grads[len(searched):]
    for tensor, grad in zip(searched, alpha_grads):
        check_difference(tensor, grad, lambda: loss_of(forward(components, projectors, case, rows, ids), ids))
    return {
        "gate": case["gate"], "head": case["head"], "kind": case["kind"],
        "rows": [[entry[0] if isinstance(entry, tuple) else entry for entry in row] for row in case["rows"]],
        "searched": [[not isinstance(entry, tuple) for entry in row] for row in case["rows"]],
        "logits": encode(logits.detach()),
        "loss": loss.item(),
        "alphaGradients": [grad.item() for grad in alpha_grads],
        "gradientNorms": {
            name: None if grad is None else grad.norm().item() for name, grad in zip(parameters, parameter_grads)
        },
    }


def check_difference(tensor, grad, value):
    step = 1e-5
    with torch.no_grad():
        start = tensor.item()
        tensor.fill_(start + step)
        above = value().item()
        tensor.fill_(start - step)
        below = value().item()
        tensor.fill_(start)
    difference = (above - below) / (2 * step)
    assert abs(difference - grad.item()) <= 1e-7 * max(1, abs(difference)), (difference, grad.item())


def main():
    generator = torch.Generator().manual_seed(20240611)
    components = [Component(name, generator) for name in CONFIGS]
    stay_in_float64()
    d = max(component.width for component in components)
    ids = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
    kinds = {case["kind"] for case in CASES.values()}
    projectors = {kind: make_projectors(kind, components, d, generator) for kind in sorted(kinds)}
    golden = {
        "madeBy": "test/reference/hybrid.py",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__},
        "blocks": BLOCKS,
        "configs": CONFIGS,
        "ids": ids.tolist(),
        "weights": {
            key: {"shape": list(value.shape), "data": encode(value.detach())}
            for component in components for key, value in component.parameters.items()
        },
        "projectors": {
            kind: {key: {"shape": list(value.shape), "data": encode(value.detach())} for key, value in made.items()}
            for kind, made in projectors.items()
        },
        "cases": {
            name: run(case, components, projectors[case["kind"]], ids) for name, case in CASES.items()
        },
    }
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    print(GOLDEN, GOLDEN.stat().st_size)


if __name__ == "__main__":
    main()
