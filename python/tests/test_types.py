"""The type stubs tell the truth about the module."""

import ast
import inspect
import pathlib
import re

import strata

STUB = pathlib.Path(strata.__file__).with_name("__init__.pyi")


def definitions():
    return {
        node.target.id if isinstance(node, ast.AnnAssign) else node.name: node
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AnnAssign))
    }


def stub_parameters(function):
    """Names in order, with a star where only keywords follow, and defaults as text."""
    spec = function.args
    plain = [None] * (len(spec.args) - len(spec.defaults)) + spec.defaults
    pairs = list(zip(spec.args, plain))
    if spec.kwonlyargs:
        pairs += [(ast.arg("*"), None), *zip(spec.kwonlyargs, spec.kw_defaults)]
    return [(arg.arg, default and ast.unparse(default)) for arg, default in pairs]


def real_parameters(function):
    """The same from the signature that pybind11 writes into the first line of the docstring."""
    text = re.search(r"\((.*)\) ->", inspect.getdoc(function).splitlines()[0]).group(1)
    call = ast.parse(f"def f({text}): ...".replace("strata._strata.", "")).body[0]
    return stub_parameters(call)


def test_every_public_name_is_typed():
    assert set(definitions()) == set(strata.__all__)
    assert (STUB.parent / "py.typed").exists()


def test_classes_have_the_members_of_the_stub():
    for name, node in definitions().items():
        if not isinstance(node, ast.ClassDef) or name == "Error":
            continue
        members = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
        real = vars(getattr(strata, name))
        assert set(members) - {"__init__"} == {m for m in real if not m.startswith("_")}
        for member, function in members.items():
            if any(getattr(d, "id", "") == "property" for d in function.decorator_list):
                assert isinstance(real[member], property), member
            else:
                assert stub_parameters(function) == real_parameters(real[member]), member


def test_the_version_is_the_package_s():
    from importlib.metadata import version

    assert strata.__version__ == version("strata")
