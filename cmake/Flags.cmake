# mempool_flags: warnings, visibility, hardening and sanitizers of our own targets; nothing global, nothing that an embedding
# project inherits.
add_library(mempool_flags INTERFACE)
target_compile_options(mempool_flags INTERFACE
  -fvisibility=hidden $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
  -Wall -Wextra -Wshadow
  $<$<BOOL:${MEMPOOL_WERROR}>:-Werror>)
target_compile_definitions(mempool_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(MEMPOOL_SANITIZE)
  target_compile_options(mempool_flags INTERFACE -fsanitize=${MEMPOOL_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g -O1)
  target_link_options(mempool_flags INTERFACE -fsanitize=${MEMPOOL_SANITIZE})
  if(MEMPOOL_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(mempool_flags INTERFACE -Wno-tsan) # Asio's atomic_thread_fence
  endif()
else()
  target_compile_options(mempool_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection
    $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(mempool_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
