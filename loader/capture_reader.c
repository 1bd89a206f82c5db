// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_reader.h"
#include "output.h"

#define BUF_SIZE	(1u << 20)
#define BUF_ALIGN	4096
#define MAX_BLOCK	CAPTURE_MAX_SLOT

static int read_error(const struct capture_reader *r, uint64_t off)
{
	return error("%s: reading at byte %" PRIu64 ": %s; 'dmesg' tells more", r->path,
		     r->start + off, strerror(errno));
}

/* Fill the buffer from @off, a multiple of the block size, on; less at the end */
static int fill(struct capture_reader *r, uint64_t off)
{
	r->buf_off = off;
	r->buf_len = 0;
	while (r->buf_len < BUF_SIZE) {
		ssize_t n = pread(r->fd, r->buf + r->buf_len, BUF_SIZE - r->buf_len,
				  r->start + off + r->buf_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return read_error(r, off + r->buf_len);
		if (!n)
			break;
		r->buf_len += n;
		/* direct I/O goes on only from where a block begins */
		if (r->buf_len % 512)
			break;
	}
	return 0;
}

/* @len bytes at @off, NULL if they are not there; -1 in @ret after an error */
static const unsigned char *fetch(struct capture_reader *r, uint64_t off, size_t len,
				  int *ret)
{
	*ret = 0;
	if (off < r->buf_off || off - r->buf_off > r->buf_len ||
	    r->buf_len - (off - r->buf_off) < len) {
		*ret = fill(r, off);
		if (*ret || r->buf_len < len)
			return NULL;
	}
	return r->buf + (off - r->buf_off);
}

static int no_capture(const struct capture_reader *r, unsigned long long lba,
		      const char *why)
{
	return error("%s: %s at block %llu; --lba is what it was for 'sluice capture'",
		     r->path, why, lba);
}

/* A file does not say how large a block was: the one that the superblock has */
static int find_super(struct capture_reader *r, unsigned long long lba, int block)
{
	unsigned int size = block ?: 512, last = block ?: MAX_BLOCK;
	const char *why = "no capture", *other;
	const unsigned char *p;
	int ret;

	for (; size <= last; size *= 2) {
		if (lba > (unsigned long long)INT64_MAX / 2 / size)
			break;
		r->start = lba * size;
		r->buf_len = 0;
		p = fetch(r, 0, sizeof(r->super), &ret);
		if (ret)
			return ret;
		other = p ? capture_super_decode(&r->super, p) : "no capture";
		if (!other && (!lba || r->super.block_size == size))
			return 0;
		if (other && strcmp(other, "no capture"))
			why = other;
	}
	return no_capture(r, lba, why);
}

bool capture_probe(const char *path, uint64_t start)
{
	/* not from the page cache, which commands go past */
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	struct capture_super super;
	void *buf = NULL;
	bool found;

	found = fd >= 0 && !posix_memalign(&buf, BUF_ALIGN, BUF_ALIGN) &&
		pread(fd, buf, BUF_ALIGN, start) >= (ssize_t)sizeof(super) &&
		!capture_super_decode(&super, buf);
	free(buf);
	if (fd >= 0)
		close(fd);
	return found;
}

int capture_reader_open(struct capture_reader *r, const char *path,
			unsigned long long lba)
{
	struct stat st;
	int block = 0;

	memset(r, 0, sizeof(*r));
	r->path = path;
	/* commands have written past the page cache: what that has may be old */
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st))
		return error("%s: %s%s", path, strerror(errno),
			     errno == EACCES ? "; run as root" : "");
	if (S_ISCHR(st.st_mode))
		return error("%s is a generic node, which cannot be read; give the block node, /dev/nvme0n1 say",
			     path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error("%s is neither a file nor a block device", path);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(r->fd, BLKSSZGET, &block) || block < 512 ||
		    fcntl(r->fd, F_SETFL, O_DIRECT))
			return error("%s: %s", path, strerror(errno));
	}
	r->buf = aligned_alloc(BUF_ALIGN, BUF_SIZE);
	if (!r->buf)
		return error("out of memory for a buffer of 1 MiB");
	if (find_super(r, lba, block))
		return -1;
	r->pos = 1;
	return 0;
}

/* The slot at block @pos: 1, 0 if there is none, -1 after an error message */
static int slot_at(struct capture_reader *r, uint64_t pos, uint64_t end,
		   struct capture_frame *frame)
{
	size_t block = r->super.block_size;
	const unsigned char *p;
	int ret;

	p = fetch(r, pos * block, block, &ret);
	r->truncated = !p && !ret;
	if (!p)
		return ret;
	if (!capture_slot_decode(&frame->slot, p, &r->super) ||
	    frame->slot.seq < r->seq || frame->slot.blocks > end - pos)
		return 0;
	p = fetch(r, pos * block, frame->slot.blocks * block, &ret);
	r->truncated = !p && !ret;
	if (!p)
		return ret;
	frame->data = p + frame->slot.data_off;
	return 1;
}

int capture_reader_next(struct capture_reader *r, struct capture_frame *frame)
{
	bool complete = r->super.flags & CAPTURE_F_COMPLETE;
	uint64_t end = complete ? r->super.used : r->super.blocks;
	uint64_t pos;

	/*
	 * Commands do not end in order: in a capture that was cut off one may be
	 * missing with others behind it, but no more than the window.  One that
	 * was completed has gaps where commands failed.
	 */
	for (pos = r->pos; pos < end; pos++) {
		int ret;

		if (!complete && pos - r->pos > r->super.window)
			return 0;
		ret = slot_at(r, pos, end, frame);
		if (ret < 0 || r->truncated)
			return ret;
		if (!ret)
			continue;
		frame->missing = frame->slot.seq - r->seq;
		r->seq = frame->slot.seq + 1;
		r->pos = pos + frame->slot.blocks;
		return 1;
	}
	return 0;
}

void capture_reader_close(struct capture_reader *r)
{
	free(r->buf);
	if (r->fd >= 0)
		close(r->fd);
}
