// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "dedup.bpf.c"

static int rx(const void *data, __u32 len, int piece)
{
	return dedup_rx(NULL, stage_test_cut(data, len, piece));
}

int main(void)
{
	static char data[5000], zero[200];
	unsigned int i, bit;

	for (i = 0; i < sizeof(data); i++)
		data[i] = bpf_get_prandom_u32();
	/* the same content, however it is cut */
	stage_test_equal(rx(data, 4096, 1448), IO_UNIFIED_NEXT);
	for (i = 1; i < 5000; i = i * 3 + 1)
		stage_test_equal(rx(data, 4096, i), IO_UNIFIED_DROP);
	/* one byte more or less, or another, anywhere */
	stage_test_equal(rx(data, 4095, 1448), IO_UNIFIED_NEXT);
	stage_test_equal(rx(data, 4097, 1448), IO_UNIFIED_NEXT);
	for (bit = 0; bit < 4096 * 8; bit += 37) {
		data[bit / 8] ^= 1 << bit % 8;
		stage_test_equal(rx(data, 4096, 2000), IO_UNIFIED_NEXT);
		data[bit / 8] ^= 1 << bit % 8;
	}
	/* zeroes of all lengths are filled up with zeroes, and still differ */
	for (i = 0; i < sizeof(zero); i++)
		stage_test_equal(rx(zero, i, 64), IO_UNIFIED_NEXT);
	for (i = 0; i < sizeof(zero); i++)
		stage_test_equal(rx(zero, i, 64), IO_UNIFIED_DROP);
	/* the hash is one by itself, and the seed matters */
	stage_test_check(dedup_hash(stage_test_cut(data, 8, 8)) !=
			 dedup_hash(stage_test_cut(data + 1, 8, 8)));
	i = dedup_hash(stage_test_cut(data, 8, 8));
	stage_test_set(seed, 1);
	stage_test_check(i != (unsigned int)dedup_hash(stage_test_cut(data, 8, 8)));
	stage_test_set(seed, 0);

	/* many others do not push it out */
	stage_test_reset();
	stage_test_equal(rx("first", 5, 9), IO_UNIFIED_NEXT);
	for (i = 0; i < 1500; i++)
		stage_test_equal(rx(&i, 4, 4), IO_UNIFIED_NEXT);
	stage_test_equal(rx("first", 5, 9), IO_UNIFIED_DROP);
	return stage_test_end();
}
