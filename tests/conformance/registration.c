// SPDX-License-Identifier: GPL-2.0
/*
 * registration: both calls, with every kind of memory, and every error that they
 * can answer; nothing stays behind after one.
 *
 * Usage: registration BLOCK_NODE GENERIC_NODE MOUNTED_NODE PARTITION IF NIC
 *		       QUEUE NODE...
 *
 * MOUNTED_NODE is a namespace with a mounted file system, PARTITION a mounted
 * partition of another; IF is an interface without zero-copy receive, QUEUE of
 * NIC is one with.  NODEs are as many more namespaces as a region can have.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/fs.h>

#include "region.h"
#include "tap.h"

#define BUF	4096
#define BUFS	64
#define ENTRIES	REGION_ENTRIES
#define DOC_FLAGS (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32 | \
		   IORING_SETUP_SQE128)

static const char *block_node, *generic_node, *mounted_node, *partition;
static int nvme_fd;

/* calculate_region_size() of the first document, by its picture */
static size_t doc_size(size_t sq, size_t cq, size_t nr, size_t buf)
{
	return 4096 + 4096 + sq * 128 + cq * 64 + nr * buf;
}

static void check_errno(int got, int want, const char *what)
{
	if (!ok(got == want, "%s: %s", what, want ? strerrorname_np(-want) : "fine"))
		note("got %d (%s)", got, strerror(-got));
}

/* The namespace is nobody's, and the ring can have a region */
static bool nothing_left(int ring)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1,
		.region_size = 16384, .nvme_fd = nvme_fd,
	};
	int fd = open(block_node, O_RDWR | O_EXCL);

	if (fd < 0)
		return false;
	close(fd);
	if (ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1))
		return false;
	return !ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

/* --- IORING_REGISTER_UNIFIED_IFQ ------------------------------------------ */

struct ifq {
	struct io_unified_reg		reg;
	struct io_uring_region_desc	rd;
	unsigned int			ring_flags;
};

static struct ifq ifq_good(void *mem)
{
	return (struct ifq) {
		.reg = {
			.nvme_dev_path = (uintptr_t)block_node,
			.sq_entries = ENTRIES, .cq_entries = ENTRIES,
			.buffer_entries = BUFS, .buffer_entry_size = BUF,
		},
		.rd = {
			.user_addr = (uintptr_t)mem,
			.size = doc_size(ENTRIES, ENTRIES, BUFS, BUF),
		},
		.ring_flags = DOC_FLAGS,
	};
}

static int ifq_try(struct ifq *q, bool *clean)
{
	int ring = ring_create(8, q->ring_flags);
	int ret;

	if (!q->reg.region_ptr)
		q->reg.region_ptr = (uintptr_t)&q->rd;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_IFQ, &q->reg, 1);
	if (!ret)
		ring_register(ring, IORING_UNREGISTER_UNIFIED_IFQ, NULL, 0);
	*clean = nothing_left(ring);
	close(ring);
	return ret;
}

#define IFQ(want, what, ...)						\
	do {								\
		struct ifq q = ifq_good(mem);				\
		bool clean;						\
									\
		__VA_ARGS__;						\
		check_errno(ifq_try(&q, &clean), want, "IFQ: " what);	\
		if (!clean)						\
			ok(0, "IFQ: " what ": nothing stays behind");	\
		left += !clean;						\
	} while (0)

static void test_ifq(void)
{
	size_t size = doc_size(ENTRIES, ENTRIES, BUFS, BUF);
	char *mem = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	const char *ro = mmap(NULL, size, PROT_READ, MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	char *long_path = malloc(5000), whole[64], controller[64];
	int left = 0;

	snprintf(whole, sizeof(whole), "%.*s", (int)(strrchr(partition, 'p') - partition),
		 partition);
	snprintf(controller, sizeof(controller), "%.*s",
		 (int)(strrchr(block_node, 'n') - block_node), block_node);
	memset(long_path, 'x', 4999);
	long_path[4999] = 0;
	IFQ(0, "a region as large as the document calculates it");
	IFQ(0, "on the generic node", q.reg.nvme_dev_path = (uintptr_t)generic_node);
	IFQ(0, "rings of one entry", q.reg.sq_entries = q.reg.cq_entries = 1);
	IFQ(0, "one buffer", q.reg.buffer_entries = 1);
	IFQ(0, "buffers of 16 KiB", q.reg.buffer_entries = 16; q.reg.buffer_entry_size = 16384);
	IFQ(0, "IORING_MEM_REGION_TYPE_USER said", q.rd.flags = IORING_MEM_REGION_TYPE_USER);
	IFQ(-EINVAL, "a region that is a page too small", q.rd.size -= 4096);
	IFQ(-EINVAL, "sq_entries 0", q.reg.sq_entries = 0);
	IFQ(-EINVAL, "cq_entries 0", q.reg.cq_entries = 0);
	IFQ(-EINVAL, "sq_entries no power of two", q.reg.sq_entries = 33);
	IFQ(-EINVAL, "cq_entries no power of two", q.reg.cq_entries = 63);
	IFQ(-EINVAL, "too many sq_entries", q.reg.sq_entries = 1 << 16);
	IFQ(-EINVAL, "too many cq_entries", q.reg.cq_entries = 1u << 31);
	IFQ(-EINVAL, "no buffers", q.reg.buffer_entries = 0);
	IFQ(-EINVAL, "buffers of no size", q.reg.buffer_entry_size = 0);
	IFQ(-EINVAL, "buffers that are no pages", q.reg.buffer_entry_size = 4095);
	IFQ(-EINVAL, "sizes whose product overflows 32 bits",
	    q.reg.buffer_entries = 1 << 20; q.reg.buffer_entry_size = 1 << 12);
	IFQ(-EINVAL, "sizes that are as large as can be",
	    q.reg.buffer_entries = -1; q.reg.buffer_entry_size = 0xfffff000);
	IFQ(-EINVAL, "an unknown flag", q.reg.flags = 1u << 31);
	IFQ(-EINVAL, "sq_idle without a poller", q.reg.sq_idle = 1);
	IFQ(-EINVAL, "a poller that idles for an hour",
	    q.reg.flags = IO_UNIFIED_REG_POLL; q.reg.sq_idle = 3600000);
	IFQ(-EINVAL, "a queue without an interface", q.reg.net_rxq = 1);
	IFQ(-EINVAL, "an address that is no page", q.rd.user_addr += 512);
	IFQ(-EINVAL, "a size that is no pages", q.rd.size += 512);
	IFQ(-EINVAL, "no memory at all", q.rd.user_addr = 0);
	IFQ(-EINVAL, "a reserved field of the descriptor", q.rd.__resv[0] = 1);
	IFQ(-EINVAL, "an unknown flag of the descriptor", q.rd.flags = 1u << 31);
	IFQ(-EFAULT, "memory that is not there", q.rd.user_addr = 4096);
	IFQ(-EFAULT, "memory that cannot be written to", q.rd.user_addr = (uintptr_t)ro);
	IFQ(-EOVERFLOW, "memory that wraps around", q.rd.user_addr = -4096ull);
	IFQ(-EFAULT, "a descriptor that is not there", q.reg.region_ptr = 8);
	IFQ(-EFAULT, "a path that is not there", q.reg.nvme_dev_path = 8);
	IFQ(-EINVAL, "a path that is too long", q.reg.nvme_dev_path = (uintptr_t)long_path);
	IFQ(-ENOENT, "a node that does not exist", q.reg.nvme_dev_path = (uintptr_t)"/dev/nvme99n1");
	IFQ(-ENODEV, "a node that is not NVMe", q.reg.nvme_dev_path = (uintptr_t)"/dev/null");
	IFQ(-ENODEV, "a controller", q.reg.nvme_dev_path = (uintptr_t)controller);
	IFQ(-ENODEV, "a partition", q.reg.nvme_dev_path = (uintptr_t)partition);
	IFQ(-EBUSY, "a namespace with a mounted partition", q.reg.nvme_dev_path = (uintptr_t)whole);
	IFQ(-EISDIR, "a folder", q.reg.nvme_dev_path = (uintptr_t)"/dev");
	IFQ(-EBUSY, "a namespace that is mounted", q.reg.nvme_dev_path = (uintptr_t)mounted_node);
	IFQ(-EINVAL, "a ring without DEFER_TASKRUN", q.ring_flags = IORING_SETUP_CQE32 | IORING_SETUP_SQE128);
	IFQ(-EINVAL, "a ring without CQE32", q.ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SQE128);
	IFQ(-EINVAL, "a ring without SQE128", q.ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	ok(!left, "IFQ: nothing stays behind after any of these");
	free(long_path);
	munmap(mem, size + 4096);
}

/* --- IORING_REGISTER_UNIFIED_REGION --------------------------------------- */

#define REGION_SIZE	(4096 + ENTRIES * 128 + ENTRIES * 64 + BUFS * BUF)

static int region_try(struct io_uring_unified_region_reg *reg, unsigned int flags,
		      bool *clean)
{
	int ring = ring_create(8, flags);
	int ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, reg, 1);

	if (!ret)
		ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	*clean = nothing_left(ring);
	close(ring);
	return ret;
}

#define REGION(want, what, ...)						\
	do {								\
		struct io_uring_unified_region_reg u = {		\
			.sq_entries = ENTRIES, .cq_entries = ENTRIES,	\
			.region_size = REGION_SIZE, .nvme_fd = nvme_fd,	\
		};							\
		struct io_uring_region_desc rd = {			\
			.user_addr = (uintptr_t)mem, .size = REGION_SIZE, \
		};							\
		unsigned int ring_flags = 0;				\
		bool clean;						\
									\
		(void)rd;						\
		__VA_ARGS__;						\
		check_errno(region_try(&u, ring_flags, &clean), want,	\
			    "REGION: " what);				\
		if (!clean)						\
			ok(0, "REGION: " what ": nothing stays behind"); \
		left += !clean;						\
	} while (0)

static void test_region(const char *ifname)
{
	char *mem = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	int left = 0, null = open("/dev/null", O_RDWR), held;
	int mounted = open(mounted_node, O_RDWR), block = open(block_node, O_RDWR);
	int part = open(partition, O_RDWR), ring = ring_create(8, 0);

	REGION(0, "the kernel's memory");
	REGION(0, "the user's memory", u.region_ptr = &rd);
	REGION(0, "the kernel's memory, by an empty descriptor", rd.user_addr = 0; u.region_ptr = &rd);
	REGION(0, "a descriptor without a size", rd.size = 0; u.region_ptr = &rd);
	REGION(0, "no device", u.nvme_fd = 0);
	REGION(0, "no device, -1", u.nvme_fd = -1);
	REGION(0, "the block node", u.nvme_fd = block);
	REGION(0, "a data area of one page", u.region_size -= (BUFS - 1) * BUF);
	REGION(0, "buf_size of 16 KiB", u.buf_size = 16384);
	REGION(-EINVAL, "a descriptor with another size", rd.size -= 4096; u.region_ptr = &rd);
	REGION(-EINVAL, "no room for a data area", u.region_size -= BUFS * BUF);
	REGION(-EINVAL, "region_size 0", u.region_size = 0);
	REGION(-EINVAL, "region_size that is no pages", u.region_size++);
	REGION(-E2BIG, "region_size as large as can be", u.region_size = -4096ull);
	REGION(-EINVAL, "as many entries as can be", u.sq_entries = u.cq_entries = -1);
	REGION(-EINVAL, "sq_entries 0", u.sq_entries = 0);
	REGION(-EINVAL, "cq_entries no power of two", u.cq_entries = 65);
	/* with room for them */
	REGION(0, "as many cq_entries as there may be",
	       u.cq_entries = 1 << 15; u.region_size = 16 << 20);
	REGION(-EINVAL, "too many cq_entries", u.cq_entries = 1 << 16; u.region_size = 16 << 20);
	REGION(-EINVAL, "too many sq_entries", u.sq_entries = 1 << 16; u.region_size = 16 << 20);
	REGION(-EINVAL, "buf_size less than a page", u.buf_size = 2048);
	REGION(-EINVAL, "buf_size no power of two", u.buf_size = 12288);
	REGION(0, "buf_size of 2 MiB", u.buf_size = 2 << 20; u.region_size = 4 << 20);
	REGION(-EINVAL, "buf_size of more", u.buf_size = 4 << 20; u.region_size = 8 << 20);
	REGION(-EINVAL, "an unknown flag", u.flags = 1u << 31);
	REGION(-EINVAL, "a reserved field", u.__resv[1] = 1);
	REGION(-EINVAL, "numa_node, which is the kernel's to say", u.numa_node = 1);
	REGION(-EINVAL, "sq_idle without a poller", u.sq_idle = 1);
	REGION(-EINVAL, "a poller for a ring that is not enabled", u.flags = IO_UNIFIED_REG_POLL;
	       ring_flags = IORING_SETUP_R_DISABLED);
	REGION(-EINVAL, "a queue without an interface", u.net_rxq = 1);
	REGION(-EINVAL, "user_bufs without an interface", u.user_bufs = 1);
	REGION(-EINVAL, "an interface, and a ring without DEFER_TASKRUN", u.net_ifindex = 1);
	REGION(-EINVAL, "an interface, and a ring without CQE32", u.net_ifindex = 1;
	       ring_flags = IORING_SETUP_DEFER_TASKRUN);
	REGION(-ENODEV, "an interface that does not exist", u.net_ifindex = 999; u.region_size += 1 << 20;
	       ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	REGION(-EINVAL, "too few buffers for a NIC", u.net_ifindex = 1;
	       ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	REGION(-EOPNOTSUPP, "the loopback interface", u.net_ifindex = if_nametoindex("lo");
	       u.region_size += 1 << 20;
	       ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	if (ifname)
		REGION(-EOPNOTSUPP, "an interface without zero-copy receive",
		       u.net_ifindex = if_nametoindex(ifname); u.region_size += 1 << 20;
		       ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	REGION(-EBADF, "a descriptor that is none", u.nvme_fd = 999);
	REGION(-ENODEV, "a descriptor that is not NVMe", u.nvme_fd = null);
	REGION(-ENODEV, "a partition", u.nvme_fd = part);
	REGION(-ENODEV, "a ring", u.nvme_fd = ring);
	REGION(-EBUSY, "a namespace that is mounted", u.nvme_fd = mounted);
	REGION(-EFAULT, "a descriptor of the region that is not there", u.region_uptr = 8);
	REGION(-EFAULT, "memory that is not there", rd.user_addr = 4096; u.region_ptr = &rd);
	ok(!left, "REGION: nothing stays behind after any of these");

	held = open(block_node, O_RDWR | O_EXCL);
	check_errno(({ struct region r; region_open(&r, nvme_fd, BUF, 0, 0); }), -EBUSY,
		    "REGION: a namespace that somebody has for himself");
	close(held);
	close(part);
	close(ring);
	close(null);
	close(mounted);
	close(block);
	munmap(mem, REGION_SIZE);
}

/* --- both ----------------------------------------------------------------- */

static void test_calls(void)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 16384,
		.nvme_fd = nvme_fd,
	}, good = reg, second = reg;
	int ring = ring_create(8, 0), other = ring_create(8, 0);

	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, NULL, 1), -EINVAL,
		    "no argument");
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, (void *)8, 1), -EFAULT,
		    "an argument that is not there");
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 0), -EINVAL,
		    "nr_args 0");
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 2), -EINVAL,
		    "nr_args 2");
	check_errno(ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), -ENXIO,
		    "unregister REGION: there is none");
	check_errno(ring_register(ring, IORING_UNREGISTER_UNIFIED_IFQ, NULL, 0), -ENXIO,
		    "unregister IFQ: there is none");
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1), 0, "register");
	ok(reg.offsets.ctrl == 0 && reg.offsets.sq_entries == 4096 &&
	   reg.offsets.cq_entries == 8192 && reg.offsets.data == 12288,
	   "... the offsets come back, each at a page");
	ok(reg.numa_node >= 0, "... and the memory's NUMA node");
	/* without a device, which would be busy, too */
	second.nvme_fd = 0;
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &second, 1), -EBUSY,
		    "a second region for the ring");
	check_errno(ring_register(other, IORING_REGISTER_UNIFIED_REGION, &good, 1), -EBUSY,
		    "the namespace of another region");
	check_errno(ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, &reg, 1), -EINVAL,
		    "unregister with an argument");
	check_errno(ring_register(ring, IORING_UNREGISTER_UNIFIED_IFQ, NULL, 0), 0,
		    "either unregister call ends it");
	check_errno(ring_register(other, IORING_REGISTER_UNIFIED_REGION, &good, 1), 0,
		    "the namespace is free at once");
	ring_register(other, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(other);
	close(ring);
}

/* In a child, which gives up what this takes: its exit code */
static int in_child(int (*run)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(run());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int beyond(void)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 32768,
	};
	int ring = ring_create(8, 0);
	char *p;

	if (ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1))
		return 1;
	p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		 IORING_MAP_OFF_UNIFIED_REGION);
	if (p == MAP_FAILED)
		return 2;
	p[32767] = 1;	/* the last byte there is */
	signal(SIGBUS, _exit);
	p[32768] = 1;
	return 3;
}

static void test_mmap(void)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 32768,
	};
	int ring = ring_create(8, 0);
	struct region r;
	char *p, *q;

	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring, IORING_MAP_OFF_UNIFIED_REGION);
	ok(p == MAP_FAILED && errno == EINVAL, "mmap without a region: EINVAL");
	ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	p = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		 IORING_MAP_OFF_UNIFIED_REGION);
	q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring, IORING_MAP_OFF_UNIFIED_REGION);
	ok(p != MAP_FAILED && q != MAP_FAILED && !memcmp(p, q, 4096) &&
	   ((struct io_unified_ctrl *)p)->magic == IO_UNIFIED_MAGIC,
	   "the region is mapped, all of it or its start");
	p[32767] = 'x';
	ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	ok(p[32767] == 'x', "a mapping stays when the region goes");
	munmap(p, 32768);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring, IORING_MAP_OFF_UNIFIED_REGION);
	ok(p == MAP_FAILED, "... but there is nothing to map any more");
	ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	/* NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): this is the test */
	p = mmap(NULL, 0, PROT_READ, MAP_SHARED, ring, IORING_MAP_OFF_UNIFIED_REGION);
	ok(p == MAP_FAILED && errno == EINVAL, "mmap of nothing: EINVAL");
	close(ring);
	ok(in_child(beyond) == SIGBUS, "what is mapped behind the region is SIGBUS");

	if (region_open(&r, 0, BUF, 0, REGION_USER))
		bail_out("no region");
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, r.ring, IORING_MAP_OFF_UNIFIED_REGION);
	ok(p == MAP_FAILED && errno == EINVAL, "mmap of the user's own memory: EINVAL");
	region_close(&r);
}

static void test_hugepages(void)
{
	size_t size = 2 << 20;
	struct io_uring_region_desc rd = { .size = size };
	struct io_uring_unified_region_reg reg = {
		.sq_entries = ENTRIES, .cq_entries = ENTRIES, .region_size = size,
		.nvme_fd = nvme_fd, .region_ptr = &rd,
	};
	struct io_unified_sqe *sqe;
	struct io_unified_ctrl *ctrl;
	int ring = ring_create(8, 0), ret;
	char *mem;

	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_ANONYMOUS | MAP_SHARED | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED)
		bail_out("no hugepage: %s", strerror(errno));
	rd.user_addr = (uintptr_t)mem;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	check_errno(ret, 0, "a region in a hugepage");
	if (ret)
		return;
	ctrl = (void *)mem;
	sqe = (void *)(mem + reg.offsets.sq_entries +
		       (ctrl->sq.producer & ctrl->sq.ring_mask) * sizeof(*sqe));
	sqe->nvme_cmd.opcode = 2;
	sqe->nvme_cmd.nsid = ctrl->nsid;
	sqe->nvme_cmd.data_len = 128 << 10;
	sqe->nvme_cmd.cdw12 = (128 << 10) / ctrl->lba_size - 1;
	__atomic_store_n(&ctrl->sq.producer, ctrl->sq.producer + 1, __ATOMIC_RELEASE);
	ring_enter(ring);
	while (__atomic_load_n(&ctrl->cq.producer, __ATOMIC_ACQUIRE) == ctrl->cq.consumer)
		;
	ok(!((struct io_unified_cqe *)(mem + reg.offsets.cq_entries))
	   [ctrl->cq.consumer & ctrl->cq.ring_mask].status,
	   "... is read into by 128 KiB at once");
	ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(ring);
	munmap(mem, size);
}

static void test_hugepages_ifq(void)
{
	char *mem = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED | MAP_HUGETLB, -1, 0);
	int left = 0;

	if (mem == MAP_FAILED)
		bail_out("no hugepages: %s", strerror(errno));
	IFQ(0, "hugepages", q.rd.size = 4 << 20; q.reg.buffer_entries = 768);
	IFQ(0, "the middle of a hugepage", q.rd.user_addr += 1 << 20);
	IFQ(0, "across two hugepages", q.rd.user_addr += (2 << 20) - 8192);
	ok(!left, "IFQ: nothing stays behind after any of these");
	munmap(mem, 4 << 20);
}

static int drop_cap(int cap)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &hdr, data))
		return -1;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	return syscall(SYS_capset, &hdr, data);
}

static int try_small(unsigned int ring_flags, unsigned int ifindex, size_t size)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = size,
		.net_ifindex = ifindex,
	};
	int ring = ring_create(8, ring_flags), ret;

	if (ring < 0)
		return ring;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (!ret)
		ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(ring);
	return ret;
}

static int no_sys_admin(void)
{
	return drop_cap(CAP_SYS_ADMIN) || try_small(0, 0, 16384) != -EPERM;
}

static int nobody(void)
{
	return setuid(65534) || try_small(0, 0, 16384) != -EPERM;
}

static int no_net_admin(void)
{
	return drop_cap(CAP_NET_ADMIN) ||
	       try_small(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32, 1,
			 1 << 20) != -EPERM;
}

/* 4 MiB may be locked; what is accounted is given back each time */
/* Rights that there were when the region was made */
static int no_more(void)
{
	struct io_unified_sock_reg sock = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	struct region r;

	if (region_open(&r, 0, BUF, 0, 0))
		return 1;
	if (drop_cap(CAP_SYS_ADMIN))
		return 2;
	if (region_add_dev(&r, nvme_fd, NULL) != -EPERM)
		return 3;
	if (ring_register(r.ring, IORING_REGISTER_UNIFIED_SOCK, &sock, 1) != -EPERM)
		return 4;
	return 0;
}

static int memlock(void)
{
	struct rlimit lim = { .rlim_cur = 4 << 20, .rlim_max = 4 << 20 };
	int i;

	if (setrlimit(RLIMIT_MEMLOCK, &lim) || drop_cap(CAP_IPC_LOCK))
		return 1;
	if (try_small(0, 0, 8 << 20) != -ENOMEM)
		return 2;
	for (i = 0; i < 20; i++)
		if (try_small(0, 0, 2 << 20))
			return 3;
	return 0;
}

static int memlock_user(void)
{
	struct rlimit lim = { .rlim_cur = 4 << 20, .rlim_max = 4 << 20 };
	struct region r;
	int i;

	if (setrlimit(RLIMIT_MEMLOCK, &lim) || drop_cap(CAP_IPC_LOCK))
		return 1;
	if (region_open(&r, 0, 8 << 20, 0, REGION_USER) != -ENOMEM)
		return 2;
	for (i = 0; i < 20; i++)
		if (region_open(&r, 0, 2 << 20, 0, REGION_USER) || region_close(&r))
			return 3;
	return 0;
}

/* All is there and registered, but the offsets cannot be written back */
static int try_readonly(int ring, unsigned int op)
{
	struct io_unified_reg *ifq;
	struct io_uring_unified_region_reg *reg;
	struct io_unified_dev_reg *dev;
	struct io_uring_region_desc *rd;
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	char *mem = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	int ret;

	ifq = (void *)page;
	reg = (void *)page;
	dev = (void *)page;
	rd = (void *)(page + 1024);
	rd->user_addr = (uintptr_t)mem;
	rd->size = 2 << 20;
	switch (op) {
	case IORING_REGISTER_UNIFIED_IFQ:
		ifq->region_ptr = (uintptr_t)rd;
		ifq->nvme_dev_path = (uintptr_t)block_node;
		ifq->sq_entries = ifq->cq_entries = 1;
		ifq->buffer_entries = 1;
		ifq->buffer_entry_size = 4096;
		break;
	case IORING_REGISTER_UNIFIED_REGION:
		reg->region_ptr = rd;
		reg->region_size = 2 << 20;
		reg->sq_entries = reg->cq_entries = 1;
		reg->nvme_fd = nvme_fd;
		break;
	default:
		dev->fd = nvme_fd;
	}
	mprotect(page, 4096, PROT_READ);
	ret = ring_register(ring, op, page, 1);
	munmap(page, 4096);
	munmap(mem, 2 << 20);
	return ret;
}

static int memlock_readonly(void)
{
	struct rlimit lim = { .rlim_cur = 4 << 20, .rlim_max = 4 << 20 };
	int ring = ring_create(8, DOC_FLAGS), i;

	if (setrlimit(RLIMIT_MEMLOCK, &lim) || drop_cap(CAP_IPC_LOCK))
		return 1;
	for (i = 0; i < 10; i++)
		if (try_readonly(ring, IORING_REGISTER_UNIFIED_IFQ) != -EFAULT ||
		    try_readonly(ring, IORING_REGISTER_UNIFIED_REGION) != -EFAULT)
			return 2;
	return try_small(0, 0, 2 << 20);
}

static void test_readonly(void)
{
	int ring = ring_create(8, DOC_FLAGS);
	struct region r;

	check_errno(try_readonly(ring, IORING_REGISTER_UNIFIED_IFQ), -EFAULT,
		    "IFQ: an argument that cannot be written to");
	ok(nothing_left(ring), "... nothing stays behind");
	check_errno(try_readonly(ring, IORING_REGISTER_UNIFIED_REGION), -EFAULT,
		    "REGION: an argument that cannot be written to");
	ok(nothing_left(ring), "... nothing stays behind");
	close(ring);
	if (region_open(&r, 0, BUF, 0, 0))
		bail_out("no region");
	check_errno(try_readonly(r.ring, IORING_REGISTER_UNIFIED_DEV), -EFAULT,
		    "DEV: an argument that cannot be written to");
	ok(region_add_dev(&r, nvme_fd, NULL) == 0, "... nothing stays behind");
	region_close(&r);
}

static void test_rights(void)
{
	ok(!in_child(nobody), "an unprivileged user: EPERM");
	ok(!in_child(no_sys_admin), "all rights but CAP_SYS_ADMIN: EPERM");
	ok(!in_child(no_net_admin), "a NIC queue without CAP_NET_ADMIN: EPERM");
	ok(!in_child(no_more), "DEV, SOCK: without CAP_SYS_ADMIN, for a region that there is: EPERM");
	ok(!in_child(memlock),
	   "memory of the kernel counts against RLIMIT_MEMLOCK: ENOMEM, and is given back");
	ok(!in_child(memlock_user), "... as does memory of the user");
	ok(!in_child(memlock_readonly), "... also when registration fails at the very end");
}

static void test_devices(void)
{
	struct io_unified_dev_reg dev = { .fd = nvme_fd };
	struct io_unified_sock_reg sock = { .fd = -1 };
	int ring = ring_create(8, 0), other, block = open(block_node, O_RDONLY);
	unsigned long long bytes = 0;
	struct region r;

	ioctl(block, BLKGETSIZE64, &bytes);
	close(block);

	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_DEV, &dev, 1), -ENXIO,
		    "DEV: there is no region");
	check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_SOCK, &sock, 1), -ENXIO,
		    "SOCK: there is no region");
	close(ring);
	if (region_open(&r, 0, BUF, 0, 0))
		bail_out("no region");
	check_errno(ring_register(r.ring, IORING_REGISTER_UNIFIED_DEV, &dev, 1), 0, "DEV: a namespace");
	ok(dev.dev == 0 && dev.nsid == 1 && dev.lba_size == 512 && !dev.meta_size &&
	   dev.nr_lbas == bytes / 512 && dev.max_len >= 4096,
	   "DEV: what it is, comes back");
	note("dev %u nsid %u LBAs %llu of %u + %u bytes, %u a command", dev.dev,
	     dev.nsid, dev.nr_lbas, dev.lba_size, dev.meta_size, dev.max_len);
	ok(((struct io_unified_ctrl *)r.base)->nr_devs == 1, "DEV: the control page counts it");
	check_errno(region_add_dev(&r, nvme_fd, NULL), -EBUSY, "DEV: the same once more");
	check_errno(region_add_dev(&r, 999, NULL), -EBADF, "DEV: no descriptor");
	other = open("/dev/null", O_RDWR);
	check_errno(region_add_dev(&r, other, NULL), -ENODEV, "DEV: not NVMe");
	close(other);
	dev = (struct io_unified_dev_reg) { .fd = nvme_fd, .flags = 1 };
	check_errno(ring_register(r.ring, IORING_REGISTER_UNIFIED_DEV, &dev, 1), -EINVAL, "DEV: a flag");
	dev = (struct io_unified_dev_reg) { .fd = nvme_fd, .__resv = { 1 } };
	check_errno(ring_register(r.ring, IORING_REGISTER_UNIFIED_DEV, &dev, 1), -EINVAL,
		    "DEV: a reserved field");
	check_errno(ring_register(r.ring, IORING_REGISTER_UNIFIED_DEV, (void *)8, 1), -EFAULT,
		    "DEV: an argument that is not there");
	region_close(&r);
}

/* The namespaces are the region's, all that it can have and one */
static void test_all_devices(int nr, char **nodes)
{
	struct region r;
	int i, fd[IO_UNIFIED_MAX_DEVS], bad = 0;

	if (nr < IO_UNIFIED_MAX_DEVS)
		bail_out("%d namespaces are too few", nr);
	if (region_open(&r, nvme_fd, BUF, 0, 0))
		bail_out("no region");
	for (i = 0; i < IO_UNIFIED_MAX_DEVS; i++) {
		fd[i] = open(nodes[i], O_RDWR);
		if (i + 1 < IO_UNIFIED_MAX_DEVS)
			bad += region_add_dev(&r, fd[i], NULL) != i + 1;
	}
	ok(!bad, "DEV: as many as a region can have");
	check_errno(region_add_dev(&r, fd[i - 1], NULL), -E2BIG, "DEV: one more");
	ok(((struct io_unified_ctrl *)r.base)->nr_devs == IO_UNIFIED_MAX_DEVS,
	   "DEV: ... which is not counted");
	for (i = 0, bad = 0; i < IO_UNIFIED_MAX_DEVS; i++) {
		int excl = open(nodes[i], O_RDWR | O_EXCL);

		bad += (excl >= 0) != (i + 1 == IO_UNIFIED_MAX_DEVS);
		if (excl >= 0)
			close(excl);
	}
	ok(!bad, "DEV: ... and is still anybody's, unlike the others");
	region_close(&r);
	for (i = 0, bad = 0; i < IO_UNIFIED_MAX_DEVS; i++) {
		int excl = open(nodes[i], O_RDWR | O_EXCL);

		bad += excl < 0;
		close(excl);
		close(fd[i]);
	}
	ok(!bad, "DEV: all are free when the region is gone");
}

/* Regions of one process that say so may have the same namespace */
static void test_share(void)
{
	struct region a, b, c;
	int pid, status;

	if (region_open(&a, nvme_fd, BUF, IO_UNIFIED_REG_SHARE, 0))
		bail_out("no region");
	check_errno(region_open(&b, nvme_fd, BUF, IO_UNIFIED_REG_SHARE, 0), 0,
		    "SHARE: two regions of a process with the same namespace");
	check_errno(region_open(&c, nvme_fd, BUF, 0, 0), -EBUSY,
		    "SHARE: not with one that does not say so");
	check_errno(region_add_dev(&a, nvme_fd, NULL), -EBUSY,
		    "SHARE: not twice in one region");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(region_open(&c, nvme_fd, BUF, IO_UNIFIED_REG_SHARE, 0) == -EBUSY ? 0 : 1);
	waitpid(pid, &status, 0);
	ok(!status, "SHARE: not with another process");
	region_close(&a);
	check_errno(region_open(&c, nvme_fd, BUF, 0, 0), -EBUSY,
		    "SHARE: one that is left still has it");
	region_close(&b);
	check_errno(region_open(&c, nvme_fd, BUF, 0, 0), 0, "SHARE: then it is free");
	region_close(&c);
}

#define NIC_FLAGS (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32)
#define NIC_SIZE (4096 + ENTRIES * 128 + ENTRIES * 64 + (4 << 20))

static void test_nic(const char *name, unsigned int queue)
{
	char *mem = mmap(NULL, NIC_SIZE + 4096, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	unsigned int nic = if_nametoindex(name), i;
	int left = 0, ring;

#define NIC(want, what, ...)						\
	REGION(want, what, u.net_ifindex = nic; u.net_rxq = queue;	\
	       u.region_size = NIC_SIZE; rd.size = NIC_SIZE;		\
	       ring_flags = NIC_FLAGS; __VA_ARGS__)
#define NIC_IFQ(want, what, ...)					\
	IFQ(want, what, q.reg.net_ifindex = nic; q.reg.net_rxq = queue;	\
	    q.reg.buffer_entries = 1024;				\
	    q.rd.size = doc_size(ENTRIES, ENTRIES, 1024, BUF); __VA_ARGS__)

	for (i = 0; i < 3; i++) {
		NIC(0, "a NIC queue and the kernel's memory");
		NIC(0, "a NIC queue and the user's memory", u.region_ptr = &rd);
		NIC_IFQ(0, "a NIC queue");
	}
	NIC(0, "a NIC queue without a device", u.nvme_fd = 0);
	NIC(0, "a ring with CQE_MIXED",
	    ring_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE_MIXED);
	NIC(-EINVAL, "all buffers are the application's", u.user_bufs = 1024);
	NIC(-EINVAL, "as many user_bufs as can be", u.user_bufs = -1);
	NIC(-EINVAL, "too few buffers are left for the NIC", u.user_bufs = 1023);
	NIC(-ERANGE, "a queue that does not exist", u.net_rxq = 99);
	NIC(-ERANGE, "a queue with the largest number", u.net_rxq = -1);
	NIC_IFQ(-ERANGE, "a queue that does not exist", q.reg.net_rxq = 99);
	NIC_IFQ(-EINVAL, "buffers of 12 KiB for a NIC",
		q.reg.buffer_entry_size = 12288; q.reg.buffer_entries = 256);
	NIC_IFQ(-EINVAL, "buffers of 4 MiB for a NIC",
		q.reg.buffer_entry_size = 4 << 20; q.reg.buffer_entries = 1);
	NIC_IFQ(-ENODEV, "an interface that does not exist", q.reg.net_ifindex = 999);

	ring = ring_create(8, NIC_FLAGS);
	{
		struct io_uring_unified_region_reg u = {
			.sq_entries = 1, .cq_entries = 1, .region_size = NIC_SIZE,
			.net_ifindex = nic, .net_rxq = queue,
		};

		check_errno(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &u, 1), 0,
			    "a ring has the queue");
		NIC(-EEXIST, "the queue of another ring");
		NIC_IFQ(-EEXIST, "the queue of another ring");
		check_errno(ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), 0,
			    "... which gives it back");
	}
	close(ring);
	NIC(0, "the queue that another ring has given back");
	ok(!left, "NIC: nothing stays behind after any of these");
	munmap(mem, NIC_SIZE + 4096);
}

/* Rings that race for one namespace, and threads for one ring */
static volatile int racing;

struct racer {
	int	ring;		/* or -1: one of its own each time */
	int	won, other;
};

static void *race(void *arg)
{
	struct racer *me = arg;

	while (racing) {
		struct io_uring_unified_region_reg reg = {
			.sq_entries = 1, .cq_entries = 1, .region_size = 16384,
			.nvme_fd = nvme_fd,
			.flags = me->won & 1 ? IO_UNIFIED_REG_POLL : 0,
		};
		int ring = me->ring < 0 ? ring_create(8, 0) : me->ring, ret;
		char *p;

		ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
		me->won += !ret;
		me->other += ret && ret != -EBUSY;
		p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			 IORING_MAP_OFF_UNIFIED_REGION);
		ring_enter(ring);
		if (p != MAP_FAILED)
			munmap(p, 16384);
		ret = ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
		me->other += ret && ret != -ENXIO;
		if (me->ring < 0)
			close(ring);
	}
	return NULL;
}

static void test_race(void)
{
	int shared = ring_create(8, 0), i, round;

	for (round = 0; round < 2; round++) {
		struct racer racers[3] = { };
		pthread_t thread[3];
		int won = 0, other = 0;

		racing = 1;
		for (i = 0; i < 3; i++) {
			racers[i].ring = round ? shared : -1;
			pthread_create(&thread[i], NULL, race, &racers[i]);
		}
		usleep(1500000);
		racing = 0;
		for (i = 0; i < 3; i++) {
			pthread_join(thread[i], NULL);
			won += racers[i].won;
			other += racers[i].other;
		}
		note("%d registrations", won);
		ok(won > 1 && !other && nothing_left(shared), "%s: only ever one has it",
		   round ? "threads that race for a ring" :
			   "rings that race for a namespace");
	}
	close(shared);
}

/*
 * The nth allocation fails, for every n that there is; where the kernel can let copies
 * from user space and pages fail, too, so do they.
 */
#define FAIL_NTH	"/proc/thread-self/fail-nth"

static void fail_nth(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	/* what fails may be the copy of "0" */
	while (pwrite(fd, text, len, 0) < 0)
		if (errno != EFAULT)
			bail_out(FAIL_NTH ": %s", strerror(errno));
}

/* Had nothing failed by now? */
static bool is_left(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) >= 0)
		return atoi(text);
	if (errno != EFAULT)
		bail_out(FAIL_NTH ": %s", strerror(errno));
	/* this has */
	return true;
}

static void each_allocation(const char *what, int (*call)(int ring, unsigned int arg),
			    unsigned int ring_flags, unsigned int arg)
{
	int ring = ring_create(8, ring_flags), nth = open(FAIL_NTH, O_RDWR);
	int n, ret, left = 0, odd = 0, failed = 0;
	bool fewer = false;

	if (nth < 0) {
		skip(what, "a kernel without fault injection");
		close(ring);
		return;
	}
	for (n = 1; n < 2000 && !fewer; n++) {
		fail_nth(nth, n);
		ret = call(ring, arg);
		fewer = is_left(nth);
		fail_nth(nth, 0);
		failed += !!ret;
		if (ret && ret != -ENOMEM && ret != -EFAULT) {
			note("%s: the %dth makes it %s", what, n, strerror(-ret));
			odd++;
		}
		if (!ret)
			ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
		left += !nothing_left(ring);
	}
	note("%s: %d allocations and copies, %d of them are indispensable", what, n - 2, failed);
	ok(failed && !odd && !left && fewer, "%s", what);
	close(nth);
	close(ring);
}

static char *spare;	/* 2 MiB */

static int call_ifq(int ring, unsigned int arg)
{
	struct ifq q = ifq_good(spare);

	q.reg.region_ptr = (uintptr_t)&q.rd;
	q.reg.flags = arg;
	return ring_register(ring, IORING_REGISTER_UNIFIED_IFQ, &q.reg, 1);
}

static int call_region(int ring, unsigned int arg)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = ENTRIES, .cq_entries = ENTRIES,
		.region_size = REGION_SIZE, .nvme_fd = nvme_fd, .flags = arg,
	};

	return ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
}

static int call_dev(int ring, unsigned int arg)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 16384,
	};
	struct io_unified_dev_reg dev = { .fd = nvme_fd };
	int ret;

	(void)arg;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (ret)
		return ret;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_DEV, &dev, 1);
	if (ret)
		ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	return ret;
}

static unsigned int spare_nic, spare_queue;

static int call_nic(int ring, unsigned int arg)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 2 << 20,
		.nvme_fd = nvme_fd, .net_ifindex = spare_nic,
		.net_rxq = spare_queue, .flags = arg,
	};

	return ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
}

static void test_allocations(const char *nic, unsigned int queue)
{
	spare = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		     MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	spare_nic = if_nametoindex(nic);
	spare_queue = queue;
	each_allocation("IFQ: each allocation that fails is ENOMEM, and nothing stays behind",
			call_ifq, DOC_FLAGS, 0);
	each_allocation("REGION: each allocation that fails is ENOMEM, and nothing stays behind",
			call_region, 0, IO_UNIFIED_REG_POLL);
	each_allocation("REGION: ... with a NIC",
			call_nic, NIC_FLAGS, 0);
	each_allocation("DEV: each allocation that fails is ENOMEM, and nothing stays behind",
			call_dev, 0, 0);
	munmap(spare, 2 << 20);
}

int main(int argc, char **argv)
{
	if (argc < 8) {
		fprintf(stderr, "usage: registration BLOCK_NODE GENERIC_NODE MOUNTED_NODE PARTITION IF NIC QUEUE NODE...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	block_node = argv[1];
	generic_node = argv[2];
	mounted_node = argv[3];
	partition = argv[4];
	nvme_fd = open(generic_node, O_RDWR);
	if (nvme_fd < 0)
		bail_out("%s: %s", generic_node, strerror(errno));
	test_ifq();
	test_region(argv[5]);
	test_nic(argv[6], atoi(argv[7]));
	test_calls();
	test_mmap();
	test_hugepages();
	test_hugepages_ifq();
	test_rights();
	test_readonly();
	test_devices();
	test_share();
	test_all_devices(argc - 8, argv + 8);
	test_race();
	test_allocations(argv[6], atoi(argv[7]));
	return tap_end();
}
