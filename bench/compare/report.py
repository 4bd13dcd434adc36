"""What a comparison found, as Markdown and as a page."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import jinja2


def ratios(result: dict[str, Any], peer: str, base: str) -> list[float]:
    """The base's time over the peer's, round by round: below 1 the base is faster."""
    peers = result["peers"]
    if peer not in peers or base not in peers:
        return []
    return [b / p for p, b in zip(peers[peer]["rounds_s"], peers[base]["rounds_s"])]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.4g}"


def mebibytes(count: float) -> str:
    return f"{count / 2**20:.1f}"


def times_cell(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    if not entry["rounds_s"]:
        return "refused"
    return milliseconds(statistics.median(entry["rounds_s"]))


def ratio_cell(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def tables(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One table of times for each number of threads, then one of everything else."""
    names = list(document["peers"])
    base, others = names[0], names[1:]
    made = []
    for threads in sorted({result["threads"] for result in document["results"]}):
        results = [r for r in document["results"] if r["threads"] == threads]
        header = [
            "model",
            *(f"{name} ms" for name in names),
            *(f"{base} / {name}" for name in others),
        ]
        rows = []
        medians: dict[str, list[float]] = {name: [] for name in others}
        for result in results:
            row = [result["model"], *(times_cell(result["peers"].get(name)) for name in names)]
            for name in others:
                values = ratios(result, name, base)
                row.append(ratio_cell(values))
                if values:
                    medians[name].append(statistics.median(values))
            rows.append(row)
        means = [f"{geometric_mean(m):.3f} of {len(m)}" if m else "–" for m in medians.values()]
        rows.append(["geometric mean", *("" for _ in names), *means])
        title = f"{threads} thread{'' if threads == 1 else 's'}"
        made.append({"title": title, "header": header, "rows": rows})
    made.append(costs_table(document, names))
    return made


def costs_table(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Beside the time of a run: what one measurement at the first number of threads saw."""
    header = ["model", "file MiB", "runtime", "cold start ms", "load ms", "peak MiB", "difference"]
    rows = []
    seen = set()
    for result in document["results"]:
        if result["model"] in seen:
            continue
        seen.add(result["model"])
        for name in names:
            entry = result["peers"].get(name)
            if entry is None:
                continue
            row = [result["model"], mebibytes(result["bytes"]), name]
            if "refused" in entry:
                rows.append([*row, "", "", "", entry["refused"]])
                continue
            found = entry.get("difference")
            rows.append(
                [
                    *row,
                    milliseconds(entry["cold_s"]),
                    milliseconds(entry["load_s"]),
                    mebibytes(entry.get("peak_bytes", 0)),
                    "" if found is None else f"{found:.1e}",
                ]
            )
    return {"title": "Cold start, memory, agreement", "header": header, "rows": rows}


def facts(document: dict[str, Any]) -> list[str]:
    versions = ", ".join(
        f"{name} {peer['version']} ({mebibytes(peer['bytes'])} MiB installed)"
        for name, peer in document["peers"].items()
    )
    return [
        f"Machine: {document['machine']}.",
        f"Runtimes: {versions}.",
        f"Command: {document['command']}",
        f"Times are medians of {document['rounds']} rounds of {document['seconds']} s each, in which "
        "the runtimes take turns; ratios are medians of the ratios within rounds, with their range. "
        "Below 1 the first runtime is faster.",
        "Cold start is from the start of the process to the first result, load is opening the "
        "model, peak the largest resident memory of the process, interpreter and inputs included; "
        "difference is the largest one to the first runtime's outputs, relative to the largest "
        "output.",
    ]


def markdown(document: dict[str, Any]) -> str:
    lines = ["# Runtimes side by side", ""]
    for table in tables(document):
        lines += [f"## {table['title']}", "", "| " + " | ".join(table["header"]) + " |"]
        lines.append("|" + "---|" * len(table["header"]))
        lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table["rows"]]
        lines.append("")
    return "\n".join(lines + [f"- {fact}" for fact in facts(document)]) + "\n"


def bars(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The median ratio of each model to each other runtime, for the page's chart."""
    names = list(document["peers"])
    made = []
    for result in document["results"]:
        for name in names[1:]:
            values = ratios(result, name, names[0])
            if values:
                label = f"{result['model']}, {result['threads']} thr."
                made.append({"label": label, "peer": name, "ratio": statistics.median(values)})
    return made


def write_reports(document: dict[str, Any], folder: Path) -> str:
    """Writes compare.json, compare.md and compare.html; the Markdown, for the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    page = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    ).get_template("page.html")
    text = markdown(document)
    contents = {
        "compare.json": json.dumps(document, indent=1),
        "compare.md": text,
        "compare.html": page.render(
            tables=tables(document),
            facts=facts(document),
            bars=bars(document),
            base=next(iter(document["peers"])),
        ),
    }
    for name, content in contents.items():
        aside = folder / f".{name}.part"
        aside.write_text(content, encoding="utf-8")
        aside.replace(folder / name)
    return text
