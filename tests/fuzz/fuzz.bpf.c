// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz: a stage that may do all that the verifier lets it, by chance.
 *
 * It makes buffers and clones and hands them on in every way, changes payload,
 * sends commands elsewhere, later and to mirrors, retries, and answers what is no
 * verdict now and then, after which it is ejected; also when it ends.
 */
#include "vmlinux.h"
#include "unified.bpf.h"
#include "stage.h"

struct fuzz_stage stage;

static __always_inline __u32 chance(void)
{
	/* CPUs race for it, which is chance, too */
	stage.seed = stage.seed * 6364136223846793005ull + 1442695040888963407ull;
	return stage.seed >> 33;
}

static __always_inline bool bad_answer(void)
{
	return stage.bad_answers && !(chance() % stage.bad_answers);
}

static __always_inline void hand_on(struct io_unified_buf *mine, __u32 how)
{
	stage.made++;
	switch (how % 5) {
	case 0:
		bpf_io_unified_buf_write(mine, chance() % 3, chance() % 4096);
		return;
	case 1:
		bpf_io_unified_buf_read(mine, chance() % 3, chance() % 4096);
		return;
	case 2:
		bpf_io_unified_buf_send(mine, chance() % 4);
		return;
	}
	bpf_io_unified_buf_drop(mine);
}

static __always_inline void make(struct io_unified_ctx *region)
{
	static const __u32 lens[] = { 512, 4096, 5000, 8192, 65536, 65537, 1, 0 };
	struct io_unified_buf *mine = bpf_io_unified_alloc(region, lens[chance() % 8]);

	if (mine)
		hand_on(mine, chance());
}

static __always_inline void change(struct io_unified_buf *buf)
{
	char word[24] = "anything at all";
	__u8 *data;

	data = bpf_io_unified_buf_data(buf, chance() % 8192, 16);
	if (data)
		data[chance() % 16] = chance();
	bpf_io_unified_buf_load(buf, chance() % 70000, word, sizeof(word));
	bpf_io_unified_buf_store(buf, chance() % 70000, word, sizeof(word));
	data = bpf_io_unified_stream_storage(buf, 64);
	if (data)
		data[chance() % 64]++;
	if (!(chance() % 16))
		bpf_io_unified_buf_crc32c(buf, chance());
}

static __always_inline int answer(void)
{
	stage.asked++;
	if (bad_answer())
		return chance() % 64 - 8;
	return chance() % 5;
}

static __always_inline void ask(struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_stats stats;
	struct io_unified_buf *mine;

	switch (chance() % 8) {
	case 0:
		make(region);
		break;
	case 1:
	case 2:
		mine = bpf_io_unified_buf_clone(buf);
		if (mine)
			hand_on(mine, chance());
		break;
	case 3:
		bpf_io_unified_get_stats(region, &stats, sizeof(stats));
		break;
	case 4:
		change(buf);
		break;
	}
	if (bad_answer() && !(chance() % 8))
		bpf_io_unified_exit(region, chance(), "by chance");
}

SEC("struct_ops/rx")
int BPF_PROG(fuzz_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *mine;

	ask(region, buf);
	if (!(chance() % 8)) {
		mine = bpf_io_unified_buf_clone(buf);
		if (mine)
			bpf_io_unified_buf_pass(mine, chance());
	}
	return answer();
}

SEC("struct_ops/tx")
int BPF_PROG(fuzz_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	ask(region, buf);
	return answer();
}

SEC("struct_ops/submit")
int BPF_PROG(fuzz_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	ask(region, buf);
	stage.routed++;
	switch (chance() % 16) {
	case 0:
		cmd->slba = chance() % 4096;
		break;
	case 1:
		cmd->slba = (__u64)chance() << (chance() % 64);
		break;
	case 2:
		cmd->dev = chance() % 3;
		break;
	case 3:
		cmd->dev = chance();
		break;
	case 4:
		cmd->mirror = chance() % 8;
		break;
	case 5:
		cmd->mirror = chance();
		break;
	case 6:
		cmd->delay_ms = chance() % 4;
		break;
	case 7:
		cmd->fua = chance();
		break;
	case 8:
		return -(chance() % 200);
	case 9:
		return bad_answer() ? chance() : 0;
	}
	return 0;
}

SEC("struct_ops/complete")
int BPF_PROG(fuzz_complete, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     int status)
{
	ask(region, buf);
	/* not for ever: three of four go on */
	switch (chance() % 16) {
	case 0:
		return IO_UNIFIED_RETRY;
	case 1:
		return IO_UNIFIED_NOTIFY;
	case 2:
		return IO_UNIFIED_SKIP;
	case 3:
		return bad_answer() ? chance() : 0;
	}
	return IO_UNIFIED_DONE;
}

SEC("struct_ops.s/init")
int BPF_PROG(fuzz_init, struct io_unified_ctx *region)
{
	make(region);
	return chance() % 16 ? 0 : -(chance() % 5000);
}

SEC("struct_ops.s/exit")
void BPF_PROG(fuzz_exit, struct io_unified_ctx *region, struct io_unified_exit *info)
{
	stage.ended++;
	make(region);
	make(region);
}

UNIFIED_STAGE(fuzz, .init = (void *)fuzz_init, .exit = (void *)fuzz_exit,
	      .rx = (void *)fuzz_rx, .tx = (void *)fuzz_tx,
	      .submit = (void *)fuzz_submit, .complete = (void *)fuzz_complete);

char LICENSE[] SEC("license") = "GPL";
