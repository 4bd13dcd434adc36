"""Options of sessions and runs, under Strata's names and ONNX Runtime's."""

import json
import os

import numpy as np
import pytest
import strata
from models import ADD_ONE, RELU, model

CONV = model(
    """(float[1, 1, 4, 4] x) => (float[1, 2, 3, 3] y) <float[2, 1, 2, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    { [conv] c = Conv(x, w)  [relu] y = Relu(c) }"""
)
X = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4) - 8
ONES = np.ones((2, 3), np.float32)


def refused(part, kind=strata.UsageError, **options):
    with pytest.raises(kind) as caught:
        strata.InferenceSession(RELU, **options)
    assert part in str(caught.value), caught.value


def test_providers_must_have_the_cpu():
    cpu = "CPUExecutionProvider"
    for providers in ([cpu], ("CUDAExecutionProvider", cpu), [("CUDAExecutionProvider", {}), (cpu, {})]):
        session = strata.InferenceSession(RELU, providers=providers)
        assert session.get_providers() == [cpu] and session.get_provider_options() == {cpu: {}}
    strata.InferenceSession(RELU, None, ["X", cpu], [{}, {}])
    assert strata.get_available_providers() == [cpu] and strata.get_device() == "CPU"
    refused("'CUDAExecutionProvider'", providers=["CUDAExecutionProvider"])
    refused(f"expected a list with '{cpu}'", providers=[])
    refused("expected a list", providers=cpu)
    refused("expected a list", providers=3)
    refused("2 dicts", providers=["X", cpu], provider_options=[{}])
    refused("without providers", provider_options=[{}])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"threads": "4"}, "threads: '4' given, 0 (all) to 256 accepted"),
        ({"threads": 1.0}, "threads: 1.0"),
        ({"threads": True}, "threads: True"),
        ({"threads": 1 << 80}, "0 (all) to 256 accepted"),
        ({"optimize": 1}, "optimize: 1 given, True or False accepted"),
        ({"check_passes": None}, "check_passes: None"),
        ({"passes_off": "fuse"}, "passes_off: 'fuse' given, expected a list of str"),
        ({"passes_off": [3]}, "passes_off: 3 given, expected a str"),
        ({"memory_budget": -1}, "memory_budget: -1"),
        ({"memory_budget": "1M"}, "memory_budget: '1M'"),
        ({"kernels": ["conv"]}, "kernels: ['conv']"),
        ({"kernels": {"conv": 3}}, "kernels: 3 given, expected a str"),
        ({"kernels": {3: "conv"}}, "kernels: 3 given, expected a str"),
        ({"isa": "sse9"}, "sse9"),
        ({"isa": 2}, "isa: 2 given, expected a str"),
        ({"precision": "f8"}, "unknown precision 'f8', accepted are 'f32', 'bf16'"),
        ({"precision": "bf16", "isa": "avx2"}, "precision bf16 needs"),
        ({"sess_options": 4}, "sess_options: 4 given, expected a strata.SessionOptions"),
    ],
)
def test_wrong_options_are_refused(options, part):
    refused(part, **options)


def test_numpy_integers_are_numbers():
    strata.InferenceSession(RELU, threads=np.int64(1), memory_budget=np.uint32(1 << 20))


def test_the_levels_of_optimization_choose_passes():
    nodes = {}
    for level in strata.GraphOptimizationLevel:
        options = strata.SessionOptions()
        options.graph_optimization_level = level
        session = strata.InferenceSession(CONV, options)
        nodes[level.name] = [node.op for node in session.graph().nodes]
        assert session.run(None, {"x": X})[0].max() > 0
    assert nodes["ORT_DISABLE_ALL"] == nodes["ORT_ENABLE_BASIC"] == ["Conv", "Relu"]
    assert nodes["ORT_ENABLE_EXTENDED"] == nodes["ORT_ENABLE_ALL"] == ["strata.Fused"]
    # What is given as a keyword goes before.
    options = strata.SessionOptions()
    options.graph_optimization_level = strata.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = strata.InferenceSession(CONV, options, optimize=True)
    assert len(session.graph().nodes) == 1


def test_session_options_are_checked_when_they_are_set():
    options = strata.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    for name, value, part in [
        ("intra_op_num_thread", 2, "accepted: enable_cpu_mem_arena"),
        ("intra_op_num_threads", -1, "0 (all) to 256"),
        ("graph_optimization_level", 7, "ORT_ENABLE_BASIC"),
        ("enable_profiling", 1, "True or False"),
        ("optimized_model_filepath", 3, "expected a path"),
    ]:
        with pytest.raises(strata.UsageError) as caught:
            setattr(options, name, value)
        assert part in str(caught.value)
    with pytest.raises(strata.UnsupportedError, match="ORT_SEQUENTIAL"):
        options.execution_mode = strata.ExecutionMode.ORT_PARALLEL
    assert options.intra_op_num_threads == 2
    profile = strata.InferenceSession(CONV, options).profile({"x": X}, runs=1)
    assert profile["threads"] == 2
    assert strata.InferenceSession(CONV, options).get_session_options() is options
    assert strata.InferenceSession(CONV, options, threads=1).profile({"x": X}, runs=1)["threads"] == 1


def test_the_optimised_model_is_saved(tmp_path):
    options = strata.SessionOptions()
    options.optimized_model_filepath = tmp_path / "optimised.onnx"
    (expected,) = strata.InferenceSession(CONV, options).run(None, {"x": X})
    (y,) = strata.InferenceSession(tmp_path / "optimised.onnx").run(None, {"x": X})
    np.testing.assert_array_equal(y, expected)


def test_a_kernel_can_be_pinned():
    session = strata.InferenceSession(CONV)
    (choice,) = session.kernels()
    assert choice["sources"] == ["conv", "relu"] and choice["rejected"]
    taken = choice["kernel"]
    others = [row for row, reason in choice["rejected"].items() if "cost" in reason or "slower" in reason]
    for row in [taken, *others[:2]]:
        pinned = strata.InferenceSession(CONV, kernels={"conv": row})
        assert row in [step["kernel"] for step in pinned.kernels()]
        pinned.run(None, {"x": X})
    refused("nosuch", kernels={"nosuch": taken})


def test_an_older_instruction_set_gives_other_kernels():
    session = strata.InferenceSession(CONV, isa="baseline")
    assert session.profile({"x": X}, runs=1)["isa"] == "baseline"
    assert not any("avx" in step["kernel"] for step in session.kernels())


def test_run_options_are_checked():
    session = strata.InferenceSession(RELU)
    options = strata.RunOptions()
    options.logid = "mine"
    assert session.run(None, {"x": ONES}, options)[0].sum() == 6
    options.terminate = True
    with pytest.raises(strata.UsageError, match="terminate"):
        session.run(None, {"x": ONES}, run_options=options)
    with pytest.raises(strata.UsageError, match="run_options: 3 given"):
        session.run(None, {"x": ONES}, 3)
    with pytest.raises(strata.UsageError, match="no run option is named tag"):
        options.tag = 3


def test_profiling_writes_a_trace(tmp_path):
    options = strata.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = os.fspath(tmp_path / "trace_")
    session = strata.InferenceSession(CONV, options, optimize=False)
    for _ in range(3):
        session.run(None, {"x": X})
    name = session.end_profiling()
    assert name.startswith(options.profile_file_prefix)
    events = json.loads(open(name).read())["traceEvents"]
    assert [e["name"] for e in events if e["args"]["op"] in ("Conv", "Relu")] == ["conv", "relu"] * 3
    starts = [event["ts"] for event in events]
    assert starts == sorted(starts) and all(event["dur"] >= 0 for event in events)
    with pytest.raises(strata.UsageError, match="enable_profiling"):
        strata.InferenceSession(CONV).end_profiling()
    options.profile_file_prefix = os.fspath(tmp_path / "no folder" / "trace_")
    with pytest.raises(strata.IoError, match="no folder"):
        strata.InferenceSession(CONV, options).end_profiling()


def test_the_file_says_what_the_model_is():
    import onnx

    proto = onnx.load_from_string(ADD_ONE)
    proto.producer_name, proto.producer_version = "tool", "1.2"
    proto.domain, proto.model_version, proto.doc_string = "org.example", 7, "adds one"
    proto.graph.doc_string = "x" * 100_000
    for key, value in [("labels", "cat,dög"), ("empty", "")]:
        proto.metadata_props.add(key=key, value=value)
    meta = strata.InferenceSession(proto.SerializeToString()).get_modelmeta()
    assert meta == strata.ModelMetadata(
        producer_name="tool",
        producer_version="1.2",
        graph_name="g",
        domain="org.example",
        description="adds one",
        graph_description="x" * 100_000,
        version=7,
        custom_metadata_map={"labels": "cat,dög", "empty": ""},
    )
    saved = strata.Graph.load(proto.SerializeToString()).to_bytes()
    assert strata.InferenceSession(saved).get_modelmeta() == meta
    assert strata.InferenceSession(ADD_ONE).get_modelmeta().producer_name == ""


def with_metadata(content, **entries):
    """The file with entries of metadata_props put behind it."""

    def field(tag, value):
        return bytes([tag, len(value)]) + value

    for key, value in entries.items():
        pair = field(0x0A, key.encode()) + field(0x12, value.encode())
        content += field(0x72, pair)
    return content


def test_what_a_file_says_of_running_it_is_followed():
    said = with_metadata(CONV, **{"strata.off": "fuse", "strata.threads": "1", "strata.kernel.conv": "no_such_row"})
    session = strata.InferenceSession(said)
    assert session.get_modelmeta().custom_metadata_map["strata.off"] == "fuse"
    assert len(session.kernels()) > len(strata.InferenceSession(CONV).kernels())
    chosen = {step["name"]: step["kernel"] for step in session.kernels()}
    other = next(name for name, reason in session.kernels()[0]["rejected"].items() if "possible" in reason)
    wished = with_metadata(CONV, **{"strata.off": "fuse", "strata.kernel.conv": other})
    steps = {step["name"]: step["kernel"] for step in strata.InferenceSession(wished).kernels()}
    assert steps["conv"] == other != chosen["conv"]
    # The caller's own word goes before.
    mine = strata.InferenceSession(wished, kernels={"conv": chosen["conv"]})
    assert {step["name"]: step["kernel"] for step in mine.kernels()}["conv"] == chosen["conv"]
    with pytest.raises(strata.ModelError, match="strata.threads: 'many'"):
        strata.InferenceSession(with_metadata(CONV, **{"strata.threads": "many"}))
