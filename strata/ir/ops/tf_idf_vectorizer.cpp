#include <algorithm>
#include <limits>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view modes[] = {"TF", "IDF", "TFIDF"};

/// The n-grams to look for: those of n items start at counts[n - 1] in the pool. The i-th of all
/// is counted in column indexes[i].
struct Pool {
  std::span<const std::int64_t> counts, items, indexes;

  explicit Pool(const Attributes& attributes)
      : counts(integers_view(attributes, "ngram_counts")),
        items(integers_view(attributes, "pool_int64s")),
        indexes(integers_view(attributes, "ngram_indexes")) {}

  std::int64_t begin(std::size_t n) const { return counts[n - 1]; }
  std::int64_t end(std::size_t n) const {
    return n < counts.size() ? counts[n] : std::int64_t(items.size());
  }
  std::int64_t columns() const { return *std::max_element(indexes.begin(), indexes.end()) + 1; }
};

void expect_pool(const Attributes& attributes) {
  if (attributes.has("pool_strings")) {
    fail(ErrorCode::unsupported, "pool_strings is given; accepted: pool_int64s");
  }
  const Pool pool(attributes);
  if (pool.indexes.empty()) fail(ErrorCode::model, "ngram_indexes is empty");
  for (const std::int64_t index : pool.indexes) {
    expect_between("ngram_indexes entry", index, 0, std::numeric_limits<std::int32_t>::max() - 1);
  }
  std::size_t total = 0;
  for (std::size_t n = 1; n <= pool.counts.size(); ++n) {
    expect_between("ngram_counts entry", pool.begin(n), 0, std::int64_t(pool.items.size()));
    expect_between("end of the n-grams of one length", pool.end(n), pool.begin(n),
                   std::int64_t(pool.items.size()));
    total += std::size_t(pool.end(n) - pool.begin(n)) / n;
  }
  expect_count("ngram_indexes", pool.indexes.size(), total);
}

std::span<const float> weights_of(const Attributes& attributes) {
  const Attribute* found = attributes.find("weights");
  const auto* list = found ? std::get_if<std::vector<float>>(found) : nullptr;
  return list ? std::span<const float>(*list) : std::span<const float>();
}

void infer(InferContext& context) {
  const Attributes& attributes = context.attributes();
  expect_index(context, 0, "X");
  expect_word(attributes, "mode", "", modes);
  expect_pool(attributes);
  const std::int64_t longest = attributes.integer("max_gram_length", 1);
  expect_between("max_gram_length", longest, 1, std::numeric_limits<std::int32_t>::max());
  expect_between("min_gram_length", attributes.integer("min_gram_length", 1), 1, longest);
  expect_between("max_skip_count", attributes.integer("max_skip_count", 0), 0,
                 std::numeric_limits<std::int32_t>::max());
  const std::int64_t columns = Pool(attributes).columns();
  const std::size_t weights = weights_of(attributes).size();
  if (weights > 0 && std::int64_t(weights) < columns) {
    fail(ErrorCode::model, "weights has {} entries for {} columns", weights, columns);
  }
  const SymbolicShape& x = context.input(0).shape;
  if (x.size() > 2) context.expect_rank(0, "X", 2);
  SymbolicShape y{columns};
  if (x.size() == 2) y.insert(y.begin(), x[0]);
  context.set_output(0, {DType::f32, std::move(y)});
}

/// Counts in `row` the n-grams of X that start at `start` and take every `skip`-th item.
void count_ngrams(const EvalArgs& args, const Pool& pool, std::int64_t start, std::int64_t end,
                  std::int64_t skip, std::int64_t shortest, std::span<float> row) {
  const std::int64_t longest = args.attributes().integer("max_gram_length", 1);
  std::int64_t before = 0;
  for (std::size_t n = 1; n <= pool.counts.size() && std::int64_t(n) <= longest; ++n) {
    const auto length = std::int64_t(n);
    const std::int64_t count = (pool.end(n) - pool.begin(n)) / length;
    const bool wanted = length >= shortest && (length - 1) <= (end - 1 - start) / skip;
    for (std::int64_t i = 0; wanted && i < count; ++i) {
      const auto gram = pool.items.subspan(std::size_t(pool.begin(n) + i * length), n);
      std::int64_t same = 0;
      while (same < length &&
             index_at(args.inputs[0], start + same * skip) == gram[std::size_t(same)]) {
        ++same;
      }
      if (same == length) row[std::size_t(pool.indexes[std::size_t(before + i)])] += 1;
    }
    before += count;
  }
}

Status reference(const EvalArgs& args) {
  const Attributes& attributes = args.attributes();
  const Pool pool(attributes);
  const Shape& x = args.inputs[0].shape();
  const std::int64_t items = x.rank() == 0 ? 1 : x[-1];
  const auto columns = std::size_t(pool.columns());
  const std::span<float> y = args.outputs[0].mutable_data<float>();
  const auto weights = weights_of(attributes);
  const std::string_view mode = text_view(attributes, "mode", "");
  const std::int64_t shortest = attributes.integer("min_gram_length", 1);
  const std::int64_t widest = std::min(attributes.integer("max_skip_count", 0) + 1, items);
  std::fill(y.begin(), y.end(), 0.0f);
  for (std::size_t r = 0; r * columns < y.size(); ++r) {
    const std::span<float> row = y.subspan(r * columns, columns);
    const std::int64_t begin = std::int64_t(r) * items;
    for (std::int64_t skip = 1; skip <= widest; ++skip) {
      // Single items are no different when skipped between: they count once.
      const std::int64_t least = skip > 1 ? std::max<std::int64_t>(shortest, 2) : shortest;
      for (std::int64_t start = begin; start < begin + items; ++start) {
        count_ngrams(args, pool, start, begin + items, skip, least, row);
      }
    }
    for (std::size_t c = 0; c < columns && mode != "TF"; ++c) {
      if (mode == "IDF") row[c] = row[c] > 0 ? 1.0f : 0.0f;
      if (!weights.empty()) row[c] *= weights[c];
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const auto text = values<std::int32_t>({12}, {1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8});
  const auto make = [](std::string_view name, OpCase::Input x, std::string_view mode,
                       std::int64_t shortest, std::int64_t skips, bool weighted) {
    Attributes attributes{{"mode", std::string(mode)},
                          {"min_gram_length", shortest},
                          {"max_gram_length", std::int64_t(2)},
                          {"max_skip_count", skips},
                          {"ngram_counts", Ints{0, 4}},
                          {"ngram_indexes", Ints{0, 1, 2, 3, 4, 5, 6}},
                          {"pool_int64s", Ints{2, 3, 5, 4, 5, 6, 7, 8, 6, 7}}};
    if (weighted) attributes.set("weights", std::vector<float>{1, 2, 3, 4, 5, 6, 7});
    return OpCase{.name = name, .inputs = {std::move(x)}, .attributes = std::move(attributes)};
  };
  return {make("tf", text, "TF", 2, 0, false),
          make("tf_skipping", text, "TF", 2, 5, false),
          make("tf_single", text, "TF", 1, 5, false),
          make("idf", text, "IDF", 1, 1, true),
          make("tfidf", text, "TFIDF", 1, 0, true),
          make("rows", values<std::int64_t>({2, 3}, {5, 6, 7, 8, 6, 7}), "TF", 1, 1, false),
          make("symbolic", input(DType::i64, {Dim::symbol("N"), 5}), "TF", 1, 0, false),
          make("empty", i64({}), "TF", 1, 0, false)};
}

constexpr AttributeDef attributes[] = {{"max_gram_length", AttributeKind::integer, true},
                                       {"max_skip_count", AttributeKind::integer, true},
                                       {"min_gram_length", AttributeKind::integer, true},
                                       {"mode", AttributeKind::string, true},
                                       {"ngram_counts", AttributeKind::integers, true},
                                       {"ngram_indexes", AttributeKind::integers, true},
                                       {"pool_int64s", AttributeKind::integers},
                                       {"pool_strings", AttributeKind::strings},
                                       {"weights", AttributeKind::reals}};

}  // namespace

extern const OpDef tf_idf_vectorizer_op;
constinit const OpDef tf_idf_vectorizer_op = {.name = "TfIdfVectorizer",
                                              .attributes = attributes,
                                              .infer = infer,
                                              .reference = reference,
                                              .cost = elementwise_cost,
                                              .cases = cases};

}  // namespace strata::ir
