// SPDX-License-Identifier: MIT
/// A fuzz target's main() without a fuzzer: feeds it every file named on the command line, folders with all that is in
/// them. One thread. Fails if there was nothing to feed, so that a moved corpus is noticed; a broken property aborts,
/// and the file that broke it is the last one printed.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size);

namespace {

bool replay(const std::filesystem::path &file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream) return false;
    std::printf("%s, %zu bytes\n", file.c_str(), bytes.size());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size());
    return true;
}

}  // namespace

int main(int count, char **names) {
    int replayed = 0;
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::is_directory(names[i])) {
            replayed += replay(names[i]);
            continue;
        }
        for (const auto &entry : std::filesystem::recursive_directory_iterator(names[i])) {
            if (entry.is_regular_file()) replayed += replay(entry.path());
        }
    }
    std::printf("%d inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
