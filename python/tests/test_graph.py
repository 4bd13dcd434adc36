"""Graphs: what they say, every edit, and files."""

import gc

import numpy as np
import onnx
import pytest
import strata
from models import RELU, model

NETWORK = model(
    """(float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2] b = {10, 20}>
    { [fc] h = MatMul(x, w)  [bias] s = Add(h, b)  [act] y = LeakyRelu <alpha = 0.5> (s) }"""
)
X = np.array([[1, 2, 3], [-9, -9, -9]], np.float32)


@pytest.fixture
def graph():
    return strata.Graph.load(NETWORK)


def outputs_of(graph, x=X):
    return [y.tolist() for y in strata.InferenceSession(graph).run(None, {"x": x})]


def refused(part, edit, graph, kind=strata.UsageError):
    """The edit fails with this text and changes nothing."""
    before = graph.text()
    with pytest.raises(kind) as caught:
        edit()
    assert part in str(caught.value), caught.value
    assert graph.text() == before


def test_a_graph_says_what_it_holds(graph):
    assert [(arg.name, arg.shape) for arg in graph.inputs] == [("x", ["N", 3])]
    assert [(arg.name, arg.shape, arg.type) for arg in graph.outputs] == [("y", ["N", 2], "tensor(float)")]
    assert graph.name == "g" and graph.states == [] and sorted(graph.constants) == ["b", "w"]
    assert [(node.name, node.op) for node in graph.nodes] == [
        ("fc", "MatMul"),
        ("bias", "Add"),
        ("act", "LeakyRelu"),
    ]
    node = graph.node("bias")
    assert node.inputs == ["h", "b"] and node.outputs == ["s"] and node.sources == ["bias"]
    assert dict(graph.node("act").attributes) == {"alpha": 0.5}
    assert graph.value("h").shape == ["N", 2]
    assert graph.constant("b").tolist() == [10, 20]
    assert repr(graph) == "<strata.Graph 'g' of 3 nodes>" and "LeakyRelu" in repr(graph.node("act"))
    assert "MatMul" in str(graph)
    for ask in (graph.node, graph.value, graph.constant):
        with pytest.raises(strata.UsageError, match="'nosuch'"):
            ask("nosuch")
    with pytest.raises(strata.UsageError, match="h is no constant"):
        graph.constant("h")


def test_attributes_are_a_mapping(graph):
    attributes = graph.node("act").attributes
    assert outputs_of(graph)[0][1] == [0.5 * (-81 + 10), 0.5 * (-108 + 20)]
    attributes["alpha"] = 2
    assert attributes["alpha"] == 2.0 and len(attributes) == 1 and "alpha" in attributes
    assert outputs_of(graph)[0][1] == [2 * (-81 + 10), 2 * (-108 + 20)]
    del attributes["alpha"]
    assert dict(attributes) == {}
    refused("no attribute slope; accepted: alpha", lambda: attributes.update(slope=1), graph)
    for wrong in ("0.5", [0.5], None):
        refused("expected a float", lambda: attributes.update(alpha=wrong), graph)
    for key in ("alpha", "nosuch"):
        with pytest.raises(KeyError):
            attributes[key]
        with pytest.raises(KeyError):
            del attributes[key]


def test_attributes_of_every_kind():
    tensor = np.array([1.5, 2], np.float32)
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]> g (float[1, 2, 8] x, bool c) => (float z, int64[1, 2, 4] i, float[2] k)
        { p = MaxPool <kernel_shape = [2], strides = [2], auto_pad = "VALID"> (x)
          i = Cast <to = 7> (p)
          k = Constant <value = float[2] {1.5, 2}> ()
          z = If (c) <then_branch = a () => (float t) { t = Constant <value_float = 1.0> () },
                      else_branch = b () => (float e) { e = Constant <value_float = 2.0> () }> }"""
    )
    graph = strata.Graph.load(proto.SerializeToString())
    nodes = {node.op: node for node in graph.nodes}
    pool = nodes["MaxPool"].attributes
    assert pool["kernel_shape"] == [2] and pool["auto_pad"] == "VALID"
    pool["kernel_shape"] = np.array([4])
    pool["strides"] = (4,)
    pool["auto_pad"] = "NOTSET"
    assert graph.outputs[1].shape == [1, 2, 2]
    refused("expected a list of ints", lambda: pool.update(strides=2), graph)
    refused("expected a list of ints", lambda: pool.update(strides=[1 << 70]), graph)
    refused("expected a list of ints", lambda: pool.update(strides="12"), graph)
    refused("expected a str", lambda: pool.update(auto_pad=1), graph)
    cast = nodes["Cast"].attributes
    assert cast["to"] == "int64"
    for value in ("float16", np.float16, np.dtype("float16")):
        cast["to"] = value
        assert cast["to"] == "float16" and graph.outputs[1].type == "tensor(float16)"
    refused("expected an element type", lambda: cast.update(to="float17"), graph)
    refused("expected an element type", lambda: cast.update(to=object()), graph)
    branch = nodes["If"].attributes["then_branch"]
    assert isinstance(branch, strata.Graph) and branch.name == "a"
    nodes["If"].attributes["else_branch"] = branch
    refused("expected a strata.Graph", lambda: nodes["If"].attributes.update(else_branch=3), graph)
    feeds = {"x": np.ones((1, 2, 8), np.float32), "c": np.array(False)}
    z, _, k = strata.InferenceSession(graph).run(None, feeds)
    assert z == 1 and k.tolist() == tensor.tolist()


def test_constants_are_set_and_added(graph):
    graph.set_constant("b", np.array([0, 1], np.float32))
    graph.set_constant("w", np.asfortranarray(np.ones((3, 2), np.float32)))
    assert outputs_of(graph) == [[[6, 7], [-13.5, -13]]]
    array = np.array([5, 6], np.float32)
    graph.add_constant("c", array)
    array[:] = 0  # it was copied
    graph.node("bias").inputs = ["h", "c"]
    assert outputs_of(graph)[0][0] == [11, 12]
    refused("expected a numpy array", lambda: graph.set_constant("b", [1, 2]), graph)
    refused("array of object", lambda: graph.set_constant("b", np.array([None])), graph)
    refused("array of >f4", lambda: graph.set_constant("b", array.astype(">f4")), graph)
    refused("9 axes", lambda: graph.set_constant("b", np.zeros((1,) * 9, np.float32)), graph)
    refused("h is neither a constant nor an input", lambda: graph.set_constant("h", array), graph)
    refused("a value named b already", lambda: graph.add_constant("b", array), graph)
    refused("an empty name", lambda: graph.add_constant("", array), graph)


def test_an_input_becomes_a_constant(graph):
    graph.set_constant("x", X)
    assert graph.inputs == [] and [arg.shape for arg in graph.outputs] == [[2, 2]]
    (y,) = strata.InferenceSession(graph).run(None, {})
    assert y.tolist() == outputs_of(strata.Graph.load(NETWORK))[0]


def test_nodes_are_added_and_removed(graph):
    node = graph.add_node("Relu", ["s"], ["r"])
    assert node.name == "Relu_r" and node.sources == ["Relu_r"]
    graph.add_output("r")
    assert [arg.name for arg in graph.outputs] == ["y", "r"]
    graph.remove_output("y")
    graph.optimize()
    assert not any(node.op == "LeakyRelu" for node in graph.nodes)
    assert outputs_of(graph) == [[[32, 48], [0, 0]]]
    graph = strata.Graph.load(NETWORK)
    graph.remove_node("bias")
    assert [arg.name for arg in graph.outputs] == ["y"]
    assert outputs_of(graph)[0][0] == [22, 28]
    graph.remove_node("act")  # the output keeps its name
    assert [node.outputs for node in graph.nodes] == [["y"]] and outputs_of(graph)[0][0] == [22, 28]
    refused("x cannot stand for", lambda: graph.remove_node("fc"), graph)
    graph = strata.Graph.load(NETWORK)
    graph.remove_node("act", by="h")
    assert outputs_of(graph)[0][0] == [22, 28]
    graph = strata.Graph.load(NETWORK)
    graph.add_node("Mul", ["h", "s"], ["m"])
    graph.node("act").inputs = ["m"]
    refused("2 operands that are no constants", lambda: graph.remove_node("Mul_m"), graph)


def test_edits_that_make_no_sense_change_nothing(graph):
    gone = graph.node("bias")
    refused("no value of the graph is named 'q'", lambda: graph.add_node("Relu", ["q"], ["r"]), graph)
    refused("Relo", lambda: graph.add_node("Relo", ["s"], ["r"]), graph, strata.UnsupportedError)
    refused("a value named h already", lambda: graph.add_node("Relu", ["s"], ["h"]), graph)
    refused("node named act already", lambda: graph.add_node("Relu", ["s"], ["r"], name="act"), graph)
    refused("two outputs", lambda: graph.add_node("Split", ["s"], ["r", "r"]), graph)
    refused("no attribute a;", lambda: graph.add_node("Relu", ["s"], ["r"], {"a": 1}), graph)
    refused("expected a dict", lambda: graph.add_node("Relu", ["s"], ["r"], [1]), graph)
    refused("Relu_r (Relu): 2 inputs", lambda: graph.add_node("Relu", ["s", "h"], ["r"]), graph, strata.ModelError)
    refused("inputs: 's' given", lambda: graph.add_node("Relu", "s", ["r"]), graph)
    refused("is an output of node fc itself", lambda: graph.remove_node("fc", by="h"), graph)
    refused("y is the only output", lambda: graph.remove_output("y"), graph)
    refused("h is no output", lambda: graph.remove_output("h"), graph)
    refused("y is an output already", lambda: graph.add_output("y"), graph)
    refused("y is an output of the graph", lambda: graph.replace_uses("y", "h"), graph)
    refused("a value named h already", lambda: graph.rename("s", "h"), graph)
    refused("old: 3 given, expected a str", lambda: graph.rename(3, "h"), graph)
    refused("node named act already", lambda: setattr(gone, "name", "act"), graph)
    refused("bias (Add)", lambda: setattr(gone, "inputs", ["h"]), graph, strata.ModelError)
    graph.remove_node("bias")
    with pytest.raises(strata.UsageError, match="no node of the graph is named 'bias'"):
        gone.op
    assert "removed" in repr(gone)


def test_what_does_not_fit_is_found_when_types_are_asked_for(graph):
    graph.set_constant("b", np.zeros(3, np.float32))
    for ask in (graph.check, graph.text, graph.optimize, lambda: graph.outputs, lambda: strata.InferenceSession(graph)):
        with pytest.raises(strata.ModelError, match="bias"):
            ask()
    graph.set_constant("b", np.zeros(2, np.float32))
    graph.check()
    graph.node("fc").inputs = ["y", "w"]
    with pytest.raises(strata.ModelError, match="its own output"):
        graph.check()
    graph.node("fc").inputs = ["x", "w"]
    assert outputs_of(graph)[0][0] == [22, 28]


def test_values_and_nodes_are_renamed(graph):
    graph.rename("x", "image")
    graph.rename("y", "scores")
    node = graph.node("act")
    node.name = "activation"
    graph.name = "classifier"
    assert node.op == "LeakyRelu" and graph.node("activation").outputs == ["scores"]
    session = strata.InferenceSession(graph)
    assert session.get_modelmeta().graph_name == "classifier"
    assert session.run(["scores"], {"image": X})[0].shape == (2, 2)
    graph.rename("scores", "scores")


def test_a_name_is_free_when_its_value_is_gone(graph):
    graph.remove_node("bias")
    graph.add_node("Neg", ["h"], ["s"], name="bias")
    graph.node("act").inputs = ["s"]
    assert outputs_of(graph)[0][0] == [-11, -14]


def test_files_give_the_same_graph_back(graph, tmp_path):
    graph.save(tmp_path / "g.strata.txt")
    assert strata.Graph.load(tmp_path / "g.strata.txt") == graph
    graph.save(tmp_path / "g.strata")
    assert strata.Graph.load(tmp_path / "g.strata") == graph
    assert strata.Graph.from_text(graph.text()) == graph
    graph.save(tmp_path / "g.onnx", opset=18)
    onnx.checker.check_model(tmp_path / "g.onnx", full_check=True)
    assert onnx.load(tmp_path / "g.onnx").opset_import[0].version == 18
    for again in (strata.Graph.load(tmp_path / "g.onnx"), strata.Graph.load(graph.to_bytes())):
        assert outputs_of(again) == outputs_of(graph)
    graph.set_constant("w", np.ones((3, 2), np.float32))
    assert strata.Graph.load(NETWORK) != graph and graph != 3
    for path, part in [("g.txt", "ends in .onnx"), (3, "expected a path"), ("no folder/g.onnx", "no folder")]:
        with pytest.raises(strata.Error) as caught:
            graph.save(path if path == 3 else tmp_path / path)
        assert part in str(caught.value)
    with pytest.raises(strata.UsageError, match="opset: '17' given"):
        graph.to_bytes(opset="17")


def test_weights_go_to_a_file_of_their_own(tmp_path):
    graph = strata.Graph.load(RELU)
    graph.add_constant("w", np.arange(3000, dtype=np.float32).reshape(1000, 3))
    graph.add_constant("two", np.array([2, 3], np.int64))
    graph.add_node("Gather", ["w", "two"], ["rows"], {"axis": 0})
    graph.add_output("rows")
    graph.save(tmp_path / "m.onnx", external_data=True)
    assert (tmp_path / "m.onnx.data").stat().st_size >= 12000
    again = strata.InferenceSession(tmp_path / "m.onnx")
    assert again.run(["rows"], {"x": np.zeros((2, 3), np.float32)})[0].tolist() == [[6, 7, 8], [9, 10, 11]]


def test_copies_do_not_change_together(graph):
    copy = graph.copy()
    copy.set_constant("b", np.zeros(2, np.float32))
    copy.node("act").attributes["alpha"] = 0.0
    assert graph.constant("b").tolist() == [10, 20] and graph.node("act").attributes["alpha"] == 0.5
    session = strata.InferenceSession(graph)
    graph.set_constant("b", np.zeros(2, np.float32))
    assert session.run(None, {"x": X})[0][0].tolist() == [32, 48]


def test_nodes_keep_their_graph_alive():
    node = strata.Graph.load(NETWORK).node("fc")
    gc.collect()
    assert node.op == "MatMul" and node.inputs == ["x", "w"]


def test_passes_run_by_name(graph):
    names = list(strata.passes())
    assert "fuse" in names and all(strata.passes().values())
    graph.add_node("Identity", ["y"], ["z"])
    graph.add_output("z")
    (record,) = graph.run_passes(["eliminate_dead"])
    assert record.name == "eliminate_dead" and record.nodes_before == record.nodes_after == 4
    assert [record.name for record in graph.optimize(["fuse"], check_passes=True)] == [
        name for name in names if name != "fuse"
    ]
    before = outputs_of(strata.Graph.load(NETWORK))
    assert outputs_of(graph)[0] == before[0]
    refused("unknown pass 'nosuch'", lambda: graph.run_passes(["nosuch"]), graph)
    refused("unknown pass 'nosuch'", lambda: graph.optimize(["nosuch"]), graph)
    refused("names: 'fuse' given", lambda: graph.run_passes("fuse"), graph)


def test_fused_nodes_take_operands_of_other_ranks():
    graph = strata.Graph.load(
        model(
            """(float[N, 2] x) => (float[N, 2] y) <float[2] b = {10, 20}>
            { s = Add(x, b)  y = LeakyRelu <alpha = 0.5> (s) }"""
        )
    )
    graph.optimize()
    assert [node.op for node in graph.nodes] == ["strata.Fused"]
    graph.set_constant("x", np.array([-20, 1], np.float32))
    for optimize in (False, True):
        (y,) = strata.InferenceSession(graph, optimize=optimize).run(None, {})
        assert y.tolist() == [-5, 21]


def test_text_that_is_no_graph_is_refused():
    for wrong, kind in [("", strata.ModelError), ("graph", strata.ModelError), (b"graph", strata.UsageError)]:
        with pytest.raises(kind):
            strata.Graph.from_text(wrong)
    with pytest.raises(strata.UsageError, match="strata.Graph.load"):
        strata.Graph("m.onnx")
    with pytest.raises(strata.IoError, match="nosuch"):
        strata.Graph.load("nosuch.onnx")
    with pytest.raises(strata.UsageError, match="NUL"):
        strata.Graph.load("nosuch\0.onnx")


def random_edit(graph, random):
    """One edit with operands picked from what there is, or is not."""
    nodes = [node.name for node in graph.nodes]
    values = {name for node in graph.nodes for name in (*node.inputs, *node.outputs) if name}
    values = sorted(values | set(graph.constants)) + ["nosuch", "new", ""]
    node, value, other = random.choice(nodes + ["nosuch"]), random.choice(values), random.choice(values)
    op = random.choice(["Relu", "Add", "MatMul", "Split", "Concat", "Cast", "If", "Loop", "strata.Fused", "No"])
    array = random.choice([np.ones(2, np.float32), np.ones((3, 2), np.float32), np.zeros((), np.int64)])
    attribute = random.choice(["alpha", "axis", "to", "body", "value"])
    setting = random.choice([1, -1, 0.5, "float32", [1], [], array, graph, None])
    edits = [
        lambda: graph.add_node(op, [value, other], ["new"], name=node + "2"),
        lambda: graph.add_node(op, [value], [other], {attribute: setting}),
        lambda: graph.remove_node(node),
        lambda: graph.remove_node(node, by=value),
        lambda: graph.node(node).attributes.update({attribute: setting}),
        lambda: setattr(graph.node(node), "inputs", [value, other]),
        lambda: setattr(graph.node(node), "inputs", [value]),
        lambda: setattr(graph.node(node), "name", other),
        lambda: graph.set_constant(value, array),
        lambda: graph.add_constant(value, array),
        lambda: graph.rename(value, other),
        lambda: graph.replace_uses(value, other),
        lambda: graph.add_output(value),
        lambda: graph.remove_output(value),
        lambda: graph.optimize(),
        lambda: graph.run_passes([random.choice(list(strata.passes()))]),
    ]
    random.choice(edits)()


@pytest.mark.parametrize("seed", range(30))
def test_random_edits_succeed_or_say_why_not(seed):
    # The seed is in the name of the test, and runs it again: pytest -k 'random_edits and 17'
    import random

    source = random.Random(seed)
    graph = strata.Graph.load(NETWORK)
    for _ in range(100):
        try:
            random_edit(graph, source)
        except strata.InternalError:
            raise
        except strata.Error:
            pass
    try:
        assert strata.Graph.from_text(graph.text()) == graph
        strata.InferenceSession(graph)
    except strata.InternalError:
        raise
    except strata.Error:
        pass
