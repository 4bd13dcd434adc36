"""A builder for ONNX graphs: layers as exporters write them, weights seeded and scaled."""

import math
import zlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

# Keeps the second moment through a layer and the rectifier behind it (He et al. 2015, section 2.2).
RELU_GAIN = math.sqrt(2.0)


class Net:
    """One graph under construction.

    Layers take and return value names; `width` holds the channels or features of a value.
    """

    def __init__(self, name, *, opset=17, batch="N", batch_norm=False, seed=1):
        self.name = name
        self.opset = opset
        self.batch = batch
        self.batch_norm = batch_norm
        self.seed = seed
        self.width = {}
        self.parameters = 0
        self._nodes = []
        self._initializers = []
        self._inputs = []

    def input(self, name, *shape):
        """A float input of shape (batch, *shape)."""
        self._inputs.append(self._info(name, shape))
        self.width[name] = shape[0] if len(shape) == 3 else shape[-1]
        return name

    def constant(self, name, array):
        self._initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def integers(self, name, values):
        return self.constant(name, np.array(values, np.int64))

    def parameter(self, name, array):
        self.parameters += array.size
        return self.constant(name, array.astype(np.float32))

    def random(self, name):
        """A generator for one parameter, whatever the order of calls."""
        path = f"{self.name}/{name}"
        return np.random.default_rng([self.seed, zlib.crc32(path.encode())])

    def normal(self, name, shape, std):
        return self.random(name).standard_normal(shape, np.float32) * np.float32(std)

    def node(self, op, name, inputs, *, width=None, **attributes):
        """Adds a node with one output; its width is that of the first input unless given."""
        return self.nodes(op, name, inputs, [f"{name}.out"], width=width, **attributes)[0]

    def nodes(self, op, name, inputs, outputs, *, width=None, **attributes):
        self._nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        for value in outputs:
            self.width[value] = self.width.get(inputs[0]) if width is None else width
        return outputs

    def conv(
        self, name, x, out, kernel, *, stride=1, pad=None, groups=1, norm=True, gain=RELU_GAIN
    ):
        """Convolution with bias; `norm` adds a batch normalisation (folded if the net says so)."""
        pad = kernel // 2 if pad is None else pad
        fan_in = self.width[x] // groups * kernel * kernel
        shape = (out, self.width[x] // groups, kernel, kernel)
        weight = self.normal(f"{name}.weight", shape, gain / math.sqrt(fan_in))
        window = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        return self._normalised("Conv", name, x, weight, out, dict(window, group=groups), norm)

    def conv_transpose(self, name, x, out, kernel, *, stride=1, pad=0, norm=True, gain=RELU_GAIN):
        """As `conv`; without padding the input is one pixel and each output reached by one tap."""
        taps = kernel * kernel / (stride * stride) if pad else 1
        shape = (self.width[x], out, kernel, kernel)
        weight = self.normal(f"{name}.weight", shape, gain / math.sqrt(self.width[x] * taps))
        window = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        return self._normalised("ConvTranspose", name, x, weight, out, window, norm)

    def _normalised(self, op, name, x, weight, out, window, norm):
        if norm and self.batch_norm:
            y = self.node(
                op, name, [x, self.parameter(f"{name}.weight", weight)], width=out, **window
            )
            statistics = [
                self.parameter(f"{name}.bn.{key}", value)
                for key, value in self._statistics(name, out).items()
            ]
            return self.node("BatchNormalization", f"{name}.bn", [y, *statistics], epsilon=1e-5)
        bias = self.normal(f"{name}.bias", out, 0.1)
        if norm:
            s = self._statistics(name, out)
            factor = s["weight"] / np.sqrt(s["var"] + 1e-5)
            bias = s["bias"] - s["mean"] * factor
            weight = weight * factor.reshape((-1, 1, 1, 1) if op == "Conv" else (1, -1, 1, 1))
        inputs = [x, self.parameter(f"{name}.weight", weight), self.parameter(f"{name}.bias", bias)]
        return self.node(op, name, inputs, width=out, **window)

    def _statistics(self, name, channels):
        """Scale, shift, mean and variance, in the order of BatchNormalization's operands."""
        random = self.random(f"{name}.bn")
        return {
            "weight": random.uniform(0.8, 1.2, channels),
            "bias": random.normal(0.0, 0.1, channels),
            "mean": random.normal(0.0, 0.1, channels),
            "var": random.uniform(0.8, 1.2, channels),
        }

    def relu(self, name, x):
        return self.node("Relu", name, [x])

    def relu6(self, name, x):
        if self.opset < 11:
            return self.node("Clip", name, [x], min=0.0, max=6.0)
        low = self.constant(f"{name}.min", np.float32(0.0))
        high = self.constant(f"{name}.max", np.float32(6.0))
        return self.node("Clip", name, [x, low, high])

    def max_pool(self, name, x, kernel, stride, pad=0):
        window = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        return self.node("MaxPool", name, [x], **window)

    def add(self, name, a, b):
        return self.node("Add", name, [a, b])

    def global_pool(self, name, x):
        """Global average pooling and Flatten: (batch, channels)."""
        return self.node(
            "Flatten", f"{name}.flatten", [self.node("GlobalAveragePool", name, [x])], axis=1
        )

    def gemm(self, name, x, out, *, gain=1.0):
        """Fully connected layer on a matrix, the weight (out, in) as PyTorch keeps it."""
        weight = self.normal(
            f"{name}.weight", (out, self.width[x]), gain / math.sqrt(self.width[x])
        )
        bias = self.normal(f"{name}.bias", out, 0.1)
        inputs = [x, self.parameter(f"{name}.weight", weight), self.parameter(f"{name}.bias", bias)]
        return self.node("Gemm", name, inputs, width=out, transB=1)

    def linear(self, name, x, out, *, gain=1.0):
        """Fully connected layer on the last axis of a tensor of any rank: MatMul and Add."""
        weight = self.normal(
            f"{name}.weight", (self.width[x], out), gain / math.sqrt(self.width[x])
        )
        y = self.node("MatMul", name, [x, self.parameter(f"{name}.weight", weight)], width=out)
        bias = self.parameter(f"{name}.bias", self.normal(f"{name}.bias", out, 0.1))
        return self.add(f"{name}.add", y, bias)

    def layer_norm(self, name, x):
        """Over the last of three axes; opsets below 17 have no LayerNormalization: spelled out."""
        random = self.random(name)
        scale = self.parameter(f"{name}.weight", random.uniform(0.8, 1.2, self.width[x]))
        shift = self.parameter(f"{name}.bias", random.normal(0.0, 0.1, self.width[x]))
        if self.opset >= 17:
            return self.node("LayerNormalization", name, [x, scale, shift], axis=-1, epsilon=1e-5)
        mean = self.node("ReduceMean", f"{name}.mean", [x], axes=[2], keepdims=1)
        centred = self.node("Sub", f"{name}.centred", [x, mean])
        square = self.node("Mul", f"{name}.square", [centred, centred])
        variance = self.node("ReduceMean", f"{name}.var", [square], axes=[2], keepdims=1)
        raised = self.add(
            f"{name}.epsilon", variance, self.constant(f"{name}.eps", np.float32(1e-5))
        )
        unit = self.node(
            "Div", f"{name}.div", [centred, self.node("Sqrt", f"{name}.sqrt", [raised])]
        )
        return self.add(name, self.node("Mul", f"{name}.scale", [unit, scale]), shift)

    def gelu(self, name, x):
        """x / 2 * (1 + erf(x / sqrt 2)), spelled out as exporters do."""
        root = self.constant(f"{name}.root2", np.float32(math.sqrt(2.0)))
        erf = self.node("Erf", f"{name}.erf", [self.node("Div", f"{name}.div", [x, root])])
        one = self.add(f"{name}.one", erf, self.constant(f"{name}.1", np.float32(1.0)))
        product = self.node("Mul", f"{name}.mul", [x, one])
        return self.node("Mul", name, [product, self.constant(f"{name}.half", np.float32(0.5))])

    def squeeze(self, name, x, axis):
        if self.opset < 13:
            return self.node("Squeeze", name, [x], axes=[axis])
        return self.node("Squeeze", name, [x, self.integers(f"{name}.axes", [axis])])

    def model(self, outputs):
        """The finished model; `outputs` maps output names to (value, shape without batch)."""
        rename = {value: name for name, (value, _) in outputs.items()}
        for node in self._nodes:
            node.input[:] = [rename.get(value, value) for value in node.input]
            node.output[:] = [rename.get(value, value) for value in node.output]
        infos = [self._info(name, shape) for name, (_, shape) in outputs.items()]
        graph = helper.make_graph(self._nodes, self.name, self._inputs, infos, self._initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        # From IR version 4 on, weights need not be listed as graph inputs.
        ir_version = max(4, helper.find_min_ir_version_for(opsets))
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=ir_version, producer_name="strata bench/models"
        )

    def _info(self, name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.batch, *shape])
