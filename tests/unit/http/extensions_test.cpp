// SPDX-License-Identifier: MIT
/// Which offer of compression is taken, and how it is answered (RFC 7692 7, RFC 6455 9.1).
#include "http/extensions.hpp"

#include <gtest/gtest.h>

#include <string>

using mempool::http::accept_deflate;

namespace {

const std::string taken = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer's parameters beside the two that it always has; "-": nothing was taken.
std::string parameters(std::string_view offers) {
    const auto answer = accept_deflate(offers);
    if (!answer) return "-";
    EXPECT_TRUE(answer->starts_with(taken)) << *answer;
    return answer->substr(taken.size());
}

}  // namespace

TEST(Extensions, each_offer_gets_its_answer) {
    const struct {
        const char *name;
        const char *offers;
        const char *parameters;
    } rows[] = {
        {"alone", "permessage-deflate", ""},
        {"as Chromium offers it", "permessage-deflate; client_max_window_bits", "; client_max_window_bits=15"},
        {"takeover given up by both", "permessage-deflate; client_no_context_takeover; server_no_context_takeover", ""},
        {"our window of 15", "permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=15"},
        {"its own window", "permessage-deflate; client_max_window_bits=9", "; client_max_window_bits=9"},
        {"its own window of 8", "permessage-deflate; client_max_window_bits=8", "; client_max_window_bits=8"},
        {"a value in quotes", R"(permessage-deflate; client_max_window_bits="10")", "; client_max_window_bits=10"},
        {"escaped in quotes", R"(permessage-deflate; client_max_window_bits="1\0")", "; client_max_window_bits=10"},
        {"without blanks", "permessage-deflate;client_max_window_bits=12", "; client_max_window_bits=12"},
        {"with blanks everywhere", " permessage-deflate ;\tclient_max_window_bits = 12 ,",
         "; client_max_window_bits=12"},
        {"of others before and behind", "x-one; a=1, permessage-deflate, x-two", ""},
        {"a comma in another's quotes", R"(x; y="permessage-deflate, ", permessage-deflate; server_max_window_bits=15)",
         "; server_max_window_bits=15"},
        {"empty elements", ", ,permessage-deflate,,", ""},
        {"the first of two", "permessage-deflate; client_max_window_bits=10, permessage-deflate",
         "; client_max_window_bits=10"},

        {"a smaller window of ours", "permessage-deflate; server_max_window_bits=14", "-"},
        {"a smaller window, then any",
         "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate; "
         "client_max_window_bits",
         "; client_max_window_bits=15"},
        {"our window without a value", "permessage-deflate; server_max_window_bits", "-"},
        {"window 7", "permessage-deflate; client_max_window_bits=7", "-"},
        {"window 16", "permessage-deflate; client_max_window_bits=16", "-"},
        {"window 010", "permessage-deflate; client_max_window_bits=010", "-"},
        {"window +9", "permessage-deflate; client_max_window_bits=+9", "-"},
        {"window empty", "permessage-deflate; client_max_window_bits=", "-"},
        {"window empty in quotes", R"(permessage-deflate; client_max_window_bits="")", "-"},
        {"a blank in quotes", R"(permessage-deflate; client_max_window_bits="1 0")", "-"},
        {"a flag with a value", "permessage-deflate; client_no_context_takeover=1", "-"},
        {"another flag with a value", "permessage-deflate; server_no_context_takeover=true", "-"},
        {"a parameter twice", "permessage-deflate; client_max_window_bits; client_max_window_bits", "-"},
        {"a flag twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "-"},
        {"an unknown parameter", "permessage-deflate; level=9", "-"},
        {"a capital", "permessage-deflate; Client_max_window_bits", "-"},
        {"a malformed one, then a good one", "permessage-deflate; =, permessage-deflate", ""},
        {"a parameter that is none", "permessage-deflate;", "-"},
        {"two parameters and no semicolon", "permessage-deflate server_no_context_takeover", "-"},
        {"no comma between two offers", "x permessage-deflate", "-"},
        {"a quote that is never closed", R"(permessage-deflate; client_max_window_bits="10, permessage-deflate)", "-"},
        {"a backslash at the end", R"(permessage-deflate; client_max_window_bits="10\)", "-"},
        {"another name", "permessage-deflate2", "-"},
        {"another extension", "x-webkit-deflate-frame", "-"},
        {"nothing", "", "-"},
        {"blanks", " \t", "-"},
    };
    for (const auto &row : rows) EXPECT_EQ(parameters(row.offers), row.parameters) << row.name;
}
