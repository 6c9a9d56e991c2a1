"""Which errors each call is made to give, and what weft promises then.

ABSORBED   nobody is told: the call is made again, or what it was for can be done without. At most a
           warning in the log.
NAMED      somebody is told, by the error's own text and with what was being done, in the words of
           `says`, be it in a warning; the other end of a connection may learn of its loss.
EITHER     the one or the other: not each of these calls matters.
"""

import dataclasses
import os
import errno as numbers

ABSORBED, NAMED, EITHER = "absorbed", "named", "either"

RESOLVER = {
    "EAI_AGAIN": "Temporary failure in name resolution",
    "EAI_FAIL": "Non-recoverable failure in name resolution",
    "EAI_MEMORY": "Memory allocation failure",
    "EAI_NONAME": "Name or service not known",
    "EAI_SYSTEM": os.strerror(numbers.EMFILE),
}

CONNECT = r"connect to (127\.0\.0\.1|LOCALHOST):\d+"
LISTEN = r"listen on 127\.0\.0\.1:\d+"
REACTOR = r"cannot make the reactor of a loop"
ACCEPT = r"accept on 127\.0\.0\.1:\d+"
TRAFFIC = r"(read from|write to|connection to) 127\.0\.0\.1:\d+"
THREAD = (
    r"(no thread for loop \d of the runtime|connect to LOCALHOST:\d+|no thread for the executor"
    r"|no thread to look after loops)"
)


@dataclasses.dataclass(frozen=True)
class Pair:
    call: str
    error: str
    outcome: str
    says: str = ""
    others: tuple = ()  # further rules of the injector, without which the call is not made
    environment: tuple = ()

    @property
    def text(self):
        """What the system calls the error."""
        if self.error == "SHORT":
            return ""
        return RESOLVER.get(self.error) or os.strerror(getattr(numbers, self.error))


def pairs_of(call, outcome, errors, says="", others=(), environment=()):
    return [Pair(call, error, outcome, says, others, environment) for error in errors.split()]


NO_GUARD_ADVICE = (("WEFT_DISABLE", "guard"),)
ONE_BY_ONE = (("WEFT_DISABLE", "process_madvise"),)
LOST = "ECONNRESET ETIMEDOUT EHOSTUNREACH"

PAIRS = [
    *pairs_of("accept4", ABSORBED, "EINTR EAGAIN ECONNABORTED EPROTO EPERM ENETDOWN"),
    *pairs_of("accept4", NAMED, "EMFILE ENFILE ENOBUFS ENOMEM", ACCEPT),
    *pairs_of("bind", NAMED, "EADDRINUSE EACCES EADDRNOTAVAIL ENOMEM", LISTEN),
    *pairs_of("clock_nanosleep", ABSORBED, "EINTR"),
    *pairs_of("close", ABSORBED, "EINTR EIO"),
    *pairs_of("connect", ABSORBED, "EINTR EINPROGRESS"),
    *pairs_of("connect", NAMED, "ETIMEDOUT ENETUNREACH EADDRNOTAVAIL EACCES EAGAIN", CONNECT),
    *pairs_of("connect", EITHER, "ECONNREFUSED", CONNECT),  # one step wants to be refused
    *pairs_of("epoll_create1", NAMED, "EMFILE ENFILE ENOMEM", REACTOR),
    *pairs_of("epoll_ctl", EITHER, "ENOMEM ENOSPC", f"({CONNECT}|{LISTEN}|{REACTOR}|{ACCEPT})"),
    *pairs_of("epoll_pwait2", ABSORBED, "EINTR ENOSYS EPERM"),
    *pairs_of("epoll_wait", ABSORBED, "EINTR", others=("epoll_pwait2:ENOSYS:1+",)),
    *pairs_of("eventfd", NAMED, "EMFILE ENFILE ENOMEM ENODEV", REACTOR),
    *pairs_of("getaddrinfo", NAMED, " ".join(RESOLVER), r"connect to LOCALHOST:\d+"),
    *pairs_of("getsockname", NAMED, "ENOBUFS", LISTEN),
    *pairs_of("getsockopt", NAMED, "ENOBUFS ENOMEM", CONNECT),
    *pairs_of("listen", NAMED, "EADDRINUSE EOPNOTSUPP", LISTEN),
    *pairs_of("madvise", ABSORBED, "ENOMEM EINVAL EAGAIN EINTR", environment=ONE_BY_ONE),
    *pairs_of("membarrier", ABSORBED, "ENOSYS EPERM ENOMEM"),
    *pairs_of("mmap", EITHER, "ENOMEM EPERM", r"std::bad_alloc"),
    *pairs_of("mprotect", ABSORBED, "ENOMEM EACCES", environment=NO_GUARD_ADVICE),
    *pairs_of("munmap", ABSORBED, "ENOMEM"),
    *pairs_of("open", ABSORBED, "EINTR ENOENT EACCES EMFILE ENFILE", environment=NO_GUARD_ADVICE),
    *pairs_of("openat", ABSORBED, "ENOENT EACCES EMFILE ENFILE"),
    *pairs_of("process_madvise", ABSORBED, "ENOSYS EPERM EINVAL ENOMEM EINTR EAGAIN"),
    *pairs_of("pthread_create", NAMED, "EAGAIN EPERM", THREAD),
    *pairs_of("read", ABSORBED, "EINTR SHORT EIO ENOMEM"),
    *pairs_of("recv", ABSORBED, "EINTR EAGAIN SHORT"),
    *pairs_of("recv", NAMED, f"{LOST} ECONNREFUSED ENOMEM", TRAFFIC),
    *pairs_of("sched_getaffinity", ABSORBED, "EINVAL EPERM"),
    *pairs_of("sched_setaffinity", ABSORBED, "EINVAL EPERM"),
    *pairs_of("send", ABSORBED, "EINTR EAGAIN SHORT"),
    *pairs_of("send", NAMED, f"{LOST} EPIPE ENOBUFS ENOMEM", TRAFFIC),
    *pairs_of("sendmsg", ABSORBED, "EINTR EAGAIN SHORT"),
    *pairs_of("sendmsg", NAMED, f"{LOST} EPIPE ENOBUFS ENOMEM", TRAFFIC),
    *pairs_of("setsockopt", EITHER, "ENOPROTOOPT ENOMEM EINVAL", LISTEN),
    *pairs_of("shutdown", ABSORBED, "ENOTCONN"),
    *pairs_of("sigaltstack", ABSORBED, "ENOMEM EPERM"),
    *pairs_of("socket", NAMED, "EMFILE ENFILE ENOBUFS ENOMEM EACCES EAFNOSUPPORT", f"({CONNECT}|{LISTEN})"),
    *pairs_of("write", ABSORBED, "EINTR"),
]
