#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

namespace strata::python {

/// Errors of Strata reach Python as the classes of strata/errors.py.
void translate_errors();

/// Names in a file may be any bytes; Python gets them as it gets the names of files.
pybind11::str text(std::string_view bytes);
/// The way back.
std::string bytes_of(const pybind11::str& text);
/// repr(), for errors.
std::string printable(pybind11::handle object);

}  // namespace strata::python
