#include "strata/ir/builder.hpp"

namespace strata::ir {

std::vector<ValueId> Builder::multi(std::string_view op_name, std::vector<ValueId> inputs,
                                    int outputs, Attributes attributes, std::string_view name) {
  const OpDef& op = find_op(op_name);
  std::string wanted(name);
  if (wanted.empty()) {
    wanted =
        sources_.empty() ? std::string(op.name) : sources_.front() + "/" + std::string(op.name);
  }
  std::vector<ValueId> values;
  for (int i = 0; i < outputs; ++i) {
    values.push_back(graph_.add_value(outputs == 1 ? wanted : wanted + ":" + std::to_string(i)));
  }
  NodeId node =
      graph_.add_node(op, wanted, std::move(inputs), values, std::move(attributes), sources_);
  infer_node(graph_, node);
  return values;
}

ValueId Builder::op(std::string_view op_name, std::vector<ValueId> inputs, Attributes attributes,
                    std::string_view name) {
  return multi(op_name, std::move(inputs), 1, std::move(attributes), name).front();
}

ValueId Builder::constant(Tensor tensor, std::string_view name) {
  return graph_.add_constant(name, EncodedTensor(std::move(tensor)), sources_);
}

ValueId Builder::integers(std::vector<std::int64_t> values) {
  return constant(Tensor::from<std::int64_t>({std::int64_t(values.size())}, values));
}

}  // namespace strata::ir
