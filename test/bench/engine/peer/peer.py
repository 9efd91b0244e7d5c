"""PyTorch's side of the benchmark: answers the requests of ../protocol.ts on standard input, one JSON object a line.

    python peer.py FOLDER SCAN        FOLDER holds row.json; SCAN is `loop` (transformers' own) or `mambapy`

Models are transformers' own modules with the weights of the folder's files, in float32; the optimiser is torch's fused
AdamW, with decay on matrices alone as the other side has it.
"""

import json
import os
import sys
import time

REQUESTS = ("load", "check", "turn", "profile")


def status_bytes(key):
    """A line of /proc/self/status in bytes; None where there is no such file."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def reset_peak():
    """Sets VmHWM to what is resident now; does nothing where the system can't."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


class Session:
    def __init__(self, folder, scan):
        with open(os.path.join(folder, "row.json")) as file:
            self.row = json.load(file)
        self.scan = scan
        self.work = None
        self.base = None

    def load(self, _):
        import torch
        import transformers
        import workloads

        torch.set_num_threads(self.row["threads"])
        torch.manual_seed(0)
        transformers.logging.set_verbosity_error()
        workloads.load_libraries(self.row, self.scan)
        self.base = status_bytes("VmRSS")
        self.work = workloads.make(self.row, self.scan)
        versions = {"torch": torch.__version__, "transformers": transformers.__version__,
                    "python": sys.version.split()[0]}
        if self.scan == "mambapy":
            from importlib.metadata import version

            versions["mambapy"] = version("mambapy")
        return {"versions": versions}

    def check(self, request):
        reset_peak()
        values = self.work.check(request["count"])
        peak = status_bytes("VmHWM")
        return {"values": values, "memoryBytes": None if peak is None else peak - self.base,
                "processBytes": peak}

    def turn(self, _):
        return {"milliseconds": self.work.turn()}

    def profile(self, request):
        from torch.profiler import ProfilerActivity, profile

        count = request["count"]
        begun = time.perf_counter()
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            self.work.repeat(count)
        total = (time.perf_counter() - begun) * 1000 / count
        events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
        return {"total": total, "lines": [
            {"name": event.key, "milliseconds": event.self_cpu_time_total / 1000 / count, "calls": event.count / count}
            for event in events[:25]]}


def main():
    folder, scan = sys.argv[1:3]
    answers = os.fdopen(os.dup(1), "w")
    # What libraries print must not be taken for an answer.
    os.dup2(2, 1)
    session = Session(folder, scan)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] not in REQUESTS:
            raise ValueError(f"no such request: {request['do']}")
        print(json.dumps(getattr(session, request["do"])(request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
