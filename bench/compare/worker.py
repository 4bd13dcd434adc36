"""One peer with one model in a process of its own.

usage: worker.py PEER MODEL THREADS STARTED OUTPUTS
Opens the model, writes the outputs of the first run to OUTPUTS (npz) and says, as a line of JSON,
how long that took since STARTED (seconds of the monotonic clock). Then each number of seconds that
it reads is a round: it runs for so long and says the median. Pinned to cores by whoever starts it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from typing import Any

import numpy as np
from peers import PEERS


def main() -> None:
    name, path, threads, started, outputs = sys.argv[1:]
    # Runtimes print what they like; only lines of JSON go to the real stdout.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(document: dict[str, Any]) -> None:
        print(json.dumps(document), file=answers)

    begin = time.monotonic()
    try:
        run = PEERS[name].open(path, int(threads))
        loaded = time.monotonic()
        results = [np.array(result) for result in run()]
    except Exception as error:  # whatever a runtime throws is its answer
        return answer({"refused": f"{type(error).__name__}: {error}"[:300]})
    first = time.monotonic()
    np.savez(outputs, *results)
    answer({"load_s": loaded - begin, "first_s": first - loaded, "cold_s": first - float(started)})
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while len(times) < 3 or time.perf_counter() < end:
            before = time.perf_counter()
            run()
            times.append(time.perf_counter() - before)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer({"median_s": statistics.median(times), "runs": len(times), "peak_bytes": peak})


main()
