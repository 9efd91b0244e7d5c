"""Reference numbers of the `stack` family. Rewrites test/compute/families/golden/stack-*.json:

    python test/reference/stack.py          (torch and numpy; the versions used stand in each file)

transformers has no such model: each layer is written here from its definition, in float64, attention with an explicit mask,
Mamba's scan one position after the other, rotary positions as complex numbers. The files are as those of families.py. For
`test/models/golden/written.json` the same is computed from the config that our table writes.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from families import GOLDEN, MODELS, stored

VERSIONS = {"torch": torch.__version__, "numpy": np.__version__}
SIZES = dict(model_type="manticore_stack", vocab_size=31, hidden_size=12, num_attention_heads=3)
CASES = {
    "stack-every-layer": dict(
        config={**SIZES, "layer_types": ["mamba", "attention", "swiglu", "attention", "mlp", "mamba"], "state_size": 3,
                "intermediate_size": 20, "rope_theta": 500, "use_bias": True},
        batch=2, length=13),
    "stack-attention": dict(
        config={**SIZES, "layer_types": ["attention", "mlp", "attention", "swiglu"], "num_attention_heads": 1,
                "rms_norm_eps": 1e-3, "tie_word_embeddings": False},
        batch=1, length=9),
    "stack-hyena": dict(
        config={**SIZES, "layer_types": ["hyena", "attention", "hyena"], "max_seq_len": 40, "emb_dim": 7,
                "filter_order": 6, "num_inner_mlps": 1, "activation_freq": 2.5},
        batch=2, length=37),
    "stack-hyena-narrow": dict(
        config={**SIZES, "layer_types": ["hyena", "mlp"], "max_seq_len": 11, "emb_dim": 3, "filter_order": 5,
                "num_inner_mlps": 0, "short_filter_order": 1},
        batch=1, length=11),
}


def shapes(config):
    """Every tensor by name."""
    d, rows = config["hidden_size"], config["vocab_size"]
    f = config.get("intermediate_size", 4 * d)
    c, n, k = config.get("expand", 2) * d, config.get("state_size", 16), config.get("conv_kernel", 4)
    r = config.get("time_step_rank", math.ceil(d / 16))
    of_kind = {
        "attention": {"attention.qkv_proj.weight": (3 * d, d), "attention.out_proj.weight": (d, d)},
        "mlp": {"mlp.up_proj.weight": (f, d), "mlp.down_proj.weight": (d, f)},
        "swiglu": {"mlp.gate_proj.weight": (f, d), "mlp.up_proj.weight": (f, d), "mlp.down_proj.weight": (d, f)},
        "mamba": {
            "mixer.A_log": (c, n), "mixer.D": (c,), "mixer.conv1d.weight": (c, 1, k), "mixer.conv1d.bias": (c,),
            "mixer.in_proj.weight": (2 * c, d), "mixer.x_proj.weight": (r + 2 * n, c), "mixer.dt_proj.weight": (c, r),
            "mixer.dt_proj.bias": (c,), "mixer.out_proj.weight": (d, c),
            **({"mixer.in_proj.bias": (2 * c,), "mixer.out_proj.bias": (d,)} if config.get("use_bias") else {}),
        },
    }
    o, taps = config.get("filter_order", 64), config.get("short_filter_order", 3)
    networks = {}
    for j in range(config.get("num_inner_mlps", 2) + 1):
        networks[f"hyena.filter.layers.{j}.weight"] = (o, config.get("emb_dim", 33) if j == 0 else o)
        networks[f"hyena.filter.layers.{j}.bias"] = (o,)
    of_kind["hyena"] = {
        "hyena.in_proj.weight": (3 * d, d), "hyena.in_proj.bias": (3 * d,), "hyena.short_filter.weight": (3 * d, 1, taps),
        "hyena.short_filter.bias": (3 * d,), **networks, "hyena.filter.freq": (o,), "hyena.filter.out.weight": (d, o),
        "hyena.filter.bias": (d,), "hyena.out_proj.weight": (d, d), "hyena.out_proj.bias": (d,),
    }
    named = {"backbone.embeddings.weight": (rows, d)}
    for i, kind in enumerate(config["layer_types"]):
        for name, shape in {"norm.weight": (d,), **of_kind[kind]}.items():
            named[f"backbone.layers.{i}.{name}"] = shape
    named["backbone.norm_f.weight"] = (d,)
    if config.get("tie_word_embeddings") is False:
        named["lm_head.weight"] = (rows, d)
    return named


def random_weights(config, generator):
    weights = {}
    for name, shape in shapes(config).items():
        noise = generator.standard_normal(shape)
        if name.endswith("A_log"):
            value = np.log(np.arange(1, shape[1] + 1)) + 0.3 * noise
        elif name.endswith("dt_proj.bias"):
            value = generator.uniform(-3, 1, shape)
        elif name.endswith(("norm.weight", "norm_f.weight", ".D")):
            value = 1 + 0.4 * noise
        elif name.endswith("filter.freq"):
            value = config.get("activation_freq", 14) * (1 + 0.2 * noise)
        elif len(shape) == 1:
            value = 0.3 * noise
        elif "embeddings" in name or "lm_head" in name:
            value = 0.7 * noise
        else:
            value = noise / math.sqrt(3 if "conv1d" in name or "short_filter" in name else min(shape))
        weights[name] = value.astype(np.float32)
    return weights


def rms(x, gain, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def turned(x, base):
    """Entries i and i + dh/2 of a head as one complex number, turned by position · base^(−2i/dh)."""
    length, dims = x.shape[-2:]
    number = torch.complex(x[..., : dims // 2], x[..., dims // 2 :])
    angle = torch.outer(torch.arange(length).double(), base ** (-torch.arange(0, dims, 2).double() / dims))
    number = number * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([number.real, number.imag], -1)


def attention(x, at, config):
    b, l, d = x.shape
    heads = config["num_attention_heads"]
    q, k, v = (part.reshape(b, l, heads, d // heads).transpose(1, 2)
               for part in (x @ at("attention.qkv_proj.weight").T).split(d, -1))
    base = config.get("rope_theta", 10000)
    scores = turned(q, base) @ turned(k, base).transpose(-1, -2) / math.sqrt(d // heads)
    scores = scores.masked_fill(torch.ones(l, l).triu(1).bool(), -math.inf)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, l, d)
    return mixed @ at("attention.out_proj.weight").T


def mamba(u, at, config):
    def linear(x, name):
        bias = at(f"{name}.bias", None)
        return x @ at(f"{name}.weight").T + (0 if bias is None else bias)

    x, z = linear(u, "mixer.in_proj").chunk(2, -1)
    taps = at("mixer.conv1d.weight")[:, 0]  # [c, k]
    k = taps.shape[1]
    padded = F.pad(x, (0, 0, k - 1, 0))
    x = F.silu(sum(padded[:, j : j + x.shape[1]] * taps[:, j] for j in range(k)) + at("mixer.conv1d.bias"))
    n = at("mixer.A_log").shape[1]
    rank, B, C = linear(x, "mixer.x_proj").split([at("mixer.dt_proj.weight").shape[1], n, n], -1)
    delta = F.softplus(linear(rank, "mixer.dt_proj"))
    A = -torch.exp(at("mixer.A_log"))
    h = torch.zeros(x.shape[0], x.shape[2], n, dtype=x.dtype)
    ys = []
    for t in range(x.shape[1]):
        h = torch.exp(delta[:, t, :, None] * A) * h + (delta[:, t] * x[:, t])[..., None] * B[:, t, None, :]
        ys.append((h * C[:, t, None, :]).sum(-1) + at("mixer.D") * x[:, t])
    return linear(torch.stack(ys, 1) * F.silu(z), "mixer.out_proj")


def hyena(u, at, config):
    """Order 2, position by position; the filter as `hyena.py` of the authors' code computes it."""
    b, l, d = u.shape
    longest, features = config.get("max_seq_len", 1024), config.get("emb_dim", 33)
    taps = at("hyena.short_filter.weight")[:, 0]  # [3 d, k]
    k = taps.shape[1]
    padded = F.pad(u @ at("hyena.in_proj.weight").T + at("hyena.in_proj.bias"), (0, 0, k - 1, 0))
    short = sum(padded[:, j : j + l] * taps[:, j] for j in range(k)) + at("hyena.short_filter.bias")
    outer, inner, v = short.split(d, -1)
    driven = inner * v

    time = torch.linspace(0, 1, longest, dtype=torch.float64)[:l, None]
    bands = (features - 1) // 2
    angle = 2 * math.pi * torch.arange(l, dtype=torch.float64)[:, None] / longest
    wave = torch.exp(-1j * torch.linspace(1e-4, bands - 1, bands, dtype=torch.float64) * angle)
    z = torch.cat([time, wave.real, wave.imag], -1)
    for j in range(config.get("num_inner_mlps", 2) + 1):
        z = torch.sin(at("hyena.filter.freq") * (z @ at(f"hyena.filter.layers.{j}.weight").T + at(f"hyena.filter.layers.{j}.bias")))
    rates = torch.linspace(math.log(1e-2) / 1.5, math.log(1e-2) / 0.3, d, dtype=torch.float64).abs()
    h = z @ at("hyena.filter.out.weight").T * torch.exp(-time * rates)  # [l, d]

    ys = [sum(h[s] * driven[:, t - s] for s in range(t + 1)) for t in range(l)]
    y = torch.stack(ys, 1) + at("hyena.filter.bias") * driven
    return (outer * y) @ at("hyena.out_proj.weight").T + at("hyena.out_proj.bias")


def logits_of(config, weights, ids):
    eps = config.get("rms_norm_eps", 1e-5)
    u = weights["backbone.embeddings.weight"][ids]
    for i, kind in enumerate(config["layer_types"]):
        def at(name, *default, i=i):
            return weights.get(f"backbone.layers.{i}.{name}", *default) if default \
                else weights[f"backbone.layers.{i}.{name}"]

        x = rms(u, at("norm.weight"), eps)
        if kind == "attention":
            u = u + attention(x, at, config)
        elif kind == "mamba":
            u = u + mamba(x, at, config)
        elif kind == "hyena":
            u = u + hyena(x, at, config)
        else:
            up = x @ at("mlp.up_proj.weight").T
            inner = F.gelu(up) if kind == "mlp" else F.silu(x @ at("mlp.gate_proj.weight").T) * up
            u = u + inner @ at("mlp.down_proj.weight").T
    h = rms(u, weights["backbone.norm_f.weight"], eps)
    return h @ weights.get("lm_head.weight", weights["backbone.embeddings.weight"]).T


def run_case(name, seed):
    case = CASES[name]
    config, rows = case["config"], case["config"]["vocab_size"]
    generator = np.random.default_rng(seed)
    arrays = random_weights(config, generator)
    weights = {key: torch.from_numpy(value).double().requires_grad_() for key, value in arrays.items()}
    ids = torch.from_numpy(generator.integers(0, rows, (case["batch"], case["length"])))
    logits = logits_of(config, weights, ids)
    loss = F.cross_entropy(logits[:, :-1].reshape(-1, rows), ids[:, 1:].reshape(-1))
    loss.backward()
    written = json.loads((MODELS / "written.json").read_text()).get(name) if (MODELS / "written.json").exists() else None
    if written is None:
        print(f"{name}: no written config yet; run the tests with UPDATE_GOLDEN=1, then this again")
    else:
        assert torch.equal(logits_of(written, weights, ids), logits), f"{name}: the written config computes something else"
    golden = {
        "madeBy": "test/reference/stack.py",
        "versions": VERSIONS,
        "config": config,
        "vocabulary": rows,
        "ids": ids.tolist(),
        "loss": loss.item(),
        "logits": stored(logits.detach()),
        "weights": {key: stored(value) for key, value in arrays.items()},
        "gradients": {key: stored(value.grad) for key, value in weights.items()},
    }
    (GOLDEN / f"{name}.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed, case_name in enumerate(CASES):
        run_case(case_name, 100 + seed)
