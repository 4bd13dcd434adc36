"""Graphs to look at and to edit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from . import _arguments, _strata
from ._strata import NodeArg
from .errors import UsageError


class PassRecord(NamedTuple):
    """What a pass did."""

    name: str
    seconds: float
    nodes_before: int
    nodes_after: int


class Attributes(MutableMapping[str, Any]):
    """Attributes of a node by name; setting and deleting change the graph.

    Values are int, float, str, lists of them, numpy arrays, element types by numpy's name
    ("float32") and, for the bodies of control flow, Graph. What is read is a copy.
    """

    def __init__(self, graph: _strata.Graph, node: str) -> None:
        self._graph = graph
        self._node = node

    def __getitem__(self, name: str) -> Any:
        if name not in self._graph.attribute_names(self._node):
            raise KeyError(name)
        value = self._graph.attribute(self._node, name)
        return Graph(value) if isinstance(value, _strata.Graph) else value

    def __setitem__(self, name: str, value: Any) -> None:
        self._graph.set_attribute(self._node, _arguments.text(name, "attribute"), _unwrapped(value))

    def __delitem__(self, name: str) -> None:
        if name not in self._graph.attribute_names(self._node):
            raise KeyError(name)
        self._graph.erase_attribute(self._node, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.attribute_names(self._node))

    def __len__(self) -> int:
        return len(self._graph.attribute_names(self._node))

    def __repr__(self) -> str:
        return repr(dict(self))


def _unwrapped(value: Any) -> Any:
    return value._graph if isinstance(value, Graph) else value


class Node:
    """A node of a graph. Refers to it by its name: a node that is gone raises UsageError."""

    def __init__(self, graph: _strata.Graph, name: str) -> None:
        self._graph = graph
        self._name = name

    @property
    def name(self) -> str:
        """Unique in the graph; setting it renames the node."""
        return self._name

    @name.setter
    def name(self, new: str) -> None:
        self._graph.rename_node(self._name, _arguments.text(new, "name"))
        self._name = new

    @property
    def op(self) -> str:
        """As ONNX names it: "Conv"; with its domain if that is not ONNX's: "strata.Fused"."""
        return self._graph.op(self._name)

    @property
    def inputs(self) -> list[str | None]:
        """Names of the values it reads; None: omitted. Setting it connects the node anew."""
        return self._graph.operands(self._name)

    @inputs.setter
    def inputs(self, names: Sequence[str | None]) -> None:
        self._graph.set_operands(self._name, _arguments.optional_texts(names, "inputs"))

    @property
    def outputs(self) -> list[str | None]:
        """Names of the values it gives; None: not wanted."""
        return self._graph.results(self._name)

    @property
    def attributes(self) -> Attributes:
        """By name; those that have their default may be absent."""
        return Attributes(self._graph, self._name)

    @property
    def sources(self) -> list[str]:
        """Names of the nodes of the user's model that it came from, through all passes."""
        return self._graph.sources(self._name)

    def __repr__(self) -> str:
        if not self._graph.has_node(self._name):
            return f"<strata.Node {self._name!r}, removed>"
        return f"<strata.Node {self._name!r}: {self.op}({self.inputs}) -> {self.outputs}>"


class Graph:
    """A network as nodes and values with names, to look at, edit, optimise, save and run.

    An edit that names what is not there, or breaks what the op's definition says, is refused and
    changes nothing. Types follow from the inputs: after edits they are inferred again, and the
    whole is verified, when something asks for types, optimises, prints, saves or runs the graph;
    `check` does it at once.
    """

    def __init__(self, graph: _strata.Graph) -> None:
        """Use load, from_text or InferenceSession.graph instead."""
        if not isinstance(graph, _strata.Graph):
            raise UsageError("strata.Graph.load(path or bytes) makes graphs, and from_text does")
        self._graph = graph

    @staticmethod
    def load(
        path_or_bytes: str | os.PathLike[str] | bytes, *, arithmetic: str | None = None
    ) -> Graph:
        """Reads a model: an ONNX file, its content, or a file in the text form (*.strata.txt)."""
        return Graph(load(path_or_bytes, arithmetic, True))

    @staticmethod
    def from_text(text: str) -> Graph:
        """Reads what `text` gives."""
        return Graph(_strata.Graph.from_text(_arguments.raw(_arguments.text(text, "text"))))

    @property
    def name(self) -> str:
        """Of the graph, as its author called it."""
        return self._graph.name()

    @name.setter
    def name(self, new: str) -> None:
        self._graph.set_name(_arguments.text(new, "name"))

    @property
    def inputs(self) -> list[NodeArg]:
        """Name, shape and element type of each."""
        return self._graph.inputs()

    @property
    def outputs(self) -> list[NodeArg]:
        """Name, shape and element type of each."""
        return self._graph.outputs()

    @property
    def nodes(self) -> list[Node]:
        """In the order in which they run."""
        return [Node(self._graph, name) for name in self._graph.node_names()]

    @property
    def constants(self) -> list[str]:
        """Names of the weights and other constants."""
        return self._graph.constants()

    @property
    def states(self) -> list[str]:
        """Names of what outlives a run."""
        return self._graph.states()

    def node(self, name: str) -> Node:
        """The node of this name."""
        name = _arguments.text(name, "name")
        self._graph.op(name)
        return Node(self._graph, name)

    def value(self, name: str) -> NodeArg:
        """Shape and element type of any value."""
        return self._graph.value(_arguments.text(name, "name"))

    def constant(self, name: str) -> NDArray[Any]:
        """The elements of a constant, in an array of their own."""
        return self._graph.constant(_arguments.text(name, "name"))

    def set_constant(self, name: str, array: NDArray[Any]) -> None:
        """Gives a constant other elements, also of another type and shape; makes an input one."""
        self._graph.set_constant(_arguments.text(name, "name"), array)

    def add_constant(self, name: str, array: NDArray[Any]) -> None:
        """Adds a constant for nodes to read."""
        self._graph.add_constant(_arguments.text(name, "name"), array)

    def add_node(
        self,
        op: str,
        inputs: Sequence[str | None],
        outputs: Sequence[str | None],
        attributes: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Node:
        """Adds a node that reads values of the graph and gives new ones.

        `name`: by default the op and its first output, as models without names get on import.
        """
        results = _arguments.optional_texts(outputs, "outputs")
        if name is None:
            name = f"{op}_{next((result for result in results if result), '')}"
        given = {} if attributes is None else attributes
        if not isinstance(given, Mapping):
            raise UsageError(f"attributes: {attributes!r} given, expected a dict by name")
        self._graph.add_node(
            _arguments.text(op, "op"),
            _arguments.optional_texts(inputs, "inputs"),
            results,
            {_arguments.text(key, "attribute"): _unwrapped(value) for key, value in given.items()},
            _arguments.text(name, "name"),
        )
        return Node(self._graph, name)

    def remove_node(self, name: str, by: str | None = None) -> None:
        """Removes a node. Uses of its output become uses of the value `by`.

        Without `by`, the node's only input that is no constant takes that place. Outputs of the
        graph keep their names.
        """
        by = None if by is None else _arguments.text(by, "by")
        self._graph.remove_node(_arguments.text(name, "name"), by)

    def replace_uses(self, old: str, new: str) -> None:
        """Lets all nodes that read value `old` read `new`."""
        self._graph.replace_uses(_arguments.text(old, "old"), _arguments.text(new, "new"))

    def rename(self, old: str, new: str) -> None:
        """Gives a value another name; Node.name does so for nodes."""
        self._graph.rename(_arguments.text(old, "old"), _arguments.text(new, "new"))

    def add_output(self, name: str) -> None:
        """Makes a value an output of the graph, after the others."""
        self._graph.add_output(_arguments.text(name, "name"))

    def remove_output(self, name: str) -> None:
        """The value is no output any more. What nothing needs then goes when the graph is
        optimised."""
        self._graph.remove_output(_arguments.text(name, "name"))

    def check(self) -> None:
        """Infers all types and verifies the graph."""
        self._graph.check()

    def optimize(
        self, passes_off: Sequence[str] = (), *, check_passes: bool = False
    ) -> list[PassRecord]:
        """Runs all passes but those off; see strata.passes. What a session does by itself."""
        return _records(
            self._graph.optimize(
                _arguments.texts(passes_off, "passes_off"),
                _arguments.flag(check_passes, "check_passes"),
            )
        )

    def run_passes(self, names: Sequence[str], *, check_passes: bool = False) -> list[PassRecord]:
        """Runs these passes in this order. check_passes: names one that changes results, slowly."""
        return _records(
            self._graph.run_passes(
                _arguments.texts(names, "names"), _arguments.flag(check_passes, "check_passes")
            )
        )

    def text(self, *, constants: bool = True) -> str:
        """The text form, which from_text reads back. Without constants it is for people only."""
        return self._graph.to_text(_arguments.flag(constants, "constants"))

    def to_bytes(self, *, opset: int = 17) -> bytes:
        """The content of an ONNX file."""
        return self._graph.onnx_bytes(_opset(opset))

    def save(
        self, path: str | os.PathLike[str], *, opset: int = 17, external_data: bool = False
    ) -> None:
        """Writes the graph to a file: ONNX, Strata's container if the name ends in .strata,
        or text if it ends in .strata.txt.

        opset: the lowest to write; ops that came later raise it. external_data: the weights go to
        a file PATH.data beside the model.
        """
        encoded = _arguments.path(path, "path")
        external = _arguments.flag(external_data, "external_data")
        if encoded.endswith(b".strata.txt"):
            self._graph.save_text(encoded)
        elif encoded.endswith(b".strata"):
            self._graph.save_container(encoded)
        elif encoded.endswith(b".onnx"):
            self._graph.save_onnx(encoded, _opset(opset), external)
        else:
            raise UsageError(
                f"path: {os.fspath(path)!r} given, expected a name that ends in .onnx, "
                ".strata or .strata.txt"
            )

    def copy(self) -> Graph:
        """Another graph, which shares the weights until they are set."""
        return Graph(self._graph.copy())

    def __eq__(self, other: object) -> bool:
        """The same nodes, values, names, attributes and constants in the same order."""
        if not isinstance(other, Graph):
            return NotImplemented
        return self._graph.identical_to(other._graph)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.text(constants=False)

    def __repr__(self) -> str:
        return f"<strata.Graph {self.name!r} of {len(self._graph.node_names())} nodes>"


def _opset(value: int) -> int:
    return _arguments.integer(value, "opset", 0, 2**31 - 1, "13 or more")


def _records(records: list[dict[str, Any]]) -> list[PassRecord]:
    return [PassRecord(**record) for record in records]


def load(model: Any, arithmetic: str | None = None, literal: bool = False) -> _strata.Graph:
    """The graph of a model given as path, content or Graph."""
    mode = _arguments.text("tflite_xnnpack" if arithmetic is None else arithmetic, "arithmetic")
    if isinstance(model, Graph):
        return model._graph
    if isinstance(model, bytes):
        return _strata.Graph.from_bytes(model, mode, literal)
    try:
        path = os.fsencode(model)
    except TypeError:
        raise UsageError(
            f"path_or_bytes: a {type(model).__name__} given, expected a path (str or os.PathLike), "
            "the content of a model as bytes, or a strata.Graph"
        ) from None
    return _strata.Graph.load(path, mode, literal)


def passes() -> dict[str, str]:
    """All passes in the order in which they run: names and what they do."""
    return dict(_strata.passes())
