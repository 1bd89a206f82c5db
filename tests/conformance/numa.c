// SPDX-License-Identifier: GPL-2.0
/*
 * numa: the kernel's memory comes from the node of the NVMe device, the user's
 * stays where it is, and both calls of the registration say so.
 *
 * Usage: numa NEAR_NODE FAR_NODE
 *
 * The machine has two nodes.  FAR_NODE is a namespace on the second; NEAR_NODE
 * is on a bus that belongs to none.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>

#include "region.h"
#include "tap.h"

#define SIZE	(4 << 20)

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bail_out("CPU %d: %s", cpu, strerror(errno));
}

/* Of each page of a mapping; -1 if they are not all on one node */
static int node_of(char *mem, size_t size)
{
	int node, first = -1;
	size_t off;

	for (off = 0; off < size; off += 4096) {
		if (syscall(SYS_get_mempolicy, &node, NULL, 0, mem + off,
			    MPOL_F_NODE | MPOL_F_ADDR))
			bail_out("get_mempolicy: %s", strerror(errno));
		if (off && node != first)
			return -1;
		first = node;
	}
	return first;
}

static char *memory_on(int node)
{
	unsigned long mask = 1ul << node;
	char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);

	if (mem == MAP_FAILED ||
	    syscall(SYS_mbind, mem, SIZE, MPOL_BIND, &mask, 8, 0))
		bail_out("mbind: %s", strerror(errno));
	return memset(mem, 0, SIZE);
}

/* What user and pages say of the node; mem is NULL for the kernel's memory */
static bool is_on(int want, int fd, char *mem)
{
	struct io_uring_region_desc rd = { .user_addr = (uintptr_t)mem, .size = SIZE };
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 64, .cq_entries = 64, .region_size = SIZE,
		.nvme_fd = fd, .region_uptr = mem ? (uintptr_t)&rd : 0,
	};
	int ring = ring_create(8, 0), node, ret;
	struct io_unified_ctrl *ctrl;
	char *map = mem;
	bool same;

	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (ret)
		bail_out("register: %s", strerror(-ret));
	if (!mem)
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_MAP_OFF_UNIFIED_REGION);
	ctrl = (void *)map;
	node = node_of(map, SIZE);
	same = node == want && reg.numa_node == want && ctrl->numa_node == want;
	if (!same)
		note("pages %d, numa_node %d, control page %d", node,
		     reg.numa_node, ctrl->numa_node);
	if (!mem)
		munmap(map, SIZE);
	ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(ring);
	return same;
}

/* Register as one who is not privileged and may lock that much */
static int try_limited(int fd, size_t size, size_t limit)
{
	struct rlimit rl = { .rlim_cur = limit, .rlim_max = RLIM_INFINITY };
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 64, .cq_entries = 64, .region_size = size, .nvme_fd = fd,
	};
	int ring, ret;

	/* of the user, so it counts what other rings have that are about to go */
	if (setrlimit(RLIMIT_MEMLOCK, &rl))
		bail_out("setrlimit: %s", strerror(errno));
	ring = ring_create(8, 0);
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (!ret)
		ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(ring);
	return ret;
}

/* The task's limit, not that of who gets the memory for it (8 MiB) */
static void test_limits(int fd)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int i, ret;

	if (syscall(SYS_capget, &hdr, data))
		bail_out("capget: %s", strerror(errno));
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &hdr, data))
		bail_out("capset: %s", strerror(errno));
	for (int cpu = 0; cpu < 2; cpu++) {
		run_on(cpu);
		ret = try_limited(fd, SIZE, SIZE / 2);
		if (!ok(ret == -ENOMEM, "CPU %d: more than the task may lock: -ENOMEM", cpu))
			note("%d", ret);
		ret = try_limited(fd, 4 * SIZE + 4096, 5 * SIZE);
		if (!ok(!ret, "CPU %d: ... as much as it may", cpu))
			note("%d", ret);
		/* of a page of 4 MiB; what has been counted is given back */
		for (i = 0, ret = 0; i < 4 && !ret; i++)
			ret = try_limited(fd, 3 << 20, 10 << 20);
		if (!ok(!ret, "CPU %d: ... and again", cpu))
			note("%d, after %d", ret, i);
	}
}

int main(int argc, char **argv)
{
	char *mem[2];
	int near, far, cpu;

	if (argc != 3) {
		fprintf(stderr, "usage: numa NEAR_NODE FAR_NODE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	near = open(argv[1], O_RDWR);
	far = open(argv[2], O_RDWR);
	if (near < 0 || far < 0)
		bail_out("no device");
	mem[0] = memory_on(0);
	mem[1] = memory_on(1);
	for (cpu = 0; cpu < 2; cpu++) {
		run_on(cpu);
		ok(is_on(1, far, NULL),
		   "CPU %d: the kernel's memory is on the device's node", cpu);
		ok(is_on(cpu, 0, NULL),
		   "CPU %d: ... without a device on the caller's", cpu);
		ok(is_on(0, far, mem[0]) && is_on(1, far, mem[1]) &&
		   is_on(0, near, mem[0]) && is_on(1, near, mem[1]),
		   "CPU %d: the user's memory stays where it is", cpu);
	}
	test_limits(far);
	return tap_end();
}
