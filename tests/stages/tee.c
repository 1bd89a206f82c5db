// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "tee.bpf.c"

int main(void)
{
	struct io_unified_buf *buf = stage_test_buf("record", 6, 2, 0);
	struct tee_count *c;
	__u32 key = 0, i;

	stage_test_set(user_data, 77);
	stage_test_equal(tee_rx(NULL, buf), IO_UNIFIED_NEXT);
	stage_test_equal(stage_test_fates(STAGE_TEST_PASSED), 1);
	stage_test_check(stage_test_has(&stage_test_bufs->buf, "record", 6));
	stage_test_equal(stage_test_bufs->user_data, 77);

	/* no memory: the record goes on */
	stage_test_no_memory = 1;
	stage_test_equal(tee_rx(NULL, buf), IO_UNIFIED_NEXT);
	stage_test_equal(stage_test_fates(STAGE_TEST_PASSED), 1);
	c = bpf_map_lookup_elem(&tee_counts, &key);
	stage_test_equal(c->passed, 1);
	stage_test_equal(c->no_memory, 1);
	stage_test_equal(c->refused, 0);

	stage_test_set(one_in, 4);
	for (i = 0; i < 40; i++)
		tee_rx(NULL, buf);
	stage_test_equal(stage_test_fates(STAGE_TEST_PASSED), 11);
	stage_test_equal(stage_test_fates(STAGE_TEST_OWNED), 0);
	return stage_test_end();
}
