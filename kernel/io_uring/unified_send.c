// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: to a socket.
 *
 * The socket gets the pages of the region by reference, as with
 * IORING_OP_SEND_ZC, and tells by ubuf_info when the last of them has been let
 * go.  Only then does the request complete: its memory may be used again.  A
 * peer that never reads must not keep a ring whose owner is gone, so when the
 * ring goes away the region stops to wait, and what the socket has, it has by
 * its references to the pages.
 */
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "io_uring.h"
#include "poll.h"
#include "unified.h"

/* What a socket has of a transfer's memory; outlives request and region */
struct io_unified_ubuf {
	struct ubuf_info	uarg;
	/* whoever takes it out is the one to end the send */
	struct io_unified_xfer	*x;
	bool			copied;	/* by somebody on the way */
};

/* Nobody waits for @x's request any more, and the socket has let go of it */
static void io_unified_send_free(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_release(r, &x->frags);
		io_unified_kick(r);
	}
	io_unified_put_xfer(x);
}

static void io_unified_send_end(struct io_unified_xfer *x)
{
	scoped_guard(spinlock_irqsave, &x->region->lock) {
		list_del(&x->list);
		x->ubuf = NULL;
	}
	if (x->to_sock)
		io_unified_sock_sent(x);
	else if (x->req)
		io_unified_req_done(x);
	else
		io_unified_send_free(x);
}

/* The last of the socket's references is gone; any context */
static void io_unified_sent(struct io_unified_ubuf *ubuf)
{
	struct io_unified_xfer *x = xchg(&ubuf->x, NULL);

	if (x) {
		x->copied = ubuf->copied;
		io_unified_send_end(x);
	}
	kfree(ubuf);
}

static void io_unified_ubuf_complete(struct sk_buff *skb,
				     struct ubuf_info *uarg, bool success)
{
	struct io_unified_ubuf *ubuf =
		container_of(uarg, struct io_unified_ubuf, uarg);

	/* somebody on the way had to have his own copy */
	if (!success)
		WRITE_ONCE(ubuf->copied, true);
	if (refcount_dec_and_test(&uarg->refcnt))
		io_unified_sent(ubuf);
}

static const struct ubuf_info_ops io_unified_ubuf_ops = {
	.complete	= io_unified_ubuf_complete,
};

int io_unified_send_begin(struct io_unified_xfer *x, struct sock *sk)
{
	struct io_unified_region *r = x->region;
	struct io_unified_ubuf *ubuf = kzalloc_obj(*ubuf, GFP_KERNEL_ACCOUNT);

	if (!ubuf)
		return -ENOMEM;
	ubuf->uarg.ops = &io_unified_ubuf_ops;
	ubuf->uarg.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&ubuf->uarg.refcnt, 1);
	/* without it the socket makes a copy of its own */
	ubuf->copied = !(sk->sk_route_caps & NETIF_F_SG);
	ubuf->x = x;
	x->ubuf = ubuf;
	x->sending = true;
	guard(spinlock_irq)(&r->lock);
	list_add_tail(&x->list, &r->sends);
	return 0;
}

/* The ring goes away: its sends do not wait for the socket any more */
void io_unified_forget_sends(struct io_unified_region *r)
{
	struct io_unified_xfer *x, *tmp;
	LIST_HEAD(forgotten);

	scoped_guard(spinlock_irq, &r->lock) {
		list_for_each_entry_safe(x, tmp, &r->sends, list) {
			/* else the socket has just let go */
			if (!x->sending && xchg(&x->ubuf->x, NULL))
				list_move_tail(&x->list, &forgotten);
		}
	}
	list_for_each_entry_safe(x, tmp, &forgotten, list)
		io_unified_send_end(x);
}

/* The request goes while the socket may still have some of its memory */
bool io_unified_send_detach(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_unified_ubuf *ubuf = x->ubuf;

	if (!x->sending)
		return false;
	x->sending = false;
	x->req = NULL;
	/* whoever has the last reference frees it */
	if (refcount_dec_and_test(&ubuf->uarg.refcnt))
		io_unified_sent(ubuf);
	else if (r->leaving)
		io_unified_forget_sends(r);
	return true;
}

static int io_unified_send_wait(struct io_kiocb *req, unsigned int issue_flags)
{
	int ret = io_arm_apoll(req, issue_flags, EPOLLOUT | EPOLLWRNORM |
						 EPOLLERR | EPOLLHUP);

	if (ret == IO_APOLL_OK)
		return IOU_ISSUE_SKIP_COMPLETE;
	return ret == IO_APOLL_READY ? 0 : -ECANCELED;
}

/*
 * Send what is left of @x, of which *@done bytes have been sent: 0, or -errno,
 * and then *@done says how far it went.
 */
int io_unified_sendmsg(struct io_unified_xfer *x, struct socket *sock, u32 *done)
{
	while (*done < x->frags.len) {
		struct msghdr msg = {
			.msg_flags	= MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL,
			.msg_ubuf	= &x->ubuf->uarg,
		};
		int ret;

		iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, x->frags.bv,
			      x->frags.nr, x->frags.len);
		iov_iter_advance(&msg.msg_iter, *done);
		ret = sock_sendmsg(sock, &msg);
		if (ret <= 0)
			return ret ?: -EPIPE;
		*done += ret;
	}
	return 0;
}

/*
 * All that will be sent has been: true: the socket has let go of it; otherwise
 * that is io_unified_send_end()'s to notice.
 */
bool io_unified_send_finish(struct io_unified_xfer *x)
{
	struct io_unified_ubuf *ubuf = x->ubuf;

	x->sending = false;
	if (!refcount_dec_and_test(&ubuf->uarg.refcnt))
		return false;
	/* it has, unless the region did not wait for that */
	if (!xchg(&ubuf->x, NULL)) {
		kfree(ubuf);
		return false;
	}
	scoped_guard(spinlock_irq, &x->region->lock) {
		list_del(&x->list);
		x->ubuf = NULL;
	}
	x->copied = ubuf->copied;
	kfree(ubuf);
	return true;
}

/*
 * Send what is left of @x, of which *@done bytes have been sent.
 *
 * Return: IOU_ISSUE_SKIP_COMPLETE: the request will be run again, to send the
 * rest if @x is still sending.  IOU_COMPLETE: nothing will follow; what is not
 * in *@done could not be sent, and @x->status says why.
 */
int io_unified_send(struct io_kiocb *req, struct io_unified_xfer *x, u32 *done,
		    unsigned int issue_flags)
{
	struct socket *sock = sock_from_file(req->file);
	u32 before = *done;
	int ret;

	if (!x->sending) {
		x->status = io_unified_send_begin(x, sock->sk);
		if (x->status)
			return IOU_COMPLETE;
	}

	while ((ret = io_unified_sendmsg(x, sock, done))) {
		if (ret == -EAGAIN) {
			/* it gets on: that is none of the retries poll counts */
			if (*done > before && req->flags & REQ_F_POLLED)
				req->apoll->poll.retries++;
			before = *done;
			ret = io_unified_send_wait(req, issue_flags);
			if (!ret)
				continue;
			if (ret == IOU_ISSUE_SKIP_COMPLETE)
				return ret;
		}
		x->status = ret;
		break;
	}
	return io_unified_send_finish(x) ? IOU_COMPLETE : IOU_ISSUE_SKIP_COMPLETE;
}
