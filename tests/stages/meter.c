// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "meter.bpf.c"

static __u64 slot(struct meter_map *map, int i)
{
	struct meter_histogram *h;
	__u32 key = 0;

	h = bpf_map_lookup_elem(map, &key);
	return h->slots[i];
}

static __u64 all(struct meter_map *map)
{
	__u64 sum = 0;

	for (int i = 0; i < METER_SLOTS; i++)
		sum += slot(map, i);
	return sum;
}

static void sizes_and_gaps(void)
{
	static char data[65536];
	static const struct { __u32 len, slot; } sizes[] = {
		{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 1 }, { 4, 2 }, { 4095, 11 },
		{ 4096, 12 }, { 65535, 15 }, { 65536, 16 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		__u64 before = slot(&meter_sizes, sizes[i].slot);

		stage_test_ns += 1024;
		stage_test_equal(meter_rx(NULL, stage_test_cut(data, sizes[i].len, 4096)),
				 IO_UNIFIED_NEXT);
		stage_test_equal(slot(&meter_sizes, sizes[i].slot), before + 1);
	}
	stage_test_equal(all(&meter_sizes), i);
	/* the first of a stream has none before it */
	stage_test_equal(slot(&meter_gaps, 10), i - 1);
	stage_test_equal(all(&meter_gaps), i - 1);
}

static void latencies(void)
{
	struct io_unified_buf *buf = stage_test_buf("data", 4, 0);
	struct io_unified_nvme one = { .slba = 8, .dev = 0 }, two = { .slba = 8, .dev = 1 };

	meter_submit(NULL, buf, &one);
	stage_test_ns += 5000;
	meter_submit(NULL, buf, &two);
	stage_test_ns += 1ull << 20;
	buf->slba = 8;
	buf->dev = 1;
	stage_test_equal(meter_complete(NULL, buf, 0), IO_UNIFIED_DONE);
	stage_test_equal(slot(&meter_latency, 20), 1);
	buf->dev = 0;
	stage_test_ns += 1ull << 50;
	stage_test_equal(meter_complete(NULL, buf, -5), IO_UNIFIED_DONE);
	stage_test_equal(slot(&meter_latency, METER_SLOTS - 1), 1);
	/* one that was never seen to begin, or ended before */
	stage_test_equal(meter_complete(NULL, buf, 0), IO_UNIFIED_DONE);
	stage_test_equal(all(&meter_latency), 2);
	stage_test_equal(stage_test_count(&meter_commands), 0);
}

int main(void)
{
	sizes_and_gaps();
	latencies();
	return stage_test_end();
}
