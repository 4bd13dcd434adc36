"""The arithmetic of comparisons, on made-up times."""

import json

import numpy as np
import pytest
from compare import difference, parse
from peers import feed
from report import geometric_mean, ratio_cell, ratios, write_reports


def entry(*rounds: float) -> dict:
    return {
        "load_s": 0.01,
        "first_s": 0.002,
        "cold_s": 0.5,
        "rounds_s": list(rounds),
        "peak_bytes": 2**20,
    }


def document() -> dict:
    return {
        "command": "compare",
        "machine": "none",
        "peers": {
            "strata": {"version": "1", "bytes": 0},
            "other": {"version": "2", "bytes": 2**20},
        },
        "rounds": 3,
        "seconds": 0.1,
        "results": [
            {
                "model": "a<b>.onnx",
                "bytes": 2**20,
                "threads": 1,
                "peers": {"strata": entry(1.0, 4.0, 3.0), "other": entry(2.0, 2.0, 2.0)},
            },
            {
                "model": "c.onnx",
                "bytes": 1,
                "threads": 1,
                "peers": {"strata": entry(1.0), "other": {"refused": "Error: no", "rounds_s": []}},
            },
        ],
    }


def test_ratios_are_taken_within_rounds():
    result = document()["results"][0]
    assert ratios(result, "other", "strata") == [0.5, 2.0, 1.5]
    assert ratio_cell([0.5, 2.0, 1.5]) == "1.50 (0.50–2.00)"
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1)


def test_reports_say_what_refused_and_escape_names(tmp_path):
    text = write_reports(document(), tmp_path)
    assert "| a<b>.onnx | 3000 | 2000 | 1.50 (0.50–2.00) |" in text
    assert "| geometric mean |  |  | 1.500 of 1 |" in text
    assert "Error: no" in text
    assert json.loads((tmp_path / "compare.json").read_text()) == document()
    page = (tmp_path / "compare.html").read_text()
    assert "a&lt;b&gt;.onnx" in page and "a<b>" not in page


def test_difference_is_relative_to_the_largest_output(tmp_path):
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(a, np.array([1.0, 4.0]))
    np.savez(b, np.array([1.0, 5.0]))
    assert difference(a, b) == pytest.approx(0.2)
    np.savez(b, np.zeros(3))
    assert difference(a, b) is None


def test_feeds_repeat_and_keep_to_the_type():
    assert (feed(0, ["N", 3], "float32") == feed(0, [None, 3], "float32")).all()
    assert feed(1, [2, 2], "uint8").dtype == np.uint8
    assert feed(1, [1000], "int8").min() < 0 <= feed(1, [1000], "int64").min()


@pytest.mark.parametrize(
    "arguments", [["--peers", "none"], ["--threads", "x"], ["--threads", "0"], ["missing.onnx"]]
)
def test_bad_arguments_are_refused(arguments, tmp_path, capsys):
    model = tmp_path / "net.onnx"
    model.touch()
    with pytest.raises(SystemExit):
        parse([*arguments, str(model)])
    assert "accepted" in (text := capsys.readouterr().err) or "no such file" in text
