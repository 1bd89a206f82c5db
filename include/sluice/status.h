/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a status means: of a CQE of the region, or of a request's 32-byte CQE.
 */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include <sluice/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fields of io_unified_cqe.status; of a host error, all of these are 0 */
#define sluice_status_host(s)	(((s) & IO_UNIFIED_STATUS_HOST) != 0)
#define sluice_status_sc(s)	IO_UNIFIED_STATUS_SC(s)
#define sluice_status_sct(s)	IO_UNIFIED_STATUS_SCT(s)
#define sluice_status_dnr(s)	IO_UNIFIED_STATUS_DNR(s)

/**
 * sluice_cqe_error - a completion as liburing would report it
 *
 * Return: 0; -errno of the host; -EIO for a status of the device.
 */
static inline int sluice_cqe_error(const struct io_unified_cqe *cqe)
{
	if (!cqe->status)
		return 0;
	return sluice_status_host(cqe->status) ? cqe->result : -EIO;
}

/**
 * sluice_unified_status - the device's status of an IORING_OP_UNIFIED request
 * @ring: that @cqe came from
 *
 * Return: the status; 0: the device reported no error, or the ring has no CQEs
 * of 32 bytes.
 */
static inline __u32 sluice_unified_status(const struct io_uring *ring,
					  const struct io_uring_cqe *cqe)
{
	bool big = ring->flags & IORING_SETUP_CQE32;

#ifdef IORING_CQE_F_32
	big = big || cqe->flags & IORING_CQE_F_32;
#endif
	return cqe->res == -EIO && big ? (__u32)cqe->big_cqe[0] : 0;
}

/**
 * sluice_status_str - a status in words
 *
 * For people: what is not in the list is called by its type.  With
 * IO_UNIFIED_STATUS_HOST the reason is in the CQE's result, for strerror(3).
 */
static inline const char *sluice_status_str(__u32 status)
{
	if (sluice_status_host(status))
		return "host error";

	/* type and code, NVM Express Base Specification, Status Field */
	switch (status & 0x7ff) {
	case 0x000: return "success";
	case 0x001: return "invalid command opcode";
	case 0x002: return "invalid field in command";
	case 0x003: return "command id conflict";
	case 0x004: return "data transfer error";
	case 0x005: return "aborted by power loss";
	case 0x006: return "internal error";
	case 0x007: return "abort requested";
	case 0x008: return "aborted, queue deleted";
	case 0x009: return "aborted, fused command failed";
	case 0x00a: return "aborted, fused command missing";
	case 0x00b: return "invalid namespace or format";
	case 0x00c: return "command sequence error";
	case 0x00d: return "invalid SGL segment descriptor";
	case 0x00e: return "invalid number of SGL descriptors";
	case 0x00f: return "data SGL length invalid";
	case 0x010: return "metadata SGL length invalid";
	case 0x011: return "SGL descriptor type invalid";
	case 0x012: return "invalid use of controller memory buffer";
	case 0x013: return "PRP offset invalid";
	case 0x014: return "atomic write unit exceeded";
	case 0x015: return "operation denied";
	case 0x016: return "SGL offset invalid";
	case 0x018: return "host identifier inconsistent";
	case 0x019: return "keep alive timer expired";
	case 0x01b: return "aborted, preempt and abort";
	case 0x01c: return "sanitize failed";
	case 0x01d: return "sanitize in progress";
	case 0x01e: return "SGL data block granularity invalid";
	case 0x020: return "namespace is write protected";
	case 0x021: return "command interrupted";
	case 0x022: return "transient transport error";
	case 0x080: return "LBA out of range";
	case 0x081: return "capacity exceeded";
	case 0x082: return "namespace not ready";
	case 0x083: return "reservation conflict";
	case 0x084: return "format in progress";
	case 0x100: return "completion queue invalid";
	case 0x101: return "invalid queue identifier";
	case 0x102: return "invalid queue size";
	case 0x10a: return "invalid format";
	case 0x10d: return "feature not saveable";
	case 0x10e: return "feature not changeable";
	case 0x10f: return "feature not namespace specific";
	case 0x115: return "namespace insufficient capacity";
	case 0x116: return "namespace identifier unavailable";
	case 0x118: return "namespace already attached";
	case 0x11a: return "namespace not attached";
	case 0x180: return "conflicting attributes";
	case 0x181: return "invalid protection information";
	case 0x182: return "write to read-only range";
	case 0x1b8: return "zoned boundary error";
	case 0x1b9: return "zone is full";
	case 0x1ba: return "zone is read-only";
	case 0x1bb: return "zone is offline";
	case 0x1bc: return "invalid zone write";
	case 0x1bd: return "too many active zones";
	case 0x1be: return "too many open zones";
	case 0x1bf: return "invalid zone state transition";
	case 0x280: return "write fault";
	case 0x281: return "unrecovered read error";
	case 0x282: return "guard check error";
	case 0x283: return "application tag check error";
	case 0x284: return "reference tag check error";
	case 0x285: return "compare failure";
	case 0x286: return "access denied";
	case 0x287: return "deallocated or unwritten block";
	case 0x300: return "internal path error";
	case 0x301: return "asymmetric access persistent loss";
	case 0x302: return "asymmetric access inaccessible";
	case 0x303: return "asymmetric access transition";
	case 0x360: return "controller pathing error";
	case 0x370: return "host pathing error";
	case 0x371: return "aborted by host";
	}
	switch (sluice_status_sct(status)) {
	case 0: return "other generic status";
	case 1: return "other command specific status";
	case 2: return "other media or data integrity error";
	case 3: return "other path related status";
	case 7: return "vendor specific status";
	}
	return "reserved status code type";
}

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_STATUS_H */
