// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "sample.bpf.c"

static unsigned int kept(unsigned int records)
{
	struct io_unified_buf *buf = stage_test_buf("record", 6, 0);
	unsigned int nr = 0;

	while (records--)
		nr += sample_rx(NULL, buf) == IO_UNIFIED_NEXT;
	return nr;
}

int main(void)
{
	struct io_unified_buf *buf = stage_test_buf("record", 6, 0);
	unsigned int nr;

	stage_test_set(one_in, 7);
	stage_test_equal(sample_rx(NULL, buf), IO_UNIFIED_NEXT);
	stage_test_equal(kept(6), 0);
	stage_test_equal(kept(7), 1);
	stage_test_equal(kept(700), 100);
	stage_test_set(one_in, 1);
	stage_test_equal(kept(50), 50);
	stage_test_set(one_in, 0);
	stage_test_equal(kept(50), 50);

	/* 10000 +- 5 sigma */
	stage_test_set(by_chance, true);
	stage_test_set(one_in, 10);
	nr = kept(100000);
	stage_test_check(nr > 9525 && nr < 10475);
	stage_test_set(one_in, 0xffffffff);
	stage_test_check(kept(1000) < 2);
	return stage_test_end();
}
