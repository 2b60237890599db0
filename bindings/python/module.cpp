// SPDX-License-Identifier: MIT
/// The module mempool._core, over mempool.hpp only. Importing it starts nothing. One interpreter of the process has it:
/// the main one.
#include <dlfcn.h>
#include <pybind11/pybind11.h>

#include "callbacks.hpp"
#include "mempool.hpp"
#include "pool.hpp"

namespace binding {
namespace {

/// mempool._errors has the table from status to class; both are imported only where something failed.
void raise(const mempoolpp::Error &error) {
    const py::object raised =
        py::module_::import("mempool._errors").attr("from_status")(error.status(), to_str(error.detail()));
    PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(raised.ptr())), raised.ptr());
}

/// The file that the C ABI really came from: a host may have loaded a library of the same SONAME before us.
py::str library_path() {
    Dl_info found{};
    if (dladdr(reinterpret_cast<const void *>(&mempool_version), &found) == 0 || found.dli_fname == nullptr)
        throw mempoolpp::Error(MEMPOOL_SYSTEM, "the dynamic linker doesn't know where libmempool is");
    return to_str(found.dli_fname);
}

}  // namespace
}  // namespace binding

namespace {

constexpr const char *only_main =
    "mempool works in the main interpreter only, not in a sub-interpreter: import it there";

bool in_main_interpreter() {
    return PyInterpreterState_Get() == PyInterpreterState_Main();
}

}  // namespace

// Python calls PyInit__core, below.
PYBIND11_MODULE(_core_of_main_interpreter, module, py::multiple_interpreters::not_supported()) {
    using namespace binding;
    // From 3.13 on Python calls PyInit__core in the main interpreter, whoever imports; this body runs in the one that does.
    if (!in_main_interpreter()) throw py::import_error(only_main);
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const mempoolpp::Error &error) {
            raise(error);
        }
    });
    mempoolpp::check_version();
    module.def("version", [] { return mempool_version_text(); });
    module.def("library_path", &library_path);
    module.def(
        "status_name", [](mempool_status status) { return mempool_status_name(status); }, py::arg("status"));
    module.def(
        "status_text", [](mempool_status status) { return mempool_status_text(status); }, py::arg("status"));
    add_callbacks(module);
    add_config(module);
    add_pool(module);
}

// Callbacks come from threads that know only PyGILState_Ensure, and that means the main interpreter. The tag above
// refuses sub-interpreters from 3.12 on, and only isolated ones; pybind11 3.1.0's own entry waits for ever in the
// others (PyGILState_Ensure), so this one looks first. 2026-11; drop it when test_a_sub_interpreter_is_refused passes
// without.
extern "C" PYBIND11_EXPORT PyObject *PyInit__core() {
    if (in_main_interpreter()) return PyInit__core_of_main_interpreter();
    PyErr_SetString(PyExc_ImportError, only_main);
    return nullptr;
}
