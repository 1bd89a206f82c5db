// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "output.h"
#include "run.h"
#include "service.h"
#include "stream.h"

#define RCVBUF_MAX	(512u << 20)	/* the kernel doubles it in an int */

const char * const stream_xdp_modes[] = { "native", "skb", "off", NULL };

int stream_check(struct stream *s, const struct stream_options *o)
{
	int queues;

	s->opt = o;
	s->listen_fd = s->fd = -1;
	if (o->record_size && (o->record_size < 512 || o->record_size > 65536))
		return error("--record-size %llu is not within 512 and 65536 bytes",
			     o->record_size);
	s->ifindex = net_ifindex(o->dev);
	if (!s->ifindex)
		return -1;
	queues = net_rx_queues(o->dev);
	if (queues >= 0 && o->queue >= (unsigned int)queues)
		return error("--queue %llu: %s has %d; 'ethtool -l %s' tells, 'ethtool -L' adds",
			     o->queue, o->dev, queues, o->dev);
	return 0;
}

void stream_region(const struct stream *s, struct region_params *params)
{
	params->ifname = s->opt->dev;
	params->ifindex = s->ifindex;
	params->queue = s->opt->queue;
	params->size = s->opt->region_size;
}

int stream_listen(struct stream *s)
{
	/* of the region, so that the window closes before the NIC runs dry */
	unsigned long long rcvbuf = s->opt->region_size / 8;

	if (rcvbuf > RCVBUF_MAX)
		rcvbuf = RCVBUF_MAX;
	s->listen_fd = net_listen(s->opt->listen, rcvbuf, &s->port);
	if (s->listen_fd < 0)
		return -1;
	if (s->opt->xdp == XDP_USE_OFF)
		return 0;
	s->xdp = xdp_open(s->ifindex, s->opt->dev, s->opt->xdp, s->opt->queue, s->port);
	return s->xdp ? 0 : -1;
}

int stream_accept(struct stream *s, int signal_fd)
{
	struct pollfd fds[] = {
		{ .fd = s->listen_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	int ret;

	run_listening(s->opt->listen, s->port);
	while ((ret = poll(fds, 2, service_timeout(-1))) <= 0) {
		if (ret < 0 && errno != EINTR)
			return error("poll: %s", strerror(errno));
		service_watchdog();
	}
	if (fds[1].revents)
		return 0;
	s->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd < 0)
		return error("accept: %s", strerror(errno));
	/* who comes later is refused, not left waiting with the region's memory */
	close(s->listen_fd);
	s->listen_fd = -1;
	clock_gettime(CLOCK_MONOTONIC, &s->start);
	return 1;
}

void stream_close(struct stream *s)
{
	/* not checked, so not opened */
	if (!s->opt)
		return;
	if (s->fd >= 0)
		close(s->fd);
	xdp_close(s->xdp);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
}

int stream_ended_early(int result, unsigned long long lost)
{
	return error("the stream ended early: %s; %llu bytes received were not written%s",
		     strerror(-result), lost, result == -ENOBUFS ?
		     "; the beginnings of other streams' records have the region's memory, give a larger --region-size" : "");
}

long long stream_elapsed_ns(const struct stream *s)
{
	return s->fd < 0 ? 0 : elapsed_ns(&s->start);
}
