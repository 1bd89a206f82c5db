// SPDX-License-Identifier: GPL-2.0
/*
 * stages: struct io_unified_ops and what its programs can call.
 *
 * Usage: stages NODE STAGES.bpf.o BAD_NODE BAD_SECTOR IF QUEUE IP PORT PEER_NETNS
 *
 * NODE and BAD_NODE are NVMe namespaces with blocks of 512 bytes; the block
 * BAD_SECTOR of the second cannot be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "stage.h"
#include "tap.h"

#define BIG_STREAM	(256u << 20)
#define CHANGES		1000
#define UNTOLD		500

/* --- attach, init, exit --------------------------------------------------- */

static void test_life(void)
{
	struct exit_info info;
	struct bpf_link *link;
	struct setup s;

	set_up_stages(&s, 0);
	I32(&s, "init_ret") = -ENOTUNIQ;
	check_res(attach(&s, "st"), -ENOTUNIQ, "init: its error is that of the attachment");
	ok(!exit_info(&s, "st_exit").ended, "... and there is no exit");
	I32(&s, "init_ret") = 3;
	check_res(attach(&s, "st"), -EINVAL, "init: an answer that is none");
	I32(&s, "init_ret") = 0;
	must_attach(&s, "st");
	ok(U32(&s, "inits") == 3, "init is called once for each attachment");
	link = s.link;
	ok(attach(&s, "st") < 0, "a stage is attached once only");
	bpf_link__destroy(link);
	info = exit_info(&s, "st_exit");
	ok(info.ended && info.kind == 0 && !strcmp(info.reason, "detached"),
	   "exit: detached");

	/* the region goes first */
	must_attach(&s, "st");
	if (ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0))
		bail_out("unregister: %s", strerror(errno));
	info = exit_info(&s, "st_exit");
	ok(info.kind == 2 && strstr(info.reason, "region"), "exit: the region is gone");
	check_res(bpf_link__update_map(s.link, stage_map(&s, "second")), -ENXIO,
		  "a link whose region is gone is not updated");
	if (try_region(&s, true, false))
		bail_out("no region again");
	tear_down(&s);
}

static void test_many(void)
{
	struct bpf_link *links[17];
	struct bpf_object *objs[17];
	struct setup s;
	int nr, err = 0;

	set_up(&s, 0, true, false);
	for (nr = 0; nr < 17; nr++) {
		load_stages(&s, 0);
		err = attach(&s, "idle");
		objs[nr] = s.obj;
		links[nr] = s.link;
		if (err)
			break;
	}
	ok(nr == 16 && err == -E2BIG, "sixteen stages, and no more");
	for (int i = 0; i <= nr && i < 17; i++) {
		bpf_link__destroy(links[i]);
		bpf_object__close(objs[i]);
	}
	s.link = NULL;
	s.obj = NULL;
	tear_down(&s);
}

static void test_update(void)
{
	struct exit_info info;
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	I32(&s, "init_ret") = -EIO;
	check_res(bpf_link__update_map(s.link, stage_map(&s, "second")), -EIO,
		  "update: init may refuse");
	ok(!exit_info(&s, "st_exit").ended, "... and the old one stays");
	I32(&s, "init_ret") = 0;
	check_res(bpf_link__update_map(s.link, stage_map(&s, "second")), 0, "update");
	info = exit_info(&s, "st_exit");
	ok(info.kind == 1 && !strcmp(info.reason, "replaced"), "exit: replaced");
	ok(U32(&s, "second_inits") == 2, "... by one that has been initialised");
	bpf_link__destroy(s.link);
	s.link = NULL;
	ok(exit_info(&s, "second_exit").ended, "... and is detached by the link");
	tear_down(&s);
}

/* --- ->submit() ------------------------------------------------------------ */

static bool on_bad_node(uint64_t lba, const char *want, size_t len)
{
	const char *good = node;
	bool same;

	node = bad_node;
	same = on_device(lba, want, len);
	node = good;
	return same;
}

#define TRACING "/sys/kernel/tracing/"

static void trace_set(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		bail_out("%s: %s", file, strerror(errno));
	close(fd);
}

/* NVMe writes that have been traced since the last call: those with FUA */
static int traced_writes(int *fua)
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[1024];
	int nr = 0;

	*fua = 0;
	while (trace && fgets(line, sizeof(line), trace)) {
		if (!strstr(line, "nvme_cmd_write"))
			continue;
		nr++;
		*fua += !!strstr(line, "ctrl=0x4000");
	}
	if (trace)
		fclose(trace);
	trace_set(TRACING "trace", "");
	return nr;
}

/* What the device is told is seen by the driver's own tracepoint */
static void test_fua(void)
{
	struct setup s;
	int fua;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	trace_set(TRACING "events/nvme/nvme_setup_cmd/enable", "1");
	traced_writes(&fua);
	goes_to(&s, 480, 0, 3);
	check_res(write_block(&s, 0, 12), 4096, "submit: without FUA");
	ok(traced_writes(&fua) == 2 && !fua, "... neither command has it");
	U32(&s, "submit_fua") = 1;
	check_res(write_block(&s, 0, 13), 4096, "submit: with FUA");
	ok(traced_writes(&fua) == 2 && fua == 2, "... the command and its mirror have it");
	trace_set(TRACING "events/nvme/nvme_setup_cmd/enable", "0");
	tear_down(&s);
}

static void test_submit(void)
{
	struct exit_info info;
	struct setup s;
	uint64_t begin;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	check_res(write_block(&s, 80, 1), 4096, "submit: as it is");
	ok(U32(&s, "submits") == 1 && U64(&s, "last_slba") == 80 &&
	   U32(&s, "last_dev") == 0 && U32(&s, "last_attempt") == 0 &&
	   U32(&s, "last_opcode") == 1 && U32(&s, "last_blocks") == 8,
	   "... sees where it goes");
	ok(U32(&s, "completes") == 1 && U64(&s, "last_tag") == 7, "... and ->complete() its end");
	ok(on_device(80, s.own, 4096), "... and there it is");

	goes_to(&s, 160, 0, 0);
	check_res(write_block(&s, 88, 2), 4096, "submit: to other blocks");
	ok(on_device(160, s.own, 4096) && !on_device(88, s.own, 4096), "... and there it is");
	goes_to(&s, 240, 1, 0);
	check_res(write_block(&s, 96, 3), 4096, "submit: to another device");
	ok(on_bad_node(240, s.own, 4096) && !on_device(240, s.own, 4096), "... and there it is");
	goes_to(&s, 320, 0, 3);
	U32(&s, "completes") = 0;
	check_res(write_block(&s, 104, 4), 4096, "submit: to two devices");
	ok(on_device(320, s.own, 4096) && on_bad_node(320, s.own, 4096), "... which both have it");
	ok(U32(&s, "completes") == 2, "... in a command each");

	goes_to(&s, 400, 0, 0);
	U32(&s, "submit_delay") = 300;
	begin = now_ms();
	check_res(write_block(&s, 112, 5), 4096, "submit: later");
	ok(now_ms() - begin >= 300, "... it took its time");

	goes_to(&s, 0, 2, 0);
	check_res(write_block(&s, 0, 6), -ENODEV, "submit: to a device that is none");
	goes_to(&s, 0, 0, 1 << 5);
	check_res(write_block(&s, 0, 6), -ENODEV, "submit: to a mirror that is none");
	goes_to(&s, 1ull << 40, 0, 0);
	check_res(write_block(&s, 0, 6), -ENOSPC, "submit: beyond the end");
	goes_to(&s, (1u << 30) / LBA - 4, 0, 0);
	check_res(write_block(&s, 0, 6), -ENOSPC, "submit: in part beyond the end");
	goes_to(&s, ~0ull, 0, 0);
	check_res(write_block(&s, 0, 6), -ENOSPC, "submit: where addresses wrap");
	goes_to(&s, 0, 0, 0);
	U32(&s, "submit_delay") = 10001;
	check_res(write_block(&s, 0, 6), -EINVAL, "submit: too late");
	BOOL(&s, "submit_set") = false;
	I32(&s, "submit_ret") = -EDQUOT;
	check_res(write_block(&s, 0, 6), -EDQUOT, "submit: refused");
	I32(&s, "submit_ret") = 0;
	goes_to(&s, 160, 0, 2);
	check_res(do_op(&s, (struct op) { .mask = NVME | BPF, .len = 4096 }), -EINVAL,
		  "submit: a read has no mirrors");
	BOOL(&s, "submit_set") = false;
	I32(&s, "submit_ret") = 1;
	check_res(write_block(&s, 0, 6), -EINVAL, "submit: an answer that it may not give");
	info = wait_exit(&s, "st_exit");
	ok(info.kind == 4 && info.code == -EINVAL && strstr(info.reason, "submit() answered 1"),
	   "... the kernel ejects the stage, and says why");
	note("%s", info.reason);
	check_res(write_block(&s, 0, 6), 4096, "... and the rest goes on without it");
	tear_down(&s);
}

static void test_failures(void)
{
	struct exit_info info;
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	goes_to(&s, bad_lba, 1, 0);
	check_res(write_block(&s, 0, 9), -EIO, "a block that cannot be written");
	ok(U32(&s, "fails") == 1, "... ->complete() has seen that");

	I32(&s, "complete_ret") = IO_UNIFIED_RETRY;
	check_res(write_block(&s, 0, 9), -EIO, "a retry does not help it");
	ok(U32(&s, "retries") >= 10 && U32(&s, "last_attempt") == 11,
	   "... and ->submit() knows how many there were");
	U32(&s, "retries") = 0;
	I32(&s, "reroute_dev") = 0;
	check_res(write_block(&s, 0, 10), 4096, "another device does");
	ok(on_device(bad_lba, s.own, 4096), "... which has it");

	/* an answer that ->complete() may not give */
	I32(&s, "complete_ret") = 99;
	I32(&s, "reroute_dev") = -1;
	check_res(write_block(&s, 0, 9), -EIO, "complete: an answer that it may not give");
	info = wait_exit(&s, "st_exit");
	ok(info.kind == 4 && strstr(info.reason, "complete() answered 99"),
	   "... the kernel ejects the stage, and says why");
	bpf_link__destroy(s.link);
	must_attach(&s, "st");

	/* a mirror that is broken, before and after the one that is not */
	I32(&s, "reroute_dev") = -1;
	I32(&s, "complete_ret") = IO_UNIFIED_DONE;
	goes_to(&s, bad_lba, 1, 1);
	check_res(write_block(&s, 0, 11), -EIO, "a mirror that fails fails the write");
	I32(&s, "complete_ret") = IO_UNIFIED_SKIP;
	check_res(write_block(&s, 0, 12), 4096, "... unless the stage goes on");
	ok(on_device(bad_lba, s.own, 4096), "... to the other");
	tear_down(&s);
}

/* --- what they can call ---------------------------------------------------- */

static void wait_made(struct setup *s, uint32_t nr)
{
	uint64_t begin = now_ms();

	while (U32(s, "made_ends") != nr && now_ms() - begin < 60000)
		be_patient(begin);
}

/* The same when no stage is there to see it */
static void wait_written(struct setup *s, uint32_t nr)
{
	const volatile struct io_unified_stats *st = s->r.stats;
	uint64_t begin = now_ms();

	while (st->written.bufs != nr && now_ms() - begin < 60000)
		be_patient(begin);
}

static void check_kfunc(struct setup *s, char what, int want, const char *text)
{
	I32(s, "kfunc_ret") = 4711;
	ask(s, what, 4096);
	check_res(I32(s, "kfunc_ret"), want, text);
}

static void test_buffers(void)
{
	static const char made[4096] = "MADE ...";
	const struct io_unified_stats *st;
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	st = s.r.stats;
	fill(s.own, 8192, 20);
	U64(&s, "made_slba") = 1000;
	check_kfunc(&s, 'A', 0, "a stage makes a buffer and writes it");
	wait_made(&s, 1);
	ok(on_device(1000, made, 4096), "... all of it");
	check_kfunc(&s, 'R', 0, "... makes one and reads it");
	wait_made(&s, 2);
	ok(!memcmp(var(&s, "last_data"), "MADE ...", 8), "... which ->complete() sees");
	U64(&s, "made_slba") = 1008;
	check_kfunc(&s, 'W', 0, "... writes a clone");
	wait_made(&s, 3);
	ok(on_device(1008, s.own, 4096), "... what was in the record");
	ok(st->made.bufs == 3 && st->made.bytes == 3 * 4096 && st->written.bufs == 2 &&
	   st->dropped.bufs == 1, "... which are counted");
	check_kfunc(&s, 'Q', -EINVAL, "a clone cannot be read into");
	check_kfunc(&s, 'p', -EOPNOTSUPP, "what was made cannot go to the application");
	check_kfunc(&s, 'P', -EOPNOTSUPP, "nor can what is its own already");
	check_kfunc(&s, 'w', -ENODEV, "a device that is none");
	U64(&s, "made_slba") = 1ull << 60;
	check_kfunc(&s, 'A', -EINVAL, "blocks that are none");
	U64(&s, "made_slba") = 0;
	I32(&s, "kfunc_ret") = 4711;
	ask(&s, 'W', 700);
	check_res(I32(&s, "kfunc_ret"), -EINVAL, "what is no whole blocks");
	ok(st->failed.bufs == 6, "... which are counted");
	ask(&s, 'X', 4096);
	ask(&s, 'D', 4096);
	ok(st->dropped.bufs == 3 && st->made.bufs == 11, "clones and buffers that are let go");
	U32(&s, "made_len") = 0;
	check_kfunc(&s, 'D', 1, "a buffer of no bytes: NULL");
	U32(&s, "made_len") = 65537;
	check_kfunc(&s, 'D', 1, "a buffer that is too large: NULL");
	U32(&s, "made_len") = 65536;
	check_kfunc(&s, 'D', 4711, "a buffer as large as can be");
	ok(st->dropped.bufs == 4 && st->dropped.bytes == 3 * 4096 + 65536, "... is counted");
	ok(balanced(st) && !st->in_flight.bufs, "it all adds up");
	tear_down(&s);
}

static void test_payload(void)
{
	struct io_unified_stats *seen;
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	memset(s.own, 'y', 16384);
	ask(&s, '=', 8192);
	ok(!I32(&s, "kfunc_ret") && !memcmp(s.own + 4093, "ystoredy", 8),
	   "what a stage stores, across pages");
	check_kfunc(&s, '-', -EINVAL, "... not beyond the end");
	ok(s.own[4095] == 't' && s.own[8191] == 'y', "... and nothing of it is stored");
	memcpy(s.own, "#23456789", 9);
	do_op(&s, (struct op) { .mask = BPF, .len = 9 });
	check_res(U32(&s, "crc"), 0x7b9cdb3d, "CRC32C");
	ask(&s, 'S', 512);
	seen = var(&s, "stats");
	ok(!I32(&s, "kfunc_ret") && !memcmp(seen, s.r.stats, sizeof(*seen)), "statistics");
	check_kfunc(&s, 'T', -EINVAL, "... more than there are");
	ok(U32(&s, "storage_null") > 0 && !U32(&s, "stored"), "a request has no storage");
	ok(!U64(&s, "ctx_priv") && !U64(&s, "buf_priv"), "what a stage sees has no address in it");
	tear_down(&s);
}

static void test_exit(void)
{
	struct exit_info info;
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	I32(&s, "rx_ret") = IO_UNIFIED_DROP;
	check_res(ask(&s, 'E', 512), IO_UNIFIED_DROP, "a stage that ends itself has said so");
	check_res(ask(&s, ' ', 512), IO_UNIFIED_NEXT, "... and is not asked again");
	info = wait_exit(&s, "st_exit");
	ok(info.kind == 3 && info.code == 42 && !strcmp(info.reason, "had enough"),
	   "... its reason is kept");
	bpf_link__destroy(s.link);
	must_attach(&s, "st");
	forget_exit(&s, "st_exit");
	I32(&s, "rx_ret") = 99;
	check_res(ask(&s, ' ', 512), -EINVAL, "an answer that is no verdict");
	info = wait_exit(&s, "st_exit");
	ok(info.kind == 4 && strstr(info.reason, "rx() answered 99"), "... ejects the stage");
	tear_down(&s);
}

/* The last chance of a stage: its region may be there, or about to go */
static void test_exit_writes(void)
{
	static const struct op write = { .mask = NVME, .len = 4096, .lba = 1000,
					 .flags = IORING_UNIFIED_F_WRITE };
	static char made[4096], before[4096];
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	fill(before, sizeof(before), 21);
	memcpy(s.own, before, sizeof(before));
	do_op(&s, write);
	U64(&s, "made_slba") = 1000;
	BOOL(&s, "exit_writes") = true;
	bpf_link__destroy(s.link);
	wait_written(&s, 1);
	ok(U32(&s, "exit_made") == 1 && on_device(1000, made, 4096),
	   "exit: what is written when the stage is detached");

	do_op(&s, write);
	must_attach(&s, "st");
	check_res(ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), 0,
		  "a region whose stage would write as it goes");
	ok(exit_info(&s, "st_exit").kind == 2 && U32(&s, "exit_made") == 1,
	   "... for which there is no buffer any more");
	if (try_region(&s, true, false))
		bail_out("no region again");
	ok(on_device(1000, before, 4096), "... and nothing is written");
	tear_down(&s);
}

/*
 * A device that the kernel could not tell the application of is none; a stage that
 * looks for it all the time does not get it in between.
 */
static void test_no_device(void)
{
	struct io_unified_dev_reg reg = { .fd = open(bad_node, O_RDWR) }, *arg;
	uint64_t begin = now_ms();
	struct setup s;
	int i, ret;

	set_up(&s, 0, true, false);
	load_stages(&s, 0);
	must_attach(&s, "st");
	arg = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	*arg = reg;
	mprotect(arg, 4096, PROT_READ);
	BOOL(&s, "hunts") = true;
	ask(&s, 'A', 4096);
	for (i = 0; i < UNTOLD || (U32(&s, "hunted") <= UNTOLD && now_ms() - begin < 60000); i++) {
		ret = ring_register(s.ring.ring_fd, IORING_REGISTER_UNIFIED_DEV, arg, 1);
		if (ret != -EFAULT)
			break;
	}
	BOOL(&s, "hunts") = false;
	check_res(ret, -EFAULT, "a device that cannot be told of");
	ok(U32(&s, "hunted") > UNTOLD, "a stage looked for it meanwhile");
	ok(!U32(&s, "caught"), "... and did not find it");
	munmap(arg, 4096);
	close(reg.fd);
	wait_idle(&s);
	tear_down(&s);
}

/* --- streams --------------------------------------------------------------- */

static void test_streams(void)
{
	struct stream st = { .len = 64 * REC };
	struct exit_info info;
	struct setup s;

	st.data = malloc(st.len);
	fill(st.data, st.len, 30);
	for (size_t i = 0; i < st.len; i += REC)
		st.data[i] = ' ';
	set_up_stages_nic(&s, REQUIRED);
	must_attach(&s, "st");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "a stream that is written");
	ok(on_device(4096, st.data, st.len), "... is there");
	ok(U32(&s, "stored") == 64 && U32(&s, "last_stream") == 1, "storage counted its records");
	ok(!U32(&s, "storage_large"), "... and there is not a byte more of it");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "another stream");
	ok(U32(&s, "stored") == 64 && U32(&s, "last_stream") == 2, "... has its own storage");
	check_res(bpf_link__update_map(s.link, stage_map(&s, "second")), 0,
		  "a stage that replaces the first");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "... sees the next stream");
	ok(U32(&s, "stored") == 64000, "... with storage that is zero");
	bpf_link__destroy(s.link);

	must_attach(&s, "st");
	goes_to(&s, bad_lba, 1, 0);
	receive_stream(&s, &st, NET | BPF | NVME, -EIO, "a stream that cannot be written");
	I32(&s, "complete_ret") = IO_UNIFIED_SKIP;
	receive_stream(&s, &st, NET | BPF | NVME, 0, "... goes on where the stage wants that");
	ok(s.r.stats->failed.bytes >= st.len, "... but is not written");

	BOOL(&s, "submit_set") = false;
	st.data[20 * REC] = 'E';
	forget_exit(&s, "st_exit");
	receive_stream(&s, &st, NET | BPF | NVME, -ECANCELED,
		       "a stream ends with a stage that it needs");
	info = wait_exit(&s, "st_exit");
	ok(info.kind == 3 && info.code == 42, "... and one can tell why");
	ok(balanced(s.r.stats) && !s.r.stats->in_flight.bufs, "it all adds up");
	free(st.data);
	tear_down(&s);
}

/* Half of it, and the rest when we say so */
static void send_halves(int sock, void *arg)
{
	struct stream *st = arg;
	char c;

	write_all(sock, st->data, st->len / 2);
	if (read(st->go, &c, 1) != 1)
		_exit(96);
	write_all(sock, st->data + st->len / 2, st->len / 2);
}

/* A stage that comes in the middle of a stream finds nothing of the one that went */
static void test_storage(void)
{
	struct stream st = { .len = 64 * REC };
	uint64_t begin = now_ms();
	struct io_uring_cqe *cqe;
	struct setup s;
	struct peer p;
	int fds[2];

	st.data = malloc(st.len);
	memset(st.data, ' ', st.len);
	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	st.go = fds[0];
	set_up(&s, NET_FLAGS, true, true);
	load_stages(&s, 0);
	must_attach(&s, "st");
	p = connect_peer(send_halves, &st);
	queue_op(&s, (struct op) { .mask = NET | BPF | NVME, .fd = p.sock, .len = REC,
		 .ioprio = IORING_RECV_MULTISHOT, .lba = 4096 });
	io_uring_submit(&s.ring);
	while (U32(&s, "stored") != 32 && now_ms() - begin < 60000) {
		struct __kernel_timespec ts = { .tv_nsec = 10000000 };

		io_uring_wait_cqe_timeout(&s.ring, &cqe, &ts);
	}
	ok(U32(&s, "stored") == 32, "half a stream");
	/* the peer has the link's descriptor, too */
	if (bpf_link__detach(s.link))
		bail_out("detach: %s", strerror(errno));
	bpf_link__destroy(s.link);
	must_attach(&s, "second");
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	check_res(wait_op(&s, NULL), 0, "... and the rest, with another stage");
	if (!ok(U32(&s, "stored") == 32000, "... that finds nothing of the first"))
		note("%u", U32(&s, "stored"));
	end_peer(&p);
	close(fds[0]);
	close(fds[1]);
	free(st.data);
	tear_down(&s);
}

/* Each stage has its own, whichever slot is its */
static void test_atomic(void)
{
	struct stream st = { .len = 64 * REC };
	volatile uint64_t *at, *sum;
	struct bpf_link *link;
	struct setup s;

	st.data = malloc(st.len);
	memset(st.data, ' ', st.len);
	set_up_stages_nic(&s, 0);
	must_attach(&s, "st");
	link = s.link;
	must_attach(&s, "second");
	at = var(&s, "storage_at");
	sum = var(&s, "storage_sum");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "a stream whose bytes two stages count");
	ok(at[0] && at[1] && at[0] != at[1], "... in storage of their own");
	if (!ok(!(at[0] % 8) && !(at[1] % 8), "... that is aligned for atomic operations"))
		note("%#llx, %#llx", (long long)at[0], (long long)at[1]);
	ok(sum[0] == st.len && sum[1] == st.len, "... by which they do not miss any");
	bpf_link__destroy(link);
	free(st.data);
	tear_down(&s);
}

/* A record goes to the device and, as a clone, to the application */
static void test_tee(void)
{
	struct stream st = { .len = 16 * REC };
	struct io_unified_cqe cqe;
	size_t got = 0;
	struct setup s;
	bool same = true;

	st.data = malloc(st.len);
	fill(st.data, st.len, 31);
	for (size_t i = 0; i < st.len; i += REC)
		st.data[i] = 'P';
	set_up(&s, NET_FLAGS, true, true);
	load_stages(&s, 0);
	must_attach(&s, "st");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "a stream of which clones are passed on");
	ok(on_device(4096, st.data, st.len), "... is written");
	while (!region_reap(&s.r, &cqe, 0)) {
		same &= cqe.user_data == 4711 && cqe.result64 == got &&
			!memcmp(s.r.data + cqe.dma_addr, st.data + got, cqe.len);
		got += cqe.len;
		give_back(&s, cqe.dma_addr);
		region_submit(&s.r);
	}
	ok(same && got == st.len, "... and the application has it, too");
	ok(s.r.stats->passed.bytes == st.len && s.r.stats->written.bytes == st.len &&
	   s.r.stats->made.bytes == st.len && !s.r.stats->copied_bytes, "... without a copy");
	ok(balanced(s.r.stats), "it all adds up");
	free(st.data);
	tear_down(&s);
}

/* --- under load ------------------------------------------------------------ */

struct changer {
	struct setup	*s;
	int		 changes;
	int		 err;
	volatile bool	 stop;
};

/* Attach, replace and detach until there have been CHANGES */
static void *change_stages(void *arg)
{
	struct changer *c = arg;

	while (c->changes < CHANGES && !c->err && !c->stop) {
		struct bpf_link *link;

		link = bpf_map__attach_struct_ops(stage_map(c->s, "idle"));
		if (!link) {
			c->err = -errno;
			break;
		}
		c->err = bpf_link__update_map(link, stage_map(c->s, "second"));
		if (!c->err)
			c->err = bpf_link__update_map(link, stage_map(c->s, "idle"));
		bpf_link__destroy(link);
		c->changes += 4;
	}
	return NULL;
}

static void test_load(size_t len)
{
	struct stream st = { .len = len };
	struct changer c = { };
	bool same, records;
	pthread_t thread;
	struct setup s;
	struct peer p;
	int res;

	st.data = malloc(st.len);
	fill(st.data, st.len, 40);
	set_up(&s, NET_FLAGS, false, true);
	load_stages(&s, 0);
	c.s = &s;
	p = connect_peer(send_stream, &st);
	pthread_create(&thread, NULL, change_stages, &c);
	res = receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = REC,
		      .ioprio = IORING_RECV_MULTISHOT }, st.data, st.len, REC, 16,
		      &same, &records);
	pthread_join(thread, NULL);
	end_peer(&p);
	note("%d changes, %s", c.changes, c.err ? strerror(-c.err) : "no error");
	ok(!c.err && c.changes >= CHANGES, "stages come and go %d times", CHANGES);
	ok(!res && same && records,
	   "... during %zu MiB, of which no byte is lost, doubled or reordered", len >> 20);
	ok(balanced(s.r.stats) && s.r.stats->passed.bytes == len, "it all adds up");
	free(st.data);
	tear_down(&s);
}

int main(int argc, char **argv)
{
	stage_args(argc, argv);
	test_life();
	test_many();
	test_update();
	test_submit();
	test_fua();
	test_failures();
	test_buffers();
	test_payload();
	test_exit();
	test_exit_writes();
	test_no_device();
	test_streams();
	test_storage();
	test_atomic();
	test_tee();
	test_load(BIG_STREAM);
	return tap_end();
}
