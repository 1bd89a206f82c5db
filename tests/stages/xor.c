// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "xor.bpf.c"

int main(void)
{
	static char data[1000], want[1000];
	unsigned int i, len, piece;

	for (i = 0; i < sizeof(data); i++)
		data[i] = bpf_get_prandom_u32();
	stage_test_set_bytes(key, "\x01\x80key", 5);
	for (i = 0; i < sizeof(data); i++)
		want[i] = data[i] ^ "\x01\x80key"[i % 64 % 5];
	for (len = 0; len < sizeof(data); len = len * 2 + 1)
		for (piece = 1; piece < 1000; piece += 53) {
			struct io_unified_buf *buf = stage_test_cut(data, len, piece);

			stage_test_equal(xor_rx(NULL, buf), IO_UNIFIED_NEXT);
			stage_test_check(stage_test_has(buf, want, len));
			/* and back */
			stage_test_equal(xor_tx(NULL, buf), IO_UNIFIED_NEXT);
			stage_test_check(stage_test_has(buf, data, len));
		}
	/* as whole, so in multiples of 64 */
	for (i = 0; i + 128 <= sizeof(data); i += 64) {
		struct io_unified_buf *buf = stage_test_cut(data + i, 128, 50);

		xor_rx(NULL, buf);
		stage_test_check(stage_test_has(buf, want + i, 128));
	}
	/* all of the key counts */
	stage_test_set_bytes(key, data, 64);
	struct io_unified_buf *buf = stage_test_cut(data, 64, 64);

	xor_rx(NULL, buf);
	memset(want, 0, 64);
	stage_test_check(stage_test_has(buf, want, 64));
	return stage_test_end();
}
