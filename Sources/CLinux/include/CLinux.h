// What plain `import Glibc` does not show of Linux, behind plain types. A shim never branches.
#ifndef CTSYNC_CLINUX_H
#define CTSYNC_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>

#endif
