// SPDX-License-Identifier: BSD-3-Clause
// The table itself: every noun, command, argument and field with its help. A new command is a row
// here, its id in cmd_table.h and a handler in admin_cmds.c; completion, `?`, usage lines and the
// man page follow by themselves, and the unit tests tell what is missing. Constant data.
#include "cmd_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct cmd_noun nouns[] = {
	{"link", "virtual links and addresses that peers were given"},
	{"sa", "IKE SAs and child SAs"},
	{"peer", "who may connect, and the connections that we make"},
	{"pool", "pools of prefixes and addresses"},
	{"lease", "who has, or had, which prefix or address"},
	{"group", "multicast groups that links have joined"},
	{"drops", "packets that died, by reason"},
	{"stats", "counters of both daemons"},
	{"port", "ports of the dataplane"},
	{"neighbour", "neighbours (ARP, ND) of the dataplane's ports"},
	{"route", "routes of the dataplane"},
	{"log", "log levels of caponier-control"},
	{"config", "the configuration"},
	{"monitor", "events as they happen"},
};

// What was done to what, one row each.
static const struct cmd_column action_columns[] = {
	{"object", "OBJECT", CMD_TEXT, 0, "what it was done to"},
	{"done", "DONE", CMD_TEXT, 0, "what was done"},
	{},
};

static const struct cmd_column link_columns[] = {
	{"link", "LINK", CMD_TEXT, 0, "number of the link; in the client role the connection"},
	{"state", "STATE", CMD_TEXT, 0,
		"up; grace: without an IKE SA, kept for a while; orphan: left by a former control "
		"process"},
	{"peer", "PEER", CMD_TEXT, CMD_LONG, "entry of the configuration that the peer matched"},
	{"identity", "IDENTITY", CMD_TEXT, 0, "authenticated identity of the peer"},
	{"profile", "PROFILE", CMD_TEXT, CMD_SPARE, "profile of the link"},
	{"role", "ROLE", CMD_TEXT, CMD_LONG, "gateway or client: what we are on this link"},
	{"virtual", "VIRTUAL LINK", CMD_BOOL, CMD_LONG,
		"a link after RFC 5739; no: addresses alone"},
	{"link_id", "LINK ID", CMD_TEXT, CMD_LONG, "RFC 5739 Link ID, hexadecimal"},
	{"host", "HOST", CMD_COUNT, CMD_LONG, "which of the identity's hosts, from 0"},
	{"unasked", "UNASKED", CMD_BOOL, CMD_LONG,
		"the peer asked for no link and got one all the same, for its host's router "
		"solicitation"},
	{"prefixes", "PREFIXES", CMD_TEXTS, CMD_SPARE, "prefixes given, or shared with others"},
	{"leaving", "LEAVING", CMD_TEXTS, CMD_SPARE,
		"prefixes from before link renumber, until the peer has authenticated again"},
	{"delegated", "DELEGATED", CMD_TEXTS, CMD_SPARE, "prefixes by DHCPv6 prefix delegation"},
	{"addresses", "ADDRESSES", CMD_TEXTS, CMD_SPARE, "single addresses given"},
	{"claimed", "CLAIMED", CMD_TEXTS, CMD_SPARE,
		"addresses that the peer chose in a shared prefix, or has by DHCPv6"},
	{"client_link_local", "CLIENT LINK-LOCAL", CMD_TEXT, CMD_LONG,
		"link-local address of the client"},
	{"gateway_link_local", "GATEWAY LINK-LOCAL", CMD_TEXT, CMD_LONG,
		"link-local address of the gateway"},
	{"interface", "INTERFACE", CMD_TEXT, CMD_SPARE, "client role: interface of the host"},
	{"mtu", "MTU", CMD_COUNT, CMD_LONG, "MTU of the link in the client role"},
	{"dns", "DNS SERVERS", CMD_TEXTS, CMD_LONG, "client role: DNS servers given"},
	{"domain", "DOMAIN", CMD_TEXT, CMD_LONG, "client role: DNS domain given"},
	{"ike_sas", "IKE SAS", CMD_TEXTS, CMD_LONG, "IKE SAs of the link"},
	{"age_s", "AGE", CMD_SECONDS, 0, "since the link came up"},
	{"grace_left_s", "GRACE LEFT", CMD_SECONDS, CMD_SPARE, "until a link in grace goes"},
	{"idle_s", "IDLE", CMD_SECONDS, CMD_LONG, "since the last good packet from the peer"},
	{"in_pkts", "PACKETS IN", CMD_COUNT, CMD_LONG, "packets from the peer"},
	{"in_bytes", "IN", CMD_BYTES, 0, "bytes of inner packets from the peer"},
	{"in_drops", "DROPS IN", CMD_COUNT, CMD_LONG, "packets from the peer that died"},
	{"out_pkts", "PACKETS OUT", CMD_COUNT, CMD_LONG, "packets to the peer"},
	{"out_bytes", "OUT", CMD_BYTES, 0, "bytes of inner packets to the peer"},
	{"out_drops", "DROPS OUT", CMD_COUNT, CMD_LONG, "packets to the peer that died"},
	{},
};

static const struct cmd_column sa_columns[] = {
	{"sa", "SA", CMD_TEXT, 0, "name of the SA, for sa rekey and sa terminate"},
	{"kind", "KIND", CMD_TEXT, CMD_LONG,
		"ike, child, or orphan: left in the dataplane by a former control process"},
	{"peer", "PEER", CMD_TEXT, 0, "identity of the peer"},
	{"state", "STATE", CMD_TEXT, 0, "state of the SA"},
	{"role", "ROLE", CMD_TEXT, CMD_LONG, "initiator or responder of the IKE SA"},
	{"ike_sa", "IKE SA", CMD_TEXT, CMD_LONG, "IKE SA of the child SA"},
	{"link", "LINK", CMD_TEXT, CMD_LONG, "link of the SA"},
	{"local", "LOCAL", CMD_TEXT, CMD_LONG,
		"our outer address, with UDP port where there is one"},
	{"remote", "REMOTE", CMD_TEXT, 0, "outer address of the peer"},
	{"nat", "NAT", CMD_TEXT, CMD_LONG, "who is behind a NAT: local, remote, both, none"},
	{"authentication", "AUTHENTICATION", CMD_TEXT, CMD_LONG,
		"how the peer proved its identity: secret, or its signature's algorithm"},
	{"encap", "UDP", CMD_BOOL, CMD_LONG, "ESP is in UDP (RFC 3948)"},
	{"suite", "SUITE", CMD_TEXT, 0, "algorithms"},
	{"spi_in", "SPI IN", CMD_TEXT, CMD_LONG, "SPI of inbound ESP packets"},
	{"spi_out", "SPI OUT", CMD_TEXT, CMD_LONG, "SPI of outbound ESP packets"},
	{"spi_i", "SPI INITIATOR", CMD_TEXT, CMD_LONG, "IKE SPI of the initiator"},
	{"spi_r", "SPI RESPONDER", CMD_TEXT, CMD_LONG, "IKE SPI of the responder"},
	{"worker", "WORKER", CMD_COUNT, CMD_LONG, "worker that owns the child SA"},
	{"local_ts", "LOCAL TS", CMD_TEXTS, CMD_LONG, "traffic selectors of our side"},
	{"remote_ts", "REMOTE TS", CMD_TEXTS, CMD_LONG, "traffic selectors of the peer's side"},
	{"age_s", "AGE", CMD_SECONDS, 0, "since the SA was established or last rekeyed"},
	{"rekey_in_s", "REKEY IN", CMD_SECONDS, 0, "until it is rekeyed by time"},
	{"rekeys", "REKEYS", CMD_COUNT, CMD_LONG, "how often it was rekeyed"},
	{"idle_s", "IDLE", CMD_SECONDS, CMD_LONG, "since the last good packet from the peer"},
	{"in_pkts", "PACKETS IN", CMD_COUNT, CMD_LONG, "packets from the peer, rekeys included"},
	{"in_bytes", "IN", CMD_BYTES, 0, "bytes of inner packets from the peer"},
	{"in_drops", "DROPS IN", CMD_COUNT, CMD_LONG, "packets from the peer that died"},
	{"in_seq", "SEQUENCE IN", CMD_COUNT, CMD_LONG, "highest sequence number seen"},
	{"out_pkts", "PACKETS OUT", CMD_COUNT, CMD_LONG, "packets to the peer, rekeys included"},
	{"out_bytes", "OUT", CMD_BYTES, 0, "bytes of inner packets to the peer"},
	{"out_drops", "DROPS OUT", CMD_COUNT, CMD_LONG, "packets to the peer that died"},
	{"out_seq", "SEQUENCE OUT", CMD_COUNT, CMD_LONG, "last sequence number sent"},
	{},
};

static const struct cmd_column peer_columns[] = {
	{"peer", "PEER", CMD_TEXT, 0, "name in the configuration"},
	{"role", "ROLE", CMD_TEXT, 0, "client: it may connect to us; gateway: we connect to it"},
	{"identity", "IDENTITY", CMD_TEXT, 0, "identity that it must prove; * stands for any text"},
	{"profile", "PROFILE", CMD_TEXT, CMD_SPARE, "what it gets"},
	{"state", "STATE", CMD_TEXT, CMD_SPARE, "of our connection to it: down, connecting, up"},
	{"address", "ADDRESS", CMD_TEXT, CMD_SPARE, "of the gateway that we connect to"},
	{"ike_sas", "IKE SAS", CMD_COUNT, 0, "IKE SAs now"},
	{"children", "CHILD SAS", CMD_COUNT, CMD_SPARE, "child SAs now"},
	{"links", "LINKS", CMD_COUNT, CMD_SPARE, "links now"},
	{"why", "WHY", CMD_TEXT, CMD_SPARE, "why our connection is down"},
	{},
};

static const struct cmd_column pool_columns[] = {
	{"pool", "POOL", CMD_TEXT, 0, "name in the configuration"},
	{"prefix", "PREFIX", CMD_TEXT, 0, "what is given from"},
	{"lease_len", "LEASE", CMD_COUNT, 0, "prefix length of a lease; 32 or 128: an address"},
	{"assign", "ASSIGN", CMD_TEXT, 0,
		"stable: an identity gets the same again; random: never the last one; shared: all "
		"have the prefix, single addresses are claimed"},
	{"size", "SIZE", CMD_COUNT, 0, "leases that fit"},
	{"live", "LIVE", CMD_COUNT, 0, "in use by links; of a shared prefix: addresses claimed"},
	{"reserved", "RESERVED", CMD_COUNT, 0, "not in use, kept for who had it"},
	{"free", "FREE", CMD_COUNT, 0, "size less live and reserved"},
	{"static", "STATIC", CMD_COUNT, CMD_LONG, "leases that the configuration assigns"},
	{},
};

static const struct cmd_column lease_columns[] = {
	{"pool", "POOL", CMD_TEXT, 0, "pool that it is from"},
	{"prefix", "LEASE", CMD_TEXT, 0, "prefix or address"},
	{"identity", "IDENTITY", CMD_TEXT, 0, "who has, or had it"},
	{"host", "HOST", CMD_COUNT, 0, "which of the identity's hosts, from 0"},
	{"nth", "NTH", CMD_COUNT, CMD_LONG, "which of its kind on the link, from 0"},
	{"role", "ROLE", CMD_TEXT, CMD_SPARE,
		"what it is to its link: prefix, address, delegated, dhcpv6"},
	{"static", "STATIC", CMD_BOOL, CMD_LONG, "the configuration assigns it"},
	{"leaving", "LEAVING", CMD_BOOL, CMD_LONG, "its link has another one since link renumber"},
	{"link", "LINK", CMD_TEXT, 0, "link that uses it; none: reserved"},
	{"since_s", "SINCE", CMD_SECONDS, 0, "since it was taken, or given back"},
	{},
};

static const struct cmd_column group_columns[] = {
	{"group", "GROUP", CMD_TEXT, 0, "multicast address"},
	{"filter", "FILTER", CMD_TEXT, 0,
		"include: packets of these sources; exclude: of all but these"},
	{"sources", "SOURCES", CMD_TEXTS, CMD_SPARE, "sources of the filter"},
	{"link", "LINK", CMD_TEXT, 0, "link that joined"},
	{"identity", "IDENTITY", CMD_TEXT, 0, "authenticated identity of the peer"},
	{"since_s", "SINCE", CMD_SECONDS, 0, "since it joined"},
	{},
};

static const struct cmd_column drops_columns[] = {
	{"reason", "REASON", CMD_TEXT, 0, "name of the reason"},
	{"pkts", "PACKETS", CMD_COUNT, 0, "packets, all threads"},
	{"text", "MEANING", CMD_TEXT, 0, "what it means"},
	{"threads", "BY THREAD", CMD_COUNTS, CMD_LONG, "main thread, then each worker"},
	{},
};

static const struct cmd_column stats_columns[] = {
	{"source", "SOURCE", CMD_TEXT, 0, "dataplane, ike or control"},
	{"name", "NAME", CMD_TEXT, 0, "name of the counter"},
	{"value", "VALUE", CMD_COUNT, 0, "its value, all threads"},
	{"text", "MEANING", CMD_TEXT, 0, "what it counts"},
	{"threads", "BY THREAD", CMD_COUNTS, CMD_LONG, "dataplane: main thread, then each worker"},
	{},
};

static const struct cmd_column port_columns[] = {
	{"port", "PORT", CMD_TEXT, 0, "name in the configuration"},
	{"role", "ROLE", CMD_TEXT, 0, "outer or inner"},
	{"device", "DEVICE", CMD_TEXT, 0, "device"},
	{"up", "UP", CMD_BOOL, 0, "its link is up"},
	{"mac", "MAC", CMD_TEXT, 0, "its MAC address"},
	{"mtu", "MTU", CMD_COUNT, 0, "bytes of an IP packet"},
	{"addresses", "ADDRESSES", CMD_TEXTS, 0, "its addresses"},
	{"index", "INDEX", CMD_COUNT, CMD_LONG, "its number in the dataplane"},
	{"rx_pkts", "PACKETS RX", CMD_COUNT, CMD_LONG, "packets received"},
	{"rx_bytes", "RX", CMD_BYTES, 0, "bytes received"},
	{"rx_missed", "MISSED RX", CMD_COUNT, CMD_LONG, "packets missed: we were too slow"},
	{"rx_errors", "ERRORS RX", CMD_COUNT, CMD_LONG, "packets received broken"},
	{"tx_pkts", "PACKETS TX", CMD_COUNT, CMD_LONG, "packets sent"},
	{"tx_bytes", "TX", CMD_BYTES, 0, "bytes sent"},
	{"tx_errors", "ERRORS TX", CMD_COUNT, CMD_LONG, "packets that could not be sent"},
	{},
};

static const struct cmd_column neighbour_columns[] = {
	{"port", "PORT", CMD_TEXT, 0, "port that it is at"},
	{"address", "ADDRESS", CMD_TEXT, 0, "its IP address"},
	{"mac", "MAC", CMD_TEXT, 0, "its MAC address"},
	{"state", "STATE", CMD_TEXT, 0, "incomplete, reachable, stale, probe"},
	{"age_s", "CONFIRMED", CMD_SECONDS, 0, "since it was confirmed"},
	{"queued", "QUEUED", CMD_COUNT, 0, "packets that wait for it"},
	{},
};

static const struct cmd_column route_columns[] = {
	{"table", "TABLE", CMD_TEXT, 0, "outer: ESP and IKE packets; inner: protected traffic"},
	{"prefix", "PREFIX", CMD_TEXT, 0, "destinations"},
	{"kind", "KIND", CMD_TEXT, 0,
		"next-hop, connected, sa, host-interface, punt (to control), discard"},
	{"via", "VIA", CMD_TEXT, 0, "next hop"},
	{"port", "PORT", CMD_TEXT, 0, "port"},
	{"sa", "SA", CMD_TEXT, CMD_SPARE, "child SA that the packets go into"},
	{},
};

static const struct cmd_column log_columns[] = {
	{"type", "TYPE", CMD_TEXT, 0, "what the lines are about"},
	{"level", "LEVEL", CMD_TEXT, 0, "lines of this level and graver are written"},
	{},
};

static const struct cmd_column config_columns[] = {
	{"setting", "SETTING", CMD_TEXT, 0, "group, name and setting"},
	{"value", "VALUE", CMD_TEXT, 0, "its value, defaults included; secrets are not shown"},
	{},
};

static const struct cmd_column check_columns[] = {
	{"file", "FILE", CMD_TEXT, 0, "file"},
	{"line", "LINE", CMD_COUNT, 0, "line"},
	{"problem", "PROBLEM", CMD_TEXT, 0, "what is wrong, and what would be right"},
	{},
};

// An event has those of them that its kind has, and may have others: nothing is left out of JSON.
// CMD_LONG: only with --long.
static const struct cmd_column monitor_columns[] = {
	{"time", "TIME", CMD_TIME, 0, "seconds since 1970"},
	{"event", "EVENT", CMD_TEXT, 0, "kind of the event"},
	{"text", "TEXT", CMD_TEXT, 0, "the message, the change, or what went wrong"},
	{"ike_sa", "IKE SA", CMD_COUNT, CMD_LONG, "number of the IKE SA"},
	{"spi_i", "SPI INITIATOR", CMD_TEXT, CMD_LONG, "IKE SPI of the initiator"},
	{"spi_r", "SPI RESPONDER", CMD_TEXT, CMD_LONG, "IKE SPI of the responder"},
	{"local", "LOCAL", CMD_TEXT, CMD_LONG, "our outer address"},
	{"remote", "REMOTE", CMD_TEXT, 0, "outer address of the peer"},
	{"peer", "PEER", CMD_TEXT, 0,
		"IKE events: identity of the peer; link events: its name in the configuration"},
	{"identity", "IDENTITY", CMD_TEXT, 0, "identity of the peer of a link"},
	{"link", "LINK", CMD_COUNT, 0, "number of the link"},
	{"virtual", "VIRTUAL LINK", CMD_BOOL, CMD_LONG, "a link after RFC 5739"},
	{"profile", "PROFILE", CMD_TEXT, 0, "profile of the link"},
	{"prefixes", "PREFIXES", CMD_TEXTS, 0, "prefixes and addresses given"},
	{"prefix", "PREFIX", CMD_TEXT, 0, "prefix or address that came to a link, or left it"},
	{"changed", "CHANGED", CMD_TEXTS, 0,
		"what differs in a configuration that was loaded again"},
	{"renumbered", "RENUMBERED", CMD_COUNT, 0, "links that lost a prefix by that"},
	{"file", "FILE", CMD_TEXT, CMD_LONG, "configuration file"},
	{"connection", "CONNECTION", CMD_TEXT, 0, "client role: name of the connection"},
	{"interface", "INTERFACE", CMD_TEXT, 0, "client role: interface of the host"},
	{"spi_in", "SPI IN", CMD_TEXT, 0, "SPI of inbound ESP packets"},
	{"spi_out", "SPI OUT", CMD_TEXT, 0, "SPI of outbound ESP packets"},
	{"direction", "DIRECTION", CMD_TEXT, 0, "in or out"},
	{"spi", "SPI", CMD_TEXT, 0, "SPI of an SA in the dataplane"},
	{"ref", "SLOT", CMD_TEXT, CMD_LONG, "slot of an outbound SA"},
	{"suite", "SUITE", CMD_TEXT, 0, "algorithms of the SA"},
	{"encap", "UDP", CMD_BOOL, CMD_LONG, "ESP is in UDP"},
	{"instance", "INSTANCE", CMD_TEXT, CMD_LONG, "which start of the dataplane"},
	{},
};

static const struct cmd_column names_columns[] = {
	{"name", "NAME", CMD_TEXT, 0, "name"},
	{"help", "HELP", CMD_TEXT, 0, "what it is"},
	{},
};

static const char *const fresh_words[] = {"fresh", NULL};
static const char *const all_words[] = {"all", NULL};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const names_words[] = {
	"link", "sa", "peer", "connection", "pool", "log-type", NULL};

static const struct cmd commands[] = {
	{CMD_LINK_SHOW, "link", "show", "show links, or one link in full",
		"LINK is the name of a link, the identity of its peer, or the name of the peer "
		"or "
		"connection in the configuration.",
		CMD_DETAIL, {{"link", CMD_ARG_LINK, true, "a link, or its peer"}}, link_columns},
	{CMD_LINK_RENUMBER, "link", "renumber", "give a link what its profile says now",
		"LINK may be all. The peer is made to authenticate again (AUTH_LIFETIME, RFC 4478) "
		"and has by then the prefixes that the configuration gives; what it had and keeps "
		"goes on without a gap. fresh: other prefixes than now. A peer that does not know "
		"AUTH_LIFETIME loses its IKE SA half a minute later.",
		CMD_ACTION,
		{{"link", CMD_ARG_LINK, false, "a link, its peer, or all"},
			{"fresh", CMD_ARG_WORD, true, "other prefixes", fresh_words}},
		action_columns},
	{CMD_LINK_REAUTH, "link", "reauth", "make the peer of a link authenticate again",
		"Prefixes, addresses and connections stay. In the client role we do it ourselves.",
		CMD_ACTION, {{"link", CMD_ARG_LINK, false, "a link, its peer, or all"}},
		action_columns},
	{CMD_LINK_TERMINATE, "link", "terminate", "take a link down, with its IKE SAs",
		"The peer is told; its prefixes and addresses become free for it at once. A client "
		"that wants the link will come back.",
		CMD_ACTION, {{"link", CMD_ARG_LINK, false, "a link, or its peer"}}, action_columns},
	{CMD_SA_SHOW, "sa", "show", "show IKE SAs and child SAs, or one in full",
		"SA is a name from the first column, an SPI, or the identity or name of a "
		"peer.",
		CMD_DETAIL, {{"sa", CMD_ARG_SA, true, "an SA, an SPI or a peer"}}, sa_columns},
	{CMD_SA_REKEY, "sa", "rekey", "rekey an IKE SA or a child SA now",
		"SA is a name that sa show gives, an SPI, or a peer: then each of its "
		"child "
		"SAs. No packet is lost.",
		CMD_ACTION, {{"sa", CMD_ARG_SA, false, "an SA, an SPI or a peer"}}, action_columns},
	{CMD_SA_TERMINATE, "sa", "terminate", "delete an IKE SA with its child SAs, or a child SA",
		"SA is a name that sa show gives, an SPI, or a peer: then each of its IKE "
		"SAs. The peer is told.",
		CMD_ACTION, {{"sa", CMD_ARG_SA, false, "an SA, an SPI or a peer"}}, action_columns},
	{CMD_PEER_SHOW, "peer", "show", "show peers, or one in full", NULL, CMD_DETAIL,
		{{"peer", CMD_ARG_PEER, true, "a peer's name"}}, peer_columns},
	{CMD_PEER_INITIATE, "peer", "initiate", "connect to a gateway of the configuration",
		"It returns when the connection was started; monitor shows how it goes on.",
		CMD_ACTION, {{"connection", CMD_ARG_CONNECTION, false, "a connection's name"}},
		action_columns},
	{CMD_PEER_REAUTH, "peer", "reauth", "authenticate to a gateway again",
		"With a new IKE SA onto the same link; no packet is lost.", CMD_ACTION,
		{{"connection", CMD_ARG_CONNECTION, false, "a connection's name"}}, action_columns},
	{CMD_PEER_TERMINATE, "peer", "terminate", "end our connection to a gateway",
		"It stays down until peer initiate, or until caponier-control starts again.",
		CMD_ACTION, {{"connection", CMD_ARG_CONNECTION, false, "a connection's name"}},
		action_columns},
	{CMD_POOL_SHOW, "pool", "show", "show pools and how full they are", NULL, 0,
		{{"pool", CMD_ARG_POOL, true, "a pool's name"}}, pool_columns},
	{CMD_LEASE_SHOW, "lease", "show", "show leases of all pools or of one", NULL, 0,
		{{"pool", CMD_ARG_POOL, true, "a pool's name"}}, lease_columns},
	{CMD_GROUP_SHOW, "group", "show", "show which links are members of which multicast groups",
		NULL, 0, {{"group", CMD_ARG_TEXT, true, "a multicast address"}}, group_columns},
	{CMD_DROPS_SHOW, "drops", "show", "show why packets died",
		"Reasons without packets are left out unless all is given.", 0,
		{{"which", CMD_ARG_WORD, true, "also reasons without packets", all_words}},
		drops_columns},
	{CMD_STATS_SHOW, "stats", "show", "show counters of dataplane, IKE and control",
		"Counters at zero are left out unless all is given.", 0,
		{{"which", CMD_ARG_WORD, true, "also counters at zero", all_words}}, stats_columns},
	{CMD_PORT_SHOW, "port", "show", "show ports with addresses and counters", NULL, CMD_DETAIL,
		{{"port", CMD_ARG_TEXT, true, "a port's name"}}, port_columns},
	{CMD_NEIGHBOUR_SHOW, "neighbour", "show", "show neighbours", NULL, 0, {},
		neighbour_columns},
	{CMD_ROUTE_SHOW, "route", "show", "show routes",
		"Addresses and prefixes from pools are reached by index, not by routes: see link "
		"show.",
		0, {}, route_columns},
	{CMD_LOG_SHOW, "log", "show", "show log levels", NULL, 0, {}, log_columns},
	{CMD_LOG_LEVEL, "log", "level", "set the log level of one or more types",
		"TYPE may be a shell pattern; * is every type. It lasts until caponier-control "
		"ends.",
		CMD_ACTION,
		{{"type", CMD_ARG_LOG_TYPE, false, "a type or a pattern"},
			{"level", CMD_ARG_WORD, false, "lines of this level and graver",
				level_words}},
		action_columns},
	{CMD_CONFIG_SHOW, "config", "show", "show the configuration in use, defaults included",
		"Secrets are not shown.", 0, {}, config_columns},
	{CMD_CONFIG_RELOAD, "config", "reload", "load the configuration file again",
		"The whole file is checked first; when something is wrong, or differs that only a "
		"restart can change, it is said and nothing changes. Else the difference is "
		"applied: "
		"peers that are gone lose their SAs, links whose prefix left its pool authenticate "
		"again, and no other tunnel is disturbed. The same as SIGHUP.",
		CMD_ACTION, {}, action_columns},
	{CMD_CONFIG_CHECK, "config", "check", "check a configuration file",
		"Needs no daemon. Each problem is a line FILE:LINE: what is wrong; what would be "
		"right. "
		"Exit status 0: good; 1: not.",
		CMD_LOCAL, {{"file", CMD_ARG_FILE, false, "a configuration file"}}, check_columns},
	{CMD_MONITOR, "monitor", NULL, "show events as they happen, until interrupted",
		"IKE messages, changes of SAs, links and connections, one a line; --long shows all "
		"their fields, --json makes each an object. A reader that is too slow is "
		"disconnected.",
		CMD_STREAM, {}, monitor_columns},
	{CMD_NAMES, "names", NULL, "names for completion", NULL, CMD_HIDDEN,
		{{"kind", CMD_ARG_WORD, false, "kind of names", names_words}}, names_columns},
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

const struct cmd *cmd_at(size_t i)
{
	return i < N(commands) ? &commands[i] : NULL;
}

const struct cmd_noun *cmd_noun_at(size_t i)
{
	return i < N(nouns) ? &nouns[i] : NULL;
}

const struct cmd *cmd_by_id(enum cmd_id id)
{
	for (size_t i = 0; i < N(commands); i++)
		if (commands[i].id == id)
			return &commands[i];
	return NULL;
}

const struct cmd *cmd_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < N(commands); i++)
		if (!strcmp(commands[i].noun, noun) && !commands[i].verb == !verb &&
			(!verb || !strcmp(commands[i].verb, verb)))
			return &commands[i];
	return NULL;
}

const struct cmd *cmd_find_path(const char *path)
{
	char text[64];

	for (size_t i = 0; i < N(commands); i++)
		if (!strcmp(cmd_path(&commands[i], text), path))
			return &commands[i];
	return NULL;
}

const char *cmd_path(const struct cmd *cmd, char buf[64])
{
	snprintf(buf, 64, "%s%s%s", cmd->noun, cmd->verb ? " " : "", cmd->verb ? cmd->verb : "");
	return buf;
}

static void append(char *buf, size_t cap, const char *text)
{
	size_t len = strlen(buf);

	snprintf(buf + len, cap - len, "%s", text);
}

const char *cmd_usage(const struct cmd *cmd, char buf[160])
{
	cmd_path(cmd, buf);
	for (const struct cmd_arg *arg = cmd->arg; arg->name; arg++) {
		char upper[32] = "";

		for (size_t i = 0; arg->name[i] && i < sizeof(upper) - 1; i++)
			upper[i] = (char)toupper((unsigned char)arg->name[i]);
		append(buf, 160, arg->optional ? " [" : " ");
		if (arg->kind != CMD_ARG_WORD)
			append(buf, 160, upper);
		for (size_t i = 0; arg->kind == CMD_ARG_WORD && arg->words[i]; i++) {
			append(buf, 160, i ? "|" : "");
			append(buf, 160, arg->words[i]);
		}
		append(buf, 160, arg->optional ? "]" : "");
	}
	return buf;
}

const struct cmd_column *cmd_column_find(const struct cmd *cmd, const char *name)
{
	for (const struct cmd_column *c = cmd->column; c && c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

size_t cmd_arg_count(const struct cmd *cmd)
{
	size_t n = 0;

	while (cmd->arg[n].name)
		n++;
	return n;
}
