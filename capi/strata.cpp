#include "capi/strata.h"

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capi/options.hpp"
#include "capi/status.hpp"
#include "capi/tensors.hpp"
#include "strata/formats/load.hpp"
#include "strata/runtime/saved_choices.hpp"
#include "strata/runtime/session.hpp"

struct strata_session {
  strata::runtime::Session session;
  std::vector<std::string> dim_names;  // what strata_value::dim_names points at
  std::vector<strata_value> inputs, outputs;
};

struct strata_result {
  std::vector<strata::Tensor> outputs;
};

namespace strata::capi {
namespace {

strata_session* own(runtime::Session session) {
  auto made = std::make_unique<strata_session>(strata_session{std::move(session), {}, {}, {}});
  const runtime::Session& s = made->session;
  // These texts must not move.
  made->dim_names.reserve(STRATA_MAX_RANK * (s.input_names().size() + s.output_names().size()));
  made->inputs = describe(s.input_names(), s.input_types(), made->dim_names);
  made->outputs = describe(s.output_names(), s.output_types(), made->dim_names);
  return made.release();
}

void copy_value(const std::vector<strata_value>& values, const char* kind, std::size_t index,
                strata_value* value) {
  if (index >= values.size()) {
    fail(ErrorCode::usage, "there is no {} {}; the model has {}", kind, index, values.size());
  }
  given(value, "value") = values[index];
}

/// As the file says that it is best run, but for what the caller says.
strata_session* session_of(formats::Model model, const strata_option* options, std::size_t count) {
  runtime::SessionOptions resolved = session_options(options, count);
  const runtime::Given decided{has_option(options, count, "threads"),
                               has_option(options, count, "precision")};
  runtime::follow(runtime::saved_choices(model.info.metadata), decided, resolved);
  resolved.target.packed->offer(model.graph, model.packed, resolved.target.rows);
  return own(runtime::Session(std::move(model.graph), resolved));
}

std::vector<Tensor> borrow_inputs(const runtime::Session& session, const strata_tensor* inputs,
                                  std::size_t count) {
  const std::vector<std::string>& names = session.input_names();
  if (count != names.size()) {
    fail(ErrorCode::usage, "{} inputs given, the model has {}", count, names.size());
  }
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    tensors.push_back(borrow((&given(inputs, "inputs"))[i], names[i]));
    const DType type = session.input_types()[i].dtype;
    if (tensors.back().dtype() != type) {
      fail(ErrorCode::usage, "input {}: {} given, {} accepted", names[i],
           to_string(tensors.back().dtype()), to_string(type));
    }
  }
  return tensors;
}

/// The caller's arrays for the outputs.
class Outputs {
 public:
  Outputs(const runtime::Session& session, strata_tensor* outputs, std::size_t count)
      : session_(session), outputs_(outputs, count) {
    if (count != session.output_names().size()) {
      fail(ErrorCode::usage, "{} outputs given, the model has {}", count,
           session.output_names().size());
    }
    if (count > 0) given(outputs, "outputs");
  }

  /// Says what the next output is; whether it fits.
  void next(DType type, const Shape& shape) {
    strata_tensor& output = outputs_[at_];
    const std::size_t room = output.data ? output.bytes : 0;
    describe(type, shape, output);
    if (room < output.bytes && problem_.empty()) {
      problem_ =
          fmt::format("output {}: {} bytes given, {} needed for {}{}", session_.output_names()[at_],
                      room, output.bytes, to_string(type), to_string(shape));
    }
    if (reinterpret_cast<std::uintptr_t>(output.data) % size_of(type) != 0) {
      fail(ErrorCode::usage, "output {}: the array is not aligned for {}",
           session_.output_names()[at_], to_string(type));
    }
    ++at_;
  }

  /// Why there is no room; empty if there is.
  const std::string& problem() const { return problem_; }
  void* data(std::size_t i) const { return outputs_[i].data; }

 private:
  const runtime::Session& session_;
  std::span<strata_tensor> outputs_;
  std::size_t at_ = 0;
  std::string problem_;
};

/// One plan writes where the caller will read.
strata_status run_planned(runtime::Session& session, std::span<const Tensor> inputs,
                          Outputs& outputs) {
  std::vector<Shape> shapes;
  std::vector<const void*> in;
  for (const Tensor& input : inputs) {
    shapes.push_back(input.shape());
    in.push_back(input.raw());
  }
  runtime::Context& context = session.context(shapes);
  const ir::Graph& graph = context.binding().program().graph();
  for (const ir::ValueId id : graph.outputs) {
    outputs.next(graph.value(id).type.dtype, context.binding().shapes()[ir::index(id)]);
  }
  if (!outputs.problem().empty()) return report(STRATA_TOO_SMALL, outputs.problem().c_str());
  std::vector<void*> out;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) out.push_back(outputs.data(i));
  context.run(in, out);
  return STRATA_OK;
}

/// Sizes depend on data: they are known afterwards.
strata_status run_segments(runtime::Session& session, std::span<const Tensor> inputs,
                           Outputs& outputs) {
  // Only a run tells what its outputs need, and it would have moved the states on.
  if (!session.graph().states.empty()) {
    fail(ErrorCode::usage,
         "sizes depend on data and the model has states; accepted: strata_run_owned");
  }
  const std::vector<Tensor> results = session.run(inputs);
  for (const Tensor& result : results) outputs.next(result.dtype(), result.shape());
  if (!outputs.problem().empty()) return report(STRATA_TOO_SMALL, outputs.problem().c_str());
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].size_bytes() == 0) continue;
    std::memcpy(outputs.data(i), results[i].raw(), results[i].size_bytes());
  }
  return STRATA_OK;
}

}  // namespace
}  // namespace strata::capi

using namespace strata;
using namespace strata::capi;

const char* strata_version() { return STRATA_VERSION; }

const char* strata_error_message() { return last_message(); }

size_t strata_type_bytes(strata_type type) {
  const auto dtype = capi::dtype_of(capi::code_of(type));
  return dtype ? size_of(*dtype) : 0;
}

strata_status strata_load(const char* path, const strata_option* options, size_t option_count,
                          strata_session** session) {
  return guarded([&] {
    given(session, "session") = nullptr;
    const char* file = &given(path, "path");
    session_options(options, option_count);  // wrong ones are told before the file is read
    *session = session_of(formats::load_model(std::filesystem::path(file)), options, option_count);
    return STRATA_OK;
  });
}

strata_status strata_load_bytes(const void* bytes, size_t size, const strata_option* options,
                                size_t option_count, strata_session** session) {
  return guarded([&] {
    given(session, "session") = nullptr;
    if (!bytes) fail(ErrorCode::usage, "bytes is null");
    session_options(options, option_count);
    const std::span content(static_cast<const std::byte*>(bytes), size);
    *session = session_of(formats::load_model(content), options, option_count);
    return STRATA_OK;
  });
}

strata_status strata_share(const strata_session* session, strata_session** shared) {
  return guarded([&] {
    given(shared, "shared") = nullptr;
    *shared = own(given(session, "session").session.share());
    return STRATA_OK;
  });
}

void strata_free(strata_session* session) { delete session; }

size_t strata_input_count(const strata_session* session) {
  return session ? session->inputs.size() : 0;
}

size_t strata_output_count(const strata_session* session) {
  return session ? session->outputs.size() : 0;
}

strata_status strata_input(const strata_session* session, size_t index, strata_value* value) {
  return guarded([&] {
    copy_value(given(session, "session").inputs, "input", index, value);
    return STRATA_OK;
  });
}

strata_status strata_output(const strata_session* session, size_t index, strata_value* value) {
  return guarded([&] {
    copy_value(given(session, "session").outputs, "output", index, value);
    return STRATA_OK;
  });
}

strata_status strata_run(strata_session* session, const strata_tensor* inputs, size_t input_count,
                         strata_tensor* outputs, size_t output_count) {
  return guarded([&] {
    runtime::Session& own_session = given(session, "session").session;
    const std::vector<Tensor> in = borrow_inputs(own_session, inputs, input_count);
    Outputs out(own_session, outputs, output_count);
    return own_session.is_static() ? run_planned(own_session, in, out)
                                   : run_segments(own_session, in, out);
  });
}

strata_status strata_run_owned(strata_session* session, const strata_tensor* inputs,
                               size_t input_count, strata_result** result) {
  return guarded([&] {
    given(result, "result") = nullptr;
    runtime::Session& own_session = given(session, "session").session;
    const std::vector<Tensor> in = borrow_inputs(own_session, inputs, input_count);
    *result = new strata_result{own_session.run(in)};
    return STRATA_OK;
  });
}

strata_status strata_result_output(const strata_result* result, size_t index,
                                   strata_tensor* tensor) {
  return guarded([&] {
    const std::vector<Tensor>& tensors = given(result, "result").outputs;
    if (index >= tensors.size()) {
      fail(ErrorCode::usage, "there is no output {}; the result has {}", index, tensors.size());
    }
    Tensor output = tensors[index];
    describe(output.dtype(), output.shape(), given(tensor, "tensor"));
    tensor->data = output.mutable_raw();
    return STRATA_OK;
  });
}

void strata_result_free(strata_result* result) { delete result; }

strata_status strata_reset(strata_session* session) {
  return guarded([&] {
    given(session, "session").session.reset();
    return STRATA_OK;
  });
}
