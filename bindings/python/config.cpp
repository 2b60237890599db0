// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <pybind11/stl.h>

#include "mempool.hpp"

namespace binding {
namespace {

const char *type_name(std::int32_t type) {
    switch (type) {
        case MEMPOOL_OPTION_INT:
            return "int";
        case MEMPOOL_OPTION_BOOL:
            return "bool";
        default:
            return "text";
    }
}

py::list option_rows() {
    py::list rows;
    for (const mempool_option_view &option : mempoolpp::options())
        rows.append(py::make_tuple(option.name, type_name(option.type), option.unit, option.doc, option.since,
                                   option.minimum, option.maximum, option.default_text));
    return rows;
}

}  // namespace

void add_config(py::module_ &module) {
    module.def("options", &option_rows);
    py::class_<mempoolpp::Config>(module, "Config")
        .def(py::init<>())
        .def(
            "set_int",
            [](mempoolpp::Config &self, const std::string &name, std::int64_t value) { self.set(name, value); },
            py::arg("name"), py::arg("value"))
        .def(
            "set_text",
            [](mempoolpp::Config &self, const std::string &name, const std::string &value) { self.set(name, value); },
            py::arg("name"), py::arg("value"))
        .def("get_int", &mempoolpp::Config::get_int, py::arg("name"))
        .def("get_text", &mempoolpp::Config::get_text, py::arg("name"))
        .def("load_env", [](mempoolpp::Config &self) { self.load_env(); });
}

}  // namespace binding
