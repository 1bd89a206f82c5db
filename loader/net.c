// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "output.h"

unsigned int net_ifindex(const char *name)
{
	unsigned int ifindex = if_nametoindex(name);

	if (!ifindex)
		error("no interface '%s' in this network namespace; 'ip link' lists them",
		      name);
	return ifindex;
}

static int net_ioctl(const char *name, unsigned long cmd, struct ifreq *req)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -1;
	snprintf(req->ifr_name, sizeof(req->ifr_name), "%s", name);
	ret = ioctl(fd, cmd, req);
	close(fd);
	return ret;
}

int net_rx_queues(const char *name)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq req = { .ifr_data = (void *)&ch };

	if (net_ioctl(name, SIOCETHTOOL, &req))
		return -1;
	return ch.rx_count + ch.combined_count;
}

bool net_is_up(const char *name)
{
	struct ifreq req = { };

	return !net_ioctl(name, SIOCGIFFLAGS, &req) && req.ifr_flags & IFF_UP;
}

int net_rss_uses(const char *name, unsigned int queue)
{
	struct ethtool_rxfh_indir ask = { .cmd = ETHTOOL_GRXFHINDIR }, *table;
	struct ifreq req = { .ifr_data = (void *)&ask };
	int ret = 0;

	/* without room for it, it says how long it is */
	if (net_ioctl(name, SIOCETHTOOL, &req) || !ask.size)
		return -1;
	table = calloc(1, sizeof(*table) + ask.size * sizeof(table->ring_index[0]));
	if (!table)
		return -1;
	*table = ask;
	req.ifr_data = (void *)table;
	if (net_ioctl(name, SIOCETHTOOL, &req))
		ret = -1;
	for (unsigned int i = 0; !ret && i < ask.size; i++)
		ret = table->ring_index[i] == queue;
	free(table);
	return ret;
}

bool net_has_ntuple(const char *name)
{
	struct ethtool_value v = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq req = { .ifr_data = (void *)&v };

	return !net_ioctl(name, SIOCETHTOOL, &req) && v.data & ETH_FLAG_NTUPLE;
}

/* Cut @where, which is written to, into host and service */
static int split(char *where, char **host, char **service)
{
	char *colon = strrchr(where, ':');

	if (!colon || !colon[1])
		return -1;
	*colon = '\0';
	*service = colon + 1;
	*host = where;
	if (where[0] == '[') {
		char *end = strchr(where, ']');

		if (!end || end[1])
			return -1;
		*end = '\0';
		*host = where + 1;
	}
	if (!**host)
		*host = NULL;
	return 0;
}

/* A number, or a service's name; getaddrinfo() takes 65536 for 0 and -1 for 65535 */
static bool is_port(const char *service)
{
	size_t digits = strspn(service, "0123456789");

	if (service[digits])
		return isalpha((unsigned char)service[0]);
	return digits <= 5 && atoi(service) <= 65535;
}

static int listen_on(const struct addrinfo *ai, unsigned int rcvbuf)
{
	int on = 1, fd, saved;

	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* its connections have it, too: a peer that is gone without a word is noticed */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/* before listen(): the window that connections offer depends on it */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, SOMAXCONN))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static unsigned short local_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return 0;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): filled */
	return ntohs(addr.ss_family == AF_INET6 ?
		     ((struct sockaddr_in6 *)&addr)->sin6_port :
		     ((struct sockaddr_in *)&addr)->sin_port);
}

int net_listen(const char *where, unsigned int rcvbuf, unsigned short *port)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM,
	}, *ai;
	char copy[256], *host, *service;
	int fd, ret;

	snprintf(copy, sizeof(copy), "%s", where);
	if (split(copy, &host, &service))
		return error("--listen %s is not ADDR:PORT; IPv6 is written [ADDR]:PORT",
			     where);
	if (!is_port(service))
		return error("--listen %s: '%s' is no port, 0 to 65535", where, service);
	ret = getaddrinfo(host, service, &hints, &ai);
	if (ret)
		return error("--listen %s: %s", where, gai_strerror(ret));
	fd = listen_on(ai, rcvbuf);
	freeaddrinfo(ai);
	if (fd < 0)
		return error("--listen %s: %s; 'ss -ltnp' shows who listens, 'ip addr' the addresses",
			     where, strerror(errno));
	*port = local_port(fd);
	return fd;
}

int net_watch_links(void)
{
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && !bind(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	error("watching for changes of interfaces: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void net_drain_links(int fd)
{
	char scrap[4096];

	/* ENOBUFS: there was more than the socket has room for */
	while (recv(fd, scrap, sizeof(scrap), 0) > 0 || errno == ENOBUFS)
		;
}
