# Finds the Boost headers and defines Boost::headers, alike for plain CMake and for pip's isolated build.
#
# 1. A system Boost >= 1.83 (its CMake config package; Debian 12's 1.74 and 1.81 are too old).
# 2. Else the pinned wheel cmeel-boost, which lies in site-packages/cmeel.prefix of the Python that builds: in pip's isolated
#    build CMake's search path holds site-packages but not that prefix, so the Python is asked where it is.
set(MEMPOOL_BOOST_MINIMUM 1.83)

find_package(Boost ${MEMPOOL_BOOST_MINIMUM} CONFIG QUIET)
if(NOT Boost_FOUND)
  set(_mempool_pythons ${Python_EXECUTABLE} ${PYTHON_EXECUTABLE} ${PROJECT_SOURCE_DIR}/.venv/bin/python python3)
  foreach(_python IN LISTS _mempool_pythons)
    execute_process(
      COMMAND ${_python} -c "import os, cmeel; print(os.path.dirname(os.path.dirname(cmeel.__file__)) + '/cmeel.prefix')"
      OUTPUT_VARIABLE _prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE _failed)
    if(NOT _failed AND EXISTS "${_prefix}/include/boost/version.hpp")
      unset(Boost_DIR CACHE)
      find_package(Boost ${MEMPOOL_BOOST_MINIMUM} CONFIG QUIET PATHS "${_prefix}" NO_DEFAULT_PATH)
      break()
    endif()
  endforeach()
endif()
if(NOT Boost_FOUND)
  message(FATAL_ERROR
    "Boost >= ${MEMPOOL_BOOST_MINIMUM} was not found. Install it, or make the pinned wheel visible:\n"
    "  python3 -m venv .venv && .venv/bin/pip install cmeel-boost==1.90.0")
endif()
message(STATUS "Boost ${Boost_VERSION} from ${Boost_DIR}")
