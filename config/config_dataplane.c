// SPDX-License-Identifier: BSD-3-Clause
// Reads the group `dataplane`: workers and their CPUs, memory, ports with their addresses, static
// routes. What needs more than one of these to judge is in config_check.c.
#include "config_impl.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 62
#define CPU_MAX 1023

static const char *const idle_words[] = {"auto", "poll", "adaptive", NULL};
static const char *const hugepages_words[] = {"auto", "no", "yes", NULL};
static const char *const role_words[] = {"outer", "inner", NULL};

void config_default_dataplane(struct config_dataplane *dataplane)
{
	dataplane->worker_n = 0; // from cpus, or 1
	dataplane->main_cpu = 0;
	dataplane->memory_mb = 512;
	dataplane->mbufs = 16384;
	dataplane->sa_slots = 16384;
}

static void read_cpus(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_dataplane *dataplane = into;
	int length = config_setting_length(setting);
	int line = (int)config_setting_source_line(setting);

	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		config_error(r, line, "cpus is not a list of numbers; write cpus = [1, 2]");
		return;
	}
	if (length < 1 || length > WORKERS_MAX) {
		config_error(r, line, "cpus names %d CPUs; 1 to %d, one for each worker", length,
			WORKERS_MAX);
		return;
	}
	for (int i = 0; i < length; i++) {
		config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
		int cpu = config_setting_get_int(item);

		if (config_setting_type(item) != CONFIG_TYPE_INT || cpu < 0 || cpu > CPU_MAX) {
			config_error(r, line, "element %d of cpus is not a CPU's number; 0 to %d",
				i + 1, CPU_MAX);
			return;
		}
		for (int k = 0; k < i; k++)
			if (dataplane->worker_cpu[k] == (uint32_t)cpu)
				config_error(r, line,
					"CPU %d stands twice in cpus; each worker needs its own",
					cpu);
		dataplane->worker_cpu[i] = (uint32_t)cpu;
	}
	if (dataplane->worker_n != 0 && dataplane->worker_n != (uint32_t)length)
		config_error(r, line,
			"%d CPUs for %u workers; as many as workers, or leave one of "
			"the two keys out",
			length, dataplane->worker_n);
	dataplane->worker_n = (uint32_t)length;
}

static void check_interface(struct config_reader *r, int line, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 15 || strpbrk(name, "/, \t:=") != NULL)
		config_error(r, line,
			"'%.40s' is no interface name; 1 to 15 letters, without '/', ',', ':', "
			"'=' or blanks",
			name);
}

static bool pci_address(const char *text)
{
	unsigned domain, bus, device, function;
	int end = 0;

	return sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) == 4 &&
		text[end] == '\0' && strlen(text) == strlen("0000:01:00.0");
}

static void read_device(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_port *port = into;
	const char *text = config_read_text(r, setting);
	int line = (int)config_setting_source_line(setting);

	if (text == NULL)
		return;
	if (strlen(text) >= sizeof(port->device)) {
		config_error(r, line, "device is too long; at most %zu letters",
			sizeof(port->device) - 1);
		return;
	}
	snprintf(port->device, sizeof(port->device), "%s", text);
	if (strncmp(text, "af_packet:", 10) == 0)
		check_interface(r, line, text + 10);
	else if (strncmp(text, "tap:", 4) == 0)
		check_interface(r, line, text + 4);
	else if (strncmp(text, "pci:", 4) == 0 && pci_address(text + 4))
		return;
	else if (strncmp(text, "pci:", 4) == 0)
		config_error(
			r, line, "'%.40s' is no PCI address; write \"pci:0000:01:00.0\"", text + 4);
	else if (strncmp(text, "vdev:", 5) != 0 || text[5] == '\0')
		config_error(r, line,
			"'%.40s' is no device; \"af_packet:IFACE\", \"tap:IFACE\", "
			"\"pci:0000:01:00.0\" or \"vdev:ARGS\"",
			text);
}

// A subnet's own address, or its broadcast address, is nobody's.
static bool is_host_address(const struct inet_addr *addr, uint8_t len)
{
	struct inet_prefix net = {.addr = *addr, .len = len};
	struct inet_addr first, last;

	if (inet_addr_is_unspecified(addr) || inet_addr_is_multicast(addr))
		return false;
	if (addr->family != AF_INET || len >= 31)
		return true;
	inet_prefix_range(&net, &first, &last);
	return !inet_addr_equal(addr, &first) && !inet_addr_equal(addr, &last);
}

static void add_address(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_port *port = into;
	struct config_ifaddr *slot = &port->addr[port->addr_n];

	if (port->addr_n >= CONFIG_PORT_ADDRS) {
		config_error(r, line, "address %.60s is one too many; a port has at most %d", text,
			CONFIG_PORT_ADDRS);
		return;
	}
	if (inet_ifaddr_parse(text, &slot->addr, &slot->len) != 0 || slot->len == 0)
		config_error(r, line,
			"'%.60s' is no address with its subnet's length; write \"192.0.2.1/24\" "
			"or \"2001:db8::1/64\"",
			text);
	else if (!is_host_address(&slot->addr, slot->len))
		config_error(r, line,
			"%.60s is not an address that a host can have; take one "
			"inside the subnet",
			text);
	else
		port->addr_n++;
}

static void read_addresses(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_address, into);
}

static void read_port(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"role", CONFIG_KIND_WORD, .required = true,
			.offset = offsetof(struct config_port, role), .words = role_words},
		{"device", CONFIG_KIND_READ, .required = true, .read = read_device},
		{"addresses", CONFIG_KIND_READ, .required = true, .read = read_addresses},
		{"mtu", CONFIG_KIND_U32, .offset = offsetof(struct config_port, mtu), .min = 1280,
			.max = 9000},
		{"shared", CONFIG_KIND_BOOL, .offset = offsetof(struct config_port, shared)},
		{},
	};
	struct config_port *port = into;

	port->line = (int)config_setting_source_line(group);
	port->mtu = 1500;
	config_read_group(r, group, "a port", keys, port);
}

static void read_ports(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_dataplane *dataplane = into;
	struct config_port *ports = config_read_list(
		r, setting, "ports", sizeof(*ports), CONFIG_PORTS, &dataplane->port_n, read_port);

	if (ports != NULL)
		memcpy(dataplane->port, ports, dataplane->port_n * sizeof(*ports));
	free(ports);
}

static void read_prefix(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_route *route = into;
	const char *text = config_read_text(r, setting);
	int line = (int)config_setting_source_line(setting);
	int rc = text != NULL ? inet_prefix_parse(text, &route->prefix) : 0;

	if (rc == -ERANGE)
		config_error(r, line,
			"%.60s has bits set behind its length; clear them or make it longer", text);
	else if (rc != 0)
		config_error(r, line,
			"'%.60s' is no prefix; write \"192.0.2.0/24\" or \"2001:db8::/32\"", text);
}

static void read_via(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_route *route = into;
	const char *text = config_read_text(r, setting);

	if (text == NULL)
		return;
	if (inet_addr_parse(text, &route->via) != 0 || inet_addr_is_multicast(&route->via) ||
		inet_addr_is_unspecified(&route->via))
		config_error(r, (int)config_setting_source_line(setting),
			"via = \"%.60s\" is no next hop; write a router's address", text);
}

static void read_route(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"table", CONFIG_KIND_WORD, .required = true,
			.offset = offsetof(struct config_route, table), .words = role_words},
		{"prefix", CONFIG_KIND_READ, .required = true, .read = read_prefix},
		{"via", CONFIG_KIND_READ, .read = read_via},
		{"port", CONFIG_KIND_TEXT, .offset = offsetof(struct config_route, port),
			.size = CONFIG_NAME_MAX},
		{},
	};
	struct config_route *route = into;

	route->line = (int)config_setting_source_line(group);
	config_read_group(r, group, "a route", keys, route);
}

static void read_routes(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_dataplane *dataplane = into;

	dataplane->route = config_read_list(r, setting, "routes", sizeof(*dataplane->route), 4096,
		&dataplane->route_n, read_route);
}

// Without `cpus`: the workers' CPUs follow the main thread's, in order.
static void place_workers(struct config_dataplane *dataplane)
{
	if (dataplane->worker_n == 0)
		dataplane->worker_n = 1;
	for (uint32_t i = 0; i < dataplane->worker_n; i++)
		dataplane->worker_cpu[i] = dataplane->main_cpu + 1 + i;
}

void config_read_dataplane(struct config_reader *r, config_setting_t *setting, void *into)
{
#define AT(field) .offset = offsetof(struct config_dataplane, field)
	static const struct config_key keys[] = {
		{"workers", CONFIG_KIND_U32, AT(worker_n), .min = 1, .max = WORKERS_MAX},
		{"cpus", CONFIG_KIND_READ, .read = read_cpus},
		{"main_cpu", CONFIG_KIND_U32, AT(main_cpu), .min = 0, .max = CPU_MAX},
		{"idle", CONFIG_KIND_WORD, AT(idle), .words = idle_words},
		{"hugepages", CONFIG_KIND_WORD, AT(hugepages), .words = hugepages_words},
		{"memory_mb", CONFIG_KIND_U32, AT(memory_mb), .min = 64, .max = 1048576},
		{"mbufs", CONFIG_KIND_U32, AT(mbufs), .min = 2048, .max = 16777216},
		{"sa_slots", CONFIG_KIND_U32, AT(sa_slots), .min = 16, .max = 4194304},
		{"hook", CONFIG_KIND_TEXT, AT(hook),
			.size = sizeof(((struct config_dataplane *)0)->hook)},
		{"ports", CONFIG_KIND_READ, .required = true, .read = read_ports},
		{"routes", CONFIG_KIND_READ, .read = read_routes},
		{},
	};
	struct config_dataplane *dataplane = &((struct config *)into)->dataplane;

	r->dataplane_line = (int)config_setting_source_line(setting);
	config_read_group(r, setting, "dataplane", keys, dataplane);
	if (!config_setting_is_group(setting) || config_setting_get_member(setting, "cpus") == NULL)
		place_workers(dataplane);
#undef AT
}
