// SPDX-License-Identifier: GPL-2.0
/* Tests count without a kernel; sluice/stage-test.h says what there is. */
#include <sluice/stage-test.h>
#include "count.bpf.c"

static __u64 counted(__u8 first)
{
	__u64 *n = bpf_map_lookup_elem(&count_first, &first);

	return n ? *n : 0;
}

int main(void)
{
	int i;

	for (i = 0; i < 5; i++)
		stage_test_equal(count_rx(NULL, stage_test_buf("abc", 3, 1, 0)),
				 IO_UNIFIED_NEXT);
	stage_test_equal(count_rx(NULL, stage_test_buf("xyz", 3, 0)), IO_UNIFIED_NEXT);
	/* no byte, nothing to count */
	stage_test_equal(count_rx(NULL, stage_test_buf("", 0, 0)), IO_UNIFIED_NEXT);
	stage_test_equal(counted('a'), 5);
	stage_test_equal(counted('x'), 1);
	stage_test_equal(counted('b'), 0);

	/* it ends with the ninth, and not before */
	stage_test_set(limit, 9);
	count_rx(NULL, stage_test_buf("abc", 3, 0));
	stage_test_check(!stage_test_exit_reason);
	count_rx(NULL, stage_test_buf("abc", 3, 0));
	stage_test_check(stage_test_exit_reason);
	stage_test_equal(stage_test_exit_code, 9);
	return stage_test_end();
}
