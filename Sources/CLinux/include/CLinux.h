// What plain `import Glibc` does not show of Linux, behind plain types. A shim never branches.
#ifndef CTSYNC_CLINUX_H
#define CTSYNC_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <linux/filter.h>
#include <linux/netlink.h>

// struct mmsghdr under a name that needs no GNU feature test; CLinux.c asserts that both are laid out alike.
struct ctsync_mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

int ctsync_recvmmsg(int descriptor, struct ctsync_mmsghdr *messages, unsigned int count, int flags);
int ctsync_sendmmsg(int descriptor, struct ctsync_mmsghdr *messages, unsigned int count, int flags);
int ctsync_setns(int descriptor, int type);
int ctsync_unshare(int flags);
int ctsync_epoll_pwait2(int epoll, struct epoll_event *events, int limit, const struct timespec *timeout);
int ctsync_name_thread(const char *name);
int ctsync_accept4(int descriptor, int flags);

#endif
