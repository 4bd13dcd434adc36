"""What a session says of its plans: profile, kernels, plans kept, states."""

import numpy as np
import pytest
import strata
from models import ADD_ONE, model
from test_io_binding import PLACES

COUNTER = """graph "counter" {
  input %x: f32[1]
  state %count "the counter" = f32[1] {0.0}
  %next: f32[1] = Add "tick" (%count, %x) from ["tick"]
  write "the counter" = %next
  output %next
}
"""
NETWORK = model(
    """(float[N, 8] x) => (float[N, 4] y) <float[8, 8] w = {%s}, float[8, 4] v = {%s}>
    { [first] a = MatMul(x, w)  [act] b = Relu(a)  [second] y = MatMul(b, v) }"""
    % (", ".join("0.5" for _ in range(64)), ", ".join("2" for _ in range(32)))
)


def test_a_profile_says_where_the_time_goes():
    session = strata.InferenceSession(NETWORK)
    profile = session.profile({"x": np.ones((16, 8), np.float32)}, runs=3)
    assert profile["runs"] == 3 and profile["seconds"] > 0 and profile["threads"] == 1
    nodes = profile["nodes"]
    assert {source for node in nodes for source in node["sources"]} == {"first", "act", "second"}
    kernels = {step["name"]: step["kernel"] for step in session.kernels()}
    for node in nodes:
        assert node["seconds"] >= 0 and node["gap"] >= 0 and node["bytes"] > 0
        assert kernels[node["name"]] == node["kernel"]
    # Shares are of all steps and of the copies after them.
    assert 0 < sum(node["share"] for node in nodes) <= 1 + len(nodes) * np.finfo(float).eps
    assert sum(node["flops"] for node in nodes) >= 2 * 16 * (64 + 32)


def test_profiles_are_refused_where_they_make_no_sense():
    session = strata.InferenceSession(NETWORK)
    for runs in (0, -1, 1.5, "3"):
        with pytest.raises(strata.UsageError, match="runs: .* given, 1 or more accepted"):
            session.profile({"x": np.ones((1, 8), np.float32)}, runs=runs)
    with pytest.raises(strata.UsageError, match="input x is missing"):
        session.profile({})
    session = strata.InferenceSession(PLACES)
    x = {"x": np.ones(3, np.float32)}
    for ask in (lambda: session.profile(x), session.kernels):
        with pytest.raises(strata.UsageError, match="depend on data: the model has .* segments"):
            ask()
    options = strata.SessionOptions()
    options.enable_profiling = True
    with pytest.raises(strata.UnsupportedError, match="depend on data"):
        strata.InferenceSession(PLACES, options)


def test_the_plans_kept_are_bounded():
    session = strata.InferenceSession(ADD_ONE)
    kept = []
    for n in [*range(1, 31), 30, 25, 30]:
        session.run(None, {"x": np.zeros((n, 3), np.float32)})
        kept = [plan["inputs"]["x"] for plan in session.plans()]
        assert [n, 3] in kept and len(kept) <= 8
    assert sorted(shape[0] for shape in kept) == list(range(23, 31))
    assert all(plan["arena_bytes"] >= 0 for plan in session.plans())
    for n in range(1, 40):  # the ones longest unused go first
        session.run(None, {"x": np.zeros((30, 3), np.float32)})
        session.run(None, {"x": np.zeros((n, 3), np.float32)})
    assert [30, 3] in [plan["inputs"]["x"] for plan in session.plans()]


def test_the_plans_of_segments_are_bounded():
    session = strata.InferenceSession(PLACES)
    for n in range(40):
        session.run(None, {"x": np.ones(n, np.float32)})
        stages = len(session.plans()) / min(n + 1, 8)
        assert stages == int(stages) and stages <= 3


def test_states_last_from_run_to_run_where_they_are_to_be_kept():
    one = {"x": np.ones(1, np.float32)}
    fresh = strata.InferenceSession(strata.Graph.from_text(COUNTER))
    assert [fresh.run(None, one)[0][0] for _ in range(3)] == [1, 1, 1]
    session = strata.InferenceSession(strata.Graph.from_text(COUNTER), keep_states=True)
    assert [session.run(None, one)[0][0] for _ in range(3)] == [1, 2, 3]
    session.reset()
    assert session.run(None, one)[0][0] == 1
    io = session.io_binding()
    io.bind_input("x", one["x"])
    io.bind_output("next")
    session.run_with_iobinding(io)
    assert io.get_outputs()[0][0] == 2
    other = strata.InferenceSession(strata.Graph.from_text(COUNTER))
    assert other.run(None, one)[0][0] == 1
