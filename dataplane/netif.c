// SPDX-License-Identifier: BSD-3-Clause
// Interface flags, MTU and offloads by ioctl. Main thread.
#include "netif.h"

#include "log.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

LOG_TYPE("port");

bool netif_exists(const char *name)
{
	return if_nametoindex(name) != 0;
}

static int request(const char *name, unsigned long what, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	rc = ioctl(fd, what, ifr) ? -errno : 0;
	close(fd);
	return rc;
}

static int flags_add(const char *name, short flags)
{
	struct ifreq ifr = {0};
	int rc = request(name, SIOCGIFFLAGS, &ifr);

	if (rc)
		return rc;
	ifr.ifr_flags |= flags;
	return request(name, SIOCSIFFLAGS, &ifr);
}

// An offload that the device does not have is as good as one that is off.
static void offloads_off(const char *name)
{
	struct ethtool_value value[] = {
		{.cmd = ETHTOOL_SGRO}, {.cmd = ETHTOOL_SGSO}, {.cmd = ETHTOOL_STSO}};
	struct ethtool_value get = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq ifr = {0};

	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		ifr.ifr_data = (char *)&value[i];
		request(name, SIOCETHTOOL, &ifr);
	}
	ifr.ifr_data = (char *)&get;
	if (!request(name, SIOCETHTOOL, &ifr) && get.data & (ETH_FLAG_LRO | ETH_FLAG_RXVLAN)) {
		get.cmd = ETHTOOL_SFLAGS;
		get.data &= ~(uint32_t)(ETH_FLAG_LRO | ETH_FLAG_RXVLAN);
		request(name, SIOCETHTOOL, &ifr);
	}
}

int netif_take(const char *name, uint16_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};
	int rc = request(name, SIOCSIFMTU, &ifr);

	if (rc) {
		LOG(ERR, "interface %s: MTU %u refused: %s", name, mtu, strerror(-rc));
		return rc;
	}
	rc = flags_add(name, IFF_UP | IFF_ALLMULTI);
	if (rc) {
		LOG(ERR, "interface %s cannot be set up: %s", name, strerror(-rc));
		return rc;
	}
	offloads_off(name);
	return 0;
}

int netif_queue_set(const char *name, uint32_t packets)
{
	struct ifreq ifr = {.ifr_qlen = (int)packets};

	return request(name, SIOCSIFTXQLEN, &ifr);
}

bool netif_running(const char *name)
{
	struct ifreq ifr = {0};

	return !request(name, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_UP &&
		ifr.ifr_flags & IFF_RUNNING;
}

int netif_mac(const char *name, uint8_t mac[6])
{
	struct ifreq ifr = {0};
	int rc = request(name, SIOCGIFHWADDR, &ifr);

	if (rc)
		return rc;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}
