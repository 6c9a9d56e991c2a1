#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>
#include <weft/errors.hpp>
#include <weft/executor.hpp>

#include "base/errand.hpp"
#include "base/helper_thread.hpp"

namespace weft {

using detail::JobState;
using detail::Ref;

/// The queue and its threads; shared with them, as one may be left to itself.
class ThreadPoolExecutor::Pool : public std::enable_shared_from_this<Pool> {
public:
    Pool(std::size_t max_workers, std::string name)
        : max_workers_(max_workers), name_(std::move(name)) {}

    void enqueue(Ref<JobState> job) {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            throw RuntimeError("submit() to an executor that is shut down");
        }
        jobs_.push_back(std::move(job));
        try {
            if (jobs_.size() > idle_ && threads_.size() < max_workers_) {
                add_thread();
            }
        } catch (const std::system_error& error) {
            if (threads_.empty()) {  // else one of the others will come to it
                jobs_.pop_back();
                throw OsError(error.code(), "no thread for the executor");
            }
        } catch (const std::bad_alloc&) {
            if (threads_.empty()) {
                jobs_.pop_back();
                throw;
            }
        }
        rt::Errand::begin();
        work_.notify_one();
    }

    /// Asks for no memory: the end of an executor does it.
    void close(bool cancel_jobs) noexcept {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            work_.notify_all();
        }
        while (cancel_jobs) {
            const Ref<JobState> job = take_job();
            if (!job) {
                break;
            }
            static_cast<detail::FutureState&>(*job).cancel({});
            rt::Errand::end();
        }
    }

    /// True when all threads have ended; the others go on alone after `limit`.
    bool join(Delay limit) {
        std::vector<std::thread> threads;
        bool ended = true;
        {
            std::unique_lock lock(mutex_);
            const auto none_runs = [this] { return running_ == 0; };
            ended = ended_.wait_until(lock, detail::deadline_after(limit), none_runs);
            threads.swap(threads_);
        }
        for (std::thread& thread : threads) {
            ended ? thread.join() : thread.detach();
        }
        return ended;
    }

private:
    /// The next job that no thread has; null when there is none.
    [[nodiscard]] Ref<JobState> take_job() noexcept {
        const std::lock_guard lock(mutex_);
        if (jobs_.empty()) {
            return {};
        }
        Ref<JobState> job = std::move(jobs_.front());
        jobs_.pop_front();
        return job;
    }

    void add_thread() {
        threads_.reserve(threads_.size() + 1);
        std::string name = name_ + "-" + std::to_string(threads_.size());
        threads_.emplace_back([self = shared_from_this(), name = std::move(name)] {
            ::prctl(PR_SET_NAME, name.c_str());
            const rt::HelperThread runs_jobs;
            self->work();
        });
        ++running_;
    }

    void work() noexcept {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            work_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
            --idle_;
            if (jobs_.empty()) {
                break;
            }
            Ref<JobState> job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job->run();
            job = {};  // it may end here, and with it what its result holds
            rt::Errand::end();
            lock.lock();
        }
        --running_;
        ended_.notify_all();
    }

    const std::size_t max_workers_;
    const std::string name_;
    std::mutex mutex_;  // for what follows
    std::condition_variable work_;
    std::condition_variable ended_;
    std::deque<Ref<JobState>> jobs_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    std::size_t running_ = 0;
    bool closed_ = false;
};

ThreadPoolExecutor::ThreadPoolExecutor(std::size_t max_workers, std::string name) {
    constexpr std::size_t kMost = 32;
    constexpr std::size_t kBeyondCpus = 4;
    if (max_workers == 0) {
        max_workers = std::min(kMost, std::thread::hardware_concurrency() + kBeyondCpus);
    }
    pool_ = std::make_shared<Pool>(max_workers, std::move(name));
}

ThreadPoolExecutor::~ThreadPoolExecutor() {
    shutdown();
}

void ThreadPoolExecutor::enqueue(Ref<JobState> job) {
    pool_->enqueue(std::move(job));
}

void ThreadPoolExecutor::shutdown(bool wait, bool cancel_futures) {
    pool_->close(cancel_futures);
    if (wait) {
        pool_->join(std::chrono::nanoseconds::max());
    }
}

bool ThreadPoolExecutor::join(Delay limit) {
    return pool_->join(limit);
}

}  // namespace weft
