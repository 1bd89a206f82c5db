// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.skel.h"
#include "net.h"
#include "output.h"
#include "xdp.h"
#include "xdp_prog.h"

struct xdp {
	struct flow_bpf		*skel;
	struct xdp_prog		prog;
	const char		*ifname;
};

/* As in bpf/flow.bpf.c */
struct flow_total {
	unsigned long long passed, dropped;
};

static int explain(const struct xdp *xdp, int err)
{
	if (err == EBUSY && xdp->prog.mode == XDP_MODE_SKB)
		return error("generic XDP would see payload that is the NIC's, %s refuses it beside zero copy; use --xdp native, or off",
			     xdp->ifname);
	switch (err) {
	case EBUSY:
	case EEXIST:
		return error("%s has an XDP program that the dispatcher cannot join; 'ip link show %s' shows it, --xdp off goes without",
			     xdp->ifname, xdp->ifname);
	case EOPNOTSUPP:
		return error("the driver of %s has no XDP of its own; --xdp off goes without",
			     xdp->ifname);
	}
	return error("attaching XDP to %s: %s; --xdp off goes without", xdp->ifname,
		     strerror(err));
}

static int xdp_attach(struct xdp *xdp)
{
	int ret = xdp_prog_attach(&xdp->prog, xdp->skel->obj);

	if (ret && ret != -EALREADY)
		return explain(xdp, -ret);
	return ret;
}

/* They are dropped, and with them connections that have nothing to do with us */
static void warn_of_others(const char *ifname, unsigned int queue)
{
	if (net_rss_uses(ifname, queue) == 1)
		note("%s also gives queue %u a share of all other connections (RSS), whose packets are dropped there: 'ethtool -X %s equal N' gives them only the first N, --xdp off passes them",
		     ifname, queue, ifname);
}

struct xdp *xdp_open(unsigned int ifindex, const char *ifname, enum xdp_use use,
		     unsigned int queue, unsigned short port)
{
	return xdp_open_queues(ifindex, ifname, use, &queue, 1, port);
}

struct xdp *xdp_open_queues(unsigned int ifindex, const char *ifname, enum xdp_use use,
			    const unsigned int *queues, unsigned int nr,
			    unsigned short port)
{
	struct xdp *xdp = calloc(1, sizeof(*xdp));

	if (!xdp)
		return NULL;
	xdp->ifname = ifname;
	xdp->prog = (struct xdp_prog) {
		.name	 = "sluice_flow",
		.prefix	 = "flow",
		.ifindex = ifindex,
		.mode	 = use == XDP_USE_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE,
	};
	xdp->skel = flow_bpf__open();
	if (!xdp->skel) {
		error("flow: %s", strerror(errno));
		free(xdp);
		return NULL;
	}
	for (unsigned int i = 0; i < nr; i++) {
		xdp->skel->rodata->queues[i] = queues[i];
		warn_of_others(ifname, queues[i]);
	}
	xdp->skel->rodata->nr_queues = nr;
	xdp->skel->rodata->port = port;
	if (!xdp_attach(xdp))
		return xdp;
	xdp_close(xdp);
	return NULL;
}

void xdp_close(struct xdp *xdp)
{
	if (!xdp)
		return;
	xdp_prog_detach(&xdp->prog);
	flow_bpf__destroy(xdp->skel);
	free(xdp);
}

void xdp_forget(struct xdp *xdp)
{
	if (xdp)
		xdp->prog.attached = false;
}

static struct flow_total xdp_total(const struct xdp *xdp)
{
	int nr_cpus = libbpf_num_possible_cpus(), i;
	struct flow_total *cpus = calloc(nr_cpus, sizeof(*cpus)), sum = { };
	unsigned int key = 0;

	if (cpus && !bpf_map_lookup_elem(bpf_map__fd(xdp->skel->maps.flow_total),
					 &key, cpus))
		for (i = 0; i < nr_cpus; i++) {
			sum.passed += cpus[i].passed;
			sum.dropped += cpus[i].dropped;
		}
	free(cpus);
	return sum;
}

struct json_object *xdp_json(const struct xdp *xdp)
{
	struct json_object *obj = json_object_new_object();
	struct flow_total t = xdp_total(xdp);

	json_add_str(obj, "mode", xdp->prog.mode == XDP_MODE_SKB ? "skb" : "native");
	json_add_u64(obj, "passed_packets", t.passed);
	json_add_u64(obj, "dropped_packets", t.dropped);
	return obj;
}

void xdp_print(const struct xdp *xdp)
{
	struct flow_total t = xdp_total(xdp);

	printf("  xdp   %-12s pass %llu, drop %llu packets\n", "flow", t.passed,
	       t.dropped);
}
