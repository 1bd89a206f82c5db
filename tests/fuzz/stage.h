/* SPDX-License-Identifier: GPL-2.0 */
/* stage: what fuzz.bpf.c and the fuzzers share, the only variable in its .bss */
#ifndef _FUZZ_STAGE_H
#define _FUZZ_STAGE_H

struct fuzz_stage {
	__u64	seed;		/* of the fuzzer, before each attachment */
	__u64	bad_answers;	/* one in so many answers is no verdict; 0: none */
	/* what it has done */
	__u64	asked;
	__u64	made;
	__u64	routed;
	__u64	ended;
};

#endif /* _FUZZ_STAGE_H */
