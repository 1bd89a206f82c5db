// SPDX-License-Identifier: GPL-2.0
/* Tests @NAME@ without a kernel; sluice/stage-test.h says what there is. */
#include <sluice/stage-test.h>
#include "@NAME@.bpf.c"

int main(void)
{
	/* ten bytes: in pieces of 3 and 4, and the rest */
	struct io_unified_buf *buf = stage_test_buf("0123456789", 10, 3, 4, 0);

	stage_test_set(shortest, 10);
	stage_test_equal(@NAME@_rx(NULL, buf), IO_UNIFIED_NEXT);
	stage_test_set(shortest, 11);
	stage_test_equal(@NAME@_rx(NULL, buf), IO_UNIFIED_DROP);
	stage_test_set(shortest, 0);
	stage_test_equal(@NAME@_rx(NULL, stage_test_buf("", 0, 0)), IO_UNIFIED_DROP);
	return stage_test_end();
}
