/* SPDX-License-Identifier: GPL-2.0 */
/* The network side: an interface's queue, and a TCP listener. */
#ifndef NET_H
#define NET_H

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

/* The index of interface @name, or 0 after an error message */
unsigned int net_ifindex(const char *name);
/* Number of receive queues, or -1 if the driver does not say */
int net_rx_queues(const char *name);

bool net_is_up(const char *name);
/* Does RSS spread flows to @queue, too?  1, 0, or -1 if the driver does not say */
int net_rss_uses(const char *name, unsigned int queue);
/* Are rules of ethtool -N on? */
bool net_has_ntuple(const char *name);

/*
 * Listen on @where, "ADDR:PORT", "[ADDR6]:PORT" or ":PORT".  @rcvbuf bytes at
 * most wait in the socket's buffer.  The descriptor, or -1 after an error
 * message; @port is set.
 */
int net_listen(const char *where, unsigned int rcvbuf, unsigned short *port);

/* A socket that can be read when any interface has changed; -1 after an error message */
int net_watch_links(void);
/* What can be read there, to no purpose: that there was something says all */
void net_drain_links(int fd);

#endif
