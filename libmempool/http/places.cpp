// SPDX-License-Identifier: MIT
#include "http/places.hpp"

#include <utility>

namespace mempool::http {

Status listen_everywhere(const Options &options, std::vector<ListenSocket> &places) {
    // Before anything of ours is opened: a number that was closed by mistake could become one of ours.
    ListenSocket handed_over;
    if (const std::int64_t fd = options[Option::listen_fd]; fd >= 0)
        if (Status status = handed_over.take_over(static_cast<int>(fd)); !status.ok()) return status;

    std::vector<ListenSocket> listening;
    const auto add = [&](auto &&listen) -> Status {
        ListenSocket place;
        Status status = listen(place);
        if (status.ok()) listening.push_back(std::move(place));
        return status;
    };
    Status status;
    if (const std::string &host = options.text(Option::listen_host); !host.empty()) {
        const auto port = static_cast<std::uint16_t>(options[Option::listen_port]);
        status = add([&](ListenSocket &place) { return place.listen_on(host, port); });
        if (!status.ok()) return status;
    }
    if (const std::string &path = options.text(Option::listen_unix); !path.empty()) {
        status = add([&](ListenSocket &place) { return place.listen_at(path); });
        if (!status.ok()) return status;
    }
    if (handed_over.listens()) listening.push_back(std::move(handed_over));
    places.swap(listening);
    return {};
}

std::uint16_t port_of(const std::vector<ListenSocket> &places) {
    for (const ListenSocket &place : places)
        if (place.port() != 0) return place.port();
    return 0;
}

}  // namespace mempool::http
