#define _GNU_SOURCE
#include "CLinux.h"
#include <pthread.h>
#include <sched.h>

_Static_assert(sizeof(struct ctsync_mmsghdr) == sizeof(struct mmsghdr), "struct mmsghdr has another size here");
_Static_assert(offsetof(struct ctsync_mmsghdr, msg_len) == offsetof(struct mmsghdr, msg_len),
               "struct mmsghdr is laid out differently here");

int ctsync_recvmmsg(int descriptor, struct ctsync_mmsghdr *messages, unsigned int count, int flags) {
    return recvmmsg(descriptor, (struct mmsghdr *)messages, count, flags, NULL);
}

int ctsync_sendmmsg(int descriptor, struct ctsync_mmsghdr *messages, unsigned int count, int flags) {
    return sendmmsg(descriptor, (struct mmsghdr *)messages, count, flags);
}

int ctsync_setns(int descriptor, int type) { return setns(descriptor, type); }

int ctsync_unshare(int flags) { return unshare(flags); }

int ctsync_epoll_pwait2(int epoll, struct epoll_event *events, int limit, const struct timespec *timeout) {
    return epoll_pwait2(epoll, events, limit, timeout, NULL);
}

int ctsync_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

int ctsync_accept4(int descriptor, int flags) { return accept4(descriptor, NULL, NULL, flags); }
