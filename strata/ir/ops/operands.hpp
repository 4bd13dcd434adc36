#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "strata/ir/op.hpp"

namespace strata::ir {

/// Complain (model) unless operand i, called `what`, has a fitting element type.
void expect_float(const InferContext& context, int i, std::string_view what);
void expect_number(const InferContext& context, int i, std::string_view what);  ///< any but bool
void expect_signed(const InferContext& context, int i, std::string_view what);  ///< float or signed
void expect_index(const InferContext& context, int i, std::string_view what);   ///< i32 or i64
void expect_dtype(const InferContext& context, int i, std::string_view what, DType type);

/// Complain (model) unless value is in [low, high] / the vector has that many entries.
void expect_between(std::string_view what, std::int64_t value, std::int64_t low, std::int64_t high);
void expect_count(std::string_view what, std::size_t given, std::size_t expected);

/// Complains (model) unless the extents agree; symbols are taken on trust.
void expect_extent(std::string_view what, const Dim& given, const Dim& expected);

/// The number; throws unsupported if the extent depends on symbols.
std::int64_t expect_known(std::string_view what, const Dim& extent);

/// Elements of operand i as numbers, or as dims that may depend on symbols; throws unsupported if
/// they depend on data.
std::vector<std::int64_t> expect_integers(const InferContext& context, int i,
                                          std::string_view what);
std::vector<Dim> expect_elements(const InferContext& context, int i, std::string_view what);

/// Entries of a vector operand that gives the result's rank; throws unsupported unless known.
int expect_length(const InferContext& context, int i, std::string_view what);

/// Rank of operand i.
inline int rank_of(const InferContext& context, int i) {
  return int(context.input(i).shape.size());
}

/// The attribute without a copy; empty if absent.
std::span<const std::int64_t> integers_view(const Attributes& attributes, std::string_view name);
std::string_view text_view(const Attributes& attributes, std::string_view name,
                           std::string_view fallback);

/// Throws model unless the text attribute is one of the accepted words.
void expect_word(const Attributes& attributes, std::string_view name, std::string_view fallback,
                 std::span<const std::string_view> accepted);

/// Element i of an i32 or i64 tensor.
inline std::int64_t index_at(const Tensor& tensor, std::int64_t i) {
  return tensor.dtype() == DType::i32 ? static_cast<const std::int32_t*>(tensor.raw())[i]
                                      : static_cast<const std::int64_t*>(tensor.raw())[i];
}

/// Output 0 is of the type of input 0 (and has the same known elements).
void same_as_input(InferContext& context);

/// One operation per element of output 0.
Cost elementwise_cost(const CostArgs& args);

}  // namespace strata::ir
