// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ethtool.h"
#include "output.h"
#include "region.h"

#define RING_ENTRIES	256	/* of the ring, not of the region's queues */

/* "queue 1 of eth0", "/dev/nvme0n1", or both, in the order of a sentence */
static const char *parts(const struct region_params *p, const char *conj)
{
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	if (p->nvme)
		n = snprintf(text, sizeof(text), "%s%s", p->nvme,
			     p->ifname ? conj : "");
	if (p->ifname && n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, "queue %u of %s", p->queue,
			 p->ifname);
	return text[0] ? text : "no device";
}

/* Most drivers come without header split, so that is looked at first */
static int explain_invalid(const struct region_params *p)
{
	bool known;
	int split, thresh;

	if (!p->ifname)
		return error("the kernel refused a region of %s for %s; is it large enough? --region-size sets it",
			     human_bytes(p->size), parts(p, ""));
	known = !ethtool_header_split(p->ifname, &split, &thresh);
	if (known && !split)
		return error("the header split of %s is off; turn it on: ethtool -G %s tcp-data-split on hds-thresh 0",
			     p->ifname, p->ifname);
	if (known && thresh)
		return error("%s splits headers only from packets over %d bytes; change it: ethtool -G %s hds-thresh 0",
			     p->ifname, thresh, p->ifname);
	if (known)
		return error("the kernel refused queue %u of %s with a region of %s; is the region at least 1 MiB? --region-size sets it",
			     p->queue, p->ifname, human_bytes(p->size));
	return error("the kernel refused queue %u of %s with a region of %s: is the header split on ('ethtool -G %s tcp-data-split on'), and the region at least 1 MiB?",
		     p->queue, p->ifname, human_bytes(p->size), p->ifname);
}

/* What can only be the NIC's fault */
static int explain_net(int err, const struct region_params *p)
{
	switch (err) {
	case EEXIST:
		return error("queue %u of %s has another user, or %s an XDP program that cannot go with zero copy; see 'ip link show %s'",
			     p->queue, p->ifname, p->ifname, p->ifname);
	case EOPNOTSUPP:
		return error("the driver of %s has no zero-copy receive (queue management and memory providers)",
			     p->ifname);
	case ERANGE:
		return error("%s has no queue %u; 'ethtool -l %s' shows how many there are",
			     p->ifname, p->queue, p->ifname);
	}
	return error("registering a region with %s: %s", parts(p, " and "), strerror(err));
}

static int explain(int err, const struct region_params *p)
{
	switch (err) {
	case EPERM:
		return error("registering a region is not permitted; it needs CAP_SYS_ADMIN%s, run as root",
			     p->ifname ? " and CAP_NET_ADMIN" : "");
	case EBUSY:
		return error("%s is in use (mounted, a volume's, or another pipeline's); free it or use another",
			     parts(p, " or "));
	case ENOMEM:
		return error("not enough memory for a region of %s, or over RLIMIT_MEMLOCK; give a smaller --region-size",
			     human_bytes(p->size));
	case ENODEV:
		if (p->nvme)
			return error("%s is no NVMe namespace%s%s%s", p->nvme,
				     p->ifname ? ", or " : "", p->ifname ?: "",
				     p->ifname ? " is gone" : "");
		break;
	case EINVAL:
		return explain_invalid(p);
	}
	if (p->ifname)
		return explain_net(err, p);
	return error("registering a region with %s: %s", parts(p, ""), strerror(err));
}

static int ring_open(struct io_uring *ring)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32,
	};
	struct io_uring_probe *probe;
	bool supported;
	int ret;

	ret = io_uring_queue_init_params(RING_ENTRIES, ring, &p);
	if (ret)
		return error("io_uring: %s; 'sysctl kernel.io_uring_disabled' must be 0",
			     strerror(-ret));
	probe = io_uring_get_probe_ring(ring);
	supported = probe && io_uring_opcode_supported(probe, IORING_OP_UNIFIED);
	io_uring_free_probe(probe);
	if (supported)
		return 0;
	io_uring_queue_exit(ring);
	return error("this kernel has no unified regions; boot one with CONFIG_IO_URING_UNIFIED");
}

static int register_region(struct region *region, const struct region_params *p)
{
	unsigned int entries = p->entries ?: REGION_ENTRIES;
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= entries,
		.cq_entries	= entries,
		.region_size	= p->size,
		.nvme_fd	= p->nvme ? p->nvme_fd : 0,
		.net_ifindex	= p->ifname ? p->ifindex : 0,
		.net_rxq	= p->ifname ? p->queue : 0,
		.user_bufs	= p->user_bufs,
		.flags		= p->flags,
	};
	int ret;

	ret = io_uring_register(region->ring.ring_fd, IORING_REGISTER_UNIFIED_REGION,
				&reg, 1);
	return ret < 0 ? explain(-ret, p) : 0;
}

/* The data only for who asks: nothing else can write to it by mistake */
static int map_region(struct region *region, const struct region_params *p)
{
	void *ctrl;
	int ret;

	if (p->map) {
		ret = sluice_region_mmap(&region->ring, &region->map, p->flags);
		if (ret)
			return error("mapping the region: %s", strerror(-ret));
	}
	ctrl = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED,
		    region->ring.ring_fd, IORING_MAP_OFF_UNIFIED_REGION);
	if (ctrl == MAP_FAILED)
		return error("mapping the region's control page: %s", strerror(errno));
	region->ctrl = ctrl;
	return 0;
}

int region_open(struct region *region, const struct region_params *params)
{
	long page = sysconf(_SC_PAGESIZE);

	if (params->size % page)
		return error("--region-size %llu is no multiple of a page (%ld bytes)",
			     params->size, page);
	if (ring_open(&region->ring))
		return -1;
	region->size = params->size;
	if (!register_region(region, params) && !map_region(region, params))
		return 0;
	/* a region that could not be mapped goes with its ring */
	io_uring_queue_exit(&region->ring);
	return -1;
}

/* Unregistering lets go of NIC queue and namespace before it returns */
void region_close(struct region *region)
{
	if (!region->ctrl)
		return;
	if (region->map.mapped)
		munmap(region->map.base, region->map.size);
	munmap((void *)region->ctrl, sysconf(_SC_PAGESIZE));
	io_uring_register(region->ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION,
			  NULL, 0);
	io_uring_queue_exit(&region->ring);
	memset(region, 0, sizeof(*region));
}

struct io_uring_sqe *region_get_sqe(struct region *region)
{
	struct io_uring_sqe *sqe;

	/* submission takes all entries: those that are wrong get a CQE */
	while (!(sqe = io_uring_get_sqe(&region->ring)))
		io_uring_submit(&region->ring);
	return sqe;
}

void region_stats(const struct region *region, struct io_unified_stats *stats)
{
	memcpy(stats, &region->ctrl->stats, sizeof(*stats));
}
