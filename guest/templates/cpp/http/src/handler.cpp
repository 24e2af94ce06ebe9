// Answers requests. What else can be done with one is in sockeye.hpp and sockeye/sockeye_http.h.
#include "sockeye.hpp"

#include <array>

namespace {

using sockeye::File, sockeye::Request, sockeye::Result;

Result<> not_found(Request &request) {
    return request.respond(404, "text/plain", "not found\n");
}

Result<> wrong_method(Request &request, const char *allowed) {
    return request.add_header("Allow", allowed).and_then([&] {
        return request.respond(405, "text/plain", "method not allowed\n");
    });
}

// Sends the body back while it comes, so it may be of any size. A client that is too slow, or sends
// something else than a body, is answered with that.
Result<> echo(Request &request) {
    std::array<char, 8192> buffer;
    Result<> sent = request.begin(200, "application/octet-stream", request.content_length());
    while (sent) {
        auto piece = request.read(buffer);
        if (!piece || piece->empty()) {
            return piece.transform([](auto) {});
        }
        sent = request.write(sockeye::view(*piece));
    }
    return sent;
}

// Sends a file of the directory that `root` in sockeye.toml grants.
Result<> send_file(Request &request, const char *name) {
    auto file = File::open_url(name);
    if (file) {
        return request.respond("application/octet-stream", *file);
    }
    std::errc error = file.error();
    if (error == std::errc::no_such_file_or_directory || error == std::errc::permission_denied) {
        return not_found(request);
    }
    // What is left is the host's trouble: the client gets 500.
    return std::unexpected(error);
}

Result<> handle(Request &request) {
    constexpr std::string_view files = "/files/";
    auto path = request.path();
    bool is_get = request.method() == "GET" || request.method() == "HEAD";
    bool is_post = request.method() == "POST";
    if (path == "/") {
        return is_get ? request.respond(200, "text/plain", "Hello, World!\n")
                      : wrong_method(request, "GET, HEAD");
    }
    if (path == "/echo") {
        return is_post ? echo(request) : wrong_method(request, "POST");
    }
    if (path.starts_with(files)) {
        return is_get ? send_file(request, path.data() + files.size())
                      : wrong_method(request, "GET, HEAD");
    }
    return not_found(request);
}

} // namespace

SOCKEYE_REQUESTS(handle)
