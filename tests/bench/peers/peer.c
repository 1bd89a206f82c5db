// SPDX-License-Identifier: GPL-2.0
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t number(const char *name, const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	switch (*end) {
	case 'G':
		n <<= 10;
		/* fallthrough */
	case 'M':
		n <<= 10;
		/* fallthrough */
	case 'K':
		n <<= 10;
		end++;
	}
	if (end == text || *end) {
		fprintf(stderr, "%s: --%s is a number, not '%s'\n",
			program_invocation_short_name, name, text);
		exit(2);
	}
	return n;
}

void peer_options(int argc, char **argv, struct peer_opts *o)
{
	static const struct option options[] = {
		{ "dev", 1, NULL, 'd' }, { "queue", 1, NULL, 'q' },
		{ "port", 1, NULL, 'p' }, { "nvme", 1, NULL, 'n' },
		{ "drop-prefix", 1, NULL, 'x' }, { "record-size", 1, NULL, 'r' },
		{ "depth", 1, NULL, 'D' }, { "buffers", 1, NULL, 'm' },
		{ "bytes", 1, NULL, 'b' }, { }
	};
	int c, i;

	*o = (struct peer_opts) {
		.queue = 1, .port = 8000, .record = 4096, .depth = 64, .buffers = 16 << 20,
	};
	while ((c = getopt_long(argc, argv, "", options, &i)) != -1) {
		switch (c) {
		case 'd':
			o->dev = optarg;
			break;
		case 'q':
			o->queue = number(options[i].name, optarg);
			break;
		case 'p':
			o->port = number(options[i].name, optarg);
			break;
		case 'n':
			o->nvme = optarg;
			break;
		case 'x':
			o->drop = optarg;
			o->drop_len = strlen(optarg);
			break;
		case 'r':
			o->record = number(options[i].name, optarg);
			break;
		case 'D':
			o->depth = number(options[i].name, optarg);
			break;
		case 'm':
			o->buffers = number(options[i].name, optarg);
			break;
		case 'b':
			o->bytes = number(options[i].name, optarg);
			break;
		default:
			exit(2);
		}
	}
}

int peer_accept(const struct peer_opts *o)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), sock;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		die("cannot listen on port %u: %m", o->port);
	fprintf(stderr, "listening\n");
	sock = accept(fd, NULL, NULL);
	if (sock < 0)
		die("accept: %m");
	close(fd);
	return sock;
}

void peer_finish(int sock)
{
	char c;

	if (shutdown(sock, SHUT_WR) || recv(sock, &c, 1, 0) < 0)
		die("the client did not take all: %m");
	close(sock);
}

void *peer_memory(size_t size)
{
	const size_t huge = 2 << 20;
	char *p;

	size = (size + huge - 1) & ~(huge - 1);
	p = mmap(NULL, size + huge, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	if (p == MAP_FAILED)
		die("cannot allocate %zu bytes: %m", size);
	p = (char *)(((uintptr_t)p + huge - 1) & ~(huge - 1));
	/* without it, small pages do as well */
	madvise(p, size, MADV_HUGEPAGE);
	return memset(p, 0, size);
}

static unsigned long queue_limit(const struct stat *st, const char *node, const char *name)
{
	const char *base = strrchr(node, '/');
	unsigned long val = 0;
	char path[128];
	FILE *f;

	base = base ? base + 1 : node;
	/* the block node nvme0n1 of the generic node ng0n1 */
	if (S_ISCHR(st->st_mode))
		snprintf(path, sizeof(path), "/sys/block/nvme%s/queue/%s", base + 2, name);
	else
		snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", base, name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lu", &val) != 1)
		die("cannot read %s: %m", path);
	fclose(f);
	return val;
}

void peer_ns_open(const char *node, int flags, struct peer_ns *ns)
{
	struct stat st;
	int nsid;

	if (!node)
		die("--nvme is needed");
	ns->fd = open(node, flags);
	if (ns->fd < 0 || fstat(ns->fd, &st))
		die("cannot open %s: %m", node);
	nsid = ioctl(ns->fd, NVME_IOCTL_ID);
	if (nsid <= 0)
		die("%s is no NVMe namespace", node);
	ns->nsid = nsid;
	ns->lba_shift = __builtin_ctzl(queue_limit(&st, node, "logical_block_size"));
	ns->max_bytes = queue_limit(&st, node, "max_hw_sectors_kb") << 10;
	ns->max_segs = queue_limit(&st, node, "max_segments");
	/* without SGLs (a virtual boundary) pieces have to be whole pages */
	ns->gather_mask = queue_limit(&st, node, "dma_alignment") |
			  queue_limit(&st, node, "virt_boundary_mask");
}

void peer_nvme(struct io_uring_sqe *sqe, const struct peer_ns *ns, uint8_t opcode,
	       uint64_t pos, const void *buf, size_t len)
{
	struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;
	uint64_t lba = pos >> ns->lba_shift;

	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = ns->fd;
	sqe->cmd_op = NVME_URING_CMD_IO;
	cmd->opcode = opcode;
	cmd->nsid = ns->nsid;
	cmd->addr = (uintptr_t)buf;
	cmd->data_len = len;
	cmd->cdw10 = (uint32_t)lba;
	cmd->cdw11 = lba >> 32;
	cmd->cdw12 = (len >> ns->lba_shift) - 1;
}

void *peer_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

	if (mem == MAP_FAILED)
		die("no memory of %zu bytes: %m", len);
	/* fewer, larger pages where the machine has them */
	madvise(mem, len, MADV_HUGEPAGE);
	if (madvise(mem, len, MADV_POPULATE_WRITE))
		die("no memory of %zu bytes: %m", len);
	return mem;
}

static unsigned int rq_entries(size_t len)
{
	unsigned int nr = 1;

	/* more than there are buffers: one may be received in several pieces */
	while (nr < 2 * (len >> 12) && nr < 32768)
		nr <<= 1;
	return nr;
}

size_t peer_zcrx_rq_bytes(size_t len)
{
	return rq_entries(len) * sizeof(struct io_uring_zcrx_rqe) + 4096;
}

void peer_zcrx_register(struct io_uring *ring, const struct peer_opts *o, void *area,
			size_t len, void *rq_mem, struct peer_zcrx *z)
{
	struct io_uring_zcrx_area_reg area_reg = { .addr = (uintptr_t)area, .len = len };
	struct io_uring_region_desc region = {
		.user_addr = (uintptr_t)rq_mem,
		.size = peer_zcrx_rq_bytes(len),
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_ifq_reg reg = {
		.if_rxq = o->queue,
		.rq_entries = rq_entries(len),
		.area_ptr = (uintptr_t)&area_reg,
		.region_ptr = (uintptr_t)&region,
	};
	char *mem = rq_mem;
	int ret;

	if (!o->dev)
		die("--dev is needed");
	reg.if_idx = if_nametoindex(o->dev);
	if (!reg.if_idx)
		die("no network device '%s': %m", o->dev);
	ret = io_uring_register_ifq(ring, &reg);
	if (ret)
		die("no zero-copy receive from %s queue %u: %s; it needs CAP_NET_ADMIN, "
		    "ethtool -G %s tcp-data-split on and a queue that is free",
		    o->dev, o->queue, strerror(-ret), o->dev);
	*z = (struct peer_zcrx) {
		.area = area, .len = len, .token = area_reg.rq_area_token,
		.id = reg.zcrx_id, .ring = ring,
		.rq = {
			.khead = (void *)(mem + reg.offsets.head),
			.ktail = (void *)(mem + reg.offsets.tail),
			.rqes = (void *)(mem + reg.offsets.rqes),
			.ring_entries = reg.rq_entries,
			.ring_ptr = rq_mem,
		},
	};
}

int peer_zcrx_lowat(int sock, const struct peer_opts *o)
{
	int lowat = o->buffers / 16 < 256 << 10 ? o->buffers / 16 : 256 << 10;

	if (setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)))
		die("no SO_RCVLOWAT of %d: %m", lowat);
	return sock;
}

void peer_zcrx_flush(struct peer_zcrx *z)
{
	struct zcrx_ctrl ctrl = { .zcrx_id = z->id, .op = ZCRX_CTRL_FLUSH_RQ };
	int ret;

	peer_zcrx_publish(z);
	ret = io_uring_register_zcrx_ctrl(z->ring, &ctrl);
	if (ret)
		die("cannot flush the refill ring: %s", strerror(-ret));
}

void peer_fill(uint64_t *record, size_t size)
{
	for (size_t i = 1; i < size / 8; i++)
		record[i] = i * 0x9e3779b97f4a7c15;
}

void peer_check(const struct peer_opts *o, const uint64_t *record, uint64_t nr)
{
	if (record[0] != nr)
		die("record %" PRIu64 " of %s: has number %" PRIu64, nr, o->nvme, record[0]);
	for (size_t i = 1; i < o->record / 8; i++)
		if (record[i] != i * 0x9e3779b97f4a7c15)
			die("record %" PRIu64 " of %s: byte %zu is not what was written",
			    nr, o->nvme, 8 * i);
}

void peer_report(const struct peer_sums *s)
{
	printf("{\"received\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"written\":%" PRIu64
	       ",\"sent\":%" PRIu64 ",\"copied\":%" PRIu64 ",\"commands\":%" PRIu64 "}\n",
	       s->received, s->dropped, s->written, s->sent, s->copied, s->commands);
}
