// SPDX-License-Identifier: GPL-2.0
/*
 * redact: overwrite each occurrence of some bytes.
 *
 * From the start of the record on, each place that has the pattern is filled with
 * the character fill, and the search goes on behind it.  The length of the record
 * does not change.
 *
 * What it does well: it finds the pattern also where the network has cut it; and it
 * changes payload where it lies, so that only what is across two pieces counts as
 * copied.  What it does not do: find a pattern of which a part is in the next
 * record, nor expressions.  It takes time for each byte.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

UNIFIED_OPTION("what to overwrite") UNIFIED_ONE_OF(pattern)
const volatile __u8 pattern[UNIFIED_PATTERN];
const volatile __u32 pattern_len;

UNIFIED_OPTION("the character that takes its place, as a number")
const volatile __u8 fill = '*';

UNIFIED_VERDICTS(redact_verdicts);
UNIFIED_SAVE_EXIT(redact)

__u64 redact_places;

/* A function that the verifier looks at once, not again for each @from */
__noinline __s64 redact_next(struct io_unified_buf *buf __arg_trusted, __u32 from)
{
	return unified_find(buf, from, buf->len, pattern, pattern_len);
}

static __always_inline void redact_payload(struct io_unified_buf *buf)
{
	__u8 src[UNIFIED_PATTERN];
	__u32 from = 0;
	__s64 at;

	if (!pattern_len)
		return;
	__builtin_memset(src, fill, sizeof(src));
	bpf_repeat(buf->len / pattern_len) {
		at = redact_next(buf, from);
		if (at < 0)
			break;
		unified_overwrite(buf, at, src, pattern_len);
		from = at + pattern_len;
		/* not by a variable: each of its values were a state to the verifier */
		__sync_fetch_and_add(&redact_places, 1);
	}
}

SEC("struct_ops/rx")
int BPF_PROG(redact_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	redact_payload(buf);
	return unified_verdict(redact_verdicts, IO_UNIFIED_NEXT, buf->len);
}

SEC("struct_ops/tx")
int BPF_PROG(redact_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	redact_payload(buf);
	return unified_verdict(redact_verdicts, IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("overwrite each occurrence of some bytes")
UNIFIED_STAGE(redact, .rx = (void *)redact_rx, .tx = (void *)redact_tx,
	      .exit = (void *)redact_exit_save);

char LICENSE[] SEC("license") = "GPL";
