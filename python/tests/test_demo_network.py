"""The demo's network on its 850 labelled recordings."""

import pathlib
import tomllib

import numpy as np
import pytest
import strata

KWS = pathlib.Path(__file__).parents[2] / "demo" / "kws"


@pytest.fixture(scope="module")
def recordings():
    about = tomllib.loads((KWS / "dataset.toml").read_text())["records"]
    stored = np.fromfile(KWS / about["file"], np.int8).reshape(-1, *about["shape"])
    return ((stored - np.float32(about["zero_point"])) * np.float32(about["scale"])).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 50, 850])
def test_it_recognises_773_of_850(recordings, batch):
    labels = np.fromfile(KWS / "mfcc_0_849.labels", np.uint8)
    session = strata.InferenceSession(KWS / "kws_dscnn_fp32.onnx")
    (arg,) = session.get_inputs()
    extents = [e if isinstance(e, int) else batch for e in arg.shape]
    if extents[0] != batch:
        pytest.skip(f"the network takes {extents[0]} recording at a time")
    right = 0
    for first in range(0, len(recordings), batch):
        x = recordings[first : first + batch].reshape(-1, *extents[1:])
        (scores,) = session.run(None, {arg.name: x})
        right += int((scores.argmax(1) == labels[first : first + batch]).sum())
    assert right == 773
