// SPDX-License-Identifier: MIT
#include "callbacks.hpp"

#include <stdexcept>

namespace binding {
namespace {

/// The functions of mempool._events that make the dataclasses, looked up once. GIL.
struct EventMakers {
    py::object batch, message, lagged, reset;

    static const EventMakers &get() {
        static const EventMakers *makers = nullptr;  // leaked: threads of the pool may outlive the interpreter's end
        if (makers == nullptr) {
            const py::module_ events = py::module_::import("mempool._events");
            makers = new EventMakers{events.attr("make_batch"), events.attr("make_message"), events.attr("make_lagged"),
                                     events.attr("make_reset")};
        }
        return *makers;
    }
};

/// "ValueError: no such account", of the exception that is set; which then goes to sys.unraisablehook.
std::string report_exception(PyObject *function) {
    py::error_already_set error;  // takes it
    std::string text = to_utf8(py::str(error.type().attr("__name__")));
    try {
        const std::string what = to_utf8(py::str(error.value()));
        if (!what.empty()) text += ": " + what;
    } catch (const py::error_already_set &) {  // its __str__ raises too: the name has to do
    }
    error.restore();
    PyErr_WriteUnraisable(function);
    return text;
}

BatchTx at(const TxBatch &batch, py::ssize_t index) {
    const auto size = static_cast<py::ssize_t>(batch.call->batch().size());
    if (index < 0) index += size;
    if (index < 0 || index >= size) throw py::index_error("batch index out of range");
    return {batch.call, static_cast<std::size_t>(index)};
}

}  // namespace

Callable::Callable(py::object function)
    : function_(function.release().ptr(), [](PyObject *held) {
          const WithGil gil;
          if (gil.holds()) Py_DECREF(held);
      }) {}

mempoolpp::Batch ApplyCall::batch() const {
    if (!running_)
        throw mempoolpp::Error(MEMPOOL_STATE,
                               "the batch is over: it and its transactions live until apply returns; "
                               "copy what you need (tx.id, tx.data)");
    if (thread_ != PyThread_get_thread_ident())
        throw mempoolpp::Error(MEMPOOL_STATE,
                               "the batch belongs to the thread that runs apply; "
                               "copy what others need (tx.id, tx.data)");
    return batch_;
}

void PythonApply::operator()(mempoolpp::Batch batch) const {
    const WithGil gil;
    if (!gil.holds()) throw std::runtime_error("the Python interpreter has ended");
    const auto call = std::make_shared<ApplyCall>(batch);
    const py::object argument = py::cast(TxBatch{call});
    PyObject *result = call_python(function_.get(), argument.ptr());
    call->end();
    if (result == nullptr) throw std::runtime_error(report_exception(function_.get()));
    Py_DECREF(result);
}

void PythonOnEvent::operator()(const mempoolpp::EventView &event) const {
    const WithGil gil;
    if (!gil.holds()) return;
    py::object argument;
    try {
        argument = to_python(event);
    } catch (py::error_already_set &error) {
        error.restore();
        PyErr_WriteUnraisable(function_.get());
        return;
    }
    PyObject *result = call_python(function_.get(), argument.ptr());
    if (result == nullptr)
        report_exception(function_.get());
    else
        Py_DECREF(result);
}

void PythonOnLog::operator()(const mempool_log_view &message) const {
    const WithGil gil;
    if (!gil.holds()) return;
    py::object both;
    try {
        both = py::make_tuple(message.level, to_str(message.text));
    } catch (py::error_already_set &error) {
        error.restore();
        PyErr_WriteUnraisable(function_.get());
        return;
    }
    PyObject *result = call_python(function_.get(), both.ptr());
    if (result == nullptr)
        report_exception(function_.get());
    else
        Py_DECREF(result);
}

py::object to_python(const mempoolpp::EventView &event) {
    const EventMakers &make = EventMakers::get();
    switch (event.kind()) {
        case MEMPOOL_EVENT_BATCH: {
            py::list rejected;
            for (const mempoolpp::Rejected &one : event.rejected())
                rejected.append(py::make_tuple(one.id, to_str(one.reason)));
            return make.batch(to_str(event.epoch()), event.offset(), event.time().count(), event.batch(),
                              event.applied(), event.total(), rejected);
        }
        case MEMPOOL_EVENT_MESSAGE: {
            const std::string_view data = event.data();
            const py::object said = event.binary() ? py::object(py::bytes(data)) : py::object(to_str(data));
            return make.message(to_str(event.epoch()), event.offset(), event.time().count(), said);
        }
        case MEMPOOL_EVENT_LAGGED:
            return make.lagged(event.missed(), to_str(event.epoch()), event.offset());
        case MEMPOOL_EVENT_RESET:
            return make.reset(to_str(event.epoch()), event.offset());
        default:
            throw mempoolpp::Error(MEMPOOL_INTERNAL, "an event of kind " + std::to_string(event.kind()));
    }
}

py::str to_str(std::string_view text) {
    PyObject *decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

std::string to_utf8(const py::str &text) {
    PyObject *encoded = PyUnicode_AsEncodedString(text.ptr(), "utf-8", "replace");
    if (encoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::bytes>(encoded);
}

void add_callbacks(py::module_ &module) {
    EventMakers::get();  // so that no thread of a pool has to import

    // No call here releases the GIL: a batch belongs to one thread and its functions neither block nor lock.
    py::class_<TxBatch> batch(
        module, "TxBatch",
        "The transactions of one apply call, in queue order. Usable until apply returns, on its thread.");
    batch.def("__len__", [](const TxBatch &self) { return self.call->batch().size(); })
        .def("__getitem__", &at, py::arg("index"))
        .def("__iter__", [](const py::object &self) {
            PyObject *iterator = PySeqIter_New(self.ptr());
            if (iterator == nullptr) throw py::error_already_set();
            return py::reinterpret_steal<py::object>(iterator);
        });
    batch.attr("__module__") = "mempool";

    py::class_<BatchTx> tx(module, "Tx", "One transaction of a batch. Usable until apply returns, on its thread.");
    tx.def_property_readonly("id", [](const BatchTx &self) { return self.call->batch()[self.index].id(); })
        .def_property_readonly("data",
                               [](const BatchTx &self) { return py::bytes(self.call->batch()[self.index].data()); })
        .def(
            "reject",
            [](const BatchTx &self, const py::str &reason) { self.call->batch().reject(self.index, to_utf8(reason)); },
            py::arg("reason"), "Reject it with that reason; the last word on a transaction holds.");
    tx.attr("__module__") = "mempool";
}

}  // namespace binding
