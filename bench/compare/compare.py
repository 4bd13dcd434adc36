#!/usr/bin/env python3
"""Times Strata and other runtimes side by side on the same model files.

Every runtime has a process of its own, pinned to the same cores. They take turns, round by round,
and whoever does not run is stopped, so that no spinning thread disturbs another's round. A ratio is
taken within each round; the table gives the median of the ratios and their range.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, Peer
from report import write_reports

WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A peer that has opened a model. Stopped except while it is asked for something."""

    def __init__(
        self, peer: Peer, model: Path, threads: int, cores: set[int], outputs: Path
    ) -> None:
        self.outputs = outputs
        arguments = [peer.name, model, threads, time.monotonic(), outputs]
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        self.start = self._answer()
        if "refused" not in self.start:
            self.process.send_signal(signal.SIGSTOP)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            return {"refused": f"ended with code {self.process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def round(self, seconds: float) -> dict[str, Any]:
        assert self.process.stdin
        self.process.send_signal(signal.SIGCONT)
        print(seconds, file=self.process.stdin, flush=True)
        answer = self._answer()
        self.process.send_signal(signal.SIGSTOP)
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def difference(path: Path, reference: Path) -> float | None:
    """The largest difference of two peers' first outputs, relative to the largest output; None if
    they do not have the same shapes. Outputs are compared in the files' order."""
    with np.load(path) as a, np.load(reference) as b:
        if [x.shape for x in a.values()] != [x.shape for x in b.values()]:
            return None
        worst = 0.0
        for x, y in zip(a.values(), b.values()):
            if y.size == 0:
                continue
            scale = max(float(np.abs(y.astype(np.float64)).max()), 1e-30)
            worst = max(worst, float(np.abs(x.astype(np.float64) - y).max()) / scale)
        return worst


def measure(model: Path, threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """All peers that read the file, in turns."""
    cores = set(sorted(os.sched_getaffinity(0))[:threads])
    result: dict[str, Any] = {
        "model": model.name,
        "bytes": model.stat().st_size,
        "threads": threads,
        "peers": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        workers: dict[str, Worker] = {}
        for name in options.peers:
            peer = PEERS[name]
            if model.suffix not in peer.suffixes:
                continue
            worker = Worker(peer, model, threads, cores, Path(folder, f"{name}.npz"))
            result["peers"][name] = worker.start | {"rounds_s": []}
            if "refused" in worker.start:
                worker.close()
            else:
                workers[name] = worker
        try:
            for _ in range(options.rounds):
                for name, worker in workers.items():
                    answer = worker.round(options.seconds)
                    entry = result["peers"][name]
                    if "refused" in answer:
                        entry.update(answer)
                        continue
                    entry["rounds_s"].append(answer["median_s"])
                    entry["peak_bytes"] = answer["peak_bytes"]
            first = next(iter(workers.values()), None)
            for name, worker in workers.items():
                if first and worker is not first:
                    result["peers"][name]["difference"] = difference(worker.outputs, first.outputs)
        finally:
            for worker in workers.values():
                worker.close()
    return result


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument(
        "--peers",
        default="strata,onnxruntime,openvino,litert",
        help="the first one is what the others are compared with (default: %(default)s); also: "
        "openvino-bf16, torch",
    )
    parser.add_argument(
        "--threads", default="1,2", help="numbers of threads, each measured (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each peer in each round")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("compare-out"),
        help="folder for compare.md, compare.html and compare.json (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    options.peers = options.peers.split(",")
    unknown = [name for name in options.peers if name not in PEERS]
    if unknown:
        parser.error(f"--peers: {', '.join(unknown)} given, accepted: {', '.join(PEERS)}")
    try:
        options.threads = [int(number) for number in options.threads.split(",")]
    except ValueError:
        parser.error(f"--threads: {options.threads} given, numbers such as 1,2 accepted")
    if min(options.threads) < 1 or options.rounds < 1:
        parser.error("--threads and --rounds: 1 or more accepted")
    missing = [str(model) for model in options.models if not model.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    return options


def main() -> int:
    options = parse()
    results = []
    jobs = [(model, threads) for threads in options.threads for model in options.models]
    least = len(jobs) * len(options.peers) * options.rounds * options.seconds
    print(f"{len(jobs)} measurements, at least {least:.0f} s")
    try:
        for i, (model, threads) in enumerate(jobs, 1):
            progress(f"{i}/{len(jobs)} {model.name}, {threads} threads")
            results.append(measure(model, threads, options))
    except KeyboardInterrupt:
        print("interrupted: these are the figures until then", file=sys.stderr)
    progress("")
    peers = {}
    for name in options.peers:
        try:
            peers[name] = {"version": PEERS[name].version(), "bytes": PEERS[name].bytes_installed()}
        except ImportError:
            peers[name] = {"version": "not installed", "bytes": 0}
    document = {
        "command": " ".join(sys.argv),
        "machine": machine(),
        "peers": peers,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "results": results,
    }
    print(write_reports(document, options.output))
    return 0


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown"
    )
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


if __name__ == "__main__":
    sys.exit(main())
