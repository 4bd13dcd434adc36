"""The page docs/from-onnxruntime.md does what it says: its examples run in their order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_examples_run(folder):
    examples = EXAMPLE.findall((ROOT / "docs/from-onnxruntime.md").read_text(encoding="utf-8"))
    assert {language for language, _ in examples} == {"python", "sh"}
    names = {}
    for language, code in examples:
        if language == "python":
            exec(compile(code, "docs/from-onnxruntime.md", "exec"), names)
        else:
            done = subprocess.run(["sh", "-ec", code], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{code}\n{done.stdout[-2000:]}\n{done.stderr}"
    assert names["scores"].shape == (1, 1000)
    for made in ("optimized.onnx", "profile.html", "trace.json", "small.onnx", "report.html"):
        assert (folder / made).stat().st_size > 0
