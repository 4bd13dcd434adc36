#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "strata/tensor/tensor.hpp"

namespace strata::data {

/// Reads one array in NumPy's .npy format (versions 1 to 3, C or Fortran order, little endian).
/// `|V2` is bf16, as ml_dtypes writes it. The tensor shares the bytes where `owner` keeps them and
/// order and alignment allow, else copies. Throws model, naming the byte; unsupported for big
/// endian, complex, text, structured and (pickled) object arrays.
Tensor parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = {});
/// The same over a mapped file; Errors begin with "reading FILE".
Tensor read_npy(const std::filesystem::path& path);

/// Version 1, C order; whole file content, and to a file (atomic). Numbers of narrow types, which
/// NumPy does not know, are written as f32, i8 or u8.
std::string npy_bytes(const Tensor& tensor);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Reads the arrays of an .npz (a zip of .npy), in file order. Throws model for what parse_npy
/// refuses, names that appear twice, and beyond `byte_limit` bytes of arrays in all.
std::vector<NamedTensor> parse_npz(std::span<const std::byte> bytes,
                                   std::size_t byte_limit = std::size_t(4) << 30);
std::vector<NamedTensor> read_npz(const std::filesystem::path& path,
                                  std::size_t byte_limit = std::size_t(4) << 30);
/// Uncompressed, atomic; the same arrays give the same bytes. Throws usage for unfit names.
void write_npz(const std::filesystem::path& path, std::span<const NamedTensor> arrays);

}  // namespace strata::data
