#pragma once

#include <mutex>
#include <shared_mutex>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test::locks {

inline std::mutex mutex;
inline std::mutex second_mutex;
inline std::timed_mutex timed_mutex;
inline std::recursive_mutex recursive_mutex;
inline std::shared_mutex shared_mutex;
inline std::shared_timed_mutex shared_timed_mutex;

enum class Where { Main, Pinned, Stealable, OtherLoop };

template <class F>
void run_in(Where where, F function) {
    RuntimeOptions options;
    options.workers = where == Where::OtherLoop ? 2 : 1;
    options.pin = Pin::None;
    Runtime runtime(options);
    runtime.run([&] {
        switch (where) {
            case Where::Main:
                current_task().set_name("fetch-42");
                function();
                break;
            case Where::Pinned:
                await(create_task(function, "fetch-42"));
                break;
            case Where::Stealable:
                await(spawn(function, "fetch-42"));
                break;
            case Where::OtherLoop:
                await(runtime.loop(1).create_task(function, "fetch-42"));
                break;
        }
    });
}

}  // namespace weft::test::locks
