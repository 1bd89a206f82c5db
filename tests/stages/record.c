// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "record.bpf.c"

int main(void)
{
	static char data[65536];
	static const struct { __u32 len, slot; } cmds[] = {
		{ 512, 9 }, { 1023, 9 }, { 1024, 10 }, { 65536, 16 },
	};
	struct record_commands *c;
	struct io_unified_buf *buf;
	__u32 key = 0, i;

	c = bpf_map_lookup_elem(&record_commands, &key);
	for (i = 0; i < 4; i++) {
		buf = stage_test_cut(data, cmds[i].len, 4096);
		stage_test_equal(record_complete(NULL, buf, 0), IO_UNIFIED_DONE);
	}
	stage_test_equal(c->done, 4);
	stage_test_equal(c->bytes, 512 + 1023 + 1024 + 65536);
	stage_test_equal(c->size_log2[9], 2);
	stage_test_equal(c->size_log2[10], 1);
	stage_test_equal(c->size_log2[16], 1);
	stage_test_equal(record_complete(NULL, buf, -5), IO_UNIFIED_DONE);
	stage_test_equal(c->failed, 1);
	stage_test_equal((__s64)c->last_error, -5);
	stage_test_equal(c->done, 4);
	return stage_test_end();
}
