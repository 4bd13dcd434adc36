"""The hostile half of the ONNX corpus: each file is wrong in one way, its name says which."""

import numpy as np
import onnx
from corpus_valid import CONV, external, parse, relu_of
from onnx import AttributeProto, TensorProto, helper, numpy_helper

HUGE = 1 << 40
INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
ONES_16 = ", ".join(["1"] * 16)


def conv(attributes, weight="float[2, 2, 1, 1] w = {1, 2, 3, 4}", inputs="x, w"):
    attributes = f"<{attributes}>" if attributes else ""
    interface = "(float[1, 2, 4, 4] x) => (float[A, B, C, D] y)"
    return f"{interface} <{weight}> {{ y = Conv{attributes}({inputs}) }}"


def unary(op, shape="2, 3", constants="", out="A, B"):
    shape = f"[{shape}]" if shape else ""  # [] would mean an unknown rank
    return f"(float{shape} x) => (float[{out}] y) {constants} {{ y = {op} }}"


# Well formed as messages, wrong as graphs of opset 13.
TEXTS = {
    "graph_cycle": "(float[2] x) => (float[2] y) { a = Add(x, b)  b = Relu(a)  y = Relu(b) }",
    "graph_self_loop": "(float[2] x) => (float[2] y) { y = Add(x, y) }",
    "graph_missing_input": unary("Add(x, nobody)"),
    "graph_output_undefined": "(float[2] x) => (float[2] nobody) { y = Relu(x) }",
    "graph_value_made_twice": unary("Relu(x)  y = Sigmoid(x)"),
    "graph_node_makes_its_input": "(float[2] x) => (float[2] x) { x = Relu(x) }",
    "graph_initializer_twice": unary("Add(x, w)", constants="<float w = {1}, float w = {2}>"),
    "graph_input_twice": "(float[2] x, float[3] x) => (float[N] y) { y = Relu(x) }",
    "node_unknown_op": unary("Frobnicate(x)"),
    "node_unknown_domain": unary("com.example.Relu(x)"),
    "node_too_few_inputs": unary("Conv(x)"),
    "node_too_many_inputs": unary("Relu(x, x)"),
    "node_required_input_empty": unary("Add(, x)"),
    "node_no_outputs": "(float[2] x) => (float[2] x) { = Relu(x) }",
    "node_too_many_outputs": "(float[2] x) => (float[2] y) { y, z = Relu(x) }",
    "attribute_required_missing": unary("Concat(x, x)"),
    "attribute_string_for_ints": conv('strides = "two"'),
    "attribute_float_for_int": conv("group = 1.5"),
    "constant_without_value": "(float[2] x) => (float[2] y) { c = Constant()  y = Add(x, c) }",
    "conv_group_zero": conv("group = 0"),
    "conv_group_negative": conv("group = -1"),
    "conv_group_int64_min": conv(f"group = {INT64_MIN}"),
    "conv_group_does_not_divide": conv("group = 3"),
    "conv_stride_zero": conv("strides = [0, 1]"),
    "conv_stride_negative": conv("strides = [-1, 1]"),
    "conv_strides_rank": conv("strides = [1, 1, 1]"),
    "conv_dilation_zero": conv("dilations = [0, 0]"),
    "conv_dilation_huge": conv(
        f"dilations = [{INT64_MAX}, 2]", f"float[2, 2, 2, 2] w = {{{ONES_16}}}"
    ),
    "conv_pads_rank": conv("pads = [0, 0]"),
    "conv_pads_overflow": conv(f"pads = [{INT64_MAX}, 0, {INT64_MAX}, 0]"),
    "conv_pads_int64_min": conv(f"pads = [{INT64_MIN}, 0, 0, 0]"),
    "conv_auto_pad_unknown": conv('auto_pad = "SIDEWAYS"'),
    "conv_kernel_shape_differs_from_weight": conv("kernel_shape = [3, 3]"),
    "conv_kernel_rank": conv("", "float[2, 2, 1] w = {1, 2, 3, 4}"),
    "conv_kernel_larger_than_input": conv("", f"float[1, 2, 8, 1] w = {{{ONES_16}}}"),
    "conv_channels_differ": conv("", "float[2, 3, 1, 1] w = {1, 2, 3, 4, 5, 6}"),
    "conv_no_filters": conv("", "float[2, 0, 1, 1] w = {}"),
    "conv_bias_length": conv(
        "", "float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[3] b = {1, 2, 3}", "x, w, b"
    ),
    "conv_integer_weight": conv("", "int64[2, 2, 1, 1] w = {1, 2, 3, 4}"),
    "conv_scalar_input": unary("Conv(x, w)", "", "<float[1, 1, 1, 1] w = {1}>", out="A, B, C, D"),
    "pool_kernel_zero": unary("MaxPool<kernel_shape = [0, 2]>(x)", "1, 1, 4, 4", out="A, B, C, D"),
    "pool_kernel_missing": unary("AveragePool(x)", "1, 1, 4, 4", out="A, B, C, D"),
    "pool_stride_zero": unary(
        "MaxPool<kernel_shape = [2, 2], strides = [0, 0]>(x)", "1, 1, 4, 4", out="A, B, C, D"
    ),
    "pool_pads_negative": unary(
        "AveragePool<kernel_shape = [2, 2], pads = [-5, 0, 0, 0]>(x)",
        "1, 1, 4, 4",
        out="A, B, C, D",
    ),
    "batch_norm_scale_length": unary(
        "BatchNormalization(x, s, s, s, s)",
        "1, 2, 2, 2",
        "<float[3] s = {1, 2, 3}>",
        "A, B, C, D",
    ),
    "add_not_broadcastable": unary("Add(x, w)", constants="<float[2] w = {1, 2}>"),
    "add_types_differ": unary("Add(x, w)", constants="<int64[3] w = {1, 2, 3}>"),
    "matmul_inner_differs": unary("MatMul(x, w)", constants="<float[2, 1] w = {1, 2}>"),
    "matmul_scalar": unary("MatMul(x, w)", constants="<float w = {1}>"),
    "gemm_inner_differs": unary("Gemm(x, w)", constants="<float[2, 1] w = {1, 2}>"),
    "gemm_rank": unary("Gemm(x, w)", constants="<float[3] w = {1, 2, 3}>"),
    "gemm_bias_not_broadcastable": unary(
        "Gemm(x, w, b)", constants="<float[3, 1] w = {1, 2, 3}, float[5] b = {1, 2, 3, 4, 5}>"
    ),
    "concat_axis_range": unary("Concat<axis = 2>(x, x)"),
    "concat_sizes_differ": unary("Concat<axis = 0>(x, w)", constants="<float[1, 2] w = {1, 2}>"),
    "transpose_perm_repeats": unary("Transpose<perm = [0, 0]>(x)"),
    "transpose_perm_rank": unary("Transpose<perm = [1, 0, 2]>(x)"),
    "transpose_perm_range": unary("Transpose<perm = [0, 7]>(x)"),
    "reshape_size_differs": unary("Reshape(x, t)", constants="<int64[2] t = {4, 2}>"),
    "reshape_two_unknowns": unary("Reshape(x, t)", constants="<int64[2] t = {-1, -1}>"),
    "reshape_negative": unary("Reshape(x, t)", constants="<int64[2] t = {-2, 3}>"),
    "reshape_overflow": unary("Reshape(x, t)", constants=f"<int64[2] t = {{{HUGE}, {HUGE}}}>"),
    "reshape_zero_beyond_rank": unary(
        "Reshape(x, t)", constants="<int64[3] t = {2, 3, 0}>", out="A, B, C"
    ),
    "reshape_shape_is_float": unary("Reshape(x, t)", constants="<float[2] t = {3, 2}>"),
    "flatten_axis_range": unary("Flatten<axis = 5>(x)"),
    "softmax_axis_range": unary("Softmax<axis = -3>(x)"),
    "squeeze_dimension_not_one": unary("Squeeze(x, a)", constants="<int64[1] a = {0}>", out="A"),
    "unsqueeze_axis_repeats": unary(
        "Unsqueeze(x, a)", constants="<int64[2] a = {0, 0}>", out="A, B, C, D"
    ),
    "unsqueeze_axis_range": unary("Unsqueeze(x, a)", constants="<int64[1] a = {9}>", out="A, B, C"),
    "gather_axis_range": unary("Gather<axis = 2>(x, i)", constants="<int64 i = {0}>", out="A"),
    "slice_step_zero": unary(
        "Slice(x, i, e, i, i)", constants="<int64[1] i = {0}, int64[1] e = {2}>"
    ),
    "slice_lengths_differ": unary(
        "Slice(x, b, e)", constants="<int64[2] b = {0, 0}, int64[1] e = {2}>"
    ),
    "pad_length": unary("Pad(x, p)", constants="<int64[3] p = {0, 1, 2}>"),
    "pad_overflow": unary("Pad(x, p)", constants=f"<int64[4] p = {{{INT64_MAX}, 0, 1, 0}}>"),
    "pad_mode_unknown": unary(
        'Pad<mode = "mirror">(x, p)', constants="<int64[4] p = {0, 0, 0, 0}>"
    ),
    "dequantize_scale_length": unary(
        "DequantizeLinear<axis = 0>(q, s)",
        constants="<int8[2, 1] q = {1, 2}, float[3] s = {1, 1, 1}>",
    ),
    "dequantize_zero_point_type": unary(
        "DequantizeLinear(q, s, z)", constants="<int8[1, 1] q = {1}, float s = {1}, uint8 z = {0}>"
    ),
    "dequantize_axis_range": unary(
        "DequantizeLinear<axis = 4>(q, s)",
        constants="<int8[2, 1] q = {1, 2}, float[2] s = {1, 1}>",
    ),
    "input_dimensions_overflow": unary("Relu(x)", f"{HUGE}, {HUGE}"),
    "input_rank_9": unary("Relu(x)", ", ".join("1" * 9), out=", ".join("ABCDEFGHI")),
    "constant_of_shape_overflow": unary(
        "ConstantOfShape(t)", constants=f"<int64[2] t = {{{HUGE}, {HUGE}}}>"
    ),
    "expand_overflow": unary(
        "Expand(x, t)", constants=f"<int64[4] t = {{{HUGE}, {HUGE}, 1, 1}}>", out="A, B, C, D"
    ),
    "tile_overflow": unary("Tile(x, t)", constants=f"<int64[2] t = {{{HUGE}, {HUGE}}}>"),
}


def graph_messages():
    """Graphs that the textual syntax cannot spell."""
    no_op_type, no_input_type, undefined_type, sequence, missing_opset, no_graph = (
        parse(13, unary("Relu(x)")) for _ in range(6)
    )
    no_op_type.graph.node[0].op_type = ""
    no_input_type.graph.input[0].ClearField("type")
    undefined_type.graph.input[0].type.tensor_type.elem_type = 0
    sequence.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    del missing_opset.opset_import[:]
    no_graph.ClearField("graph")
    wrong_kind = parse(13, conv("group = 1"))
    attribute = wrong_kind.graph.node[0].attribute[0]
    attribute.type = AttributeProto.INTS  # says a list, holds one integer
    attribute.i = 3
    return {
        "node_op_type_empty": no_op_type,
        "input_without_type": no_input_type,
        "input_element_type_undefined": undefined_type,
        "input_is_a_sequence": sequence,
        "opset_missing": missing_opset,
        "opset_negative": parse(-1, unary("Relu(x)")),
        "opset_too_new": parse(1000, unary("Relu(x)")),
        "model_without_graph": no_graph,
        "attribute_type_tag_wrong": wrong_kind,
        "function_calls_itself": recursive_function(),
    }


def recursive_function():
    model = parse(13, unary("local.F(x)"))
    model.opset_import.append(helper.make_opsetid("local", 1))
    call = helper.make_node("F", ["a"], ["b"], domain="local")
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("local", 1)]
    model.functions.append(helper.make_function("local", "F", ["a"], ["b"], [call], opsets))
    return model


def tensor_messages():
    """Weights whose description and bytes disagree."""
    four = np.array([1, 2, 3, 4], np.float32)

    def replaced(tensor):
        """The frame's input keeps four elements: only the weight is wrong."""
        model = relu_of(numpy_helper.from_array(four, "w"))
        model.graph.initializer[0].CopyFrom(tensor)
        return model

    def changed(dims=(4,), **fields):
        tensor = numpy_helper.from_array(four, "w")
        tensor.dims[:] = dims
        for name, value in fields.items():
            setattr(tensor, name, value)
        return replaced(tensor)

    short_list = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], float_data=[1, 2])
    wrong_list = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], int64_data=[1] * 4)
    both = numpy_helper.from_array(four, "w")
    both.float_data.extend(four)
    text = TensorProto(name="w", data_type=TensorProto.STRING, dims=[4], string_data=[b"a"] * 4)
    return {
        "tensor_raw_data_short": changed(raw_data=four.tobytes()[:15]),
        "tensor_raw_data_long": changed(raw_data=four.tobytes() + b"\0"),
        "tensor_raw_data_missing": changed(raw_data=b""),
        "tensor_list_short": replaced(short_list),
        "tensor_list_of_other_type": replaced(wrong_list),
        "tensor_raw_data_and_list": replaced(both),
        "tensor_strings_for_floats": replaced(text),
        "tensor_type_undefined": changed(data_type=TensorProto.UNDEFINED),
        "tensor_type_unknown": changed(data_type=99),
        "tensor_type_negative": changed(data_type=-1),
        "tensor_dimension_negative": changed(dims=[-4]),
        "tensor_dimensions_negative_pair": changed(dims=[-2, -2]),
        "tensor_dimension_huge": changed(dims=[HUGE]),
        "tensor_dimensions_overflow": changed(dims=[HUGE, HUGE]),
        "tensor_bytes_overflow": changed(dims=[(1 << 62) + 1]),
        "tensor_dimensions_wrap_to_four": changed(dims=[1 << 32, 1 << 32, 4]),
        "tensor_rank_9": changed(dims=[1] * 8 + [4]),
        "tensor_rank_1000": changed(dims=[1] * 999 + [4]),
    }


def external_messages():
    """Weights in another file that must not be read.

    The targets that exist (valid/weights.bin has the right size) are refused for where they are.
    """
    references = {
        "parent_folder": external("../valid/weights.bin"),
        "parent_folder_behind_dot": external("./../valid/weights.bin"),
        "absolute": external("/etc/passwd"),
        "drive_letter": external("C:\\weights.bin"),
        "backslash_parent": external("..\\weights.bin"),
        "home": external("~/weights.bin"),
        "nul": external("weights.bin\0.txt"),
        "device": external("/dev/zero"),
        "folder": external("."),
        "empty_location": external(""),
        "no_location": external(None),
        "file_missing": external("nobody.bin"),
        "itself_short": external("external_itself_short.onnx", (HUGE,)),
        "offset_negative": external("weights.bin", offset=-4),
        "offset_beyond_file": external("weights.bin", offset=4096),
        "offset_petabyte": external("weights.bin", offset=1 << 50),
        "offset_overflow": external("weights.bin", offset=INT64_MAX, length=16),
        "offset_not_a_number": external("weights.bin", offset="12abc"),
        "length_negative": external("weights.bin", length=-16),
        "length_petabyte": external("weights.bin", length=1 << 50),
        "length_beyond_64_bits": external("weights.bin", length=1 << 70),
        "length_differs_from_shape": external("weights.bin", length=12),
        "shape_larger_than_file": external("weights.bin", (5,)),
        "unknown_key": external("weights.bin", __class__="os.system"),
    }
    return {f"external_{name}": relu_of(tensor) for name, tensor in references.items()}


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, content):
    """A length-delimited field of a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def nested_branches(depth):
    """If in If in If, in bytes: the protobuf library itself refuses to build it."""
    graph = field(1, field(1, b"x") + field(2, b"y") + field(4, b"Relu"))
    branch_type = b"\xa0\x01\x05"  # AttributeProto.type = GRAPH
    for _ in range(depth):
        branch = field(1, b"then_branch") + branch_type + field(6, graph)
        graph = field(1, field(1, b"c") + field(2, b"y") + field(4, b"If") + field(5, branch))
    interface = parse(13, "(bool c, float x) => (float y) { y = Relu(x) }").graph
    interface.ClearField("node")
    return b"\x08\x08\x42\x02\x10\x0d" + field(7, graph + interface.SerializeToString())


def byte_files():
    """Files that are no protocol buffers at all, or broken ones."""
    whole = parse(13, CONV).SerializeToString()
    graph_tag = bytes([7 << 3 | 2])
    at = whole.index(b"Conv")
    return {
        "subgraphs_200_deep": nested_branches(200),
        "bytes_empty": b"",
        "bytes_zeros": bytes(64),
        "bytes_text": b"this is not a model\n",
        "bytes_truncated": whole[:-7],
        "bytes_truncated_in_node": whole[: at + 2],
        "bytes_graph_length_beyond_file": b"\x08\x08" + graph_tag + varint(1 << 31) + b"\x00",
        "bytes_graph_length_2_63": b"\x08\x08" + graph_tag + varint((1 << 64) - 1) + b"\x00",
        "bytes_varint_never_ends": b"\x08" + b"\xff" * 32,
        "bytes_varint_cut": whole + b"\x08\x80",
        "bytes_wire_type_6": whole + bytes([1 << 3 | 6]) + b"\x00",
        "bytes_field_zero": whole + b"\x02\x00",
        "bytes_group_never_ends": whole + bytes([7 << 3 | 3]),
        "bytes_graph_as_varint": b"\x08\x08\x42\x02\x10\x0d" + bytes([7 << 3 | 0]) + b"\x01",
    }


# Functions that a reader must not follow without end, and calls that do not fit.
CALLS = {
    "function_of_two_inputs": "f (x, y) => (z) { z = Add(x, y) }",
    "function_without_output": "f (x) => () { z = Neg(x) }",
    "function_reads_nobody": "f (x) => (y) { y = Add(x, nobody) }",
    "function_opset_of_the_future": "f (x) => (y) { y = Neg(x) }",
}


def calls(name, function):
    opset = 1000 if name == "function_opset_of_the_future" else 18
    return onnx.parser.parse_model(
        f"""<ir_version: 9, opset_import: ["": 18, "l": 1]>
        g (float[2] x) => (float[2] y) {{ y = l.f(x) }}
        <domain: "l", opset_import: ["": {opset}, "l": 1]> {function}"""
    )


def hostile_files():
    """File name to bytes."""
    models = {name: parse(13, body) for name, body in TEXTS.items()}
    models |= {name: calls(name, text) for name, text in CALLS.items()}
    models |= graph_messages() | tensor_messages() | external_messages()
    files = {f"{name}.onnx": model.SerializeToString() for name, model in models.items()}
    files |= {f"{name}.onnx": content for name, content in byte_files().items()}
    files["weights.bin"] = np.array([1, 2, 3, 4], np.float32).tobytes()
    return files
