// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "ratelimit.bpf.c"

#define MSEC	1000000ull

static int rx(__u32 stream, __u32 len)
{
	static char data[65536];
	struct io_unified_buf *buf = stage_test_buf(data, len, 0);

	buf->stream = stream;
	return ratelimit_rx(NULL, buf);
}

static unsigned int passed(__u32 stream, __u32 len, unsigned int nr)
{
	unsigned int n = 0;

	while (nr--)
		n += rx(stream, len) == IO_UNIFIED_NEXT;
	return n;
}

int main(void)
{
	unsigned int nr = 0, i;

	stage_test_set(rate, 1000000);
	stage_test_set(burst, 10000);
	/* a full bucket, then so many bytes as time brings */
	stage_test_equal(passed(1, 1000, 20), 10);
	stage_test_ns += MSEC;
	stage_test_equal(passed(1, 1000, 20), 1);
	stage_test_ns += MSEC / 2;
	stage_test_equal(passed(1, 1000, 20), 0);
	stage_test_equal(passed(1, 500, 20), 1);
	stage_test_ns += 5 * MSEC;
	stage_test_equal(passed(1, 1000, 20), 5);
	/* never more than full */
	stage_test_ns += 1000000 * MSEC;
	stage_test_equal(passed(1, 1000, 20), 10);
	/* other streams have their own */
	stage_test_equal(passed(2, 1000, 20), 10);
	stage_test_equal(passed(1, 1000, 20), 0);
	/* longer than the bucket, and of no stream */
	stage_test_ns += 1000000 * MSEC;
	stage_test_equal(passed(1, 10001, 3), 0);
	stage_test_equal(passed(1, 10000, 3), 1);
	stage_test_equal(passed(0, 60000, 30), 30);
	/* what is dropped costs nothing */
	stage_test_ns += 10 * MSEC;
	stage_test_equal(rx(1, 10001), IO_UNIFIED_DROP);
	stage_test_equal(rx(1, 10000), IO_UNIFIED_NEXT);

	/* in the long run: one second, 1460 bytes every millisecond */
	stage_test_reset();
	for (i = 0; i < 1000; i++, stage_test_ns += MSEC)
		nr += rx(1, 1460) == IO_UNIFIED_NEXT;
	stage_test_check(nr * 1460 > 1000000 && nr * 1460 <= 1010000);

	/* the ends of the range */
	stage_test_reset();
	stage_test_set(rate, 1);
	stage_test_set(burst, 0xffffffff);
	stage_test_equal(passed(1, 65536, 100), 100);
	stage_test_reset();
	stage_test_set(rate, ~0ull);
	stage_test_equal(passed(1, 65536, 100), 100);
	return stage_test_end();
}
