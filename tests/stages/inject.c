// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "inject.bpf.c"

static struct io_unified_nvme cmd;

static int run(int where, struct io_unified_buf *buf)
{
	switch (where) {
	case INJECT_RX:
		return inject_rx(NULL, buf);
	case INJECT_TX:
		return inject_tx(NULL, buf);
	case INJECT_SUBMIT:
		return inject_submit(NULL, buf, &cmd);
	}
	return inject_complete(NULL, buf, 0);
}

int main(void)
{
	static const int fails[] = { IO_UNIFIED_DROP, IO_UNIFIED_DROP, -5, IO_UNIFIED_RETRY };
	struct io_unified_buf *buf;
	int where, other, i;

	for (where = INJECT_RX; where <= INJECT_COMPLETE; where++) {
		/* every third, and only there */
		stage_test_set(at, where);
		stage_test_set(action, INJECT_FAIL);
		stage_test_set(one_in, 3);
		inject_seen = inject_hit = 0;
		buf = stage_test_buf("abcdef", 6, 2, 0);
		for (i = 1; i < 10; i++) {
			stage_test_equal(run(where, buf), i % 3 ? 0 : fails[where]);
			for (other = INJECT_RX; other <= INJECT_COMPLETE; other++)
				if (other != where)
					stage_test_equal(run(other, buf), 0);
		}
		/* two at most */
		stage_test_set(one_in, 1);
		stage_test_set(count, 2);
		inject_hit = 0;
		stage_test_equal(run(where, buf), fails[where]);
		stage_test_equal(run(where, buf), fails[where]);
		stage_test_equal(run(where, buf), 0);
		stage_test_set(count, 0);
		/* corrupt: across the pieces, once there and once back */
		stage_test_set(action, INJECT_CORRUPT);
		stage_test_set(offset, 3);
		stage_test_equal(run(where, buf), 0);
		stage_test_check(stage_test_has(buf, "abc\x9b""ef", 6));
		stage_test_equal(run(where, buf), 0);
		stage_test_set(offset, 6);
		stage_test_equal(run(where, buf), 0);
		stage_test_check(stage_test_has(buf, "abcdef", 6));
	}
	stage_test_set(at, INJECT_SUBMIT);
	stage_test_set(action, INJECT_DELAY);
	stage_test_set(delay_ms, 7);
	stage_test_equal(inject_init(NULL), 0);
	stage_test_equal(run(INJECT_SUBMIT, buf), 0);
	stage_test_equal(cmd.delay_ms, 7);
	/* what makes no sense is refused */
	stage_test_set(at, INJECT_RX);
	stage_test_equal(inject_init(NULL), -22);
	stage_test_set(action, INJECT_FAIL);
	stage_test_equal(inject_init(NULL), 0);
	stage_test_set(one_in, 0);
	stage_test_equal(inject_init(NULL), -22);
	return stage_test_end();
}
