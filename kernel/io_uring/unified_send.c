// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: to a socket.
 *
 * The socket gets the pages of the region by reference, as with
 * IORING_OP_SEND_ZC, and tells by ubuf_info when the last of them has been let
 * go.  Only then does the request complete: its memory may be used again.
 */
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "io_uring.h"
#include "poll.h"
#include "unified.h"

/* The socket has let go of the memory; any context */
static void io_unified_sent(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	if (x->req) {
		io_unified_req_done(x);
		return;
	}
	/* the request has gone before */
	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_release(r, &x->frags);
		io_unified_kick(r);
	}
	io_unified_put_xfer(x);
}

static void io_unified_ubuf_complete(struct sk_buff *skb,
				     struct ubuf_info *uarg, bool success)
{
	struct io_unified_xfer *x = container_of(uarg, struct io_unified_xfer, uarg);

	/* somebody on the way had to have his own copy */
	if (!success)
		WRITE_ONCE(x->copied, true);
	if (refcount_dec_and_test(&uarg->refcnt))
		io_unified_sent(x);
}

static const struct ubuf_info_ops io_unified_ubuf_ops = {
	.complete	= io_unified_ubuf_complete,
};

static void io_unified_send_init(struct io_unified_xfer *x, struct sock *sk)
{
	x->uarg.ops = &io_unified_ubuf_ops;
	x->uarg.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&x->uarg.refcnt, 1);
	/* without it the socket makes a copy of its own */
	x->copied = !(sk->sk_route_caps & NETIF_F_SG);
	x->sending = true;
}

/* The request goes while the socket may still have some of its memory */
bool io_unified_send_detach(struct io_unified_xfer *x)
{
	if (!x->sending)
		return false;
	x->sending = false;
	x->req = NULL;
	/* whoever has the last reference frees it */
	if (refcount_dec_and_test(&x->uarg.refcnt))
		io_unified_sent(x);
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
	int ret;

	if (!x->sending)
		io_unified_send_init(x, sock->sk);

	while (*done < x->frags.len) {
		struct msghdr msg = {
			.msg_flags	= MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL,
			.msg_ubuf	= &x->uarg,
		};

		iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, x->frags.bv,
			      x->frags.nr, x->frags.len);
		iov_iter_advance(&msg.msg_iter, *done);
		ret = sock_sendmsg(sock, &msg);
		if (ret > 0) {
			*done += ret;
			continue;
		}
		if (ret == -EAGAIN) {
			ret = io_unified_send_wait(req, issue_flags);
			if (!ret)
				continue;
			if (ret == IOU_ISSUE_SKIP_COMPLETE)
				return ret;
		}
		x->status = ret ?: -EPIPE;
		break;
	}

	x->sending = false;
	if (refcount_dec_and_test(&x->uarg.refcnt))
		return IOU_COMPLETE;
	return IOU_ISSUE_SKIP_COMPLETE;
}
