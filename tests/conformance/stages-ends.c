// SPDX-License-Identifier: GPL-2.0
/*
 * stages-ends: where things end with stages: a payload in its last block, a
 * command that is refused or tried too often, and a stage itself.
 *
 * Usage: stages-ends NODE STAGES.bpf.o BAD_NODE BAD_SECTOR IF QUEUE IP PORT PEER_NETNS
 *
 * As with stages.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <bpf/bpf.h>

#include "stage.h"
#include "tap.h"

#define MULTI		.ioprio = IORING_RECV_MULTISHOT
#define LAST		188	/* bytes in the last block */
#define MAX_RETRIES	128	/* IO_UNIFIED_MAX_RETRIES */
#define SMALL		512	/* a record that is a block */
#define SMALLS		64
#define LATER		9000	/* a sector for what comes when a stage has ended */

/* --- the end of a payload -------------------------------------------------- */

/* What the stages see of a command ends with the payload, also in a clone */
static void test_padding(void)
{
	struct stream st = { .len = 5 * REC + LAST };
	struct sink sink = { .len = st.len };
	const struct io_unified_stats *stats;
	struct peer to;
	struct setup s;

	/* with the zeroes that fill the block */
	sink.want = st.data = calloc(1, st.len + LBA - LAST);
	fill(st.data, st.len, 50);
	for (size_t i = 0; i < st.len; i += REC)
		st.data[i] = ' ';
	set_up_stages_nic(&s, 0);
	must_attach(&s, "st");
	stats = s.r.stats;
	to = connect_peer(receive_all, &sink);
	check_res(sock_add(&s, to.sock), 0, "a peer that gets what is written");
	BOOL(&s, "clones") = true;
	receive_stream(&s, &st, NET | BPF | NVME, 0, "a stream that ends in a block");
	ok(stats->padded_bytes == LBA - LAST && U32(&s, "last_blocks") == 1,
	   "... which is filled, in a command of its own");
	ok(on_device(4096, st.data, st.len + LBA - LAST), "... with zeroes");
	if (!ok(U32(&s, "clone_len") == LAST, "submit: a clone has the payload only"))
		note("%u", U32(&s, "clone_len"));
	check_res(I32(&s, "store_last"), 0, "... whose last byte may be changed");
	check_res(I32(&s, "store_behind"), -EINVAL, "... but not the one behind it");
	ok(all_gone(&s) && U32(&s, "cloned") == U32(&s, "submits") &&
	   stats->made.bytes == st.len && stats->sent.bytes == st.len,
	   "... and no other is sent");
	ok(sent_well(&to), "... so that the peer gets what has been received");
	free(st.data);
	tear_down(&s);
}

/* --- the end of a command -------------------------------------------------- */

static void forget_counts(struct setup *s)
{
	U32(s, "submits") = 0;
	U32(s, "completes") = 0;
	U32(s, "fails") = 0;
	U32(s, "retries") = 0;
}

/* From a stage it is an error; from the driver it would be one tag too few */
static void test_again(void)
{
	static char was[REC];
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	check_res(write_block(&s, 80, 60), 4096, "submit: what is to stay");
	memcpy(was, s.own, REC);
	I32(&s, "submit_ret") = -EAGAIN;
	forget_counts(&s);
	check_res(write_block(&s, 80, 61), -EAGAIN, "submit: refused with EAGAIN");
	ok(U32(&s, "submits") == 1 && U32(&s, "fails") == 1 && U32(&s, "completes") == 1,
	   "... is not tried again");
	ok(on_device(80, was, REC), "... and nothing is written");
	tear_down(&s);
}

static void test_stream_again(void)
{
	struct stream st = { .len = 16 * REC };
	char *was = malloc(st.len);
	uint64_t cmds, written;
	struct setup s;

	st.data = malloc(st.len);
	memset(was, ' ', st.len);
	memcpy(st.data, was, st.len);
	set_up_stages_nic(&s, 0);
	must_attach(&s, "st");
	receive_stream(&s, &st, NET | BPF | NVME, 0, "submit: a stream that is to stay");
	memset(st.data, '.', st.len);
	I32(&s, "submit_ret") = -EAGAIN;
	forget_counts(&s);
	cmds = s.r.stats->nvme_cmds;
	written = s.r.stats->written.bytes;
	receive_stream(&s, &st, NET | BPF | NVME, -EAGAIN, "submit: a stream, refused with EAGAIN");
	cmds = s.r.stats->nvme_cmds - cmds;
	ok(cmds && U32(&s, "submits") == cmds && U32(&s, "fails") == cmds &&
	   U32(&s, "completes") == cmds, "... no command is tried again");
	ok(on_device(4096, was, st.len) && s.r.stats->written.bytes == written,
	   "... and nothing is written");
	ok(all_gone(&s), "it all adds up");
	free(was);
	free(st.data);
	tear_down(&s);
}

static void test_retries(void)
{
	struct setup s;

	set_up_stages(&s, 0);
	must_attach(&s, "st");
	goes_to(&s, bad_lba, 1, 0);
	I32(&s, "complete_ret") = IO_UNIFIED_RETRY;
	U32(&s, "max_retries") = ~0u;
	check_res(write_block(&s, 0, 62), -EIO, "complete: what is tried for ever ends by itself");
	if (!ok(U32(&s, "completes") == MAX_RETRIES + 1 && U32(&s, "submits") == MAX_RETRIES + 1 &&
		U32(&s, "last_attempt") == MAX_RETRIES, "... after as many times as it may be"))
		note("%u submits, %u completes, attempt %u", U32(&s, "submits"),
		     U32(&s, "completes"), U32(&s, "last_attempt"));
	ok(s.r.stats->nvme_cmds == MAX_RETRIES + 1, "... each of which is a command");
	ok(write_block(&s, 0, 62) == -EIO && U32(&s, "completes") == 2 * (MAX_RETRIES + 1),
	   "... and the next one may be, too");
	tear_down(&s);
}

/* --- the end of a stage ---------------------------------------------------- */

static void test_answers(void)
{
	static const struct {
		const char *func;
		int answer, res;
		const char *text;
	} tests[] = {
		{ "submit", 5, -EINVAL, "submit: an answer that is no error" },
		{ "submit", -4096, -EINVAL, "submit: an answer below all errors" },
		{ "complete", 99, -EIO, "complete: an answer above all" },
		{ "complete", -1, -EIO, "complete: an answer below all" },
	};
	char reason[128];
	struct setup s;

	set_up_stages(&s, 0);
	for (int i = 0; i < 4; i++) {
		bool submit = !strcmp(tests[i].func, "submit");
		struct exit_info info;

		forget_exit(&s, "st_exit");
		must_attach(&s, "st");
		goes_to(&s, submit ? 0 : bad_lba, !submit, 0);
		I32(&s, "submit_ret") = submit ? tests[i].answer : 0;
		I32(&s, "complete_ret") = tests[i].answer;
		check_res(write_block(&s, 0, 63), tests[i].res, tests[i].text);
		info = wait_exit(&s, "st_exit");
		snprintf(reason, sizeof(reason), "%s() answered %d,", tests[i].func, tests[i].answer);
		if (!ok(info.kind == 4 && info.code == -EINVAL && strstr(info.reason, reason),
			"... ejects the stage"))
			note("%u %lld %s", info.kind, (long long)info.code, info.reason);
		check_res(s.r.stats->stage_errors, i + 1, "... and is one error of the stages'");
		bpf_link__destroy(s.link);
		s.link = NULL;
	}
	tear_down(&s);
}

/* A peer all of whose stream is in our socket before anybody looks */
static struct peer connect_ready(struct stream *st)
{
	struct peer p = connect_peer(send_stream, st);
	uint64_t begin = now_ms();
	int n = 0;

	while (!ioctl(p.sock, FIONREAD, &n) && n < (int)st->len) {
		if (now_ms() - begin > 60000)
			bail_out("%d of %zu bytes", n, st->len);
		be_patient(begin);
	}
	return p;
}

/* Records that are blocks; at the second the stage ends */
static void make_smalls(struct stream *st, unsigned int seed)
{
	st->len = SMALLS * SMALL;
	st->data = malloc(st->len);
	fill(st->data, st->len, seed);
	for (size_t i = 0; i < st->len; i += SMALL)
		st->data[i] = ' ';
	st->data[SMALL] = 'E';
}

static void check_exit(struct setup *s)
{
	struct exit_info info = wait_exit(s, "st_exit");

	ok(info.kind == 3 && info.code == 42 && U32(s, "stored") == 2,
	   "... which is not asked any more");
}

/* What a stage that is required has not seen, the application does not get */
static void test_exit_passes(void)
{
	const struct io_unified_stats *stats;
	struct io_unified_cqe cqe;
	struct stream st = { };
	bool same, records;
	struct setup s;
	struct peer p;

	make_smalls(&st, 64);
	set_up_stages_nic(&s, REQUIRED);
	must_attach(&s, "st");
	stats = s.r.stats;
	p = connect_ready(&st);
	check_res(receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = SMALL, MULTI },
			  st.data, SMALL, SMALL, 0, &same, &records),
		  -ECANCELED, "to the application: a required stage ends");
	end_peer(&p);
	check_exit(&s);
	ok(same && stats->passed.bufs == 1 && stats->passed.bytes == SMALL &&
	   region_reap(&s.r, &cqe, 0), "... and it gets what was before that only");
	ok(stats->rx.bytes > SMALL && stats->failed.bytes == stats->rx.bytes - SMALL,
	   "... what is behind has failed");
	ok(all_gone(&s), "it all adds up");
	tear_down(&s);

	set_up_stages_nic(&s, 0);
	must_attach(&s, "st");
	p = connect_ready(&st);
	check_res(receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = SMALL, MULTI },
			  st.data, st.len, SMALL, 0, &same, &records),
		  0, "to the application: a stage ends that is not required");
	end_peer(&p);
	check_exit(&s);
	ok(same && records && s.r.stats->passed.bufs == SMALLS, "... and it gets all");
	ok(all_gone(&s), "it all adds up");
	free(st.data);
	tear_down(&s);
}

/* Are any of these blocks there? */
static bool any_on_device(uint64_t lba, const char *data, size_t len)
{
	for (size_t off = 0; off < len; off += LBA) {
		if (on_device(lba + off / LBA, data + off, LBA))
			return true;
	}
	return false;
}

static int write_ready(struct setup *s, struct stream *st, uint64_t lba)
{
	struct peer p = connect_ready(st);
	int res = do_op(s, (struct op) { .mask = NET | BPF | NVME, .fd = p.sock, .len = SMALL,
			MULTI, .lba = lba });

	end_peer(&p);
	return res;
}

/* ... and the device neither */
static void test_exit_writes(void)
{
	const struct io_unified_stats *stats;
	struct stream st = { };
	uint64_t written;
	struct setup s;

	make_smalls(&st, 65);
	set_up_stages_nic(&s, REQUIRED);
	must_attach(&s, "st");
	stats = s.r.stats;
	check_res(write_ready(&s, &st, 8192), -ECANCELED, "to the device: a required stage ends");
	check_exit(&s);
	ok(stats->written.bytes <= SMALL &&
	   !any_on_device(8193, st.data + SMALL, st.len - SMALL),
	   "... and it has nothing that was not before that");
	ok(stats->rx.bytes > SMALL &&
	   stats->failed.bytes == stats->rx.bytes - stats->written.bytes,
	   "... what is behind has failed");
	written = stats->written.bytes;
	check_res(write_ready(&s, &st, LATER), -ECANCELED, "... and what comes later, too");
	check_res(ask(&s, '-', REC), -ECANCELED, "... also as a request");
	ok(stats->written.bytes == written && !any_on_device(LATER, st.data, st.len),
	   "... and it is not written");
	check_res(bpf_link__update_map(s.link, stage_map(&s, "idle")), 0,
		  "another stage takes its place");
	check_res(write_ready(&s, &st, LATER), 0, "... and what comes goes on");
	ok(on_device(LATER, st.data, st.len), "... to the device");
	ok(all_gone(&s), "it all adds up");
	tear_down(&s);

	set_up_stages_nic(&s, 0);
	must_attach(&s, "st");
	check_res(write_ready(&s, &st, 8192), 0, "to the device: a stage ends that is not required");
	check_exit(&s);
	ok(on_device(8192, st.data, st.len), "... and it has all");
	ok(all_gone(&s), "it all adds up");
	free(st.data);
	tear_down(&s);
}

struct updater {
	struct setup	*s;
	struct bpf_link	*link;
	int		 err;
	pthread_t	 thread;
};

static void *replace_slowly(void *arg)
{
	struct updater *u = arg;

	u->err = bpf_link__update_map(u->link, stage_map(u->s, "slow"));
	return NULL;
}

/* From here on no stage goes, until end_update() */
static void begin_update(struct updater *u)
{
	uint64_t begin = now_ms();

	BOOL(u->s, "init_waits") = true;
	pthread_create(&u->thread, NULL, replace_slowly, u);
	while (!U32(u->s, "in_init")) {
		if (now_ms() - begin > 60000)
			bail_out("no update");
		be_patient(begin);
	}
}

static void end_update(struct updater *u)
{
	BOOL(u->s, "init_waits") = false;
	pthread_join(u->thread, NULL);
	if (u->err)
		bail_out("update: %s", strerror(-u->err));
}

/* Requests that find it ejected, as they do until the worker has taken it away */
static void test_ejected(unsigned int flags)
{
	struct updater u = { .s = &(struct setup) { } };
	struct exit_info info;
	int there, res[3];

	set_up_stages(u.s, flags);
	must_attach(u.s, "idle");
	u.link = u.s->link;
	must_attach(u.s, "st");
	begin_update(&u);
	/* ->rx() ends it, so ->submit() is not asked for the same request */
	fill(u.s->own, 2 * REC, 66);
	u.s->own[0] = 'E';
	res[0] = do_op(u.s, (struct op) { .mask = NVME | BPF, .len = REC, .lba = 9000,
		       .flags = IORING_UNIFIED_F_WRITE });
	there = any_on_device(9000, u.s->own, REC);
	res[1] = ask(u.s, '-', REC);
	res[2] = do_op(u.s, (struct op) { .mask = NVME | BPF, .off = REC, .len = REC,
		       .lba = 9008, .flags = IORING_UNIFIED_F_WRITE });
	there += any_on_device(9008, u.s->own + REC, REC);
	ok(U32(u.s, "in_init") && !exit_info(u.s, "st_exit").ended,
	   "a stage that has ended is not gone yet");
	end_update(&u);
	ok(!U32(u.s, "submits") && I32(u.s, "kfunc_ret") == 0, "... and is not asked any more");
	if (flags & REQUIRED) {
		check_res(res[0], -ECANCELED, "required: a request does not go past ->submit()");
		check_res(res[1], -ECANCELED, "... nor past ->rx()");
		check_res(res[2], -ECANCELED, "... also where it would write");
		ok(!there, "... and nothing is written");
	} else {
		check_res(res[0], REC, "not required: a request goes past ->submit()");
		check_res(res[1], IO_UNIFIED_NEXT, "... and past ->rx()");
		check_res(res[2], REC, "... also where it writes");
		ok(there == 2, "... and that is written");
	}
	info = wait_exit(u.s, "st_exit");
	ok(info.kind == 3 && info.code == 42, "... then it is gone");
	bpf_link__destroy(u.link);
	tear_down(u.s);
}

int main(int argc, char **argv)
{
	stage_args(argc, argv);
	test_padding();
	test_again();
	test_stream_again();
	test_retries();
	test_answers();
	test_exit_passes();
	test_exit_writes();
	test_ejected(REQUIRED);
	test_ejected(0);
	return tap_end();
}
