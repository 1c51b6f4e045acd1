// SPDX-License-Identifier: BSD-3-Clause
// The whole conversation between caponier-control and caponier-dataplane. One X-macro list per
// direction: name, fixed part of the payload. A change of any of this is a new IPC_VERSION.
//
// Fixed-width fields in host byte order unless `_be`; addresses as in inet.h. Whoever reads a
// message has passed it through ipc_check() first, and still checks every value in it: a peer
// process is a stranger.
#pragma once

#include "algs.h"
#include "inet.h"
#include "ts.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_VERSION 4

#define IPC_KEY_MAX 64 // cipher key with salt, or integrity key
#define IPC_INGRESS_MAX 32 // prefixes of the ingress filter of one SA
#define IPC_NAME_MAX 32 // port and interface names, zero-terminated
#define IPC_HOSTIF_ADDRS 16
#define IPC_HOSTIF_ROUTES 16
#define IPC_HOSTIF_DNS 8
#define IPC_HOSTIF_SNTP 8
#define IPC_DOMAIN_MAX 1040 // blank-separated list
#define IPC_LAN_PREFIXES 4

struct ipc_hdr {
	uint32_t type; // enum ipc_type
	uint32_t
		id; // chosen by the sender of a command; echoed in every answer to it. 0: no answer wanted
	uint32_t status; // commands: 0; answers: 0 or an errno value
	uint32_t len; // payload bytes after this header
};
static_assert(sizeof(struct ipc_hdr) == 16);

// SPIs that we choose: worker and slot are read off them, so that the inbound SAD is an array index
// and a comparison. owner + 1 stands in the six highest bits, so every one is above 255 and 2^26.
#define SPI_OWNER_SHIFT 26
#define SPI_GENERATION_SHIFT 22
#define SPI_SLOT_BITS 22
static inline uint32_t spi_make(uint32_t worker, uint32_t generation, uint32_t slot)
{
	return (worker + 1) << SPI_OWNER_SHIFT | (generation & 0xf) << SPI_GENERATION_SHIFT |
		(slot & ((1u << SPI_SLOT_BITS) - 1));
}
static inline uint32_t spi_worker(uint32_t spi) // UINT32_MAX when no worker is named
{
	return (spi >> SPI_OWNER_SHIFT) - 1;
}
static inline uint32_t spi_slot(uint32_t spi)
{
	return spi & ((1u << SPI_SLOT_BITS) - 1);
}

// An outbound SA as others refer to it: owner and slot like an SPI with generation 0; 0 is none.
// The slot stays the same through rekeys: SA_OUT_SET replaces keys and SPI in place, so that no
// route and no pool slot has to change.
typedef uint32_t sa_ref_t;

enum ipc_direction {
	IPC_DIR_IN,
	IPC_DIR_OUT
};

// Which of the protected traffic's properties go to the outer header. RFC 4301 section 5.1.2.
enum ipc_sa_flags {
	IPC_SA_ENCAP = 1 << 0, // UDP encapsulation, RFC 3948
	IPC_SA_ESN = 1 << 1, // also in suite.esn
	IPC_SA_COPY_DSCP = 1 << 2, // RFC 2983 uniform model; else outer DSCP is zero
	IPC_SA_ECN = 1 << 3, // RFC 6040 normal mode; else compatibility mode
	IPC_SA_COPY_DF = 1 << 4, // IPv4 outer: copy DF from IPv4 inner; else DF is set
	IPC_SA_FIRST_USE_EVENT = 1 << 5, // inbound: one SA_FIRST_USE event at the first good packet
};

struct ipc_sa_lifetime {
	uint64_t soft_bytes; // 0: no limit
	uint64_t hard_bytes;
	uint64_t soft_pkts;
	uint64_t hard_pkts;
};

// Everything that both directions have.
struct ipc_sa {
	uint64_t link; // control's number for the link or peer, opaque to the dataplane, 0: none
	uint64_t cookie; // opaque: control finds its state by it after a restart
	uint64_t child; // opaque: which child SA
	uint32_t spi; // inbound: ours (spi_make); outbound: the peer's, any value above 255
	uint32_t flags; // enum ipc_sa_flags
	struct esp_suite suite;
	uint32_t replay_window; // packets, power of two 64 to 4096; inbound; 0: no replay check
	uint16_t local_port; // outer UDP ports with IPC_SA_ENCAP
	uint16_t remote_port;
	struct inet_addr local; // outer addresses as the tunnel sees them
	struct inet_addr remote;
	uint8_t encr_key[IPC_KEY_MAX]; // cipher key, then salt
	uint8_t integ_key[IPC_KEY_MAX];
	uint32_t encr_key_len; // with salt
	uint32_t integ_key_len;
	struct ipc_sa_lifetime life;
	struct ts_list local_ts; // our side of the tunnel
	struct ts_list remote_ts; // the peer's side
};

// Adds an inbound SA to its owner (read off the SPI). Answer: ACK; -EEXIST when the slot is taken by
// another SPI.
struct ipc_sa_in_add {
	struct ipc_sa sa;
	uint32_t ingress_n; // 0: the ingress filter is the remote selectors alone
	uint32_t pad;
	struct inet_prefix ingress[IPC_INGRESS_MAX]; // inner sources that the link may use
};
// Takes it out, wipes it. Answer: SA_INFO with the last counters. -ENOENT when it is not there.
struct ipc_sa_in_del {
	uint32_t spi;
};
// Other prefixes for the ingress filter of an inbound SA that is there: addresses were claimed, a
// prefix was delegated. Answer: ACK; -ENOENT.
struct ipc_sa_ingress_set {
	uint32_t spi;
	uint32_t ingress_n; // 0: the remote selectors alone
	struct inet_prefix ingress[IPC_INGRESS_MAX];
};
// Adds an outbound SA, or replaces in place the one in the slot; then counters of the slot go on and
// the sequence number starts at 1 with the new key. The same key twice in a slot is refused
// (-EALREADY): a (key, IV) pair is never used again. Answer: ACK.
struct ipc_sa_out_set {
	struct ipc_sa sa;
	sa_ref_t ref; // owner and slot
	sa_ref_t next; // tried when this SA's selectors do not match the packet, 0: none
	uint32_t mtu; // of the outer path, bytes, 0: the outer port's
	uint8_t hop_limit; // outer TTL or hop limit, 0: 64
	uint8_t pad[3];
};
struct ipc_sa_out_del { // answer: SA_INFO
	sa_ref_t ref;
};
// Moves an SA's outer addresses and ports without touching keys or counters (NAT mapping changed,
// MOBIKE, a binding update). Answer: ACK.
struct ipc_sa_move {
	uint32_t spi_or_ref;
	uint32_t direction; // enum ipc_direction
	uint32_t encap; // 0 or 1
	uint16_t local_port;
	uint16_t remote_port;
	struct inet_addr local;
	struct inet_addr remote;
};
// Answers: SA_INFO for each SA of the owner from `slot` on, at most `max`, then ACK whose status is
// 0: no more, or EAGAIN: ask again from the last slot + 1. With active_s not 0: `max` SAs are looked at, and
// told are those that carried a packet in so many seconds, and the last one in any case.
struct ipc_sa_list {
	uint32_t direction;
	uint32_t slot;
	uint32_t max;
	uint32_t active_s;
};
struct ipc_sa_query { // answer: SA_INFO, or ACK with ENOENT
	uint32_t spi_or_ref;
	uint32_t direction;
};

// A pool of fixed-length slots: a packet to an address inside finds its SA by index. Sent to every
// worker. Adding one that is there with the same shape keeps its slots. Answer: ACK.
#define IPC_POOLS 64
struct ipc_pool_add {
	uint32_t pool; // index, below IPC_POOLS
	uint32_t slot_len; // length of the slots' prefixes, at most 28 bits below the pool's
	struct inet_prefix prefix;
};
struct ipc_pool_del {
	uint32_t pool;
};
// Slot n of the pool is reached through this SA; 0 clears it. Also what ingress filtering by reverse
// path asks.
struct ipc_pool_set {
	uint32_t pool;
	sa_ref_t ref;
	uint64_t slot;
};

// Longest-match routes for what is not in a pool; to every worker. Static routes of the
// configuration are the dataplane's own and cannot be changed by these.
enum ipc_route_kind {
	IPC_ROUTE_SA,
	IPC_ROUTE_HOSTIF,
	IPC_ROUTE_PUNT,
	IPC_ROUTE_DISCARD
};
enum ipc_route_flags {
	IPC_ROUTE_DHCP6 = 1 << 0, // with IPC_ROUTE_HOSTIF: UDP to port 546 goes to control instead
};
struct ipc_route_set {
	struct inet_prefix prefix;
	uint32_t kind; // enum ipc_route_kind
	sa_ref_t ref; // IPC_ROUTE_SA
	uint32_t flags; // enum ipc_route_flags
	uint32_t pad;
};
struct ipc_route_del {
	struct inet_prefix prefix;
};

// The client's interface on the host (TUN): main thread only. One per name; setting it again changes
// the differences only. DNS servers and domain go to the hook that the dataplane's configuration
// names. Answer: ACK when it is up.
struct ipc_hostif_addr {
	struct inet_addr addr;
	uint8_t prefix_len;
	uint8_t nodad; // RFC 5739 section 5.1: DAD is skipped for assigned prefixes
	uint8_t temporary; // the kernel makes temporary addresses beside it (RFC 8981)
	uint8_t pad;
};
enum ipc_hostif_flags {
	IPC_HOSTIF_RA = 1 << 0, // the kernel solicits and accepts router advertisements
	IPC_HOSTIF_DAD = 1 << 1, // the kernel does DAD on it
	IPC_HOSTIF_FORWARD = 1 << 2, // the kernel forwards IPv6 to and from it
};
struct ipc_hostif_set {
	char name[IPC_NAME_MAX];
	uint32_t mtu;
	uint32_t addr_n;
	uint32_t route_n;
	uint32_t dns_n;
	struct ipc_hostif_addr addr[IPC_HOSTIF_ADDRS];
	struct inet_prefix route[IPC_HOSTIF_ROUTES];
	struct inet_addr dns[IPC_HOSTIF_DNS];
	char domain[IPC_DOMAIN_MAX];
	uint32_t flags; // enum ipc_hostif_flags
	uint32_t sntp_n;
	struct inet_addr sntp[IPC_HOSTIF_SNTP];
};
struct ipc_hostif_del {
	char name[IPC_NAME_MAX];
};

// A LAN of the client's host that shares the access (L6): addresses of ours on it, forwarding, and
// router advertisements with the prefixes, RFC 4861 section 6.2. Main thread only. Setting it again
// changes the differences only. Answer: ACK.
struct ipc_lan_set {
	char name[IPC_NAME_MAX]; // of the host's interface
	uint32_t mtu; // to advertise, 0: none
	uint32_t prefix_n;
	uint32_t dns_n;
	uint32_t lifetime_s; // of prefixes and router
	struct inet_prefix prefix[IPC_LAN_PREFIXES]; // /64 each; ours is the address ::1 of each
	struct inet_addr dns[IPC_HOSTIF_DNS];
	char domain[IPC_DOMAIN_MAX];
	// The host's interface that groups come by and go by, "": multicast is not forwarded.
	char upstream[IPC_NAME_MAX];
};
struct ipc_lan_del { // prefixes and router are withdrawn with lifetimes of zero
	char name[IPC_NAME_MAX];
};

// A group that hosts of a LAN want: joined on the LAN's upstream interface, with this source filter, and
// forwarded to the LAN. Main thread only. Setting it again replaces the filter. Answer: ACK.
#define IPC_GROUP_SOURCES 16
struct ipc_lan_group_set {
	char name[IPC_NAME_MAX]; // the LAN's
	struct inet_addr group;
	uint8_t include; // these sources only; else all but these
	uint8_t source_n;
	uint8_t pad[2];
	struct inet_addr source[IPC_GROUP_SOURCES];
};
struct ipc_lan_group_del { // -ENOENT
	char name[IPC_NAME_MAX];
	struct inet_addr group;
};
struct ipc_lan_query { // an MLDv2 query to the LAN, RFC 3810 section 5.1. Answer: ACK
	char name[IPC_NAME_MAX];
	struct inet_addr group; // family 0: a General Query
	uint32_t max_response_ms; // below 32,768
	uint32_t robustness;
	uint32_t interval_s; // of General Queries, below 128
};

// A link's membership in a multicast group, to every worker: the owner of the SA sends the copies, the
// others know where to hand a packet over. Setting it again replaces the filter. RFC 3810 section 4.2:
// include: only these sources; else every source but these. Answer: ACK; -ENOSPC.
struct ipc_group_set {
	struct inet_addr group;
	uint64_t link; // the member; a packet that came by this link does not go back to it
	sa_ref_t
		ref; // outbound SA of the link; its selectors, and those of its `next`s, are obeyed
	uint8_t include;
	uint8_t source_n;
	uint8_t pad[2];
	struct inet_addr source[IPC_GROUP_SOURCES];
};
struct ipc_group_del { // -ENOENT
	struct inet_addr group;
	uint64_t link;
};
// What memberships are there that control does not know of, because it was started again or was away.
// `begin`: those that are there now are of before, until they are set again. Else those of before go,
// at most `max` of them. To every worker. Answer: ACK; -EAGAIN: there are more.
struct ipc_group_sweep {
	uint32_t begin;
	uint32_t max;
};
// Multicast packets of links of at least this scope (RFC 4007, 4 bits) go out by the inner ports;
// 16: none. To every worker.
struct ipc_group_upstream {
	uint32_t scope_min;
};
// An IP packet from or to the network of an inner port itself: MLD and IGMP between routers. Without
// Ethernet header; the dataplane makes it (RFC 2464 section 7, RFC 1112 section 6.4).
struct ipc_punt_port {
	uint32_t port; // index
	uint32_t data_len; // bytes that follow
};

struct ipc_list { // PORT_LIST, NEIGH_LIST, ROUTE_LIST: answers, then ACK
	uint32_t from;
	uint32_t max;
};
struct ipc_ping { // answer: ACK. To a worker: everything sent before has been carried out.
	uint32_t pad;
};

// A datagram that control sends; the dataplane makes IP and UDP headers, fragments, routes.
enum ipc_punt_flags {
	IPC_PUNT_NATT =
		1 << 0, // port 4500: the four zero octets of the non-ESP marker are not in the data
	IPC_PUNT_INSIDE = 1 << 1, // by an inner port: DHCPv6 between relay agent and server
};
struct ipc_punt_udp {
	uint32_t flags;
	uint32_t port; // in: port index it came by; out: ignored
	struct inet_addr local;
	struct inet_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t data_len; // bytes that follow this struct
};
// A whole inner IP packet that came out of an SA, or is to be sent into one.
struct ipc_punt_inner {
	uint32_t spi; // in: the SA it came by
	sa_ref_t ref; // out: the SA to send it by
	uint64_t link; // in
	uint32_t data_len;
	uint32_t pad;
};

// control -> dataplane: name, payload, which threads take it (W workers, M main)
#define IPC_COMMANDS(X)                                                                            \
	X(SA_IN_ADD, struct ipc_sa_in_add)                                                         \
	X(SA_IN_DEL, struct ipc_sa_in_del)                                                         \
	X(SA_INGRESS_SET, struct ipc_sa_ingress_set)                                               \
	X(SA_OUT_SET, struct ipc_sa_out_set)                                                       \
	X(SA_OUT_DEL, struct ipc_sa_out_del)                                                       \
	X(SA_MOVE, struct ipc_sa_move)                                                             \
	X(SA_LIST, struct ipc_sa_list)                                                             \
	X(SA_QUERY, struct ipc_sa_query)                                                           \
	X(POOL_ADD, struct ipc_pool_add)                                                           \
	X(POOL_DEL, struct ipc_pool_del)                                                           \
	X(POOL_SET, struct ipc_pool_set)                                                           \
	X(ROUTE_SET, struct ipc_route_set)                                                         \
	X(ROUTE_DEL, struct ipc_route_del)                                                         \
	X(HOSTIF_SET, struct ipc_hostif_set)                                                       \
	X(HOSTIF_DEL, struct ipc_hostif_del)                                                       \
	X(LAN_SET, struct ipc_lan_set)                                                             \
	X(LAN_DEL, struct ipc_lan_del)                                                             \
	X(LAN_GROUP_SET, struct ipc_lan_group_set)                                                 \
	X(LAN_GROUP_DEL, struct ipc_lan_group_del)                                                 \
	X(LAN_QUERY, struct ipc_lan_query)                                                         \
	X(GROUP_SET, struct ipc_group_set)                                                         \
	X(GROUP_DEL, struct ipc_group_del)                                                         \
	X(GROUP_SWEEP, struct ipc_group_sweep)                                                     \
	X(GROUP_UPSTREAM, struct ipc_group_upstream)                                               \
	X(PORT_LIST, struct ipc_list)                                                              \
	X(NEIGH_LIST, struct ipc_list)                                                             \
	X(ROUTE_LIST, struct ipc_list)                                                             \
	X(PING, struct ipc_ping)                                                                   \
	X(SEND_UDP, struct ipc_punt_udp)                                                           \
	X(SEND_INNER, struct ipc_punt_inner)                                                       \
	X(SEND_PORT, struct ipc_punt_port)

struct ipc_ack { // the header's status is the answer
	uint32_t command; // enum ipc_type that is answered
};
struct ipc_sa_info {
	uint32_t direction;
	uint32_t spi;
	sa_ref_t ref; // outbound: owner and slot; inbound: 0
	uint32_t flags;
	uint64_t link;
	uint64_t cookie;
	uint64_t child;
	struct esp_suite suite;
	struct inet_addr local;
	struct inet_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t replay_window;
	uint64_t seq; // last sent, or highest seen
	uint64_t pkts;
	uint64_t bytes; // of inner packets
	uint64_t drops; // packets of this SA that died, all reasons
	uint64_t idle_us; // since the last good packet, UINT64_MAX: none yet
};
struct ipc_sa_first_use {
	uint32_t spi;
	uint32_t pad;
	uint64_t child;
};
enum ipc_expire_why {
	IPC_EXPIRE_BYTES,
	IPC_EXPIRE_PKTS,
	IPC_EXPIRE_SEQ
};
struct ipc_sa_expire {
	uint32_t spi_or_ref;
	uint32_t direction;
	uint32_t hard; // 0: soft, rekey now; 1: the SA passes nothing any more
	uint32_t why; // enum ipc_expire_why
	uint64_t child;
};
// A good packet of an encapsulated SA came from another outer address or port (RFC 7296 section 2.23).
struct ipc_sa_moved {
	uint32_t spi;
	uint16_t remote_port;
	uint16_t pad;
	uint64_t child;
	struct inet_addr remote;
};
// A router on the path says that an IKE datagram of ours does not fit (RFC 4443 section 3.2). Not
// authenticated: whoever sent it knows the SPIs and no more. IPv4 has none: those go without DF.
struct ipc_too_big {
	struct inet_addr local, remote; // of our datagram
	uint32_t mtu;
	uint32_t pad;
	uint64_t spi_i, spi_r;
};
struct ipc_port_info {
	char name[IPC_NAME_MAX];
	char device[64];
	uint32_t index;
	uint32_t role; // enum config_port_role
	uint32_t mtu;
	uint32_t up;
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t addr_n;
	uint32_t pad2;
	struct ipc_hostif_addr addr[8];
	uint64_t rx_pkts, rx_bytes, tx_pkts, tx_bytes, rx_missed, rx_errors, tx_errors;
};
struct ipc_neigh_info {
	char port[IPC_NAME_MAX];
	struct inet_addr addr;
	uint8_t mac[6];
	uint8_t state; // enum ipc_neigh_state
	uint8_t pad;
	uint64_t age_us; // since confirmed
	uint32_t queued; // packets that wait for it
	uint32_t pad2;
};
enum ipc_neigh_state {
	IPC_NEIGH_INCOMPLETE,
	IPC_NEIGH_REACHABLE,
	IPC_NEIGH_STALE,
	IPC_NEIGH_PROBE
};
struct ipc_route_info {
	struct inet_prefix prefix;
	struct inet_addr via; // family 0: on link, or not a next hop
	char port[IPC_NAME_MAX];
	uint32_t table; // 0 outer, 1 inner
	uint32_t kind; // enum ipc_route_kind, or 100: next hop on a port
	sa_ref_t ref;
	uint32_t pad;
};
struct ipc_hostif_state {
	char name[IPC_NAME_MAX];
	uint32_t up;
};
// What the kernel says of an address of one of our interfaces.
enum ipc_hostif_addr_event {
	IPC_ADDR_ADDED, // usable; whoever added it
	IPC_ADDR_REMOVED,
	IPC_ADDR_DUPLICATE, // DAD failed
};
struct ipc_hostif_addr_state {
	char name[IPC_NAME_MAX];
	struct inet_addr addr;
	uint8_t prefix_len;
	uint8_t event; // enum ipc_hostif_addr_event
	uint8_t pad;
};

// MLD on a LAN, as an IPv6 packet.
struct ipc_punt_lan {
	char name[IPC_NAME_MAX]; // the LAN's
	struct inet_addr own; // our link-local address there, family 0: none
	uint32_t data_len; // bytes that follow
};

// dataplane -> control
#define IPC_EVENTS(X)                                                                              \
	X(ACK, struct ipc_ack)                                                                     \
	X(SA_INFO, struct ipc_sa_info)                                                             \
	X(SA_FIRST_USE, struct ipc_sa_first_use)                                                   \
	X(SA_EXPIRE, struct ipc_sa_expire)                                                         \
	X(SA_MOVED, struct ipc_sa_moved)                                                           \
	X(TOO_BIG, struct ipc_too_big)                                                             \
	X(PORT_INFO, struct ipc_port_info)                                                         \
	X(NEIGH_INFO, struct ipc_neigh_info)                                                       \
	X(ROUTE_INFO, struct ipc_route_info)                                                       \
	X(HOSTIF_STATE, struct ipc_hostif_state)                                                   \
	X(HOSTIF_ADDR, struct ipc_hostif_addr_state)                                               \
	X(PUNT_UDP, struct ipc_punt_udp)                                                           \
	X(PUNT_INNER, struct ipc_punt_inner)                                                       \
	X(PUNT_PORT, struct ipc_punt_port)                                                         \
	X(PUNT_LAN, struct ipc_punt_lan)

enum ipc_type {
	IPC_NONE,
#define X(name, payload) IPC_##name,
	IPC_COMMANDS(X)
	IPC_EVENTS(X)
#undef X
		IPC_TYPE_COUNT,
};

// Name of a message type for logs, "?" when unknown.
const char *ipc_type_name(uint32_t type);
// A message of `total` bytes (header included) is one that `from_control` may send, and is at least
// as long as its fixed part; PUNT and SEND messages carry exactly data_len bytes behind it. 0, or
// -EINVAL unknown or wrong direction, -EMSGSIZE.
int ipc_check(const void *msg, size_t total, bool from_control);
