// SPDX-License-Identifier: GPL-2.0
/*
 * library: include/sluice/sluice.h without a kernel.  The other side of the
 * rings is played here; tests/unit/library.sh builds it with sanitizers.
 */
#include <sluice/sluice.h>
#include <stdio.h>

#include "../conformance/tap.h"

#define ENTRIES 8

/* ring, entries and statistics of a region that nobody registered */
static struct {
	struct io_unified_ring	sq, cq;
	struct io_unified_sqe	sqes[ENTRIES];
	struct io_unified_cqe	cqes[ENTRIES];
	struct io_unified_stats	stats;
	char			data[4 * 4096];
} mem;

static struct io_uring ring;

static struct sluice fake(uint32_t start)
{
	struct sluice s;

	memset(&mem, 0, sizeof(mem));
	memset(&s, 0, sizeof(s));
	ring.ring_fd = -1;
	s.ring = &ring;
	s.sq = &mem.sq;
	s.cq = &mem.cq;
	s.sqes = mem.sqes;
	s.cqes = mem.cqes;
	s.stats = &mem.stats;
	s.data = mem.data;
	s.data_size = sizeof(mem.data);
	s.buf_size = 4096;
	/* a poller that is awake: no system call */
	s.flags = IO_UNIFIED_REG_POLL;
	mem.sq.producer = mem.sq.consumer = mem.sq.cached_producer = start;
	mem.cq.producer = mem.cq.consumer = start;
	mem.sq.ring_entries = mem.cq.ring_entries = ENTRIES;
	mem.sq.ring_mask = mem.cq.ring_mask = ENTRIES - 1;
	return s;
}

/* The kernel: every SQE becomes a CQE with its user_data */
static void kernel_runs(void)
{
	while (mem.sq.consumer != mem.sq.producer) {
		struct io_unified_sqe *sqe =
			&mem.sqes[mem.sq.consumer++ & mem.sq.ring_mask];

		memset(&mem.cqes[mem.cq.producer & mem.cq.ring_mask], 0,
		       sizeof(*mem.cqes));
		mem.cqes[mem.cq.producer & mem.cq.ring_mask].user_data = sqe->user_data;
		mem.cq.producer++;
	}
}

static void test_rings(void)
{
	struct sluice s = fake(UINT32_MAX - 20);
	struct io_unified_cqe *cqe;
	struct io_unified_sqe *sqe;
	unsigned int i, bad = 0;

	for (i = 0; i < 50; i++) {
		sqe = sluice_get_sqe(&s);
		bad += !sqe;
		sluice_sqe_set_data64(sqe, i);
		bad += sluice_submit(&s) != 1;
		kernel_runs();
		bad += sluice_peek_cqe(&s, &cqe) || cqe->user_data != i;
		sluice_cqe_seen(&s, cqe);
	}
	ok(!bad && s.sq->producer < 50, "entries go round where the indices wrap");
	ok(sluice_peek_cqe(&s, &cqe) == -EAGAIN && !cqe, "an empty CQ: -EAGAIN");
	sluice_cqe_seen(&s, NULL);
	ok(!sluice_cq_ready(&s), "... and no CQE that could be seen");

	s = fake(5);
	for (i = 0; i < ENTRIES; i++)
		bad += !sluice_get_sqe(&s);
	ok(!bad && !sluice_get_sqe(&s), "a full SQ has no SQE");
	ok(s.sq->producer == 5 && sluice_sq_ready(&s) == ENTRIES,
	   "SQEs are not seen before they are submitted");
	ok(sluice_submit(&s) == ENTRIES && !sluice_sq_ready(&s), "... and then all are");
	ok(!sluice_get_sqe(&s), "nor are there any until the kernel took them");
	kernel_runs();
	ok(sluice_sq_space_left(&s) == ENTRIES && sluice_cq_ready(&s) == ENTRIES,
	   "... which it did");
	sluice_cq_advance(&s, 3);
	ok(sluice_cq_ready(&s) == ENTRIES - 3, "several CQEs are given back at once");
	ok(!sluice_submit(&s), "nothing to submit: 0");

	s = fake(0);
	sluice_get_sqe(&s);
	s.sq->flags = IO_UNIFIED_RING_NEED_WAKEUP;
	ok(sluice_submit(&s) == -EBADF && s.sq->producer == 1,
	   "a poller that sleeps is woken, and an error of that is told");
	s = fake(0);
	s.flags = 0;
	sluice_get_sqe(&s);
	ok(sluice_publish(&s) == 1, "publishing makes no system call");
}

static void test_prep(void)
{
	struct sluice s = fake(0);
	struct io_unified_sqe *sqe = sluice_get_sqe(&s);
	struct io_uring_sqe usqe;

	sluice_prep_write(sqe, 3, 0x123456789abcull, 8, 4096, 4096);
	ok(sqe->nvme_cmd.opcode == 1 && sqe->nvme_cmd.nsid == 3 &&
	   sqe->nvme_cmd.cdw10 == 0x56789abc && sqe->nvme_cmd.cdw11 == 0x1234 &&
	   sqe->nvme_cmd.cdw12 == 7 && sqe->nvme_cmd.data_len == 4096 &&
	   sqe->buf_offset == 4096, "a write has its LBA, blocks and memory");
	sqe = sluice_get_sqe(&s);
	sluice_prep_return(sqe, 8192);
	ok(sqe->flags == IO_UNIFIED_SQE_RETURN && sqe->buf_offset == 8192 &&
	   !sqe->nvme_cmd.opcode, "a return is no command");
	sluice_prep_recv_multishot(&usqe, 5, IORING_UNIFIED_OP_NVME, 4096, 9);
	ok(usqe.opcode == IORING_OP_UNIFIED && usqe.fd == 5 && usqe.len == 4096 &&
	   usqe.off == (IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_NETWORK) &&
	   usqe.ioprio == IORING_RECV_MULTISHOT && usqe.addr3 == 9 && !usqe.addr,
	   "a receive has its record length and first LBA");
}

static void test_buffers(void)
{
	struct sluice s = fake(0);

	ok(sluice_buf_to_off(&s, 3) == 12288 && sluice_off_to_buf(&s, 12289) == 3 &&
	   sluice_buf_to_addr(&s, 2) == mem.data + 8192 &&
	   sluice_addr_to_off(&s, mem.data + 100) == 100 &&
	   sluice_addr_to_buf(&s, mem.data + 4096) == 1,
	   "index, offset and address of a buffer");
	ok(sluice_ifq_size(256, 256, 1024, 4096) ==
	   4096 + 4096 + 256 * 128 + 256 * 64 + 1024 * 4096,
	   "the size of a region is the document's");
	ok(sluice_ifq_size(1, 1, 1, 4096) == 5 * 4096 &&
	   sluice_region_size(1, 1, 4096) == 4 * 4096, "... in whole pages");
}

static void test_status(void)
{
	struct io_unified_stats st = { .rx = { 10, 1000 }, .written = { 4, 400 },
				       .dropped = { 6, 600 } };
	struct io_unified_cqe cqe = { .status = IO_UNIFIED_STATUS_HOST, .result = -EFAULT };
	struct sluice s = fake(0);

	ok(!strcmp(sluice_status_str(&cqe), strerror(EFAULT)), "a host error in words");
	cqe.status = 0x4080;
	ok(!strcmp(sluice_status_str(&cqe), "LBA out of range"),
	   "a device's error in words, whatever its other bits are");
	mem.stats = st;
	memset(&st, 0, sizeof(st));
	sluice_stats(&s, &st);
	ok(sluice_stats_balanced(&st), "statistics add up");
	st.failed.bytes++;
	ok(!sluice_stats_balanced(&st), "... or do not");
}

int main(void)
{
	test_rings();
	test_prep();
	test_buffers();
	test_status();
	return tap_end();
}
