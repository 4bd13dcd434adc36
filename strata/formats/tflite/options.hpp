#pragma once

#include <tflite_schema.h>

#include "strata/formats/tflite/operator_context.hpp"

namespace strata::formats::tflite {

/// A table of no fields: all of them have their defaults.
template <class T>
const T& default_options() {
  struct Bytes {
    std::uint16_t vtable_size = 4, table_size = 4;
    std::int32_t to_vtable = 4;
  };
  static const Bytes bytes;
  return *reinterpret_cast<const T*>(&bytes.to_vtable);
}

template <class T>
const T& OperatorContext::options() const {
  if (info_.table->builtin_options_type() == schema::BuiltinOptions::NONE ||
      !info_.table->builtin_options()) {
    return default_options<T>();
  }
  const T* found = info_.table->builtin_options_as<T>();
  if (!found) {
    fail(ErrorCode::model, "its options are of another operator (type {})",
         int(info_.table->builtin_options_type()));
  }
  return *found;
}

}  // namespace strata::formats::tflite
