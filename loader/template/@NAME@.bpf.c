// SPDX-License-Identifier: GPL-2.0
/*
 * @NAME@: drop records that are shorter than so many bytes.
 *
 * unified.bpf.h says what a stage can do; this is the frame.
 */
#include <sluice/vmlinux.h>
#include <sluice/unified.bpf.h>

/* What users can set is const volatile: --stage ./@NAME@.bpf.o:shortest=100 */
UNIFIED_OPTION("drop records of fewer bytes")
const volatile __u32 shortest = 64;

/* Counts records and bytes by verdict; `sluice show` prints it */
UNIFIED_VERDICTS(@NAME@_verdicts);
/* Keeps how the stage ended */
UNIFIED_SAVE_EXIT(@NAME@)

/* Asked about each record that has been received */
SEC("struct_ops/rx")
int BPF_PROG(@NAME@_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	int verdict = IO_UNIFIED_NEXT;
	__u8 first;

	/* payload may be in several pieces; this looks across them */
	if (bpf_io_unified_buf_load(buf, 0, &first, 1))
		verdict = IO_UNIFIED_DROP;	/* there is none */
	else if (buf->len < shortest)
		verdict = IO_UNIFIED_DROP;
	return unified_verdict(@NAME@_verdicts, verdict, buf->len);
}

UNIFIED_ABOUT("drop records that are too short")
UNIFIED_STAGE(@NAME@, .rx = (void *)@NAME@_rx, .exit = (void *)@NAME@_exit_save);

char LICENSE[] SEC("license") = "GPL";
