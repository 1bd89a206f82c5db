// SPDX-License-Identifier: GPL-2.0
#include <sluice/stage-test.h>
#include "filter.bpf.c"

static int rx(const char *data, int piece)
{
	return filter_rx(NULL, stage_test_cut(data, strlen(data), piece));
}

static void at_one_place(void)
{
	stage_test_set_bytes(drop_prefix, "DROP", 4);
	for (int piece = 1; piece < 8; piece++) {
		stage_test_equal(rx("DROP it", piece), IO_UNIFIED_DROP);
		stage_test_equal(rx("DROP", piece), IO_UNIFIED_DROP);
		stage_test_equal(rx("DRO", piece), IO_UNIFIED_NEXT);
		stage_test_equal(rx("DROp it", piece), IO_UNIFIED_NEXT);
		stage_test_equal(rx("xDROP", piece), IO_UNIFIED_NEXT);
	}
	stage_test_set(offset, 3);
	stage_test_equal(rx("xxxDROP", 5), IO_UNIFIED_DROP);
	stage_test_equal(rx("DROPxxx", 5), IO_UNIFIED_NEXT);
	stage_test_equal(rx("xxxDRO", 5), IO_UNIFIED_NEXT);
	stage_test_set(offset, 60000);
	stage_test_equal(rx("DROP", 5), IO_UNIFIED_NEXT);
	stage_test_set(offset, 0);
}

static void keeping(void)
{
	stage_test_set(drop_prefix_len, 0);
	stage_test_equal(rx("DROP", 9), IO_UNIFIED_NEXT);
	stage_test_set_bytes(keep_prefix, "k\0p", 3);
	stage_test_equal(filter_rx(NULL, stage_test_buf("k\0pt", 4, 2, 0)), IO_UNIFIED_NEXT);
	stage_test_equal(filter_rx(NULL, stage_test_buf("k\0", 2, 0)), IO_UNIFIED_DROP);
	stage_test_equal(rx("kept", 9), IO_UNIFIED_DROP);
	stage_test_set(keep_prefix_len, 0);
}

/* Any place of a long record, cut anywhere, up to the last of the window */
static void searching(void)
{
	static char data[1000];
	int at, piece;

	stage_test_set_bytes(drop_prefix, "needle", 6);
	stage_test_set(offset, 10);
	stage_test_set(search, 500);
	for (at = 0; at + 6 <= 1000; at += at < 505 || at > 515 ? 5 : 1) {
		memset(data, 'n', sizeof(data));
		memcpy(data + at, "needle", 6);
		for (piece = 1; piece < 700; piece = piece * 5 + 2) {
			struct io_unified_buf *buf = stage_test_cut(data, sizeof(data), piece);
			bool inside = at >= 10 && at < 510;

			stage_test_equal(filter_rx(NULL, buf),
					 inside ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT);
		}
		stage_test_reset();
	}
	stage_test_set(offset, 0);
	stage_test_set(search, 0xffffffff);
	stage_test_equal(rx("a needle", 3), IO_UNIFIED_DROP);
	stage_test_equal(rx("a needl", 3), IO_UNIFIED_NEXT);
	stage_test_equal(rx("needl", 3), IO_UNIFIED_NEXT);
	stage_test_equal(filter_rx(NULL, stage_test_buf("", 0, 0)), IO_UNIFIED_NEXT);
}

/* The longest pattern; one that begins again inside of itself */
static void patterns(void)
{
	static char data[300];

	stage_test_set(search, 300);
	memset(data, 'x', sizeof(data));
	stage_test_set_bytes(drop_prefix, data, UNIFIED_PATTERN);
	memset(data + 100, 'y', 1);
	memset(data + 170, 'y', 1);
	stage_test_equal(filter_rx(NULL, stage_test_cut(data, 163, 7)), IO_UNIFIED_DROP);
	data[63] = 'y';
	stage_test_equal(filter_rx(NULL, stage_test_cut(data, 163, 7)), IO_UNIFIED_NEXT);
	stage_test_set_bytes(drop_prefix, "aab", 3);
	stage_test_equal(rx("aaaab", 2), IO_UNIFIED_DROP);
}

static void counting(void)
{
	__u32 key = 0;
	struct unified_verdicts *v;

	stage_test_reset();
	stage_test_set(search, 1);
	stage_test_set_bytes(drop_prefix, "D", 1);
	rx("Drop", 2);
	rx("keep it", 2);
	rx("keep", 2);
	v = bpf_map_lookup_elem(&filter_verdicts, &key);
	stage_test_equal(v->drop.records, 1);
	stage_test_equal(v->drop.bytes, 4);
	stage_test_equal(v->next.records, 2);
	stage_test_equal(v->next.bytes, 11);
}

static void ending(void)
{
	struct io_unified_exit exit = { IO_UNIFIED_EXIT_ERROR, -22, "no verdict" };
	struct unified_exit_info *info;
	__u32 key = 0;

	filter_exit_save(NULL, &exit);
	info = bpf_map_lookup_elem(&filter_exit, &key);
	stage_test_equal(info->ended, 1);
	stage_test_equal(info->kind, IO_UNIFIED_EXIT_ERROR);
	stage_test_equal(info->code, -22);
	stage_test_check(!strcmp(info->reason, "no verdict"));
}

int main(void)
{
	at_one_place();
	keeping();
	searching();
	patterns();
	counting();
	ending();
	return stage_test_end();
}
