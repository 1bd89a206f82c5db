// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "checksum.bpf.c"

static struct checksum_stream *stream(__u32 nr)
{
	return bpf_map_lookup_elem(&checksum_streams, &nr);
}

int main(void)
{
	/* RFC 3720: CRC32C of "123456789" */
	char record[13] = "123456789\x83\x92\x06\xe3";

	stage_test_equal(checksum_rx(NULL, stage_test_buf("1234", 4, 1, 0)), IO_UNIFIED_NEXT);
	stage_test_equal(checksum_rx(NULL, stage_test_buf("56789", 5, 3, 1, 0)), IO_UNIFIED_NEXT);
	stage_test_equal(stream(1)->records, 2);
	stage_test_equal(stream(1)->bytes, 9);
	stage_test_equal(stream(1)->crc, 0xe3069283);
	stage_test_equal(stream(1)->last,
			 bpf_io_unified_buf_crc32c(stage_test_buf("56789", 5, 0), 0));
	stage_test_equal(stream(1)->bad, 0);

	stage_test_set(verify, true);
	for (int piece = 1; piece < 14; piece++)
		stage_test_equal(checksum_rx(NULL, stage_test_cut(record, 13, piece)),
				 IO_UNIFIED_NEXT);
	for (int bit = 0; bit < 13 * 8; bit++) {
		record[bit / 8] ^= 1 << bit % 8;
		stage_test_equal(checksum_rx(NULL, stage_test_cut(record, 13, 5)),
				 IO_UNIFIED_DROP);
		record[bit / 8] ^= 1 << bit % 8;
	}
	stage_test_equal(stream(1)->bad, 13 * 8);
	/* no room for a checksum; nothing but one, of nothing */
	stage_test_equal(checksum_rx(NULL, stage_test_buf("abc", 3, 0)), IO_UNIFIED_DROP);
	stage_test_equal(checksum_rx(NULL, stage_test_buf("", 0, 0)), IO_UNIFIED_DROP);
	stage_test_equal(checksum_rx(NULL, stage_test_buf("\0\0\0\0", 4, 2, 0)), IO_UNIFIED_NEXT);
	return stage_test_end();
}
