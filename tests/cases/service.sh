#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice record as a service: sd_notify, without privileges while it runs, taken
# down whatever ends it; and the example unit.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
tests/vm/enter bash -euc '
	sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" examples/sluice-record.service >/tmp/sluice-record.service
	SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no /tmp/sluice-record.service 2>&1 |
		tee /tmp/verify
	! grep sluice-record /tmp/verify'
data 3000100
machine -- tests/guest/service.sh
expect --drop DROP
done_with_images
