"""Reference numbers of the model families, computed by Hugging Face transformers. Rewrites every golden file of
test/compute/families/golden and test/models/golden/parameterCounts.json:

    python test/reference/families.py          (torch, transformers and numpy; the versions used stand in each file)

A case is a tiny model with random weights far from their initial scale (norm gains, biases and all), so that a wrong
sign, order or missing term shows. A file holds the config.json, the weights under the names that a model file has, token
ids, and what transformers computes: logits, mean next-token loss, the gradient of each parameter, and for models with
dropout the logits in training mode with our masks in place of torch's. Weights are float32; the model computes in
float64 wherever its code does not cast down; results are stored as float32. Arrays are little-endian float32, base64.

It also loads test/models/golden/written.json, the configs that our own tables write (`UPDATE_GOLDEN=1` in front of the
test command rewrites those), and fails unless transformers computes the same logits from them.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "compute" / "families" / "golden"
MODELS = ROOT / "models" / "golden"
VERSIONS = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "numpy": np.__version__,
}


def gpt2(**config):
    return {"model_type": "gpt2", "bos_token_id": 0, "eos_token_id": 0, **config}


def gpt_neo(**config):
    return {"model_type": "gpt_neo", "bos_token_id": 0, "eos_token_id": 0, **config}


def gpt_neox(**config):
    return {"model_type": "gpt_neox", "bos_token_id": 0, "eos_token_id": 0, **config}


def llama(**config):
    return {"model_type": "llama", "bos_token_id": 0, "eos_token_id": 0, **config}


def mamba(**config):
    return {"model_type": "mamba", **config}


def mamba2(**config):
    return {"model_type": "mamba2", **config}


# name → config.json; `vocabulary`: V where the file has more rows; `names`: from transformers' parameter name to the file's;
# `extra`: non-trainable tensors that such files carry; `reference`: what transformers is given where it cannot read the config.
CASES = {
    "gpt2-tied": dict(
        config=gpt2(vocab_size=37, n_positions=19, n_embd=15, n_layer=2, n_head=3, n_inner=None,
                    embd_pdrop=0.2, attn_pdrop=0.3, resid_pdrop=0.15),
        batch=2, length=17, dropout_key=20240611),
    "gpt2-untied": dict(
        config=gpt2(vocab_size=29, max_position_embeddings=13, hidden_size=12, num_hidden_layers=3,
                    num_attention_heads=4, n_inner=10, activation_function="gelu", layer_norm_epsilon=1e-3,
                    scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=False, tie_word_embeddings=False),
        batch=1, length=11),
    "gpt2-padded": dict(
        config=gpt2(vocab_size=40, n_positions=16, n_embd=10, n_layer=2, n_head=1, n_inner=23,
                    activation_function="relu", scale_attn_weights=False),
        batch=3, length=7, vocabulary=31,
        names=lambda name: name.removeprefix("transformer."),
        extra=lambda config: {f"h.{i}.attn.bias": np.tril(np.ones((1, 1, 16, 16), np.float32)) for i in range(2)}),
    "gptNeo-local": dict(
        config=gpt_neo(vocab_size=41, max_position_embeddings=19, hidden_size=14, num_layers=3, num_heads=2,
                       attention_types=[[["global", "local"], 1], [["local"], 1]], window_size=3,
                       embed_dropout=0.1, attention_dropout=0.25, resid_dropout=0.2),
        batch=2, length=13, dropout_key=7),
    "gptNeo-untied": dict(
        config=gpt_neo(vocab_size=30, max_position_embeddings=12, hidden_size=9, num_layers=2, num_heads=3,
                       attention_types=[[["local", "global"], 1]], window_size=1, intermediate_size=11,
                       activation_function="silu", layer_norm_epsilon=1e-4, tie_word_embeddings=False),
        batch=2, length=9, vocabulary=23),
    "gptNeox-quarter": dict(
        config=gpt_neox(vocab_size=43, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                        intermediate_size=29, rotary_pct=0.25, rotary_emb_base=10000, max_position_embeddings=32,
                        hidden_dropout=0.1, attention_dropout=0.2),
        batch=2, length=19, dropout_key=-3),
    "gptNeox-sequential": dict(
        config=gpt_neox(vocab_size=35, hidden_size=18, num_hidden_layers=2, num_attention_heads=3,
                        intermediate_size=20, hidden_act="gelu_pytorch_tanh", use_parallel_residual=False,
                        rope_parameters={"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 1.0},
                        max_position_embeddings=32, layer_norm_eps=1e-3),
        batch=1, length=15, names=lambda name: name),
    "gptNeox-unbiased": dict(
        config=gpt_neox(vocab_size=32, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
                        intermediate_size=17, rope_theta=70, rotary_emb_base=70, partial_rotary_factor=0.8,
                        rotary_pct=0.8, attention_bias=False, tie_word_embeddings=True, max_position_embeddings=16),
        batch=2, length=8, vocabulary=27,
        extra=lambda config: {"gpt_neox.layers.0.attention.masked_bias": np.float32(-1e9).reshape(()),
                              "gpt_neox.layers.0.attention.rotary_emb.inv_freq": np.ones(3, np.float32)}),
    "mamba-plain": dict(
        config=mamba(vocab_size=33, hidden_size=17, num_hidden_layers=2, state_size=4, time_step_rank="auto"),
        batch=2, length=16),
    "mamba-biases": dict(
        config=mamba(vocab_size=28, hidden_size=10, num_hidden_layers=2, state_size=5, conv_kernel=3, expand=3,
                     time_step_rank=3, use_bias=True, use_conv_bias=True, tie_word_embeddings=False,
                     layer_norm_epsilon=1e-3),
        batch=1, length=19),
    "mamba-unbiased": dict(
        config=mamba(vocab_size=32, hidden_size=13, num_hidden_layers=3, state_size=3, conv_kernel=2, expand=1,
                     time_step_rank=2, use_bias=False, use_conv_bias=False, residual_in_fp32=False),
        batch=3, length=7, vocabulary=25),
    "mamba-original": dict(
        config={"d_model": 12, "n_layer": 2, "vocab_size": 29, "ssm_cfg": {"d_state": 6, "dt_rank": "auto"},
                "rms_norm": True, "residual_in_fp32": True, "fused_add_norm": True, "pad_vocab_size_multiple": 8},
        reference=mamba(vocab_size=32, hidden_size=12, num_hidden_layers=2, state_size=6),
        batch=2, length=10, vocabulary=29,
        names=lambda name: name.replace("embeddings.", "embedding."),
        extra=lambda weights: {"lm_head.weight": weights["backbone.embedding.weight"]}),
    "llama-plain": dict(
        config=llama(vocab_size=38, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=27,
                     max_position_embeddings=32, attention_dropout=0.25),
        batch=2, length=17, dropout_key=12345,
        extra=lambda config: {"model.layers.1.self_attn.rotary_emb.inv_freq": np.ones(5, np.float32)}),
    "llama-grouped": dict(
        config=llama(vocab_size=40, hidden_size=18, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
                     head_dim=8, intermediate_size=31, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                     rms_norm_eps=1e-3, hidden_act="gelu_pytorch_tanh", max_position_embeddings=64, rope_theta=500,
                     rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 24}),
        batch=2, length=19, vocabulary=33, names=lambda name: name.removeprefix("model.")),
    "llama-single": dict(
        config=llama(vocab_size=31, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
                     intermediate_size=16, max_position_embeddings=16, attention_bias=True,
                     rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 300.0}),
        batch=1, length=14),
    "mamba2-plain": dict(
        config=mamba2(vocab_size=33, hidden_size=12, num_hidden_layers=2, state_size=5, head_dim=6, num_heads=4,
                      n_groups=1, chunk_size=8),
        batch=1, length=37),
    "mamba2-groups": dict(
        config=mamba2(vocab_size=30, hidden_size=10, num_hidden_layers=2, state_size=3, conv_kernel=3, expand=3,
                      head_dim=5, num_heads=6, n_groups=3, use_bias=True, use_conv_bias=False, tie_word_embeddings=True,
                      layer_norm_epsilon=1e-3, time_step_limit=[0.1, 1.2]),
        batch=2, length=19, vocabulary=26),
    "mamba2-original": dict(
        config={"d_model": 12, "n_layer": 2, "vocab_size": 29, "d_intermediate": 0, "attn_layer_idx": [],
                "ssm_cfg": {"layer": "Mamba2", "d_state": 6, "headdim": 8}, "attn_cfg": {}, "rms_norm": True,
                "residual_in_fp32": True, "fused_add_norm": True, "pad_vocab_size_multiple": 16, "tie_embeddings": True},
        reference=mamba2(vocab_size=32, hidden_size=12, num_hidden_layers=2, state_size=6, head_dim=8, num_heads=3,
                         n_groups=1, tie_word_embeddings=True),
        batch=2, length=10, vocabulary=29,
        names=lambda name: name.replace("embeddings.", "embedding.")),
}


def stored(array):
    array = np.ascontiguousarray(np.asarray(array, dtype="<f4"))
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def build(config, dtype=torch.float64):
    config = AutoConfig.for_model(**config)
    config._attn_implementation = "eager"
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").to(dtype).eval()


def random_weights(model, generator):
    """Weights by name, each on a scale where it matters."""
    weights = {}
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        noise = generator.standard_normal(shape)
        if name.endswith("A_log"):
            value = np.log(np.arange(1, shape[-1] + 1)) + 0.3 * noise
        elif name.endswith(("dt_proj.bias", "dt_bias")):
            value = generator.uniform(-3, 1, shape)
        elif name.endswith(".D") or ("weight" in name and len(shape) == 1):
            value = 1 + 0.4 * noise
        elif name.endswith("conv1d.weight"):
            value = 0.6 * noise
        elif len(shape) == 1:
            value = 0.3 * noise
        elif any(table in name for table in ("wte", "wpe", "embed", "lm_head")):
            value = 0.7 * noise
        else:
            value = noise / math.sqrt(min(shape))
        weights[name] = value.astype(np.float32)
    return weights


def load(model, weights):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weights[name]))


def file_names(model_type):
    """From a parameter's name to that in a published file: GPT-NeoX's head has kept its old one."""
    old = {"lm_head.weight": "embed_out.weight"} if model_type == "gpt_neox" else {}
    return lambda name: old.get(name, name)


# The masks of server/compute/engine/kernels/dropout.ts and the keys of server/compute/families/modules.ts.
def hash32(key, counter):
    with np.errstate(over="ignore"):
        u32 = np.uint32
        block = counter.astype(u32) * u32(0xCC9E2D51)
        block = (block << u32(15)) | (block >> u32(17))
        value = u32(key & 0xFFFFFFFF) ^ (block * u32(0x1B873593))
        value = (value << u32(13)) | (value >> u32(19))
        value = (value * u32(5) + u32(0xE6546B64)) ^ u32(4)
        value = (value ^ (value >> u32(16))) * u32(0x85EBCA6B)
        value = (value ^ (value >> u32(13))) * u32(0xC2B2AE35)
        return value ^ (value >> u32(16))


def mix32(value):
    value &= 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def training_logits(model, ids, key):
    """Logits in training mode; calls of dropout come in the order embedding, then (attention, residual, feed-forward) a
    layer; Llama's after attention alone."""
    calls = []
    attention_alone = model.config.model_type == "llama"

    def masked(x, p=0.5, training=True, inplace=False):
        assert training
        layer, site = (len(calls), 0) if attention_alone else divmod(len(calls) - 1, 3) if calls else (0, -1)
        calls.append(p)
        place = layer * 4 + site + 1 + 1
        site_key = mix32(key ^ (place * 0x9E3779B9 & 0xFFFFFFFF))
        keep = hash32(site_key, np.arange(x.numel())).reshape(tuple(x.shape)) >= math.floor(p * 2**32)
        return x * torch.from_numpy(keep.astype(np.float64) / (1 - p)).to(x.dtype)

    original, F.dropout = F.dropout, masked
    try:
        model.train()
        logits = model(ids, use_cache=False).logits
    finally:
        F.dropout = original
        model.eval()
    layers = model.config.num_hidden_layers
    assert len(calls) == (layers if attention_alone else 1 + 3 * layers) and max(calls) > 0
    return logits


def run_case(name, seed):
    case = CASES[name]
    config = case["config"]
    reference = case.get("reference", config)
    rows = reference["vocab_size"]
    vocabulary = case.get("vocabulary", rows)
    generator = np.random.default_rng(seed)
    weights = random_weights(build(reference), generator)
    tables = {key for key, value in weights.items()
              if value.shape[0] == rows and any(part in key for part in ("wte", "embed", "lm_head"))}
    kept = {key: value[:vocabulary] if key in tables else value for key, value in weights.items()}
    model = build({**reference, "vocab_size": vocabulary})
    load(model, kept)
    ids = torch.from_numpy(generator.integers(0, vocabulary, (case["batch"], case["length"])))
    logits = model(ids, use_cache=False).logits
    loss = F.cross_entropy(logits[:, :-1].reshape(-1, vocabulary), ids[:, 1:].reshape(-1))
    loss.backward()
    names = case.get("names", file_names(reference["model_type"]))
    in_file = {names(key): value for key, value in weights.items()}
    golden = {
        "madeBy": "test/reference/families.py",
        "versions": VERSIONS,
        "config": config,
        "vocabulary": vocabulary,
        "ids": ids.tolist(),
        "loss": loss.item(),
        "logits": stored(logits.detach()),
        "weights": {key: stored(value) for key, value in {**in_file, **case.get("extra", lambda _: {})(in_file)}.items()},
        "gradients": {names(key): stored(parameter.grad) for key, parameter in model.named_parameters()},
    }
    if "dropout_key" in case:
        key = case["dropout_key"]
        golden["training"] = {"dropoutKey": key, "logits": stored(training_logits(model, ids, key).detach())}
    (GOLDEN / f"{name}.json").write_text(json.dumps(golden) + "\n")
    check_written(name, vocabulary, kept, ids, logits)


def check_written(name, vocabulary, weights, ids, logits):
    """transformers must compute the same from the config that our table writes for this case."""
    path = MODELS / "written.json"
    written = json.loads(path.read_text()).get(name) if path.exists() else None
    if written is None:
        print(f"{name}: no written config yet; run the tests with UPDATE_GOLDEN=1, then this again")
        return
    assert written["vocab_size"] == vocabulary, name
    model = build(written)
    load(model, weights)
    # Not to the bit: gelu_new and gelu_pytorch_tanh round differently, and residual_in_fp32 casts to float32.
    again = model(ids, use_cache=False).logits
    assert torch.allclose(again, logits, rtol=1e-5, atol=1e-5), f"{name}: the written config computes something else"


# Published models, by the fields of their config.json that decide how many parameters they have.
PUBLISHED = {
    "openai-community/gpt2": gpt2(vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12),
    "EleutherAI/gpt-neo-125m": gpt_neo(
        vocab_size=50257, max_position_embeddings=2048, hidden_size=768, num_layers=12, num_heads=12,
        attention_types=[[["global", "local"], 6]], window_size=256),
    "EleutherAI/pythia-70m": gpt_neox(vocab_size=50304, hidden_size=512, num_hidden_layers=6, num_attention_heads=8,
                                      intermediate_size=2048, rotary_pct=0.25, rotary_emb_base=10000),
    "EleutherAI/pythia-160m": gpt_neox(vocab_size=50304, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                                       intermediate_size=3072, rotary_pct=0.25, rotary_emb_base=10000),
    "EleutherAI/pythia-410m": gpt_neox(vocab_size=50304, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
                                       intermediate_size=4096, rotary_pct=0.25, rotary_emb_base=10000),
    "meta-llama/Llama-2-7b-hf": llama(vocab_size=32000, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
                                      num_key_value_heads=32, intermediate_size=11008),
    "meta-llama/Llama-3.2-1B": llama(
        vocab_size=128256, hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
        head_dim=64, intermediate_size=8192, rms_norm_eps=1e-5, rope_theta=500000.0, max_position_embeddings=131072,
        rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                      "original_max_position_embeddings": 8192}, tie_word_embeddings=True),
    "HuggingFaceTB/SmolLM-135M": llama(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, rope_theta=10000.0, tie_word_embeddings=True),
    "state-spaces/mamba-130m-hf": mamba(vocab_size=50280, hidden_size=768, num_hidden_layers=24, state_size=16,
                                        time_step_rank=48),
    "state-spaces/mamba-370m-hf": mamba(vocab_size=50280, hidden_size=1024, num_hidden_layers=48, state_size=16,
                                        time_step_rank=64),
    # The original's config, of which transformers counts what it makes.
    "state-spaces/mamba2-130m": mamba2(vocab_size=50288, hidden_size=768, num_hidden_layers=24, num_heads=24, head_dim=64,
                                       n_groups=1, tie_word_embeddings=True),
    "mistralai/Mamba-Codestral-7B-v0.1": mamba2(vocab_size=32768, hidden_size=4096, num_hidden_layers=64, num_heads=128,
                                                head_dim=64, n_groups=8, tie_word_embeddings=False),
}


def count_parameters():
    models = {}
    for name, config in PUBLISHED.items():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
            model.tie_weights()
        parameters = sum(parameter.numel() for parameter in model.parameters())
        models[name] = {"config": config, "parameters": parameters}
    golden = {"madeBy": "test/reference/families.py", "versions": VERSIONS, "models": models}
    (MODELS / "parameterCounts.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    for seed, case_name in enumerate(CASES):
        run_case(case_name, seed)
    count_parameters()
