"""TensorFlow Lite models run as ONNX ones do."""

from pathlib import Path

import numpy as np
import pytest

import strata

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus" / "tflite"
MODES = ["tflite_xnnpack", "tflite_optimized", "tflite_reference"]


def run(**options):
    session = strata.InferenceSession(CORPUS / "head_i8.tflite", **options)
    (feed,) = session.get_inputs()
    assert feed.shape == [1, 2, 2, 2]
    x = np.arange(8, dtype=np.int8).reshape(feed.shape)
    return session.run(None, {feed.name: x})[0]


def test_integers_in_and_out():
    result = run()
    assert result.dtype == np.int8
    assert result.shape == (1, 3)
    # Probabilities on a grid of 1/256 from -128.
    assert abs((result.astype(int) + 128).sum() - 256) <= 3


def test_what_integers_stand_for():
    session = strata.InferenceSession(CORPUS / "head_i8.tflite")
    (result,) = session.get_outputs()
    assert (result.scale, result.zero_point) == (1 / 256, -128)
    assert repr(result).endswith(", shape=[1, 3], scale=0.00390625, zero_point=-128)")
    assert session.get_inputs()[0].scale > 0
    assert session.share().get_outputs()[0].zero_point == -128
    graph = strata.Graph.load(CORPUS / "head_i8.tflite")
    assert graph.outputs[0].scale == result.scale


@pytest.mark.parametrize("mode", MODES)
def test_arithmetic(mode):
    graph = strata.Graph.load(CORPUS / "conv_i8.tflite", arithmetic=mode)
    assert mode in graph.text()
    assert run(arithmetic=mode).shape == (1, 3)


def test_unknown_arithmetic():
    with pytest.raises(strata.UsageError, match="tflite_reference"):
        run(arithmetic="onnx")
    with pytest.raises(strata.UsageError, match="expected a str"):
        run(arithmetic=3)
