// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: sockets that stages send to.
 *
 * Each has a queue of transfers, which a worker sends in order as far as the
 * socket takes them; when there is room again, the socket's wait queue runs the
 * worker.  A peer that does not read fills its queue, and with it the region, so
 * that reception waits.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "unified.h"

struct io_unified_sock {
	struct io_unified_region	*region;
	struct file			*file;
	struct wait_queue_entry		wait;
	struct work_struct		work;
	struct list_head		queue;	/* under region->lock */
	/* the worker's */
	struct io_unified_xfer		*cur;	/* sent in part */
	u32				done;	/* bytes of it */
	int				error;	/* nothing can be sent any more */
};

/* Nobody has @x's memory any more, or it could not be sent; any context */
void io_unified_sock_sent(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_to_sock--;
		if (x->copied)
			io_unified_stat_add(r, &r->stats.copied_bytes, x->frags.len);
		io_unified_account_end(r, x->status ? &r->stats.failed :
						      &r->stats.sent, x);
		io_unified_kick(r);
	}
	io_unified_put_xfer(x);
}

static void io_unified_sock_next(struct io_unified_sock *us)
{
	struct io_unified_region *r = us->region;

	us->done = 0;
	scoped_guard(spinlock_irq, &r->lock) {
		us->cur = list_first_entry_or_null(&us->queue,
						   struct io_unified_xfer, list);
		if (us->cur)
			list_del(&us->cur->list);
	}
}

static int io_unified_sock_send(struct io_unified_sock *us)
{
	struct socket *sock = sock_from_file(us->file);
	int ret = us->error;

	if (!ret && !us->cur->sending)
		ret = io_unified_send_begin(us->cur, sock->sk);
	if (!ret)
		ret = io_unified_sendmsg(us->cur, sock, &us->done);
	/* or the peer would get what follows without it */
	if (ret != -EAGAIN)
		us->error = ret;
	return ret;
}

static void io_unified_sock_work(struct work_struct *work)
{
	struct io_unified_sock *us =
		container_of(work, struct io_unified_sock, work);
	/* of the region's owner, as with commands */
	const struct cred *old = override_creds(us->region->creds);
	struct io_unified_xfer *x;
	int ret;

	while (1) {
		if (!us->cur)
			io_unified_sock_next(us);
		x = us->cur;
		if (!x)
			break;
		ret = io_unified_sock_send(us);
		/* the wait queue brings us back */
		if (ret == -EAGAIN)
			break;
		us->cur = NULL;
		x->status = ret;
		if (!x->sending || io_unified_send_finish(x))
			io_unified_sock_sent(x);
	}
	revert_creds(old);
}

static int io_unified_sock_wake(struct wait_queue_entry *wait, unsigned int mode,
				int sync, void *key)
{
	struct io_unified_sock *us =
		container_of(wait, struct io_unified_sock, wait);
	__poll_t events = key_to_poll(key);

	if (!events || events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		queue_work(system_highpri_wq, &us->work);
	return 0;
}

/*
 * Put @x, which is nobody else's, into the queue of socket @nr.
 *
 * Context: any.
 * Return: 0, or -ENOTCONN: there is no such socket, and @x is still the caller's.
 */
int io_unified_to_sock(struct io_unified_xfer *x, u32 nr)
{
	struct io_unified_region *r = x->region;
	struct io_unified_sock *us;

	guard(spinlock_irqsave)(&r->lock);
	if (nr >= IO_UNIFIED_MAX_SOCKS)
		return -ENOTCONN;
	us = r->socks[array_index_nospec(nr, IO_UNIFIED_MAX_SOCKS)];
	if (!us)
		return -ENOTCONN;
	io_unified_unpad(x);
	x->stream = NULL;
	x->to_sock = true;
	r->nr_to_sock++;
	list_add_tail(&x->list, &us->queue);
	queue_work(system_highpri_wq, &us->work);
	return 0;
}

/* The lowest number that is free, or -errno */
int io_unified_add_sock(struct io_unified_region *r, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct io_unified_sock *us;
	u32 nr;

	if (!sock)
		return -ENOTSOCK;
	if (!sk_is_tcp(sock->sk))
		return -EPROTONOSUPPORT;
	for (nr = 0; nr < IO_UNIFIED_MAX_SOCKS && r->socks[nr]; nr++)
		;
	if (nr == IO_UNIFIED_MAX_SOCKS)
		return -E2BIG;
	us = kzalloc_obj(*us, GFP_KERNEL_ACCOUNT);
	if (!us)
		return -ENOMEM;
	us->region = r;
	us->file = get_file(file);
	INIT_WORK(&us->work, io_unified_sock_work);
	INIT_LIST_HEAD(&us->queue);
	init_waitqueue_func_entry(&us->wait, io_unified_sock_wake);
	add_wait_queue(sk_sleep(sock->sk), &us->wait);
	guard(spinlock_irq)(&r->lock);
	r->socks[nr] = us;
	return nr;
}

/*
 * What is in its queue is lost, and counts as failed.  What has been sent, but
 * not been acknowledged, stays as it is.
 */
int io_unified_del_sock(struct io_unified_region *r, u32 nr)
{
	struct io_unified_sock *us;

	if (nr >= IO_UNIFIED_MAX_SOCKS)
		return -ENOTCONN;
	nr = array_index_nospec(nr, IO_UNIFIED_MAX_SOCKS);
	us = r->socks[nr];
	if (!us)
		return -ENOTCONN;
	/* from here on nobody queues */
	scoped_guard(spinlock_irq, &r->lock)
		r->socks[nr] = NULL;
	remove_wait_queue(sk_sleep(sock_from_file(us->file)->sk), &us->wait);
	cancel_work_sync(&us->work);
	/* the last run only ends what there is */
	us->error = -ECANCELED;
	io_unified_sock_work(&us->work);
	fput(us->file);
	kfree(us);
	return 0;
}

void io_unified_close_socks(struct io_unified_region *r)
{
	u32 nr;

	for (nr = 0; nr < IO_UNIFIED_MAX_SOCKS; nr++)
		io_unified_del_sock(r, nr);
}
