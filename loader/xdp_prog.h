/* SPDX-License-Identifier: GPL-2.0 */
/* A program in libxdp's dispatcher, which an interface's programs share. */
#ifndef XDP_PROG_H
#define XDP_PROG_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <xdp/libxdp.h>

struct xdp_prog {
	const char		*name;		/* of the program */
	const char		*prefix;	/* of its pins, see pin_object() */
	unsigned int		ifindex;
	enum xdp_attach_mode	mode;
	struct xdp_program	*prog;
	bool			attached;
};

/*
 * Load @obj, attach its program @name and pin what it has, after taking away
 * what a killed process left there.  0, or -errno, of which nothing has been
 * said; -EALREADY: it was said.
 */
int xdp_prog_attach(struct xdp_prog *xdp, struct bpf_object *obj);
void xdp_prog_detach(struct xdp_prog *xdp);

#endif
