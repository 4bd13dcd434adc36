"""Strata: run trained networks on constrained hardware.

>>> session = strata.InferenceSession("model.onnx", threads=1)
>>> outputs = session.run(None, {"input": array})
"""

from ._strata import Error, InferenceSession, NodeArg, __version__

__all__ = ["Error", "InferenceSession", "NodeArg", "__version__"]
