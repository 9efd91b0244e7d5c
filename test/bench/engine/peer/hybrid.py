"""A hybrid in PyTorch, of transformers' modules: the embeddings mixed by the first block's weights, in every block each
component's group of layers between two gated projectors, the heads mixed by the last block's weights.

Symbols as in server/compute/hybrid/hybrid.ts: h the residual stream [b, l, d], u a group's input [b, l, d_m], alpha one
weight of a block's mixture.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModelForCausalLM, DynamicCache


def load_model(folder, scan):
    """transformers' model of a folder, in float32, with the scan that is asked for."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if model.config.model_type == "mamba":
        for module in model.modules():
            if hasattr(module, "use_mambapy"):
                module.use_mambapy = scan == "mambapy"
    return model


def fit(x, width):
    """Pads the last axis with zeros, or cuts it."""
    if x.shape[-1] == width:
        return x
    return x[..., :width] if x.shape[-1] > width else F.pad(x, (0, width - x.shape[-1]))


class Component(nn.Module):
    def __init__(self, folder, scan, blocks):
        super().__init__()
        self.model = load_model(folder, scan)
        self.is_neox = self.model.config.model_type == "gpt_neox"
        body = self.model.gpt_neox if self.is_neox else self.model.backbone
        self.width = self.model.config.hidden_size
        # Not registered again: they are parts of the model.
        self.parts = {
            "embed": body.embed_in if self.is_neox else body.embeddings,
            "norm": body.final_layer_norm if self.is_neox else body.norm_f,
            "rotary": body.rotary_emb if self.is_neox else None,
        }
        layers = list(body.layers)
        base, longer = divmod(len(layers), blocks)
        self.groups, first = [], 0
        for block in range(blocks):
            end = first + base + (block < longer)
            self.groups.append(layers[first:end])
            first = end

    def embed(self, ids):
        return self.parts["embed"](ids)

    def head(self, h):
        return self.model.lm_head(h)

    def positions(self, h, offset):
        """Cosines and sines of the positions, once a forward pass; None for a model without them."""
        if not self.is_neox:
            return None
        return self.parts["rotary"](h, torch.arange(offset, offset + h.shape[1]).unsqueeze(0))

    def group(self, block, u, positions, cache):
        for layer in self.groups[block]:
            if self.is_neox:
                u = layer(u, layer_past=cache, use_cache=cache is not None, position_embeddings=positions)
            else:
                u = layer(u, cache=cache)
        return self.parts["norm"](u) if block == len(self.groups) - 1 else u


def projector(source, target):
    """Starts as the rectangular identity."""
    linear = nn.Linear(source, target)
    nn.init.eye_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def gated(alpha, x, linear, width):
    return (1 - alpha) * linear(x) + alpha * fit(x, width)


class Hybrid(nn.Module):
    def __init__(self, row, scan):
        super().__init__()
        self.blocks = row["blocks"]
        self.components = nn.ModuleList(
            Component(component["folder"], scan, self.blocks) for component in row["components"])
        self.width = max(component.width for component in self.components)
        self.into = nn.ModuleList(
            nn.ModuleList(projector(self.width, component.width) for component in self.components)
            for _ in range(self.blocks))
        self.out = nn.ModuleList(
            nn.ModuleList(projector(component.width, self.width) for component in self.components)
            for _ in range(self.blocks))
        self.seen = 0

    def caches(self):
        """Decoding state, one cache a component."""
        self.seen = 0
        return [DynamicCache(config=component.model.config) for component in self.components]

    def forward(self, ids, rows, caches=None, last_only=False):
        """ids [b, l], rows [N][K] -> logits [b, l, V], of the last position alone with `last_only`."""
        offset = self.seen if caches is not None else 0
        h = sum(rows[0][m] * fit(component.embed(ids), self.width) for m, component in enumerate(self.components))
        positions = [component.positions(h, offset) for component in self.components]
        for block in range(self.blocks):
            total = 0
            for m, component in enumerate(self.components):
                alpha = rows[block][m]
                u = gated(alpha, h, self.into[block][m], component.width)
                y = component.group(block, u, positions[m], caches[m] if caches is not None else None)
                total = total + alpha * gated(alpha, y, self.out[block][m], self.width)
            h = total
        if caches is not None:
            self.seen += ids.shape[1]
        if last_only:
            h = h[:, -1:]
        row = rows[self.blocks - 1]
        return sum(row[m] * component.head(fit(h, component.width)) for m, component in enumerate(self.components))
