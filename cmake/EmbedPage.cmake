# Turns the page at / into a C++ string: cmake -DINPUT=page.html -DOUTPUT=page.cpp -P EmbedPage.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT}
"// Made from libmempool/http/page.html by cmake/EmbedPage.cmake; edit the page, not this.
#include \"http/page.hpp\"

namespace mempool::http {
namespace {
constexpr unsigned char bytes[] = {${bytes}};
}
std::string_view page() {
    return {reinterpret_cast<const char *>(bytes), sizeof bytes};
}
}  // namespace mempool::http
")
