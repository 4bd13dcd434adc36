"""The valid half of the ONNX corpus: one construct per file, as each opset spells it."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def parse(opset, body, ir_version=8):
    """A model from ONNX's textual syntax: `(inputs) => (outputs) <initializers> { nodes }`."""
    header = f'<ir_version: {ir_version}, opset_import: ["": {opset}]> g '
    return onnx.parser.parse_model(header + body)


def batch_norm(opset, attributes=""):
    return parse(
        opset,
        f"""(float[N, 2, 2, 2] x) => (float[N, 2, 2, 2] y)
        <float[2] s = {{1, 2}}, float[2] b = {{0, 1}},
         float[2] m = {{0.5, 0}}, float[2] v = {{1, 4}}>
        {{ y = BatchNormalization<epsilon = 0.001{attributes}>(x, s, b, m, v) }}""",
    )


CONV = """(float[N, 1, 4, 4] x) => (float[N, 2, 3, 3] y)
    <float[2, 1, 2, 2] w = {1, 2, 3, 4, -1, -2, -3, -4}, float[2] b = {0.5, -0.5}>
    { c = Conv<kernel_shape = [2, 2]>(x, w, b)  y = Relu(c) }"""

# file name: (opset, body)
TEXTS = {
    **{f"conv_relu_opset{opset}": (opset, CONV) for opset in (7, 9, 11, 13, 17, 21)},
    "conv_same_upper": (
        17,
        """(float[1, 1, 5, 5] x) => (float[1, 1, 3, 3] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
        { y = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(x, w) }""",
    ),
    "conv_same_lower": (
        17,
        """(float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
        { y = Conv<auto_pad = "SAME_LOWER">(x, w) }""",
    ),
    "conv_depthwise_dilated_uneven_pads": (
        13,
        """(float[1, 2, 5, 4] x) => (float[1, 2, 6, 5] y)
        <float[2, 1, 2, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
        { y = Conv<group = 2, dilations = [2, 1], pads = [1, 0, 2, 2]>(x, w) }""",
    ),
    "gemm_transposed_scaled": (
        13,
        """(float[N, 2] x) => (float[N, 3] y)
        <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[3] b = {1, 2, 3}>
        { y = Gemm<alpha = 0.5, beta = 2.0, transB = 1>(x, w, b) }""",
    ),
    "gemm_no_bias_opset11": (
        11,
        "(float[2, 3] x) => (float[2, 1] y) <float[3, 1] w = {1, 2, 3}> { y = Gemm(x, w) }",
    ),
    "matmul_add_broadcast": (
        13,
        """(float[N, 2, 2] x) => (float[N, 2, 2] y)
        <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {5, 6}>
        { p = MatMul(x, w)  y = Add(p, b) }""",
    ),
    "reshape_chain_flatten": (
        13,
        """(float[N, 2, 3] x) => (float[N, K] y)
        <int64 i = {0}, int64[1] a = {0}, int64[1] rest = {-1}>
        { s = Shape(x)  n = Gather<axis = 0>(s, i)  u = Unsqueeze(n, a)
          t = Concat<axis = 0>(u, rest)  y = Reshape(x, t) }""",
    ),
    "reshape_chain_flatten_opset11": (
        11,
        """(float[N, 2, 3] x) => (float[N, K] y) <int64 i = {0}, int64[1] rest = {-1}>
        { s = Shape(x)  n = Gather<axis = 0>(s, i)  u = Unsqueeze<axes = [0]>(n)
          t = Concat<axis = 0>(u, rest)  y = Reshape(x, t) }""",
    ),
    "reshape_zero_copies_dimension": (
        7,
        "(float[2, 6] x) => (float[2, 3, 2] y) <int64[3] t = {0, 3, -1}> { y = Reshape(x, t) }",
    ),
    "slice_attributes_opset9": (
        9,
        """(float[4, 6] x) => (float[2, 3] y)
        { y = Slice<axes = [0, 1], starts = [1, -4], ends = [3, -1]>(x) }""",
    ),
    "slice_inputs_opset10": (
        10,
        """(float[4, 6] x) => (float[4, 2] y)
        <int64[1] b = {0}, int64[1] e = {9223372036854775807}, int64[1] a = {1}, int64[1] s = {3}>
        { y = Slice(x, b, e, a, s) }""",
    ),
    "slice_negative_step_opset13": (
        13,
        """(float[4] x) => (float[4] y)
        <int64[1] b = {-1}, int64[1] e = {-9223372036854775808}, int64[1] a = {0},
         int64[1] s = {-1}>
        { y = Slice(x, b, e, a, s) }""",
    ),
    "pad_attributes_opset10": (
        10,
        """(float[1, 2] x) => (float[1, 5] y)
        { y = Pad<mode = "constant", pads = [0, 1, 0, 2], value = 0.5>(x) }""",
    ),
    "pad_inputs_opset11": (
        11,
        """(float[1, 2] x) => (float[1, 5] y) <int64[4] p = {0, 1, 0, 2}, float v = {0.5}>
        { y = Pad(x, p, v) }""",
    ),
    "pad_axes_opset18": (
        18,
        """(float[1, 2] x) => (float[1, 5] y) <int64[2] p = {1, 2}, int64[1] a = {-1}>
        { y = Pad(x, p, , a) }""",
    ),
    "dropout_attribute_opset7": (
        7,
        "(float[2, 2] x) => (float[2, 2] y) { y = Dropout<ratio = 0.5>(x) }",
    ),
    "dropout_inputs_opset13": (
        13,
        """(float[2, 2] x) => (float[2, 2] y) <float r = {0.5}, bool t = {0}>
        { y = Dropout(x, r, t) }""",
    ),
    "clip_attributes_opset7": (
        7,
        "(float[4] x) => (float[4] y) { y = Clip<min = 0.0, max = 6.0>(x) }",
    ),
    "clip_inputs_opset11": (
        11,
        """(float[4] x) => (float[4] y) <float low = {0}, float high = {6}>
        { y = Clip(x, low, high) }""",
    ),
    "clip_only_max_opset13": (
        13,
        "(float[4] x) => (float[4] y) <float high = {6}> { y = Clip(x, , high) }",
    ),
    "softmax_flattens_opset11": (
        11,
        "(float[2, 3, 2] x) => (float[2, 3, 2] y) { y = Softmax(x) }",
    ),
    "softmax_axis_opset13": (
        13,
        "(float[2, 3, 2] x) => (float[2, 3, 2] y) { y = Softmax<axis = 1>(x) }",
    ),
    "squeeze_unsqueeze_opset11": (
        11,
        """(float[2, 1, 3] x) => (float[1, 2, 3] y)
        { s = Squeeze<axes = [1]>(x)  y = Unsqueeze<axes = [0]>(s) }""",
    ),
    "squeeze_unsqueeze_opset13": (
        13,
        """(float[2, 1, 3] x) => (float[1, 2, 3] y) <int64[1] a = {1}, int64[1] b = {-3}>
        { s = Squeeze(x, a)  y = Unsqueeze(s, b) }""",
    ),
    "squeeze_all_ones": (
        13,
        "(float[1, 3, 1] x) => (float[3] y) { y = Squeeze(x) }",
    ),
    "max_pool_ceil": (
        12,
        """(float[1, 1, 5, 5] x) => (float[1, 1, 3, 3] y)
        { y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x) }""",
    ),
    "average_pool_counts_padding": (
        11,
        """(float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y)
        { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], pads = [1, 1, 1, 1],
                          count_include_pad = 1>(x) }""",
    ),
    "global_pool_flatten": (
        13,
        """(float[N, 3, 4, 4] x) => (float[N, 3] y)
        { p = GlobalAveragePool(x)  y = Flatten(p) }""",
    ),
    "residual_concat_transpose": (
        13,
        """(float[1, 2, 2] x) => (float[2, 2, 2] y)
        { r = Relu(x)  a = Add(x, r)  c = Concat<axis = 0>(a, r)
          y = Transpose<perm = [0, 2, 1]>(c) }""",
    ),
    "transpose_default_reverses": (
        13,
        "(float[2, 3, 4] x) => (float[4, 3, 2] y) { y = Transpose(x) }",
    ),
    "reduce_mean_attribute_opset13": (
        13,
        """(float[1, 2, 3, 3] x) => (float[1, 2] y)
        { y = ReduceMean<axes = [2, 3], keepdims = 0>(x) }""",
    ),
    "reduce_mean_input_opset18": (
        18,
        """(float[1, 2, 3, 3] x) => (float[1, 2] y) <int64[2] a = {2, 3}>
        { y = ReduceMean<keepdims = 0>(x, a) }""",
    ),
    "constant_node": (
        13,
        """(float[2] x) => (float[2] y)
        { c = Constant<value = float[2] {1, 2}>()  y = Mul(x, c) }""",
    ),
    "constant_value_floats": (
        13,
        """(float[2] x) => (float[2] y)
        { c = Constant<value_floats = [1.0, 2.0]>()  y = Sub(x, c) }""",
    ),
    "identity_output_is_input": (
        13,
        "(float[2] x) => (float[2] y) { y = Identity(x) }",
    ),
    "scalar_input": (
        13,
        "(float x) => (float y) { y = Relu(x) }",
    ),
    "unused_initializer_and_node": (
        13,
        """(float[2] x) => (float[2] y) <float[2] unused = {1, 2}>
        { dead = Relu(unused)  y = Relu(x) }""",
    ),
    "output_without_shape": (
        13,
        "(float[2] x) => (float[] y) { y = Relu(x) }",
    ),
    "unknown_dimensions": (
        13,
        "(float[?, C, ?] x) => (float[?, C, ?] y) { y = Relu(x) }",
    ),
    "two_inputs_two_outputs": (
        13,
        """(float[N, 2] a, float[N, 2] b) => (float[N, 2] sum, float[N, 2] product)
        { sum = Add(a, b)  product = Mul(a, b) }""",
    ),
    "dequantize_per_tensor": (
        13,
        """(float[N, 2] x) => (float[N, 2] y)
        <int8[2, 2] q = {1, -2, 3, -4}, float s = {0.5}, int8 z = {1}>
        { w = DequantizeLinear(q, s, z)  y = MatMul(x, w) }""",
    ),
    "dequantize_per_channel": (
        13,
        """(float[N, 1, 2, 2] x) => (float[N, 2, 2, 2] y)
        <int8[2, 1, 1, 1] q = {100, -100}, float[2] s = {0.5, 0.25}>
        { w = DequantizeLinear<axis = 0>(q, s)  y = Conv(x, w) }""",
    ),
}


# Recurrent ops, attention, and ops of ONNX Runtime.
TEXTS |= {
    "lstm": (
        14,
        """(float[T, 1, 2] x) => (float[A, B, C, D] y)
        <float[1, 4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[1, 4, 1] r = {1, 2, 3, 4}>
        { y = LSTM<hidden_size = 1, activations = ["Sigmoid", "Tanh", "Tanh"]>(x, w, r) }""",
    ),
    "attention_grouped_causal": (
        24,
        """(float[N, S, 4] q, float[N, S, 2] k) => (float[N, S, 4] y)
        { y = Attention<q_num_heads = 2, kv_num_heads = 1, is_causal = 1>(q, k, k) }""",
    ),
    "if_reads_around": (
        17,
        """(float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}>
        { n = Neg(x)
          y = If (c) <
            then_branch = yes () => (float[2] a) { a = Add(n, w) },
            else_branch = no () => (float[2] b) { t = Mul(x, w)  b = Sub(t, n) }> }""",
    ),
    "loop_carries_and_collects": (
        17,
        """(float[2] x, int64 trips) => (float[2] last, float[N, 2] all) <float[2] w = {1, 2}>
        { last, all = Loop (trips, , x) <
            body = step (int64 i, bool go, float[2] before)
              => (bool still, float[2] after, float[2] kept) {
                still = Identity(go)
                after = Add(before, w)
                kept = Mul(after, x)
            }> }""",
    ),
    "scan_rows_backwards": (
        17,
        """(float[2] start, float[3, 2] x, float[2] shift) => (float[2] total, float[3, 2] rows)
        { total, rows = Scan <num_scan_inputs = 1, scan_input_directions = [1],
            body = step (float[2] before, float[2] row) => (float[2] after, float[2] shifted) {
                after = Add(before, row)
                shifted = Add(after, shift)
            }> (start, x) }""",
    ),
    "scan_batch_opset8": (
        8,
        """(float[2, 2] start, float[2, 3, 2] x) => (float[2, 2] total, float[2, 3, 2] rows)
        { total, rows = Scan <num_scan_inputs = 1, directions = [1],
            body = step (float[2] before, float[2] row) => (float[2] after, float[2] kept) {
                after = Add(before, row)
                kept = Identity(after)
            }> ("", start, x) }""",
    ),
    "batch_norm_training_opset15": (
        15,
        """(float[2, 2, 3] x, float[2] s, float[2] b, float[2] m, float[2] v)
          => (float[2, 2, 3] y, float[2] mean, float[2] var)
        { y, mean, var = BatchNormalization<training_mode = 1>(x, s, b, m, v) }""",
    ),
    "image_decoder": (
        20,
        """(uint8[N] file) => (uint8[H, W, C] y) { y = ImageDecoder<pixel_format = "Grayscale">(file) }""",
    ),
    "if_one_element": (
        17,
        """(bool first, float[2] x) => (float[2] y) <float a = {2}, float[1] b = {3}>
        { f = If (first) <
            then_branch = yes () => (float c) { c = Identity(a) },
            else_branch = no () => (float[1] d) { d = Identity(b) }>
          y = Mul(x, f) }""",
    ),
    "if_in_loop": (
        17,
        """(float[2] x, int64 trips) => (float[2] y) <int64 two = {2}, float half = {0.5}>
        { y = Loop (trips, , x) <
            body = step (int64 i, bool go, float[2] before) => (bool still, float[2] after) {
                still = Identity(go)
                early = Less(i, two)
                after = If (early) <
                  then_branch = yes () => (float[2] a) { a = Mul(before, half) },
                  else_branch = no () => (float[2] b) { b = Add(before, x) }>
            }> }""",
    ),
}


def with_functions():
    """Calls of functions: within each other, with attributes and without."""
    return onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["": 18, "f": 1]>
        g (float[2] x) => (float[2] y) { a = f.twice(x)  y = f.leak(a) }
        <domain: "f", opset_import: ["": 18, "f": 1]>
        twice (x) => (y) { t = f.leak<slope = 0.5>(x)  y = f.leak(t) }
        <domain: "f", opset_import: ["": 18]>
        leak <slope: float = 0.25> (x) => (y) { y = LeakyRelu<alpha: float = @slope>(x) }"""
    )


def relu_of(initializer, ir_version=8):
    """x + initializer, then Relu: the frame for files whose point is how a tensor is stored."""
    shape = list(initializer.dims)
    nodes = [
        helper.make_node("Add", ["x", initializer.name], ["sum"], name="add"),
        helper.make_node("Relu", ["sum"], ["y"], name="relu"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [x], [y], [initializer])
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def external(location, shape=(4,), **entries):
    """A float tensor named w whose bytes are said to lie in the file `location`."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return tensor


def stored():
    """Files about how tensors and models are stored rather than about ops."""
    four = np.array([1, 2, 3, 4], np.float32)
    initializer_as_input = relu_of(numpy_helper.from_array(four, "w"), ir_version=3)
    initializer_as_input.graph.input.append(
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [4])
    )
    described = relu_of(numpy_helper.from_array(four, "w"))
    described.doc_string = "documented"
    helper.set_model_props(described, {"author": "nobody", "task": "none"})
    traced = relu_of(numpy_helper.from_array(four, "w"))
    for owner in (traced.graph.node[1], traced.graph.initializer[0]):
        owner.metadata_props.add(key="strata.source.0", value="conv")
        owner.metadata_props.add(key="strata.source.1", value="batch norm")
        owner.metadata_props.add(key="namespace", value=": Net/relu")
    spelled_domain = relu_of(numpy_helper.from_array(four, "w"))
    spelled_domain.opset_import[0].domain = "ai.onnx"
    half = parse(13, "(float[2] x) => (float[2] y) { f = Cast<to = 1>(h)  y = Add(x, f) }")
    half.graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.float16), "h"))
    return {
        "tensor_raw_data": relu_of(numpy_helper.from_array(four, "w")),
        "tensor_float_data": relu_of(helper.make_tensor("w", TensorProto.FLOAT, [4], four)),
        "tensor_f16_cast": half,
        "tensor_external_whole_file": relu_of(external("weights.bin")),
        "tensor_external_part": relu_of(external("weights.bin", (2,), offset=8, length=8)),
        "initializer_is_also_input_ir3": initializer_as_input,
        "model_with_metadata": described,
        "sources_in_metadata": traced,
        "domain_spelled_out": spelled_domain,
    }


def valid_files():
    """File name to bytes."""
    models = {name: parse(*text) for name, text in TEXTS.items()}
    for opset, attributes in ((7, ", spatial = 1"), (9, ""), (14, ", training_mode = 0"), (15, "")):
        models[f"batch_norm_opset{opset}"] = batch_norm(opset, attributes)
    models |= stored()
    models["functions"] = with_functions()
    files = {f"{name}.onnx": model.SerializeToString() for name, model in models.items()}
    # Field 1000, varint 1: readers of protocol buffers skip fields they do not know.
    files["unknown_field.onnx"] = files["tensor_raw_data.onnx"] + b"\xc0\x3e\x01"
    files["weights.bin"] = np.array([1, 2, 3, 4], np.float32).tobytes()
    return files
