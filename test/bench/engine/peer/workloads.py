"""What PyTorch's side computes: training steps of a model or a hybrid, text from a hybrid, a scan."""

import time

import numpy as np
import torch
import torch.nn.functional as F

from hybrid import Hybrid, load_model


def load_libraries(row, scan):
    """Imports what the row needs, so that its memory counts as the libraries'."""
    from transformers.models.gpt_neox import modeling_gpt_neox  # noqa: F401
    from transformers.models.mamba import modeling_mamba  # noqa: F401

    if scan == "mambapy":
        import mambapy.pscan  # noqa: F401


def make(row, scan):
    if row["kind"] == "scan":
        return Scan(row, scan)
    if row["kind"] == "generation":
        return Generation(row, scan)
    return Training(row, scan)


def optimiser_of(named_parameters, alphas, settings):
    """Fused AdamW; decay on matrices, not on vectors nor on Mamba's A_log; none on the architecture parameters."""
    matrices, others = [], []
    for name, parameter in named_parameters:
        is_matrix = parameter.dim() > 1 and not name.endswith("A_log")
        (matrices if is_matrix else others).append(parameter)
    groups = [{"params": matrices, "weight_decay": settings["weightDecay"]},
              {"params": others, "weight_decay": 0.0}]
    if alphas is not None:
        groups.append({"params": [alphas], "weight_decay": 0.0, "lr": settings["alphaLearningRate"]})
    return torch.optim.AdamW(groups, lr=settings["learningRate"], fused=True)


class Training:
    def __init__(self, row, scan):
        self.row = row
        if len(row["components"]) == 1:
            self.model = load_model(row["components"][0]["folder"], scan)
            self.alphas = None
        else:
            self.model = Hybrid(row, scan)
            self.alphas = torch.zeros(row["blocks"], len(row["components"]), requires_grad=True)
        self.model.train()
        self.settings = row["optimiser"]
        self.parameters = list(self.model.parameters())
        self.optimiser = optimiser_of(self.model.named_parameters(), self.alphas, self.settings)
        shape = (row["batchCount"], 2, row["batch"], row["context"])
        batches = np.fromfile(row["batches"], dtype="<i4").reshape(shape)
        self.batches = torch.from_numpy(batches.astype(np.int64))
        self.taken = 0

    def logits(self, ids):
        if self.alphas is None:
            return self.model(ids, use_cache=False).logits
        return self.model(ids, [row.unbind() for row in torch.softmax(self.alphas, -1).unbind()])

    def step(self):
        ids, targets = self.batches[self.taken % len(self.batches)]
        self.taken += 1
        self.optimiser.zero_grad(set_to_none=True)
        logits = self.logits(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings["clip"])
        self.optimiser.step()
        return loss.item()

    def check(self, count):
        return [self.step() for _ in range(count)]

    def repeat(self, count):
        for _ in range(count):
            self.step()

    def turn(self):
        begun = time.perf_counter()
        self.repeat(self.row["perTurn"])
        return [(time.perf_counter() - begun) * 1000 / self.row["perTurn"]]


class Generation:
    """Greedy decoding with the components' caches; the time is that of the tokens after the first, as the prompt is its."""

    def __init__(self, row, scan):
        self.row = row
        self.model = Hybrid(row, scan).eval()
        self.rows = [[1 / len(row["components"])] * len(row["components"])] * row["blocks"]

    @torch.inference_mode()
    def text(self, count):
        state = self.model.caches()
        ids, begun = [], 0.0
        following = self.row["prompt"]
        while len(ids) < count:
            logits = self.model(torch.tensor([following]), self.rows, state, last_only=True)
            ids.append(int(logits[0, -1].argmax()))
            following = ids[-1:]
            if len(ids) == 1:
                begun = time.perf_counter()
        return ids, (time.perf_counter() - begun) * 1000 / (len(ids) - 1)

    def check(self, count):
        return self.text(self.row["context"])[0]

    def repeat(self, count):
        self.text(count)

    def turn(self):
        return [sum(self.text(self.row["context"])[1] for _ in range(self.row["perTurn"])) / self.row["perTurn"]]


class Scan:
    """transformers' scan alone, forward and backward, over the same number of tokens at every length."""

    def __init__(self, row, scan):
        from transformers.models.mamba.modeling_mamba import mamba_selective_scan

        self.row = row
        self.function = mamba_selective_scan
        self.mambapy = scan == "mambapy"

    def inputs(self, length):
        c, n = self.row["channels"], self.row["state"]

        def wave(shape, speed, low, high):
            count = int(np.prod(shape))
            values = (low + high) / 2 + (high - low) / 2 * np.sin(speed * np.arange(count, dtype=np.float64))
            return torch.from_numpy(values.astype(np.float32)).reshape(shape).requires_grad_()

        return [wave((1, length, c), 0.7, -1, 1), wave((1, length, c), 0.3, 0.001, 0.1),
                wave((c, n), 0.9, -16, -1), wave((1, length, n), 1.1, -1, 1), wave((1, length, n), 1.3, -1, 1),
                wave((c,), 0.5, 0.5, 1.5)]

    def run(self, inputs):
        u, delta, A, B, C, D = inputs
        y = self.function(u.transpose(1, 2), delta.transpose(1, 2), A, B.transpose(1, 2), C.transpose(1, 2), D=D,
                          use_mambapy=self.mambapy)
        total = y.sum()
        return total.item(), torch.autograd.grad(total, inputs)

    def check(self, count):
        value, grads = self.run(self.inputs(self.row["lengths"][0]))
        return [value] + [grad.norm().item() for grad in grads]

    def repeat(self, count):
        for length in self.row["lengths"]:
            inputs = self.inputs(length)
            for _ in range(count):
                self.run(inputs)

    def turn(self):
        """Microseconds a token at each length, after a pass that takes the memory."""
        tokens = max(self.row["lengths"])
        times = []
        for length in self.row["lengths"]:
            inputs = self.inputs(length)
            self.run(inputs)
            begun = time.perf_counter()
            for _ in range(tokens // length):
                self.run(inputs)
            times.append((time.perf_counter() - begun) * 1e6 / tokens)
        return times
