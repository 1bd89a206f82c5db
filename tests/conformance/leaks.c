// SPDX-License-Identifier: GPL-2.0
/*
 * leaks: what a region must not tell: addresses of the kernel's or the bus's, and
 * what was in memory before it was the region's.
 *
 * Usage: leaks NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/btf.h>

#include "device.h"
#include "request.h"
#include "tap.h"

#define MULTI	.ioprio = IORING_RECV_MULTISHOT
#define DIRTY	0xa5
#define DIRT	(256u << 20)

/* Leave memory behind that says whose it was, for whoever gets it next */
static void leave_dirt(void)
{
	fflush(stdout);
	if (!fork()) {
		char *p = mmap(NULL, DIRT, PROT_READ | PROT_WRITE,
			       MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

		memset(p, DIRTY, DIRT);
		_exit(0);
	}
	wait(NULL);
}

/* --- memory ---------------------------------------------------------------- */

static void test_fresh(void)
{
	struct region r;
	size_t used;

	for (size_t size = 64 << 10; size <= 16 << 20; size *= 16) {
		leave_dirt();
		if (region_open(&r, 0, size, 0, 0))
			bail_out("no region");
		used = sizeof(struct io_unified_ctrl);
		ok(is_zero(r.base + used, r.size - used),
		   "a new region of %zu KiB has nothing in it", size >> 10);
		region_close(&r);
	}
}

static bool has_byte(const void *p, size_t len, int c)
{
	return memchr(p, c, len);
}

/* The NIC's buffers, which another process had just now, full of its stream */
static void test_buffers(void)
{
	struct stream st = { .len = 64 * REC };
	int res, status;
	struct setup s;
	struct peer p;
	pid_t pid;

	st.data = malloc(st.len);
	memset(st.data, DIRTY, st.len);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		set_up(&s, NET_FLAGS, true, true);
		p = connect_peer(send_stream, &st);
		res = do_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC, MULTI });
		end_peer(&p);
		_exit(res || !has_byte(s.r.data, NIC_MEM, DIRTY) || s.r.stats->copied_bytes);
	}
	waitpid(pid, &status, 0);
	ok(!status, "a process receives a stream into the NIC's buffers");
	/* its ring ends some time after it */
	memset(&s, 0, sizeof(s));
	for (uint64_t begin = now_ms();; be_patient(begin)) {
		if (io_uring_queue_init(64, &s.ring, NET_FLAGS))
			bail_out("io_uring");
		s.dev = open(node, O_RDWR);
		res = try_region(&s, true, true);
		if (!res)
			break;
		io_uring_queue_exit(&s.ring);
		close(s.dev);
		if (now_ms() - begin > 30000)
			bail_out("register: %s", strerror(-res));
	}
	ok(is_zero(s.r.data, s.r.data_size), "the next one has the queue, and none of that");
	/* what the NIC writes is what it received, and the rest of the page is still nothing */
	st.len = 100;
	memset(st.data, 'n', st.len);
	p = connect_peer(send_stream, &st);
	res = do_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC, MULTI });
	end_peer(&p);
	ok(!res && has_byte(s.r.data, NIC_MEM, 'n') && !has_byte(s.r.data, NIC_MEM, DIRTY),
	   "... nor when it has received something itself");
	tear_down(&s);
	free(st.data);
}

/* What the device gets of the last block is the stream's end, and zeroes */
static void test_padding(void)
{
	struct stream st = { .len = 3 * REC + 100 };
	static char block[LBA];
	struct setup s;
	struct peer p;
	int res;

	leave_dirt();
	st.data = malloc(st.len);
	fill(st.data, st.len, 3);
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_stream, &st);
	res = do_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC, MULTI, .lba = 64 });
	end_peer(&p);
	memcpy(block, st.data + 3 * REC, 100);
	ok(!res && on_device(64 + 3 * REC / LBA, block, LBA), "the last block is padded with zeroes");
	tear_down(&s);
	free(st.data);
}

/* --- addresses --------------------------------------------------------------- */

/* The kernel's half of the address space; no length, index or error is one */
static bool kernel_address(uint64_t v)
{
	return v >= 0xffff800000000000 && v < 0xffffffffffff0000;
}

struct frames {
	uint64_t	*nr;
	size_t		n;
};

/* Where the region is in physical memory, which is the bus's as well without an IOMMU */
static struct frames frames_of(const char *base, size_t size)
{
	struct frames f = { .n = size / 4096 };
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		bail_out("pagemap: %s", strerror(errno));
	f.nr = calloc(f.n, sizeof(*f.nr));
	if (pread(fd, f.nr, f.n * 8, (uintptr_t)base / 4096 * 8) != (ssize_t)f.n * 8)
		bail_out("pagemap: %s", strerror(errno));
	close(fd);
	for (size_t i = 0; i < f.n; i++)
		f.nr[i] &= (1ull << 55) - 1;
	return f;
}

static bool bus_address(const struct frames *f, uint64_t v)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->nr[i] && v >> 12 == f->nr[i])
			return true;
	return false;
}

static bool tells(const char *what, const void *mem, size_t len, const struct frames *f)
{
	uint64_t v;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		memcpy(&v, (const char *)mem + i, 8);
		if (!kernel_address(v) && !bus_address(f, v))
			continue;
		note("%s: %#llx at %zu", what, (unsigned long long)v, i);
		return true;
	}
	return false;
}

static bool fdinfo_tells(int fd, const struct frames *f)
{
	char path[64], text[8192], *p;
	int in, n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = open(path, O_RDONLY);
	if (in < 0)
		bail_out("%s: %s", path, strerror(errno));
	n = read(in, text, sizeof(text) - 1);
	close(in);
	text[n > 0 ? n : 0] = 0;
	if (!strstr(text, "UnifiedRegion"))
		bail_out("no region in fdinfo");
	for (p = text; *p; p++) {
		uint64_t v = strtoull(p, NULL, 16);

		if (kernel_address(v) || (v > 0xfffff && bus_address(f, v))) {
			note("fdinfo: %#llx in %.40s", (unsigned long long)v, p);
			return true;
		}
	}
	return false;
}

/* Records to the application, and commands and requests, then all that user space sees */
static void test_addresses(void)
{
	struct stream st = { .len = 32 * REC };
	struct io_unified_sqe sqe = {
		.nvme_cmd = { .opcode = NVME_READ, .nsid = 1, .data_len = REC, .cdw12 = 7 },
		.buf_offset = NIC_MEM,
	};
	size_t ring = 64 * sizeof(struct io_unified_cqe);
	struct io_uring_cqe cqe[2];
	struct io_unified_ctrl ctrl;
	bool same, records;
	struct frames f;
	struct setup s;
	struct peer p;
	int res;

	st.data = malloc(st.len);
	fill(st.data, st.len, 5);
	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = REC, MULTI },
		      st.data, st.len, REC, 8, &same, &records);
	end_peer(&p);
	ok(!res && same, "records for the application, by a stage");
	for (unsigned int i = 0; i < 70; i++)
		if (region_run(&s.r, &sqe).status)
			bail_out("Read failed");
	sqe.nvme_cmd.opcode = 0xc1;
	region_run(&s.r, &sqe);
	memset(cqe, 0, sizeof(cqe));
	queue_op(&s, (struct op) { .mask = NVME, .off = s.own_off, .len = LBA });
	wait_op(&s, cqe);
	f = frames_of(s.r.base, s.r.size);
	ok(f.n && f.nr[0] && bus_address(&f, f.nr[1] << 12 | 5), "where the region is, is known");
	/* indices are about -256, and two of them like an address */
	ctrl = *s.ctrl;
	memset(&ctrl.sq, 0, offsetof(struct io_unified_ring, flags));
	memset(&ctrl.cq, 0, offsetof(struct io_unified_ring, flags));
	ok(!tells("control page", &ctrl, sizeof(ctrl), &f) &&
	   is_zero(s.r.base + sizeof(ctrl), 4096 - sizeof(ctrl)),
	   "no address in the control page");
	ok(!tells("CQ", s.r.cqes, ring, &f), "no address in the CQ");
	ok(!tells("CQE", cqe, sizeof(cqe), &f), "no address in a request's CQE");
	ok(!fdinfo_tells(s.ring.ring_fd, &f), "no address in fdinfo");
	tear_down(&s);
	free(f.nr);
	free(st.data);
}

/* What programs are given by name; all else of the kernel's they need CAP_PERFMON for */
static void test_types(void)
{
	static const char *const types[] = {
		"io_unified_ctx", "io_unified_buf", "io_unified_nvme", "io_unified_exit",
	};
	struct btf *btf = btf__load_vmlinux_btf();

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		int id = btf__find_by_name_kind(btf, types[i], BTF_KIND_STRUCT), pointers = 0;
		const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, id);

		for (int m = 0; t && m < btf_vlen(t); m++) {
			const struct btf_member *member = &btf_members(t)[m];
			int type = btf__resolve_type(btf, member->type);

			/* it is NULL, and tells the verifier that programs make none */
			if (strcmp(btf__name_by_offset(btf, member->name_off), "priv"))
				pointers += btf_is_ptr(btf__type_by_id(btf, type));
		}
		ok(t && !pointers, "struct %s, which stages see, has no pointer that is set", types[i]);
	}
	btf__free(btf);
}

int main(int argc, char **argv)
{
	if (argc != 8 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: leaks NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	test_fresh();
	test_buffers();
	test_padding();
	test_addresses();
	test_types();
	return tap_end();
}
