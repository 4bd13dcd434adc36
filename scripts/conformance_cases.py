#!/usr/bin/env python3
"""Writes the conformance cases that the installed onnx package generates, and links those it carries.
usage: conformance_cases.py FOLDER; also writes FOLDER/versions (each op and the opsets that define it)"""

import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def write_tensor(path: Path, value: object, name: str) -> None:
    tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name)
    path.write_bytes(tensor.SerializeToString())


def write_case(folder: Path, case: object) -> None:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "tolerance").write_text(f"{case.rtol} {case.atol}\n")
    for number, (inputs, outputs) in enumerate(case.data_sets or []):
        data = folder / f"test_data_set_{number}"
        data.mkdir()
        for kind, values in (("input", inputs), ("output", outputs)):
            # Sequences and the like: the model says that they are out of scope.
            plain = [v for v in values if v is not None and not isinstance(v, (list, dict))]
            for i, value in enumerate(plain):
                write_tensor(data / f"{kind}_{i}.pb", value, f"{kind}_{i}")


def main(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    warnings.filterwarnings("ignore")  # the cases divide by zero on purpose
    cases = collect_testcases(None)
    for case in cases:
        write_case(root / "node" / case.name, case)
    carried = Path(onnx.__file__).parent / "backend/test/data"
    for model in carried.glob("*/test_*/model.onnx"):
        group = root / model.parent.parent.name
        group.mkdir(exist_ok=True)
        if not (group / model.parent.name).exists():
            (group / model.parent.name).symlink_to(model.parent)
    versions: dict[str, set[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            versions.setdefault(schema.name, set()).add(schema.since_version)
    lines = (f"{op} {' '.join(map(str, sorted(found)))}\n" for op, found in sorted(versions.items()))
    (root / "versions").write_text("".join(lines))
    print(f"{len(cases)} cases of onnx {onnx.__version__} are in {root}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
