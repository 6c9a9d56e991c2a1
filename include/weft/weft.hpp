#pragma once

// Everything.

#include <weft/barrier.hpp>
#include <weft/condition.hpp>
#include <weft/config.hpp>
#include <weft/connection.hpp>
#include <weft/errors.hpp>
#include <weft/event.hpp>
#include <weft/future.hpp>
#include <weft/handle.hpp>
#include <weft/lock.hpp>
#include <weft/loop.hpp>
#include <weft/metrics.hpp>
#include <weft/queue.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/semaphore.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>
#include <weft/task.hpp>
