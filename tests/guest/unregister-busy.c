// SPDX-License-Identifier: GPL-2.0
/*
 * unregister-busy: a region is not unregistered under a request that still works
 * on it, although no command is with the device.
 *
 * Usage: unregister-busy GENERIC_NODE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/io_uring/unified.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEND_LEN	(256u << 10)	/* what a receive buffer of 4 KiB does not take */

static struct io_uring_params params = {
	.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
};
static int ring, nvme, failed;
static char *rings;
static struct io_uring_sqe *sqes;

static int ok(int holds, const char *text)
{
	printf("%sok - %s\n", holds ? "" : "not ", text);
	failed |= !holds;
	return holds;
}

static void need(int holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static int ring_register(unsigned int op, void *arg, unsigned int nr)
{
	return syscall(__NR_io_uring_register, ring, op, arg, nr) < 0 ? -errno : 0;
}

static int unregister(void)
{
	return ring_register(IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

static void ring_create(void)
{
	ring = syscall(__NR_io_uring_setup, 8, &params);
	need(ring >= 0, "io_uring_setup");
	rings = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
		     PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	/* NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): the call has set it */
	sqes = mmap(NULL, params.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED, ring, IORING_OFF_SQES);
	need(rings != MAP_FAILED && sqes != MAP_FAILED, "mmap");
}

static void region_create(void)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= 8,
		.cq_entries	= 8,
		.nvme_fd	= nvme,
		.region_size	= 4u << 20,
	};
	int ret = ring_register(IORING_REGISTER_UNIFIED_REGION, &reg, 1);

	errno = -ret;
	need(!ret, "register");
}

static void submit(const struct io_uring_sqe *sqe)
{
	unsigned int *tail = (void *)(rings + params.sq_off.tail);
	unsigned int *array = (void *)(rings + params.sq_off.array);

	sqes[*tail % params.sq_entries] = *sqe;
	array[*tail % params.sq_entries] = *tail % params.sq_entries;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	need(syscall(__NR_io_uring_enter, ring, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

/* Completions arrive in here only: the ring has DEFER_TASKRUN */
static int result(void)
{
	unsigned int *head = (void *)(rings + params.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(rings + params.cq_off.cqes);
	int res;

	syscall(__NR_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	res = cqes[*head % params.cq_entries].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/* Commands that the device has */
static int nr_inflight(void)
{
	char path[64], line[256];
	int nr = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring);
	file = fopen(path, "r");
	need(!!file, path);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "UnifiedInflight: %d", &nr);
	fclose(file);
	return nr;
}

static void test_read(void)
{
	struct io_uring_sqe sqe = {
		.opcode	= IORING_OP_UNIFIED,
		.off	= IORING_UNIFIED_OP_NVME,
		.len	= 4096,
	};

	region_create();
	submit(&sqe);
	while (nr_inflight())
		;
	ok(nr_inflight() == 0, "the device has done what it was asked");
	ok(unregister() == -EBUSY, "unregister before the request has ended: -EBUSY");
	ok(result() == 4096, "it ends with what was read");
	ok(unregister() == 0, "unregister after it");
}

static void tcp_pair(int *from, int *to)
{
	int size = 4096, server = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in addr = {
		.sin_family	= AF_INET,
		.sin_addr	= { htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(addr);

	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	need(server >= 0 && !bind(server, (void *)&addr, len) && !listen(server, 1) &&
	     !getsockname(server, (void *)&addr, &len), "listen");
	*from = socket(AF_INET, SOCK_STREAM, 0);
	need(*from >= 0 && !connect(*from, (void *)&addr, len), "connect");
	*to = accept(server, NULL, NULL);
	need(*to >= 0, "accept");
	close(server);
}

static void test_send(void)
{
	struct io_uring_sqe sqe = {
		.opcode		= IORING_OP_UNIFIED,
		.off		= IORING_UNIFIED_OP_NETWORK,
		.rw_flags	= IORING_UNIFIED_F_SEND,
		.len		= SEND_LEN,
	};
	static char back[SEND_LEN];
	int from, to;

	tcp_pair(&from, &to);
	region_create();
	sqe.fd = from;
	submit(&sqe);
	ok(unregister() == -EBUSY, "unregister while the socket has its memory: -EBUSY");
	ok(recv(to, back, SEND_LEN, MSG_WAITALL) == SEND_LEN, "the peer gets all of it");
	ok(result() == SEND_LEN, "the request ends");
	ok(unregister() == 0, "unregister after it");
	close(from);
	close(to);
}

int main(int argc, char **argv)
{
	need(argc == 2, "unregister-busy GENERIC_NODE");
	nvme = open(argv[1], O_RDWR);
	need(nvme >= 0, argv[1]);
	ring_create();
	test_read();
	test_send();
	return failed;
}
