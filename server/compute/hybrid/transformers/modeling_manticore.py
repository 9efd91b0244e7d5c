"""A Manticore hybrid (Roberts et al., arXiv 2406.00894) for Hugging Face transformers, in plain PyTorch.

    AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)

Several language models side by side, block by block: each block mixes a group of layers of every component with the weights
alpha of `config.blocks`, through gated projectors between the components' widths and the hybrid's.

Symbols: b batch, l length, m component, i block, N blocks, d width of the hybrid's stream, d_m width of component m,
V vocabulary, pad/cut to a width `fit`.

    h = sum_m alpha[1]_m fit(E_m(ids), d)
    u = fit((1 - s) fit(P_in h, d) + s h, d_m);  y = group i of m, of u;  z_m = (1 - t) P_out y + t fit(y, d)
    h <- sum_m alpha[i]_m z_m;   logits = sum_m alpha[head]_m H_m(fit(h, d_m))

The skip weights s, t are alpha[i]_m (gate `paper`), products of neighbouring blocks' (`transition`), or 1 (`none`). A component
whose alpha is 0 isn't computed; a projector whose skip weight is 1 isn't either. What was pruned has no weights here.
"""

import inspect
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput


class ManticoreConfig(PretrainedConfig):
    """
    `components`: `[{name, family, config}]`, `config` as transformers has it for a model of that family;
    `blocks`: `[{alphas: [K], live: [component], projectors: [component]}]`, components by position.
    """

    model_type = "manticore"

    # No default counts as one: `save_pretrained` leaves out what equals it, and Manticore reads the file again.
    def __init__(self, vocab_size=None, hidden_size=None, gate=None, head=None, projectors=None, components=None,
                 blocks=None, use_cache=True, **kwargs):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.gate = gate
        self.head = head
        self.projectors = projectors
        self.components = components or []
        self.blocks = blocks or []
        self.num_hidden_layers = len(self.blocks)
        self.use_cache = use_cache
        kwargs.pop("num_hidden_layers", None)
        # A head that is tied shares its component's table; there is nothing for transformers to tie.
        super().__init__(**{**kwargs, "tie_word_embeddings": False})


class ManticoreCache:
    """What decoding keeps of the tokens so far: keys and values, or the state of a convolution and a scan, of each layer."""

    # As transformers asks of a cache: no part of it can be cut back to an earlier token.
    is_linear = [True]
    is_compileable = False

    def __init__(self):
        self.length = 0
        self.layers = {}

    def get_seq_length(self, layer_idx=0):
        return self.length

    def get_max_cache_shape(self):
        return None

    def reorder_cache(self, beam_idx):
        self.layers = {key: tuple(value.index_select(0, beam_idx.to(value.device)) for value in values)
                       for key, values in self.layers.items()}


@dataclass
class ManticoreOutput(ModelOutput):
    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    # To be given back as `cache`.
    decoding: ManticoreCache | None = None


@dataclass
class Sequence:
    """What every layer needs to know of the tokens it is given."""

    # Positions of the new tokens, [b, l] or [1, l].
    positions: torch.Tensor
    # 1 where a new token counts, 0 at padding, [b, l]; None where all count.
    counted: torch.Tensor | None
    # The same of every token so far, [b, past + l].
    attended: torch.Tensor | None
    past: int
    cache: ManticoreCache | None
    training: bool

    def mask(self, window, device):
        """Which keys a query sees, [b or 1, 1, l, past + l] bool; None: plain causal, or everything."""
        length = self.positions.shape[1]
        if self.attended is None and window is None and (self.past == 0 or length == 1):
            return None
        query = torch.arange(self.past, self.past + length, device=device)[:, None]
        key = torch.arange(self.past + length, device=device)[None, :]
        seen = key <= query
        if window is not None:
            seen = seen & (key > query - window)
        seen = seen[None, None]
        if self.attended is not None:
            # Padding sees itself, so that no row is empty.
            seen = seen & (self.attended[:, None, None, :].bool() | (key == query))
        return seen


ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


class Conv1D(nn.Module):
    """GPT-2's linear layer, weight [inputs, outputs]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * 0.02)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (wide * scale).to(x.dtype) * self.weight


def attend(q, k, v, sequence, place, scale, dropout, window=None):
    """Causal attention, over cached keys too: q [b, h, l, dh], k, v [b, h_kv, l, dh] -> [b, l, h dh]."""
    if sequence.cache is not None:
        if place in sequence.cache.layers:
            keys, values = sequence.cache.layers[place]
            k, v = torch.cat([keys, k], 2), torch.cat([values, v], 2)
        sequence.cache.layers[place] = (k, v)
    shared = q.shape[1] // k.shape[1]
    if shared > 1:
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    mask = sequence.mask(window, q.device)
    y = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None and sequence.past == 0, scale=scale,
        dropout_p=dropout if sequence.training else 0.0)  # [b, h, l, dh]
    return y.transpose(1, 2).flatten(2)


def heads_of(x, heads):
    """[b, l, h dh] -> [b, h, l, dh]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def scaled(frequencies, scaling):
    """Frequencies for a longer context: all divided (`linear`), or the low ones, with a blend between (`llama3`)."""
    if scaling is None:
        return frequencies
    divided = frequencies / scaling["factor"]
    if scaling["rope_type"] == "linear":
        return divided
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    share = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - share) * divided + share * frequencies


def rotate(x, positions, dims, base, scaling=None):
    """Rotary positions on the first `dims` entries of each head: x [b, h, l, dh] -> same."""
    if dims == 0:
        return x
    frequencies = base ** (-torch.arange(0, dims, 2, device=x.device, dtype=torch.float32) / dims)
    frequencies = scaled(frequencies, scaling)
    angles = positions[:, None, :, None].float() * frequencies  # [b, 1, l, dims / 2]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    low, high, rest = x[..., : dims // 2], x[..., dims // 2 : dims], x[..., dims:]
    return torch.cat([low * cos - high * sin, high * cos + low * sin, rest], -1)


class Gpt2Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width = config["n_embd"]
        self.heads, self.dropout = config["n_head"], config["attn_pdrop"]
        self.scale = (width // self.heads) ** -0.5 if config["scale_attn_weights"] else 1.0
        if config["scale_attn_by_inverse_layer_idx"]:
            self.scale /= layer + 1
        self.c_attn = Conv1D(width, 3 * width)
        self.c_proj = Conv1D(width, width)

    def forward(self, x, sequence, place):
        q, k, v = (heads_of(part, self.heads) for part in self.c_attn(x).chunk(3, -1))
        return self.c_proj(attend(q, k, v, sequence, place, self.scale, self.dropout))


class GptMlp(nn.Module):
    def __init__(self, width, inner, activation, linear):
        super().__init__()
        self.c_fc = linear(width, inner)
        self.c_proj = linear(inner, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.c_proj(self.activation(self.c_fc(x)))


class Gpt2Layer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["n_embd"], config["layer_norm_epsilon"]
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = Gpt2Attention(config, layer)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = GptMlp(width, config["n_inner"], config["activation_function"], Conv1D)
        self.dropout = nn.Dropout(config["resid_pdrop"])

    def forward(self, u, sequence, place):
        u = u + self.dropout(self.attn(self.ln_1(u), sequence, place))
        return u + self.dropout(self.mlp(self.ln_2(u)))


class GptNeoAttention(nn.Module):
    """Scores aren't scaled; a local layer sees a window of the last positions, the query itself counted."""

    def __init__(self, config, layer):
        super().__init__()
        width = config["hidden_size"]
        self.heads, self.dropout = config["num_heads"], config["attention_dropout"]
        self.window = config["window_size"] if config["attention_layers"][layer] == "local" else None
        self.attention = nn.ModuleDict({
            "q_proj": nn.Linear(width, width, bias=False),
            "k_proj": nn.Linear(width, width, bias=False),
            "v_proj": nn.Linear(width, width, bias=False),
            "out_proj": nn.Linear(width, width),
        })

    def forward(self, x, sequence, place):
        parts = self.attention
        q, k, v = (heads_of(parts[name](x), self.heads) for name in ("q_proj", "k_proj", "v_proj"))
        return parts["out_proj"](attend(q, k, v, sequence, place, 1.0, self.dropout, self.window))


class GptNeoLayer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_epsilon"]
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = GptNeoAttention(config, layer)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = GptMlp(width, config["intermediate_size"], config["activation_function"], nn.Linear)
        self.dropout = nn.Dropout(config["resid_dropout"])

    def forward(self, u, sequence, place):
        u = u + self.dropout(self.attn(self.ln_1(u), sequence, place))
        return u + self.dropout(self.mlp(self.ln_2(u)))


class GptNeoxAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, bias = config["hidden_size"], config["attention_bias"]
        self.heads, self.dropout = config["num_attention_heads"], config["attention_dropout"]
        self.head_dim = width // self.heads
        self.rotary_dims = int(self.head_dim * config["rotary_pct"])
        self.rotary_base = config["rotary_emb_base"]
        self.query_key_value = nn.Linear(width, 3 * width, bias=bias)
        self.dense = nn.Linear(width, width, bias=bias)

    def forward(self, x, sequence, place):
        # Interleaved by head: q, k, v of the first head, then of the second.
        q, k, v = self.query_key_value(x).unflatten(-1, (self.heads, 3, self.head_dim)).permute(3, 0, 2, 1, 4)
        q, k = (rotate(part, sequence.positions, self.rotary_dims, self.rotary_base) for part in (q, k))
        return self.dense(attend(q, k, v, sequence, place, self.head_dim**-0.5, self.dropout))


class GptNeoxMlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.dense_h_to_4h = nn.Linear(width, inner)
        self.dense_4h_to_h = nn.Linear(inner, width)
        self.activation = ACTIVATIONS[config["hidden_act"]]

    def forward(self, x):
        return self.dense_4h_to_h(self.activation(self.dense_h_to_4h(x)))


class GptNeoxLayer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.parallel = config["use_parallel_residual"]
        self.input_layernorm = nn.LayerNorm(width, eps=eps)
        self.attention = GptNeoxAttention(config)
        self.post_attention_layernorm = nn.LayerNorm(width, eps=eps)
        self.mlp = GptNeoxMlp(config)
        self.dropout = nn.Dropout(config["hidden_dropout"])

    def forward(self, u, sequence, place):
        attended = u + self.dropout(self.attention(self.input_layernorm(u), sequence, place))
        fed_from = u if self.parallel else attended
        return attended + self.dropout(self.mlp(self.post_attention_layernorm(fed_from)))


class LlamaAttention(nn.Module):
    """Each head of keys and values serves several heads of queries."""

    def __init__(self, config):
        super().__init__()
        width, bias, self.head_dim = config["hidden_size"], config["attention_bias"], config["head_dim"]
        self.heads, self.key_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.base, self.scaling = config["rope_theta"], config.get("rope_scaling")
        self.dropout = config["attention_dropout"]
        self.q_proj = nn.Linear(width, self.heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(width, self.key_heads * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(width, self.key_heads * self.head_dim, bias=bias)
        self.o_proj = nn.Linear(self.heads * self.head_dim, width, bias=bias)

    def forward(self, x, sequence, place):
        q, k = heads_of(self.q_proj(x), self.heads), heads_of(self.k_proj(x), self.key_heads)
        v = heads_of(self.v_proj(x), self.key_heads)
        q, k = (rotate(part, sequence.positions, self.head_dim, self.base, self.scaling) for part in (q, k))
        return self.o_proj(attend(q, k, v, sequence, place, self.head_dim**-0.5, self.dropout))


class LlamaMlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner, bias = config["hidden_size"], config["intermediate_size"], config["mlp_bias"]
        self.gate_proj = nn.Linear(width, inner, bias=bias)
        self.up_proj = nn.Linear(width, inner, bias=bias)
        self.down_proj = nn.Linear(inner, width, bias=bias)
        self.activation = ACTIVATIONS[config["hidden_act"]]

    def forward(self, x):
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class LlamaLayer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["hidden_size"], config["rms_norm_eps"]
        self.input_layernorm = RMSNorm(width, eps)
        self.self_attn = LlamaAttention(config)
        self.post_attention_layernorm = RMSNorm(width, eps)
        self.mlp = LlamaMlp(config)

    def forward(self, u, sequence, place):
        u = u + self.self_attn(self.input_layernorm(u), sequence, place)
        return u + self.mlp(self.post_attention_layernorm(u))


SCAN_CHUNK = 64


def scan_chunk(u, delta, A, B, C, state):
    """
    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t;  y_t = C_t . h_t, for s steps at once.
    Partial sums double their reach in each round, log2(s) rounds (Hillis & Steele 1986); no decay is ever divided by.
    u, delta [b, s, c]; A [c, n]; B, C [b, s, n]; state [b, c, n] -> y [b, s, c], state
    """
    decay = torch.exp(delta[..., None] * A)  # [b, s, c, n]
    h = (delta * u)[..., None] * B[:, :, None, :]  # [b, s, c, n]
    reach = 1
    while reach < u.shape[1]:
        h = torch.cat([h[:, :reach], h[:, reach:] + decay[:, reach:] * h[:, :-reach]], 1)
        decay = torch.cat([decay[:, :reach], decay[:, reach:] * decay[:, :-reach]], 1)
        reach *= 2
    h = h + decay * state[:, None]
    return (h * C[:, :, None, :]).sum(-1), h[:, -1]


def selective_scan(u, delta, A, B, C, D, state):
    """
    Mamba's scan (Gu & Dao, arXiv 2312.00752), chunk by chunk, in float32. In training a chunk keeps its inputs alone and is
    computed again in the backward pass. u, delta [b, l, c]; A [c, n]; B, C [b, l, n]; D [c] -> y [b, l, c], state [b, c, n]
    """
    outputs = []
    for start in range(0, u.shape[1], SCAN_CHUNK):
        part = slice(start, start + SCAN_CHUNK)
        inputs = (u[:, part], delta[:, part], A, B[:, part], C[:, part], state)
        if torch.is_grad_enabled():
            y, state = checkpoint(scan_chunk, *inputs, use_reentrant=False)
        else:
            y, state = scan_chunk(*inputs)
        outputs.append(y)
    return torch.cat(outputs, 1) + D * u, state


def convolve(x, conv, sequence, place, activation=F.silu):
    """
    Causal convolution and its activation, behind what decoding keeps of the inputs before: x [b, l, c] -> same, the last k - 1 inputs
    [b, c, k - 1], and the layer's state if it has one. Padding leaves it as if it weren't there.
    """
    counted = 1 if sequence.counted is None else sequence.counted[..., None].to(x.dtype)
    x = (x * counted).transpose(1, 2)  # [b, c, l]
    taps = conv.kernel_size[0]
    before, state = x.new_zeros(x.shape[0], x.shape[1], taps - 1), None
    if sequence.cache is not None and place in sequence.cache.layers:
        before, state = sequence.cache.layers[place]
    x = torch.cat([before, x], 2)  # [b, c, k - 1 + l]
    recent = x[..., x.shape[2] - (taps - 1) :]
    y = F.conv1d(x, conv.weight, conv.bias, groups=conv.groups)
    return activation(y).transpose(1, 2) * counted, recent, state


class MambaMixer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner, state = config["hidden_size"], config["intermediate_size"], config["state_size"]
        rank, kernel, bias = config["time_step_rank"], config["conv_kernel"], config["use_bias"]
        self.sizes = (rank, state, state)
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state + 1, dtype=torch.float32)).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.conv1d = nn.Conv1d(inner, inner, kernel, groups=inner, bias=config["use_conv_bias"])
        self.in_proj = nn.Linear(width, 2 * inner, bias=bias)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.out_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, u, sequence, place):
        x, z = self.in_proj(u).chunk(2, -1)  # each [b, l, c]
        x, recent, state = convolve(x, self.conv1d, sequence, place)
        if state is None:
            state = x.new_zeros(x.shape[0], x.shape[2], self.sizes[1], dtype=torch.float32)
        rank, B, C = self.x_proj(x).split(self.sizes, -1)
        delta = F.softplus(self.dt_proj(rank))
        y, state = selective_scan(
            x.float(), delta.float(), -torch.exp(self.A_log.float()), B.float(), C.float(), self.D.float(), state)
        if sequence.cache is not None:
            sequence.cache.layers[place] = (recent, state)
        return self.out_proj(y.to(z.dtype) * F.silu(z))


class MambaLayer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.norm = RMSNorm(config["hidden_size"], config["layer_norm_epsilon"])
        self.mixer = MambaMixer(config)

    def forward(self, u, sequence, place):
        return u + self.mixer(self.norm(u), sequence, place)


class GroupedRMSNorm(nn.Module):
    """RMSNorm of each group of channels by itself."""

    def __init__(self, width, groups, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.groups, self.eps = groups, eps

    def forward(self, x):
        wide = x.float().unflatten(-1, (self.groups, -1))
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return wide.flatten(-2).to(x.dtype) * self.weight


class Mamba2Mixer(nn.Module):
    """Mamba-2 (Dao & Gu, arXiv 2405.21060): one A and one delta a head, B and C shared by groups of heads, a gated norm."""

    def __init__(self, config):
        super().__init__()
        width, self.heads, self.head_dim = config["hidden_size"], config["num_heads"], config["head_dim"]
        self.groups, self.state, bias = config["n_groups"], config["state_size"], config["use_bias"]
        self.inner = inner = self.heads * self.head_dim
        convolved, kernel = inner + 2 * self.groups * self.state, config["conv_kernel"]
        # JSON has no infinity: where it stands, it is an object.
        self.limits = [math.inf if isinstance(bound, dict) else float(bound)
                       for bound in config.get("time_step_limit", (0, math.inf))]
        self.dt_bias = nn.Parameter(torch.ones(self.heads))
        self.A_log = nn.Parameter(torch.log(torch.arange(1, self.heads + 1, dtype=torch.float32)))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.conv1d = nn.Conv1d(convolved, convolved, kernel, groups=convolved, bias=config["use_conv_bias"])
        self.in_proj = nn.Linear(width, inner + convolved + self.heads, bias=bias)
        self.norm = GroupedRMSNorm(inner, self.groups, config["layer_norm_epsilon"])
        self.out_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, u, sequence, place):
        shared = self.groups * self.state
        z, x, delta = self.in_proj(u).split([self.inner, self.inner + 2 * shared, self.heads], -1)
        x, recent, state = convolve(x, self.conv1d, sequence, place)
        if state is None:
            state = x.new_zeros(x.shape[0], self.inner, self.state, dtype=torch.float32)
        x, B, C = x.float().split([self.inner, shared, shared], -1)
        delta = F.softplus(delta.float() + self.dt_bias.float()).clamp(*self.limits)
        ys, states = [], []
        # A head's numbers hold for each of its channels, a group's B and C for each of its heads.
        of_channels = lambda value: value.repeat_interleave(self.head_dim, -1)
        A = of_channels(-torch.exp(self.A_log.float()))[:, None].expand(-1, self.state)
        delta, D = of_channels(delta), of_channels(self.D.float())
        for g in range(self.groups):
            own = slice(g * self.inner // self.groups, (g + 1) * self.inner // self.groups)
            entries = slice(g * self.state, (g + 1) * self.state)
            y, after = selective_scan(x[..., own], delta[..., own], A[own], B[..., entries], C[..., entries], D[own],
                                      state[:, own])
            ys.append(y)
            states.append(after)
        if sequence.cache is not None:
            sequence.cache.layers[place] = (recent, torch.cat(states, 1))
        return self.out_proj(self.norm(torch.cat(ys, -1).to(z.dtype) * F.silu(z)))


class Mamba2Layer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.norm = RMSNorm(config["hidden_size"], config["layer_norm_epsilon"])
        self.mixer = Mamba2Mixer(config)

    def forward(self, u, sequence, place):
        return u + self.mixer(self.norm(u), sequence, place)


class StackAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.heads, self.base = config["num_attention_heads"], config["rope_theta"]
        self.head_dim = width // self.heads
        self.qkv_proj = nn.Linear(width, 3 * width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, x, sequence, place):
        q, k, v = (heads_of(part, self.heads) for part in self.qkv_proj(x).chunk(3, -1))
        q, k = (rotate(part, sequence.positions, self.head_dim, self.base) for part in (q, k))
        return self.out_proj(attend(q, k, v, sequence, place, self.head_dim**-0.5, 0.0))


class HyenaFilter(nn.Module):
    """The long filter: a network with sines, of a lag's time and of cosines and sines of it, times a decay for each channel."""

    def __init__(self, config):
        super().__init__()
        width, inner, self.features = config["hidden_size"], config["filter_order"], config["emb_dim"]
        self.longest = config["max_seq_len"]
        sizes = [self.features] + [inner] * (config["num_inner_mlps"] + 1)
        self.layers = nn.ModuleList([nn.Linear(*pair) for pair in zip(sizes, sizes[1:])])
        self.freq = nn.Parameter(torch.full((inner,), float(config["activation_freq"])))
        self.out = nn.Linear(inner, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, length):
        """-> [length, d], of lags 0, 1, ...; float32"""
        if length > self.longest:
            raise ValueError(f"{length} tokens, but the Hyena filters are made for {self.longest} positions")
        device, dtype, bands = self.bias.device, self.bias.dtype, (self.features - 1) // 2
        lag = torch.arange(length, device=device, dtype=torch.float32)[:, None]
        time = lag / (self.longest - 1)
        angles = torch.linspace(1e-4, bands - 1, bands, device=device) * (2 * math.pi / self.longest) * lag
        z = torch.cat([time, angles.cos(), -angles.sin()], -1).to(dtype)
        for layer in self.layers:
            z = torch.sin(self.freq * layer(z))
        rates = torch.linspace(1 / 1.5, 1 / 0.3, self.bias.shape[0], device=device) * -math.log(0.01)
        return self.out(z).float() * torch.exp(-time * rates)


class HyenaMixer(nn.Module):
    """Hyena of order 2 (Poli et al., arXiv 2302.10866): a convolution as long as the sequence, between two gates."""

    def __init__(self, config):
        super().__init__()
        width, taps = config["hidden_size"], config["short_filter_order"]
        self.in_proj = nn.Linear(width, 3 * width)
        self.short_filter = nn.Conv1d(3 * width, 3 * width, taps, groups=3 * width)
        self.filter = HyenaFilter(config)
        self.out_proj = nn.Linear(width, width)

    def forward(self, u, sequence, place):
        x, recent, known = convolve(self.in_proj(u), self.short_filter, sequence, place, activation=nn.Identity())
        gate, key, value = x.chunk(3, -1)
        driven = (key * value).float()
        if known is not None:
            driven = torch.cat([known, driven], 1)
        if sequence.cache is not None:
            sequence.cache.layers[place] = (recent, driven)
        new, length = u.shape[1], driven.shape[1]
        h = self.filter(length)
        if new == 1:
            y = (driven * h.flip(0)).sum(1, keepdim=True)
        else:
            # Twice as long, so that nothing comes round.
            y = torch.fft.irfft(torch.fft.rfft(driven, 2 * length, dim=1) * torch.fft.rfft(h, 2 * length, dim=0), 2 * length, dim=1)
            y = y[:, length - new : length]
        y = y + self.filter.bias.float() * driven[:, length - new :]
        return self.out_proj(gate * y.to(gate.dtype))


class StackMlp(nn.Module):
    """`mlp`: W_2 gelu(W_1 x); `swiglu`: W_2 (silu(W_g x) * W_1 x)."""

    def __init__(self, config, kind):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = nn.Linear(width, inner, bias=False) if kind == "swiglu" else None
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        up = self.up_proj(x)
        return self.down_proj(F.gelu(up) if self.gate_proj is None else F.silu(self.gate_proj(x)) * up)


class StackLayer(nn.Module):
    """One layer of a model that is designed by hand: of the kind that `layer_types` names."""

    def __init__(self, config, layer):
        super().__init__()
        self.kind = kind = config["layer_types"][layer]
        self.norm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        if kind == "attention":
            self.attention = StackAttention(config)
        elif kind == "mamba":
            self.mixer = MambaMixer({**config, "intermediate_size": config["expand"] * config["hidden_size"]})
        elif kind == "hyena":
            self.hyena = HyenaMixer(config)
        else:
            self.mlp = StackMlp(config, kind)

    def forward(self, u, sequence, place):
        x = self.norm(u)
        if self.kind == "attention":
            return u + self.attention(x, sequence, place)
        if self.kind == "hyena":
            return u + self.hyena(x, sequence, place)
        return u + (self.mixer(x, sequence, place) if self.kind == "mamba" else self.mlp(x))


@dataclass
class Family:
    """Where a family's files have its parts, and the keys of its config that say how large they are."""

    layer: type
    # Names of its modules: embedding table, learned positions (or None), layers, last norm, untied head.
    table: str
    positions: str | None
    layers: str
    norm: str
    head: str
    norm_class: type
    width_key: str
    depth_key: str
    epsilon_key: str
    # Dropout behind the positions.
    dropout_key: str | None = None
    positions_key: str | None = None


FAMILIES = {
    "gpt2": Family(Gpt2Layer, "wte", "wpe", "h", "ln_f", "lm_head", nn.LayerNorm, "n_embd", "n_layer",
                   "layer_norm_epsilon", "embd_pdrop", "n_positions"),
    "gptNeo": Family(GptNeoLayer, "wte", "wpe", "h", "ln_f", "lm_head", nn.LayerNorm, "hidden_size", "num_layers",
                     "layer_norm_epsilon", "embed_dropout", "max_position_embeddings"),
    "gptNeox": Family(GptNeoxLayer, "embed_in", None, "layers", "final_layer_norm", "embed_out", nn.LayerNorm,
                      "hidden_size", "num_hidden_layers", "layer_norm_eps", "hidden_dropout"),
    "llama": Family(LlamaLayer, "embed_tokens", None, "layers", "norm", "lm_head", RMSNorm, "hidden_size",
                    "num_hidden_layers", "rms_norm_eps"),
    "mamba2": Family(Mamba2Layer, "embeddings", None, "layers", "norm_f", "lm_head", RMSNorm, "hidden_size",
                     "num_hidden_layers", "layer_norm_epsilon"),
    "mamba": Family(MambaLayer, "embeddings", None, "layers", "norm_f", "lm_head", RMSNorm, "hidden_size",
                    "num_hidden_layers", "layer_norm_epsilon"),
    "stack": Family(StackLayer, "embeddings", None, "layers", "norm_f", "lm_head", RMSNorm, "hidden_size",
                    "num_hidden_layers", "rms_norm_eps"),
}


def split_layers(layers, blocks):
    """Consecutive groups, as even as possible: the first `layers % blocks` get one more."""
    base, longer = divmod(layers, blocks)
    ends = [base * (block + 1) + min(block + 1, longer) for block in range(blocks)]
    return list(zip([0, *ends[:-1]], ends))


class Component(nn.Module):
    """What is left of one component; its parts have the names of its family's files."""

    def __init__(self, description, index, live, head_live, vocabulary):
        super().__init__()
        self.index = index
        self.family = family = FAMILIES[description["family"]]
        config = description["config"]
        self.width = width = config[family.width_key]
        self.groups = split_layers(config[family.depth_key], len(live))
        self.tied = config["tie_word_embeddings"]
        # A bare attribute would be listed among the modules under a second name.
        self.dropout_rate = config[family.dropout_key] if family.dropout_key else 0.0
        if live[0] or (self.tied and head_live):
            self.add_module(family.table, nn.Embedding(vocabulary, width))
        if live[0] and family.positions:
            self.add_module(family.positions, nn.Embedding(config[family.positions_key], width))
        self.add_module(family.layers, nn.ModuleDict({
            str(layer): family.layer(config, layer)
            for (first, end), is_live in zip(self.groups, live) if is_live
            for layer in range(first, end)
        }))
        if live[-1]:
            self.add_module(family.norm, family.norm_class(width, eps=config[family.epsilon_key]))
        if head_live and not self.tied:
            self.add_module(family.head, nn.Linear(width, vocabulary, bias=False))

    def part(self, name):
        return getattr(self, name)

    def embed(self, ids):
        """[b, l] -> [b, l, d_m]."""
        return self.part(self.family.table)(ids)

    def group(self, block, u, sequence):
        """Group `block` of its layers, positions before the first and the norm behind the last: [b, l, d_m] -> same."""
        family = self.family
        if block == 0:
            if family.positions:
                u = u + self.part(family.positions)(sequence.positions)
            u = F.dropout(u, self.dropout_rate, sequence.training)
        first, end = self.groups[block]
        for layer in range(first, end):
            u = self.part(family.layers)[str(layer)](u, sequence, (self.index, layer))
        return self.part(family.norm)(u) if block == len(self.groups) - 1 else u

    def logits(self, u):
        """[b, l, d_m] -> [b, l, V]."""
        return F.linear(u, self.part(self.family.table if self.tied else self.family.head).weight)


class Projector(nn.Linear):
    """`linear`: W x + b; `mlp`: W gelu(W_h x + b_h) + b; with `-skip`, x itself (padded or cut) is added."""

    def __init__(self, kind, source, target):
        super().__init__(source, target)
        self.target = target
        self.skip = kind.endswith("-skip")
        self.hidden = nn.Linear(source, source) if kind.startswith("mlp") else None

    def forward(self, x):
        y = super().forward(x if self.hidden is None else F.gelu(self.hidden(x)))
        return y + fit(x, self.target) if self.skip else y


def fit(x, width):
    """Pads the last axis with zeros, or cuts it."""
    extent = x.shape[-1]
    return x[..., :width] if extent >= width else F.pad(x, (0, width - extent))


def mix(weighted):
    """The sum of weight * value() over the weights that aren't 0."""
    terms = [value() if weight == 1 else weight * value() for weight, value in weighted if weight != 0]
    return sum(terms[1:], terms[0])


def gated(skip, x, project, width):
    """(1 - skip) fit(project()) + skip fit(x)."""
    if skip == 1:
        return fit(x, width)
    projected = fit(project(), width)
    return projected if skip == 0 else (1 - skip) * projected + skip * fit(x, width)


class ManticoreForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = ManticoreConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    accepts_loss_kwargs = True
    _supports_sdpa = True
    # A scan can't go back to an earlier token: assisted decoding is refused.
    _is_stateful = True
    _cache_name = "cache" if "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters \
        else "past_key_values"

    def __init__(self, config):
        super().__init__(config)
        blocks = config.blocks
        self.alphas = [block["alphas"] for block in blocks]
        self.head_row = self.alphas[0 if config.head == "first" else -1]
        head_block = blocks[0 if config.head == "first" else -1]
        self.components = nn.ModuleList([
            Component(description, m, [m in block["live"] for block in blocks], m in head_block["live"],
                      config.vocab_size)
            for m, description in enumerate(config.components)
        ])
        self.projectors = nn.ModuleList([
            nn.ModuleDict({
                str(i): nn.ModuleDict({
                    "in": Projector(config.projectors, config.hidden_size, component.width),
                    "out": Projector(config.projectors, component.width, config.hidden_size),
                })
                for i, block in enumerate(blocks) if m in block["projectors"]
            })
            for m, component in enumerate(self.components)
        ])
        self.post_init()

    def gate_weights(self, i, m):
        """Skip weights before and behind group i of component m."""
        gate = "none" if self.config.projectors == "none" else self.config.gate
        own = self.alphas[i][m]
        if gate == "none":
            return 1, 1
        if gate == "paper":
            return own, own
        before = self.alphas[max(i - 1, 0)][m]
        after = (self.alphas[i + 1] if i + 1 < len(self.alphas) else self.head_row)[m]
        return before * own, own * after

    def gated_group(self, i, m, h, sequence):
        """Component m in block i, from gate to gate: [b, l, d] -> [b, l, d]."""
        component = self.components[m]
        skip_in, skip_out = self.gate_weights(i, m)
        pair = self.projectors[m]
        u = gated(skip_in, h, lambda: pair[str(i)]["in"](h), component.width)  # [b, l, d_m]
        y = component.group(i, u, sequence)  # [b, l, d_m]
        return gated(skip_out, y, lambda: pair[str(i)]["out"](y), self.config.hidden_size)

    def hidden_states(self, ids, sequence):
        """The residual stream behind the last block: [b, l] -> [b, l, d]."""
        width = self.config.hidden_size
        h = mix([(alpha, lambda component=component: fit(component.embed(ids), width))
                 for alpha, component in zip(self.alphas[0], self.components)])
        for i, row in enumerate(self.alphas):
            h = mix([(alpha, lambda m=m, h=h: self.gated_group(i, m, h, sequence)) for m, alpha in enumerate(row)])
        return h

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, cache=None, past_key_values=None, labels=None,
                use_cache=None, logits_to_keep=0, num_items_in_batch=None, return_dict=None, **kwargs):
        """
        `input_ids` [b, l]; `attention_mask` [b, past + l], 0 at padding on either side; `labels` [b, l], -100 where nothing is
        scored. -> logits [b, l, V] (of the last `logits_to_keep` positions, where that isn't 0), `decoding` to go on from
        """
        if input_ids is None:
            raise ValueError("Give input_ids: each component has an embedding table of its own, so inputs_embeds can't be used.")
        cache = cache if cache is not None else past_key_values
        if cache is not None and not isinstance(cache, ManticoreCache):
            raise ValueError(f"A hybrid decodes with a ManticoreCache, not a {type(cache).__name__}: leave it out.")
        use_cache = self.config.use_cache if use_cache is None else use_cache
        if cache is None and use_cache and not self.training:
            cache = ManticoreCache()
        past, length = (cache.length if cache is not None else 0), input_ids.shape[1]
        sequence = self.sequence_of(input_ids, attention_mask, position_ids, cache, past)
        h = self.hidden_states(input_ids, sequence)
        if cache is not None:
            cache.length = past + length
        h = h[:, -logits_to_keep:] if logits_to_keep else h
        logits = mix([(alpha, lambda component=component: component.logits(fit(h, component.width)))
                      for alpha, component in zip(self.head_row, self.components)])
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch)
        output = ManticoreOutput(loss=loss, logits=logits, decoding=cache)
        return output.to_tuple() if return_dict is False else output

    def sequence_of(self, ids, attention_mask, positions, cache, past):
        length = ids.shape[1]
        if attention_mask is not None and bool(attention_mask.all()):
            attention_mask = None
        if positions is None:
            if attention_mask is None:
                positions = torch.arange(past, past + length, device=ids.device)[None]
            else:
                positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, -length:]
        counted = None if attention_mask is None else attention_mask[:, -length:]
        return Sequence(positions, counted, attention_mask, past, cache, self.training)

    @staticmethod
    def loss(logits, labels, num_items_in_batch):
        """Mean cross-entropy, nats, of each next token that is scored."""
        flat = logits[:, :-1].float().flatten(0, 1)
        targets = labels[:, 1:].to(logits.device).flatten()
        total = F.cross_entropy(flat, targets, ignore_index=-100, reduction="sum")
        return total / ((targets != -100).sum() if num_items_in_batch is None else num_items_in_batch)

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, use_cache=True, cache=None,
                                      past_key_values=None, **kwargs):
        cache = cache if cache is not None else past_key_values
        past = 0 if cache is None else cache.length
        return {
            # The whole sequence so far is given, or only what is new.
            "input_ids": input_ids[:, past:] if input_ids.shape[1] > past else input_ids,
            "attention_mask": attention_mask,
            "cache": cache,
            "use_cache": use_cache,
            "logits_to_keep": 1,
        }

    def _update_model_kwargs_for_generation(self, outputs, model_kwargs, *args, **kwargs):
        model_kwargs = super()._update_model_kwargs_for_generation(outputs, model_kwargs, *args, **kwargs)
        if outputs.decoding is not None:
            model_kwargs[self._cache_name] = outputs.decoding
        return model_kwargs
