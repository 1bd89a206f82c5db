// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "redact.bpf.c"

static void becomes(const char *data, const char *want)
{
	for (int piece = 1; piece < 20; piece++) {
		struct io_unified_buf *buf = stage_test_cut(data, strlen(data), piece);

		stage_test_equal(redact_rx(NULL, buf), IO_UNIFIED_NEXT);
		stage_test_check(stage_test_has(buf, want, strlen(want)));
		buf = stage_test_cut(data, strlen(data), piece);
		stage_test_equal(redact_tx(NULL, buf), IO_UNIFIED_NEXT);
		stage_test_check(stage_test_has(buf, want, strlen(want)));
	}
}

/* As a second implementation does it, with what the generator gives */
static void random_text(void)
{
	static char data[3000], want[3000];
	unsigned int len, i;

	stage_test_set_bytes(pattern, "aba", 3);
	for (int round = 0; round < 300; round++) {
		len = bpf_get_prandom_u32() % sizeof(data);
		for (i = 0; i < len; i++)
			data[i] = 'a' + bpf_get_prandom_u32() % 2;
		memcpy(want, data, len);
		for (i = 0; i + 3 <= len; i++)
			if (!memcmp(data + i, "aba", 3)) {
				memcpy(want + i, "***", 3);
				i += 2;
			}
		struct io_unified_buf *buf =
			stage_test_cut(data, len, 1 + bpf_get_prandom_u32() % 1500);

		redact_rx(NULL, buf);
		stage_test_check(stage_test_has(buf, want, len));
		stage_test_reset();
	}
}

int main(void)
{
	becomes("no pattern", "no pattern");	/* none is set */
	stage_test_set_bytes(pattern, "secret", 6);
	becomes("a secret, and a secret", "a ******, and a ******");
	becomes("secretsecret", "************");
	becomes("secre", "secre");
	becomes("ssecrets", "s******s");
	becomes("Secret secre", "Secret secre");
	stage_test_equal(redact_rx(NULL, stage_test_buf("", 0, 0)), IO_UNIFIED_NEXT);
	stage_test_set(fill, 'x');
	stage_test_set_bytes(pattern, "aa", 2);
	becomes("aaaaa", "xxxxa");
	stage_test_set_bytes(pattern, "x", 1);
	becomes("axa", "axa");
	stage_test_set(fill, '*');
	random_text();
	stage_test_check(redact_places > 1000);
	return stage_test_end();
}
