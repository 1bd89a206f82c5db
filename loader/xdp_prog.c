// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "pin.h"
#include "xdp_prog.h"

/* A program of a pipeline that was killed: it is there, its folder is not */
static struct xdp_program *find_stale(struct xdp_multiprog *mp, const char *name,
				      const char *pin)
{
	struct xdp_program *prog = NULL;

	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (!strcmp(xdp_program__name(prog), name) &&
		    !pin_has_prog(pin, xdp_program__id(prog)))
			break;
	return prog;
}

static void detach_stale(const struct xdp_prog *xdp)
{
	struct xdp_multiprog *mp;
	struct xdp_program *prog;
	char pin[128];
	int ret = 0;

	snprintf(pin, sizeof(pin), "%s-prog-%s", xdp->prefix, xdp->name);
	while (!ret) {
		mp = xdp_multiprog__get_from_ifindex(xdp->ifindex);
		if (libxdp_get_error(mp))
			return;
		prog = find_stale(mp, xdp->name, pin);
		ret = prog ? xdp_program__detach(prog, xdp->ifindex,
						 xdp_multiprog__attach_mode(mp), 0) :
			     -ENOENT;
		xdp_multiprog__close(mp);
	}
}

static int attach(struct xdp_prog *xdp, struct bpf_object *obj)
{
	int ret;

	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts,
			    .obj = obj,
			    .prog_name = xdp->name);

	detach_stale(xdp);
	xdp->prog = xdp_program__create(&opts);
	ret = libxdp_get_error(xdp->prog);
	if (ret) {
		xdp->prog = NULL;
		return ret;
	}
	/* a NIC that splits headers takes no program without, dispatcher included */
	xdp_program__set_xdp_frags_support(xdp->prog, true);
	ret = xdp_program__attach(xdp->prog, xdp->ifindex, xdp->mode, 0);
	if (ret)
		return ret;
	xdp->attached = true;
	return pin_object(obj, xdp->prefix) ? -EALREADY : 0;
}

int xdp_prog_attach(struct xdp_prog *xdp, struct bpf_object *obj)
{
	int ret;

	/* until it is pinned, a program looks like one that was left */
	lock_take();
	ret = attach(xdp, obj);
	lock_give();
	return ret;
}

void xdp_prog_detach(struct xdp_prog *xdp)
{
	if (xdp->attached) {
		lock_take();
		xdp_program__detach(xdp->prog, xdp->ifindex, xdp->mode, 0);
		lock_give();
	}
	xdp->attached = false;
	xdp_program__close(xdp->prog);
	xdp->prog = NULL;
}
