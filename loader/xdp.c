// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "flow.skel.h"
#include "output.h"
#include "pin.h"
#include "xdp.h"

#define PROG_NAME	"sluice_flow"
#define PIN_PREFIX	"flow"
#define PIN_NAME	PIN_PREFIX "-prog-" PROG_NAME

struct xdp {
	struct flow_bpf		*skel;
	struct xdp_program	*prog;
	enum xdp_attach_mode	mode;
	unsigned int		ifindex;
	const char		*ifname;
	bool			attached;
};

/* As in bpf/flow.bpf.c */
struct flow_total {
	unsigned long long passed, dropped;
};

static int explain(const struct xdp *xdp, int err)
{
	if (err == EBUSY && xdp->mode == XDP_MODE_SKB)
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

/* A program of a pipeline that was killed: it is there, its folder is not */
static struct xdp_program *find_stale(struct xdp_multiprog *mp)
{
	struct xdp_program *prog = NULL;

	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (!strcmp(xdp_program__name(prog), PROG_NAME) &&
		    !pin_has_prog(PIN_NAME, xdp_program__id(prog)))
			break;
	return prog;
}

static void detach_stale(unsigned int ifindex)
{
	struct xdp_multiprog *mp;
	struct xdp_program *prog;
	int ret = 0;

	while (!ret) {
		mp = xdp_multiprog__get_from_ifindex(ifindex);
		if (libxdp_get_error(mp))
			return;
		prog = find_stale(mp);
		ret = prog ? xdp_program__detach(prog, ifindex,
						 xdp_multiprog__attach_mode(mp), 0) :
			     -ENOENT;
		xdp_multiprog__close(mp);
	}
}

static int xdp_attach(struct xdp *xdp)
{
	int ret;

	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts,
			    .obj = xdp->skel->obj,
			    .prog_name = PROG_NAME);

	detach_stale(xdp->ifindex);
	xdp->prog = xdp_program__create(&opts);
	ret = libxdp_get_error(xdp->prog);
	if (ret) {
		xdp->prog = NULL;
		return explain(xdp, -ret);
	}
	/* a NIC that splits headers takes no program without, dispatcher included */
	xdp_program__set_xdp_frags_support(xdp->prog, true);
	ret = xdp_program__attach(xdp->prog, xdp->ifindex, xdp->mode, 0);
	if (ret)
		return explain(xdp, -ret);
	xdp->attached = true;
	return pin_object(xdp->skel->obj, PIN_PREFIX);
}

struct xdp *xdp_open(unsigned int ifindex, const char *ifname, enum xdp_use use,
		     unsigned int queue, unsigned short port)
{
	struct xdp *xdp = calloc(1, sizeof(*xdp));

	if (!xdp)
		return NULL;
	xdp->ifindex = ifindex;
	xdp->ifname = ifname;
	xdp->mode = use == XDP_USE_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	xdp->skel = flow_bpf__open();
	if (!xdp->skel) {
		error("flow: %s", strerror(errno));
		free(xdp);
		return NULL;
	}
	xdp->skel->rodata->queue = queue;
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
	if (xdp->attached)
		xdp_program__detach(xdp->prog, xdp->ifindex, xdp->mode, 0);
	xdp_program__close(xdp->prog);
	flow_bpf__destroy(xdp->skel);
	free(xdp);
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

	json_add_str(obj, "mode", xdp->mode == XDP_MODE_SKB ? "skb" : "native");
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
