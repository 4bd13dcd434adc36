"""Single-operator TFLite models, and what LiteRT computes with them."""

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

RESOLVERS = {
    "tflite_reference": litert.OpResolverType.BUILTIN_REF,
    "tflite_optimized": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "tflite_xnnpack": litert.OpResolverType.AUTO,
}
TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
}


class Quantized:
    """Codes with their scales (one, or one for each entry of an axis) and zero point."""

    def __init__(self, codes, scale, zero_point=0, axis=0):
        self.codes = np.ascontiguousarray(codes)
        self.scale = np.atleast_1d(np.float32(scale))
        self.zero_point = int(zero_point)
        self.axis = axis

    def strata(self):
        """The three operands that stand for it."""
        scale = self.scale if len(self.scale) > 1 else self.scale.reshape(())
        return [self.codes, scale, np.array(self.zero_point, self.codes.dtype)]


class Operator:
    """A model of one operator: `inputs` are fed, the other operands are constants."""

    def __init__(self, code, options_type=0, options=None, custom=None):
        self.model = schema.ModelT()
        self.model.version = 3
        empty = schema.BufferT()
        self.model.buffers = [empty]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs, self.graph.outputs = [], [], []
        self.operator = schema.OperatorT()
        self.operator.opcodeIndex = 0
        self.operator.inputs, self.operator.outputs = [], []
        self.operator.builtinOptionsType = options_type
        self.operator.builtinOptions = options
        operator_code = schema.OperatorCodeT()
        operator_code.builtinCode = code
        operator_code.deprecatedBuiltinCode = min(code, 127)
        if custom:
            operator_code.customCode = custom[0]
            self.operator.customOptions = list(custom[1])
        self.model.operatorCodes = [operator_code]
        self.fed = []

    def _tensor(self, value, constant):
        codes = value.codes if isinstance(value, Quantized) else np.ascontiguousarray(value)
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shape = list(codes.shape)
        tensor.type = TYPES[codes.dtype]
        tensor.buffer = 0
        if constant:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(codes.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        if isinstance(value, Quantized):
            quantization = schema.QuantizationParametersT()
            quantization.scale = value.scale
            quantization.zeroPoint = np.full(len(value.scale), value.zero_point, np.int64)
            quantization.quantizedDimension = value.axis
            tensor.quantization = quantization
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, value):
        index = self._tensor(value, False)
        self.graph.inputs.append(index)
        self.operator.inputs.append(index)
        self.fed.append(value.codes if isinstance(value, Quantized) else value)
        return self

    def constant(self, value):
        self.operator.inputs.append(-1 if value is None else self._tensor(value, True))
        return self

    def variable(self, value):
        """A state, zero (its zero point) at first."""
        index = self._tensor(value, False)
        self.graph.tensors[index].isVariable = True
        self.operator.inputs.append(index)
        return self

    def intermediate(self, value):
        if self.operator.intermediates is None:
            self.operator.intermediates = []
        self.operator.intermediates.append(self._tensor(value, False))
        return self

    def output(self, value):
        """`value` gives shape, type and quantization; its elements do not matter."""
        index = self._tensor(value, False)
        self.graph.outputs.append(index)
        self.operator.outputs.append(index)
        return self

    def bytes(self):
        self.graph.operators = [self.operator]
        self.model.subgraphs = [self.graph]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _interpreter(self, mode):
        """The runtimes accept some versions of each operator; which one changes nothing else."""
        custom = self.model.operatorCodes[0].customCode is not None
        for version in (1,) if custom else (2, 1, 3, 4, 5, 6):
            self.model.operatorCodes[0].version = version
            try:
                runtime = litert.Interpreter(
                    model_content=self.bytes(),
                    num_threads=1,
                    experimental_op_resolver_type=RESOLVERS[mode],
                )
                break
            except ValueError:
                continue
        runtime.allocate_tensors()
        return runtime

    def run(self, mode):
        runtime = self._interpreter(mode)
        for detail, value in zip(runtime.get_input_details(), self.fed):
            runtime.set_tensor(detail["index"], value)
        runtime.invoke()
        return [runtime.get_tensor(d["index"]).copy() for d in runtime.get_output_details()]

    def delegated(self):
        """Whether the default runtime hands the operator to XNNPACK."""
        runtime = self._interpreter("tflite_xnnpack")
        return any(op["op_name"] == "DELEGATE" for op in runtime._get_ops_details())
