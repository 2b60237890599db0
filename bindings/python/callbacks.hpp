// SPDX-License-Identifier: MIT
/// Python functions as callbacks of a pool, and the batch that `apply` gets. The pool's threads call them; each takes
/// the GIL for it.
#pragma once

#include <memory>
#include <string>

#include "gil.hpp"
#include "mempool.hpp"

namespace binding {

/// A Python callable that any thread may copy, drop and call. Dropped with the GIL; leaked where Python is ending.
class Callable {
public:
    explicit Callable(py::object function);
    [[nodiscard]] PyObject *get() const { return function_.get(); }

private:
    std::shared_ptr<PyObject> function_;
};

/// The batch of one apply call: valid while the call lasts, on its thread. Shared by what Python got of it. Needs the
/// GIL.
class ApplyCall {
public:
    explicit ApplyCall(mempoolpp::Batch batch) : batch_(batch), thread_(PyThread_get_thread_ident()) {}
    void end() { running_ = false; }

    /// Throws STATE after the call and on other threads: what is behind the handle is gone then, or busy.
    [[nodiscard]] mempoolpp::Batch batch() const;

private:
    mempoolpp::Batch batch_;
    unsigned long thread_;
    bool running_ = true;
};

/// mempool.TxBatch and mempool.Tx.
struct TxBatch {
    std::shared_ptr<ApplyCall> call;
};
struct BatchTx {
    std::shared_ptr<ApplyCall> call;
    std::size_t index;
};

/// Runs Python's apply. What it raises goes to sys.unraisablehook and, as text, rejects the batch.
class PythonApply {
public:
    explicit PythonApply(py::object function) : function_(std::move(function)) {}
    void operator()(mempoolpp::Batch batch) const;

private:
    Callable function_;
};

/// Runs Python's event callback. What it raises goes to sys.unraisablehook.
class PythonOnEvent {
public:
    explicit PythonOnEvent(py::object function) : function_(std::move(function)) {}
    void operator()(const mempoolpp::EventView &event) const;

private:
    Callable function_;
};

/// Hands the log on to Python: function(level, text). What it raises goes to sys.unraisablehook.
class PythonOnLog {
public:
    explicit PythonOnLog(py::object function) : function_(std::move(function)) {}
    void operator()(const mempool_log_view &message) const;

private:
    Callable function_;
};

/// One of the dataclasses of mempool._events. Needs the GIL.
py::object to_python(const mempoolpp::EventView &event);

/// Text from C: UTF-8 by contract, and never an exception where it is not.
py::str to_str(std::string_view text);

/// Text for C; what UTF-8 can't say (lone surrogates) becomes '?'.
std::string to_utf8(const py::str &text);

void add_callbacks(py::module_ &module);

}  // namespace binding
