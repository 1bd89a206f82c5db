// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: the NIC queue.
 *
 * The queue is a zcrx one, opened as IORING_REGISTER_ZCRX_IFQ opens it, but for
 * its memory: the area is part of the region, and buffers come back to the page
 * pool from the kernel, see io_unified_refill(), not by a ring of user space.
 */
#include <linux/dma-mapping.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "io_uring.h"
#include "unified.h"
#include "zcrx.h"

/* So that a record and a block can always be completed */
#define IO_UNIFIED_MIN_BUFS	128

/* The pages of the data area that are the NIC's, mapped for its device */
int io_unified_import_area(struct io_zcrx_ifq *ifq, struct io_zcrx_mem *mem)
{
	struct io_unified_region *r = ifq->unified;
	unsigned int nr_pages = r->user_off >> PAGE_SHIFT;
	struct page **pages;
	unsigned int i;
	int ret;

	pages = kvmalloc_objs(*pages, nr_pages, GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	/* a queue that cannot be restarted keeps its memory, the region does not */
	for (i = 0; i < nr_pages; i++) {
		pages[i] = r->mr.pages[r->data_page + i];
		get_page(pages[i]);
	}

	ret = sg_alloc_table_from_pages_segment(&mem->page_sg_table, pages,
						nr_pages, 0, r->user_off,
						dma_get_max_seg_size(ifq->dev),
						GFP_KERNEL_ACCOUNT);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(ifq->dev, &mem->page_sg_table, DMA_FROM_DEVICE,
			      DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_WEAK_ORDERING);
	if (ret)
		goto err_table;

	/* nr_folios stays 0: the pages are pinned and accounted by the region */
	mem->sgt = &mem->page_sg_table;
	mem->pages = pages;
	mem->nr_refs = nr_pages;
	mem->size = r->user_off;
	return 0;

err_table:
	sg_free_table(&mem->page_sg_table);
err_free:
	release_pages(pages, nr_pages);
	kvfree(pages);
	return ret;
}

static int io_unified_alloc_bufs(struct io_unified_region *r)
{
	r->nr_bufs = r->user_off >> r->buf_shift;
	if (r->nr_bufs < IO_UNIFIED_MIN_BUFS || r->nr_bufs >= IO_UNIFIED_BUF_PAGE)
		return -EINVAL;
	r->high = r->nr_bufs / 2;
	r->low = r->high / 2;
	r->limit = r->high + r->low;
	r->holds = kvzalloc_objs(*r->holds, r->nr_bufs, GFP_KERNEL_ACCOUNT);
	r->refill_mask = roundup_pow_of_two(r->nr_bufs) - 1;
	r->refill = kvzalloc_objs(*r->refill, r->refill_mask + 1,
				  GFP_KERNEL_ACCOUNT);
	r->queued = bitmap_zalloc(r->nr_bufs, GFP_KERNEL_ACCOUNT);
	r->app_holds = kvzalloc_objs(*r->app_holds, r->nr_bufs,
				     GFP_KERNEL_ACCOUNT);
	if (!r->holds || !r->refill || !r->queued || !r->app_holds)
		return -ENOMEM;
	return 0;
}

int io_unified_open_rxq(struct io_unified_region *r, u32 ifindex, u32 rxq,
			u32 buf_size)
{
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx		= ifindex,
		.if_rxq		= rxq,
		.rx_buf_len	= buf_size > PAGE_SIZE ? buf_size : 0,
	};
	struct io_uring_zcrx_area_reg area = { };
	struct io_zcrx_ifq *ifq;
	int ret;

	ret = io_unified_alloc_bufs(r);
	if (ret)
		return ret;
	ifq = io_zcrx_ifq_alloc(r->ctx);
	if (!ifq)
		return -ENOMEM;
	ifq->unified = r;
	ifq->kern_readable = true;
	r->ifq = ifq;
	return zcrx_register_netdev(ifq, &reg, &area);
}

/* No request receives any more: let the NIC have its queue back */
void io_unified_terminate_rxq(struct io_unified_region *r)
{
	if (!r->ifq || r->terminated)
		return;
	r->terminated = true;
	zcrx_unregister_user(r->ifq, r->ctx);
}

/* Where the NIC is */
int io_unified_rxq_node(u32 ifindex)
{
	netdevice_tracker tracker;
	struct net_device *dev;
	int node;

	dev = netdev_get_by_index(current->nsproxy->net_ns, ifindex, &tracker,
				  GFP_KERNEL);
	if (!dev)
		return NUMA_NO_NODE;
	node = dev->dev.parent ? dev_to_node(dev->dev.parent) : NUMA_NO_NODE;
	netdev_put(dev, &tracker);
	return node;
}

void io_unified_close_rxq(struct io_unified_region *r)
{
	if (r->ifq) {
		if (r->terminated)
			io_zcrx_scrub(r->ifq);
		else
			zcrx_unregister_user(r->ifq, r->ctx);
		scoped_guard(spinlock_bh, &r->ifq->rq.lock)
			r->ifq->unified = NULL;
		io_put_zcrx_ifq(r->ifq);
	}
	kvfree(r->app_holds);
	kvfree(r->holds);
	kvfree(r->refill);
	bitmap_free(r->queued);
}
