/// The layer for C in the types of C++: views and spans, files that close themselves, and errors as
/// values. Whatever is not here is called as it stands in sockeye.h and sockeye_http.h.
#pragma once

#include "sockeye.h"
#include "sockeye_http.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace sockeye {

/// A value, or why there is none.
template <typename Value = void>
using Result = std::expected<Value, std::errc>;

/// Turns what a call of C has returned, and errno, into a result.
inline Result<> done(std::int64_t returned) {
    if (returned < 0) {
        return std::unexpected(static_cast<std::errc>(errno));
    }
    return {};
}

/// Does so where what was returned is how much of `buffer` there is.
inline Result<std::span<char>> filled(std::span<char> buffer, ssize_t returned) {
    return done(returned).transform([=] { return buffer.first(returned); });
}

inline std::string_view view(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

/// An open file beneath the directory that the operator granted.
class File {
  public:
    /// Opens what follows a prefix of a URL's path; see `sockeye_open_url`.
    static Result<File> open_url(const char *path) {
        sockeye_file file = sockeye_open_url(path);
        return done(file).transform([=] { return File(file); });
    }

    File(File &&other) noexcept : file_(std::exchange(other.file_, -1)) {}
    File &operator=(File &&other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~File() {
        if (file_ >= 0) {
            sockeye_close(file_);
        }
    }

    sockeye_file get() const { return file_; }

  private:
    explicit File(sockeye_file file) : file_(file) {}

    sockeye_file file_;
};

/// A connection; see sockeye.h for the calls. The host owns it.
class Connection {
  public:
    using Timeout = std::chrono::nanoseconds;

    /// As long as the operator allows.
    static constexpr Timeout no_timeout{SOCKEYE_NO_TIMEOUT};

    explicit Connection(sockeye_connection connection) : connection_(connection) {}

    /// Receives at least one byte; empty at the end of the stream.
    Result<std::span<char>> recv(std::span<char> buffer, Timeout timeout = no_timeout) {
        return filled(buffer, sockeye_recv(connection_, buffer.data(), buffer.size(),
                                           timeout.count()));
    }

    /// Receives up to and including `delimiter`.
    Result<std::span<char>> recv_until(const char *delimiter, std::span<char> buffer,
                                       Timeout timeout = no_timeout) {
        return filled(buffer, sockeye_recv_until(connection_, delimiter, buffer.data(),
                                                 buffer.size(), timeout.count()));
    }

    /// Sends all of `bytes`; `flags` may be `SOCKEYE_MORE`.
    Result<> send(std::string_view bytes, int flags = 0, Timeout timeout = no_timeout) {
        return done(sockeye_send(connection_, bytes.data(), bytes.size(), flags, timeout.count()));
    }

    /// Says whether to go on now; return true from the handler otherwise.
    bool next() { return sockeye_next(connection_); }

    sockeye_connection get() const { return connection_; }

  private:
    sockeye_connection connection_;
};

/// A request and its answer; see sockeye_http.h for the calls. Behind every string there is a NUL.
class Request {
  public:
    explicit Request(sockeye_request &request) : request_(request) {}
    Request(const Request &) = delete;
    Request &operator=(const Request &) = delete;

    std::string_view method() const { return request_.method; }
    std::string_view host() const { return request_.host; }
    std::string_view path() const { return request_.path; }
    /// What follows the first `?`; empty where there is none.
    std::string_view query() const { return request_.query != nullptr ? request_.query : ""; }

    /// The length of the body, or SOCKEYE_CHUNKED.
    std::uint64_t content_length() const { return request_.content_length; }

    std::optional<std::string_view> header(const char *name) const {
        const char *value = sockeye_header(&request_, name);
        return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
    }

    /// Receives a piece of the body; empty at its end.
    Result<std::span<char>> read(std::span<char> buffer) {
        return filled(buffer, sockeye_read_body(&request_, buffer.data(), buffer.size()));
    }

    /// Adds a header line to the answer that comes next.
    Result<> add_header(const char *name, const char *value) {
        return done(sockeye_add_header(&request_, name, value));
    }

    /// Answers with a whole body.
    Result<> respond(int status, const char *content_type, std::string_view body) {
        return done(sockeye_respond(&request_, status, content_type, body.data(), body.size()));
    }

    /// Answers with status 200 and all of a file.
    Result<> respond(const char *content_type, const File &file) {
        return done(sockeye_respond_file(&request_, content_type, file.get()));
    }

    /// Begins an answer that is written piece by piece.
    Result<> begin(int status, const char *content_type, std::uint64_t length = SOCKEYE_CHUNKED) {
        return done(sockeye_begin(&request_, status, content_type, length));
    }

    Result<> write(std::string_view bytes) {
        return done(sockeye_write(&request_, bytes.data(), bytes.size()));
    }

    Result<> flush() { return done(sockeye_flush(&request_)); }

    /// What the layer for C knows it by.
    sockeye_request &get() { return request_; }

  private:
    sockeye_request &request_;
};

} // namespace sockeye

/// Makes `function`, from `sockeye::Request &` to `sockeye::Result<>`, what answers requests.
#define SOCKEYE_REQUESTS(function)                                                               \
    static int sockeye_request_(sockeye_request *request) {                                      \
        sockeye::Request wrapped(*request);                                                      \
        sockeye::Result<> result = function(wrapped);                                            \
        if (!result) {                                                                           \
            errno = static_cast<int>(result.error());                                            \
        }                                                                                        \
        return result ? 0 : -1;                                                                  \
    }                                                                                            \
    SOCKEYE_HTTP(sockeye_request_)

/// Makes `function`, from `sockeye::Connection` to bool, what serves connections: true hands the
/// connection back, false lets it go.
#define SOCKEYE_CONNECTIONS(function)                                                            \
    static bool sockeye_serve_(sockeye_connection connection) {                                  \
        return function(sockeye::Connection(connection));                                        \
    }                                                                                            \
    SOCKEYE_HANDLER(sockeye_serve_)
