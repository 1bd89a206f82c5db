/* SPDX-License-Identifier: GPL-2.0 */
/* The XDP program in front of a pipeline, by libxdp's dispatcher. */
#ifndef XDP_H
#define XDP_H

#include <json-c/json.h>

enum xdp_use { XDP_USE_NATIVE, XDP_USE_SKB, XDP_USE_OFF };

struct xdp;

/* NULL after an error message */
struct xdp *xdp_open(unsigned int ifindex, const char *ifname, enum xdp_use use,
		     unsigned int queue, unsigned short port);
/* The same for @nr queues, 16 at most */
struct xdp *xdp_open_queues(unsigned int ifindex, const char *ifname, enum xdp_use use,
			    const unsigned int *queues, unsigned int nr,
			    unsigned short port);
void xdp_close(struct xdp *xdp);
/* Another process has detached it, or will; xdp_close() does the rest */
void xdp_forget(struct xdp *xdp);

struct json_object *xdp_json(const struct xdp *xdp);
void xdp_print(const struct xdp *xdp);

#endif
