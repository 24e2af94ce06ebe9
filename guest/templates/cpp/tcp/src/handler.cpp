// Sends every line back, and ends on `quit`. More calls are in sockeye.hpp and sockeye/sockeye.h.
#include "sockeye.hpp"

#include <array>

namespace {

using namespace std::chrono_literals;
using sockeye::Connection;

// The longest line that is sent back, its end included.
constexpr std::size_t line_bytes_max = 4096;

// How long a line may take; a client that sends nothing for as long is handed back.
constexpr auto line_timeout = 30s;

// Sends a string before the connection is let go.
bool let_go(Connection connection, std::string_view text) {
    (void)connection.send(text, SOCKEYE_MORE);
    return false;
}

// Says whether nothing came, rather than the start of a line that is never finished.
bool is_idle(Connection connection) {
    std::array<char, 1> byte;
    return connection.recv(byte, 0s) == std::unexpected(std::errc::timed_out);
}

// Returns true to hand the connection back until bytes arrive, and false to let it go.
bool serve(Connection connection) {
    std::array<char, line_bytes_max> buffer;
    do {
        auto received = connection.recv_until("\n", buffer, line_timeout);
        if (!received && received.error() == std::errc::timed_out) {
            return is_idle(connection) || let_go(connection, "timeout\n");
        }
        if (!received) {
            bool is_long = received.error() == std::errc::message_size;
            return is_long && let_go(connection, "line too long\n");
        }
        auto line = sockeye::view(*received);
        bool is_quit = line == "quit\n" || line == "quit\r\n";
        // Without its end, this is what came before the client closed its side, or nothing.
        if (line.empty() || is_quit || !connection.send(line, 0, line_timeout)) {
            return false;
        }
    } while (connection.next());
    return true;
}

} // namespace

SOCKEYE_CONNECTIONS(serve)
