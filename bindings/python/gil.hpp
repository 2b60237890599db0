// SPDX-License-Identifier: MIT
/// The GIL, taken and given back so that a thread never dies inside our frames. Values on the stack of one thread.
///
/// pybind11's own guards are not used: before CPython 3.14 a thread that asks for the GIL while the interpreter ends is
/// ended by pthread_exit, whose forced unwinding runs through destructors (which touch Python without the GIL) and
/// noexcept frames (which terminate the process). Here such a thread stops for good instead, as 3.14 does: the process
/// is ending. tests/python/test_exit.py shows the need: an apply that still runs when the interpreter ends.
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

namespace py = pybind11;

namespace binding {

[[noreturn]] inline void stand_still() {
    for (;;) pause();
}

/// Whether Python is ending or gone: nothing of it may be touched then but by the thread that ends it.
inline bool python_is_ending() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsInitialized() == 0 || Py_IsFinalizing() != 0;
#else
    return Py_IsInitialized() == 0 || _Py_IsFinalizing() != 0;
#endif
}

/// Gives the GIL back for a scope that may block or lock. The thread holds it before and after.
class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        try {
            PyEval_RestoreThread(state_);
        } catch (abi::__forced_unwind &) {
            stand_still();
        }
    }
    WithoutGil(const WithoutGil &) = delete;
    WithoutGil &operator=(const WithoutGil &) = delete;

private:
    PyThreadState *state_;
};

/// Takes the GIL on any thread, Python's or not. holds() is false where Python is ending: leak then, don't touch it.
class WithGil {
public:
    WithGil() {
        if (python_is_ending()) return;
        try {
            state_ = PyGILState_Ensure();
            holds_ = true;
        } catch (abi::__forced_unwind &) {
            stand_still();
        }
    }
    ~WithGil() {
        if (holds_) PyGILState_Release(state_);
    }
    WithGil(const WithGil &) = delete;
    WithGil &operator=(const WithGil &) = delete;

    [[nodiscard]] bool holds() const { return holds_; }

private:
    PyGILState_STATE state_{};
    bool holds_ = false;
};

/// Calls Python code from a thread of the pool. New reference; nullptr where it raised. Needs the GIL.
inline PyObject *call_python(PyObject *function, PyObject *argument) {
    try {
        return PyObject_CallFunctionObjArgs(function, argument, nullptr);
    } catch (abi::__forced_unwind &) {
        stand_still();
    }
}

}  // namespace binding
