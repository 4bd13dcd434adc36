"""The annotations tell the truth about the package, and everything public is documented."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import pytest
import strata
from strata import _strata

PACKAGE = pathlib.Path(strata.__file__).parent
STUB = PACKAGE / "_strata.pyi"


def stub_classes():
    return [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef)]


def parameters(function):
    """Names in order, with a star where only keywords follow."""
    spec = function.args
    names = [arg.arg for arg in spec.args]
    return names + (["*"] if spec.kwonlyargs else []) + [arg.arg for arg in spec.kwonlyargs]


def real_parameters(function):
    """The same from the signature that pybind11 writes into the first line of the docstring."""
    text = re.search(r"\((.*)\) ->", inspect.getdoc(function).splitlines()[0]).group(1)
    while "[" in text:  # list[tuple[str, str]]: its comma is none of ours
        text = re.sub(r"\[[^\[\]]*\]", "", text)
    return [parameter.split(":")[0] for parameter in text.split(", ")] if text else []


@pytest.mark.parametrize("node", stub_classes(), ids=lambda node: node.name)
def test_compiled_classes_have_the_members_of_the_stub(node):
    members = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
    real = vars(getattr(_strata, node.name))
    assert set(members) - {"__init__"} == {m for m in real if not m.startswith("_")}
    for member, function in members.items():
        decorators = {getattr(d, "id", "") for d in function.decorator_list}
        if "property" in decorators:
            assert isinstance(real[member], property), member
        elif "staticmethod" in decorators:
            assert parameters(function) == real_parameters(getattr(_strata, node.name).__dict__[member].__func__)
        else:
            assert parameters(function) == real_parameters(real[member]), member


def mypy(folder, *targets):
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", folder / "cache", *targets]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr + run.stdout
    return [line for line in run.stdout.splitlines() if ": error:" in line]


def test_the_package_is_typed_strictly(tmp_path):
    assert (PACKAGE / "py.typed").exists()
    pytest.importorskip("mypy")
    user = tmp_path / "user.py"
    user.write_text(
        "import numpy as np\nimport strata\n"
        "session = strata.InferenceSession('m', threads=1, kernels={'a': 'b'})\n"
        "x: float = session.profile({'x': np.zeros(3)})['nodes'][0]['seconds']\n"
        "session.get_inputs()[0].shap\n"
        "strata.InferenceSession('m', thread=1)\n"
    )
    errors = mypy(tmp_path, user)
    assert len(errors) == 2 and 'no attribute "shap"' in errors[0] and '"thread"' in errors[1], errors
    assert mypy(tmp_path, "-p", "strata") == []


def public_members(owner):
    return [
        (name, member)
        for name, member in vars(owner).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    ]


def test_everything_public_is_documented():
    missing = []
    for name in strata.__all__:
        thing = getattr(strata, name)
        if name == "__version__":
            continue
        if not inspect.getdoc(thing):
            missing.append(name)
        if inspect.isclass(thing) and thing.__module__.startswith("strata"):
            missing += [f"{name}.{m}" for m, member in public_members(thing) if not inspect.getdoc(member)]
    assert not missing


def test_the_version_is_the_package_s():
    from importlib.metadata import version

    assert strata.__version__ == version("strata")
