#pragma once

#include <boost/asio.hpp>
#include <exception>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace weft::perf {

namespace net = boost::asio;

template <class T>
using Coroutine = net::awaitable<T>;

/// Runs the coroutine `body(context)` and all that it starts there, on `run.workers` threads.
///
/// Errors    what `body` throws.
template <class Body>
void with_context(const Run& run, Body&& body) {
    net::io_context context(run.workers);
    std::exception_ptr error;
    net::co_spawn(context, body(context), [&](std::exception_ptr thrown) {
        if (thrown) {
            error = thrown;
            context.stop();
        }
    });
    std::vector<std::thread> others;
    for (int i = 1; i < run.workers; ++i) {
        others.emplace_back([&] { context.run(); });
    }
    context.run();
    for (std::thread& thread : others) {
        thread.join();
    }
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace weft::perf
