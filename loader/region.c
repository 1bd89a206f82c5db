// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ethtool.h"
#include "output.h"
#include "region.h"

#define RING_ENTRIES	64

/* Most drivers come without header split, so that is looked at first */
static int explain_invalid(const struct region_params *p)
{
	bool known;
	int split, thresh;

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

static int explain(int err, const struct region_params *p)
{
	switch (err) {
	case EPERM:
		return error("registering a region is not permitted; it needs CAP_SYS_ADMIN and CAP_NET_ADMIN, run as root");
	case EBUSY:
		return error("%s or queue %u of %s is in use (mounted, a volume's, or another pipeline's); free it or use another",
			     p->nvme, p->queue, p->ifname);
	case EEXIST:
		return error("queue %u of %s has another user, or %s an XDP program that cannot go with zero copy; see 'ip link show %s'",
			     p->queue, p->ifname, p->ifname, p->ifname);
	case ENOMEM:
		return error("not enough memory for a region of %s, or over RLIMIT_MEMLOCK; give a smaller --region-size",
			     human_bytes(p->size));
	case ENODEV:
		return error("%s is no NVMe namespace, or %s is gone", p->nvme, p->ifname);
	case EOPNOTSUPP:
		return error("the driver of %s has no zero-copy receive (queue management and memory providers)",
			     p->ifname);
	case ERANGE:
		return error("%s has no queue %u; 'ethtool -l %s' shows how many there are",
			     p->ifname, p->queue, p->ifname);
	case EINVAL:
		return explain_invalid(p);
	}
	return error("registering a region with %s queue %u and %s: %s", p->ifname,
		     p->queue, p->nvme, strerror(err));
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

int region_open(struct region *region, const struct region_params *params)
{
	long page = sysconf(_SC_PAGESIZE);
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= RING_ENTRIES,
		.cq_entries	= RING_ENTRIES,
		.region_size	= params->size,
		.nvme_fd	= params->nvme_fd,
		.net_ifindex	= params->ifindex,
		.net_rxq	= params->queue,
	};
	void *ctrl;

	if (params->size % page)
		return error("--region-size %llu is no multiple of a page (%ld bytes)",
			     params->size, page);
	if (ring_open(&region->ring))
		return -1;
	if (syscall(__NR_io_uring_register, region->ring.ring_fd,
		    IORING_REGISTER_UNIFIED_REGION, &reg, 1) < 0) {
		explain(errno, params);
		goto err;
	}
	ctrl = mmap(NULL, page, PROT_READ, MAP_SHARED, region->ring.ring_fd,
		    IORING_MAP_OFF_UNIFIED_REGION);
	if (ctrl == MAP_FAILED) {
		error("mapping the region's control page: %s", strerror(errno));
		goto err;
	}
	region->ctrl = ctrl;
	region->size = params->size;
	return 0;
err:
	io_uring_queue_exit(&region->ring);
	return -1;
}

/* Unregistering lets go of NIC queue and namespace before it returns */
void region_close(struct region *region)
{
	if (!region->ctrl)
		return;
	munmap((void *)region->ctrl, sysconf(_SC_PAGESIZE));
	syscall(__NR_io_uring_register, region->ring.ring_fd,
		IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	io_uring_queue_exit(&region->ring);
	region->ctrl = NULL;
}

void region_stats(const struct region *region, struct io_unified_stats *stats)
{
	memcpy(stats, &region->ctrl->stats, sizeof(*stats));
}
