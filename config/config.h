// SPDX-License-Identifier: BSD-3-Clause
// The one configuration file, as plain structs. Both daemons, the CLI's `config check` and the
// tests load it with the same function; each takes the part that concerns it. Loaded once into
// memory that config_free() gives back whole; read-only afterwards, so any thread may read it.
#pragma once

#include "algs.h"
#include "inet.h"
#include "secret.h"
#include "ts.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PORTS 16
#define CONFIG_PORT_ADDRS 8
#define CONFIG_LINK_POOLS 4 // prefixes that one link gets
#define CONFIG_DNS 8
#define CONFIG_DOMAINS 4
#define CONFIG_DNSSEC_TAS 4
#define CONFIG_SNTP 4
#define CONFIG_ADDRESSES_MAX 24 // that one link may claim in shared prefixes
#define CONFIG_CHILDREN 4 // child SAs of a connection beside the first
#define CONFIG_CHILDREN_MAX 8 // child SAs of one IKE SA, of any peer
#define CONFIG_MORE_IIDS 4
#define CONFIG_DELEGATIONS_MAX 4 // prefixes that one link may have by DHCPv6
// RFC 4478 lets a responder say any number of seconds; below this, clients do little else.
#define CONFIG_REAUTH_MIN_S 10
#define CONFIG_NAME_MAX 32

enum config_idle {
	CONFIG_IDLE_AUTO,
	CONFIG_IDLE_POLL,
	CONFIG_IDLE_ADAPTIVE
};
enum config_port_role {
	CONFIG_PORT_OUTER,
	CONFIG_PORT_INNER
};
enum config_hugepages {
	CONFIG_HUGEPAGES_AUTO,
	CONFIG_HUGEPAGES_NO,
	CONFIG_HUGEPAGES_YES
};

struct config_ifaddr {
	struct inet_addr addr;
	uint8_t len;
};

// A port of the dataplane. `device` is "af_packet:IFACE", "tap:IFACE", "pci:0000:01:00.0" or
// "vdev:ARGS" with ARGS as DPDK spells them.
struct config_port {
	char name[CONFIG_NAME_MAX];
	char device[128];
	enum config_port_role role;
	uint32_t mtu; // bytes of IP packet, 1280 to 9000
	// The interface is the host's too (af_packet only): the kernel keeps the addresses, answers ARP
	// and ND, and is kept from answering what is ours. What a client on a laptop needs.
	bool shared;
	uint32_t addr_n;
	struct config_ifaddr addr[CONFIG_PORT_ADDRS];
	int line;
};

struct config_route { // static, of the dataplane
	enum config_port_role
		table; // outer: where ESP and IKE packets go; inner: protected traffic
	struct inet_prefix prefix;
	struct inet_addr via; // family 0: on link
	char port[CONFIG_NAME_MAX];
	int line;
};

struct config_dataplane {
	uint32_t worker_n;
	uint32_t worker_cpu[62]; // CPU of each worker
	uint32_t main_cpu;
	enum config_idle idle;
	enum config_hugepages hugepages;
	uint32_t memory_mb;
	uint32_t mbufs;
	uint32_t sa_slots; // per worker and direction, power of two
	uint32_t port_n;
	struct config_port port[CONFIG_PORTS];
	uint32_t route_n;
	struct config_route *route;
	char hook[256]; // program told of DNS servers and domain of a client's link; "" none
};

// One proposal for the IKE SA or for child SAs: every listed algorithm, most wanted first.
#define CONFIG_ALGS 8
struct config_proposal {
	uint32_t encr_n, prf_n, integ_n, dh_n;
	const struct alg_encr *encr[CONFIG_ALGS];
	const struct alg_prf *prf[CONFIG_ALGS]; // IKE only
	const struct alg_integ *integ[CONFIG_ALGS]; // empty for AEAD
	const struct alg_dh *dh[CONFIG_ALGS]; // child SAs: PFS groups; empty: none
	bool esn_yes, esn_no; // child SAs: which are acceptable
};
struct config_proposals {
	uint32_t n;
	struct config_proposal proposal[CONFIG_ALGS];
};

// RFC 7296 section 3.5
enum config_id_type {
	CONFIG_ID_IPV4 = 1,
	CONFIG_ID_FQDN = 2,
	CONFIG_ID_RFC822 = 3,
	CONFIG_ID_IPV6 = 5,
	CONFIG_ID_KEY_ID = 11,
};
struct config_id {
	enum config_id_type type;
	uint8_t len;
	uint8_t data
		[255]; // as on the wire; in a PAD entry's text one `*` may stand for any characters
};

enum config_assign {
	CONFIG_ASSIGN_STABLE,
	CONFIG_ASSIGN_RANDOM
};
// One slot of a pool that is this identity's alone, for the first of its links.
struct config_static {
	struct config_id id;
	struct inet_prefix prefix;
	int line;
};
struct config_pool {
	char name[CONFIG_NAME_MAX];
	struct inet_prefix prefix;
	uint8_t lease_len; // 32 or 128: addresses
	// The prefix, a /64, is every client's at once (router aggregation): nothing of it is leased,
	// single addresses are claimed in it. lease_len is 128.
	bool shared;
	enum config_assign assign;
	uint32_t static_n;
	struct config_static *static_lease;
	int line;
};

// What a peer gets. Axis values as in the requirements' table of profiles; the words of each, as the
// file writes them, are indexed by the enum and end with NULL.
#define CONFIG_LINK_MODELS(X)                                                                      \
	X(P2P, "point-to-point")                                                                   \
	X(ROUTER_AGGREGATION, "router-aggregation")
#define CONFIG_PREFIXES_BY(X)                                                                      \
	X(IKEV2, "ikev2")                                                                          \
	X(RA, "ra")                                                                                \
	X(DHCPV6, "dhcpv6")
#define CONFIG_ADDRESSES_BY(X)                                                                     \
	X(WHOLE_PREFIX, "whole-prefix")                                                            \
	X(IKEV2, "ikev2")                                                                          \
	X(SLAAC, "slaac")                                                                          \
	X(DHCPV6, "dhcpv6")
#define CONFIG_ACCESSES(X)                                                                         \
	X(SPD, "spd")                                                                              \
	X(INGRESS_FILTER, "ingress-filter")
#define CONFIG_WIRES(X)                                                                            \
	X(RFC5739, "rfc5739")                                                                      \
	X(IPSECME_00, "ipsecme-00")
enum config_link_model {
#define X(id, word) CONFIG_LINK_##id,
	CONFIG_LINK_MODELS(X)
#undef X
};
enum config_prefixes_by {
#define X(id, word) CONFIG_PREFIXES_##id,
	CONFIG_PREFIXES_BY(X)
#undef X
};
enum config_addresses_by {
#define X(id, word) CONFIG_ADDRESSES_##id,
	CONFIG_ADDRESSES_BY(X)
#undef X
};
enum config_access {
#define X(id, word) CONFIG_ACCESS_##id,
	CONFIG_ACCESSES(X)
#undef X
};
enum config_wire {
#define X(id, word) CONFIG_WIRE_##id,
	CONFIG_WIRES(X)
#undef X
};
extern const char *const config_link_model_words[];
extern const char *const config_prefixes_words[];
extern const char *const config_addresses_words[];
extern const char *const config_access_words[];
extern const char *const config_wire_words[];

// A trust anchor of a split-DNS domain, RFC 8598 section 4.2: a DS record.
struct config_dnssec_ta {
	uint8_t domain; // index into config_profile.domain
	uint16_t key_tag;
	uint8_t algorithm;
	uint8_t digest_type;
	uint8_t digest_len;
	uint8_t digest[64];
};
struct config_profile {
	char name[CONFIG_NAME_MAX];
	enum config_link_model link_model;
	enum config_prefixes_by prefixes_by;
	enum config_addresses_by addresses_by;
	enum config_access access;
	enum config_wire wire;
	uint32_t prefix_pool_n;
	const struct config_pool *prefix_pool[CONFIG_LINK_POOLS]; // one prefix of each for a link
	const struct config_pool *ipv4_pool; // NULL: no IPv4
	const struct config_pool *ipv6_pool; // addresses for peers without links; NULL: none
	uint32_t dns_n;
	struct inet_addr dns[CONFIG_DNS];
	uint32_t domain_n;
	char domain[CONFIG_DOMAINS]
		   [256]; // the first is the search domain; all are split-DNS domains
	uint32_t dnssec_ta_n;
	struct config_dnssec_ta dnssec_ta[CONFIG_DNSSEC_TAS];
	uint32_t sntp_n;
	struct inet_addr sntp[CONFIG_SNTP]; // by DHCPv6, RFC 4075
	const struct config_pool *delegation_pool; // DHCPv6 prefix delegation; NULL: none
	uint32_t delegations_max; // prefixes that one link may have from it
	bool dhcp6; // DHCPv6 is answered on the link, INTERNAL_IP6_DHCP names it
	bool multicast; // links may join groups, by a child SA for them (the draft's section 6.4)
	struct inet_addr dhcp6_relay; // server to relay to instead of answering; family 0: none
	uint32_t addresses_max; // that one link may claim in shared prefixes
	uint32_t reauth_s; // AUTH_LIFETIME (RFC 4478): clients reauthenticate so often; 0: never
	uint32_t grace_s; // a link outlives its last IKE SA so long
	uint32_t mtu; // of the link, 0: from the outer port
	struct ts_list local_ts; // what the peer may reach; empty: everything
	int line;
};
// Peers with this profile may have a virtual link: it has prefixes of ours, or a server behind the
// relay has (P6). Without: single addresses alone (P0).
static inline bool config_profile_has_links(const struct config_profile *profile)
{
	return profile->prefix_pool_n > 0 ||
		(profile->addresses_by == CONFIG_ADDRESSES_DHCPV6 &&
			profile->dhcp6_relay.family != 0);
}

// A PEM file as it was when the configuration was loaded: certificates or CRLs, nothing secret.
#define CONFIG_PATH_MAX 512
struct config_pem {
	char path[CONFIG_PATH_MAX]; // "": none
	char *text; // ours; ends with a NUL, which is not counted
	size_t len;
	int line;
};
// Whose certificates are believed.
#define CONFIG_CAS 32
#define CONFIG_CRLS 64
struct config_certificates {
	uint32_t ca_n, crl_n;
	struct config_pem *ca, *crl;
	bool crl_required; // a certificate whose CA has no valid CRL here is refused
};
// How RSA keys of ours sign; peers may do either.
#define CONFIG_RSA_PADDINGS(X)                                                                     \
	X(PSS, "pss")                                                                              \
	X(PKCS1, "pkcs1")
// How both sides prove who they are.
#define CONFIG_AUTHS(X)                                                                            \
	X(SECRET, "secret")                                                                        \
	X(CERTIFICATE, "certificate")
// Addresses in the peer's identity and certificate against the one that carries IKE.
#define CONFIG_ADDRESS_CHECKS(X)                                                                   \
	X(PRESENT, "present") /* those that are there */                                           \
	X(REQUIRED, "required") /* and the certificate must have one */                            \
	X(OFF, "off")
enum config_rsa_padding {
#define X(id, word) CONFIG_RSA_##id,
	CONFIG_RSA_PADDINGS(X)
#undef X
};
enum config_auth {
#define X(id, word) CONFIG_AUTH_##id,
	CONFIG_AUTHS(X)
#undef X
};
enum config_address_check {
#define X(id, word) CONFIG_ADDRESS_##id,
	CONFIG_ADDRESS_CHECKS(X)
#undef X
};
extern const char *const config_rsa_padding_words[];
extern const char *const config_auth_words[];
extern const char *const config_address_check_words[];
// Who we are by certificate. The private key is only named: another process has it.
struct config_credential {
	struct config_pem certificate; // ours first, then those of the CAs between it and the root
	char private_key[CONFIG_PATH_MAX];
	enum config_rsa_padding rsa_padding;
	int key_line;
};

// A PAD entry (RFC 4301 section 4.4.3): who may be whom, proving it how, getting what. First match.
struct config_peer {
	char name[CONFIG_NAME_MAX];
	struct config_id id;
	enum config_auth auth;
	struct secret psk; // with CONFIG_AUTH_SECRET
	enum config_address_check address_check; // with CONFIG_AUTH_CERTIFICATE
	const struct config_profile *profile;
	// The SPD of the physical interface for this peer: child SAs whose requests carry no LINK_ID
	// (RFC 5739 section 4.3) are narrowed to these. Empty: there are none.
	struct ts_list physical_local, physical_remote;
	int line;
};

struct config_gateway {
	bool present;
	struct config_id id;
	struct config_credential credential;
	uint32_t peer_n;
	struct config_peer *peer;
};

// A child SA that a connection makes beside its first one.
struct config_child {
	char name[CONFIG_NAME_MAX];
	bool link; // of the virtual link; else of the physical interface (no LINK_ID)
	struct ts_list local, remote; // local empty: everything that the link has
	int line;
};

enum config_iid {
	CONFIG_IID_RANDOM, // another one for each new link
	CONFIG_IID_STABLE, // RFC 7217: the same for the same gateway, from a secret in the state directory
	CONFIG_IID_FIXED, // interface_id
};
enum config_lan_prefix {
	CONFIG_LAN_FURTHER, // the link's last prefix; the interface of the link takes none of it
	CONFIG_LAN_DELEGATED, // by DHCPv6 prefix delegation
};
extern const char *const config_lan_prefix_words[];

// The client role: one connection to one gateway.
struct config_connection {
	char name[CONFIG_NAME_MAX];
	struct config_id id; // ours
	struct config_id gateway_id; // must match IDr
	enum config_auth auth;
	struct secret psk; // with CONFIG_AUTH_SECRET
	struct config_credential credential; // with CONFIG_AUTH_CERTIFICATE
	enum config_address_check address_check;
	struct inet_addr gateway;
	struct inet_addr local; // family 0: the outer port's address of the same family
	bool link; // ask for INTERNAL_IP6_LINK
	bool ipv4; // ask for INTERNAL_IP4_ADDRESS
	bool ipv6_address; // ask for INTERNAL_IP6_ADDRESS (fallback)
	bool force_encap; // UDP encapsulation though no NAT is seen
	bool childless; // the first child SA by CREATE_CHILD_SA, RFC 6023
	enum config_iid iid;
	uint8_t interface_id[8]; // of the link-local address, with CONFIG_IID_FIXED
	bool privacy; // temporary addresses (RFC 8981), made by the host's kernel
	char interface[16]; // name of the host's interface
	// What the gateway's profile is known to be; what a reply says goes before.
	enum config_wire wire;
	enum config_link_model link_model;
	enum config_prefixes_by prefixes_by;
	enum config_addresses_by addresses_by;
	uint32_t more_iid_n; // further addresses by CREATE_CHILD_SA (INTERNAL_IP6_ADDRESS2)
	uint8_t more_iid[CONFIG_MORE_IIDS][8];
	uint32_t child_n;
	struct config_child child[CONFIG_CHILDREN];
	bool multicast; // a child SA for groups, where the first one does not cover them
	bool dhcp6; // ask the DHCPv6 server that the gateway names for what IKEv2 does not carry
	uint32_t reauth_s; // reauthenticate so often, beside what the gateway wants; 0: never
	char lan[16]; // interface of a LAN that shares the access; "" none
	enum config_lan_prefix lan_prefix;
	uint8_t delegation_len; // length to ask for, 0: what the server likes
	uint32_t route_n; // empty: everything that the gateway's traffic selectors allow
	struct inet_prefix route[16];
	bool autostart;
	int line;
};

struct config_lifetimes {
	uint64_t ike_rekey_s; // 0: never by time
	uint64_t child_rekey_s; // 0: never by time
	uint64_t child_rekey_bytes; // 0: none
	uint64_t child_rekey_pkts;
	uint32_t jitter_percent; // rekey times vary by so much, so that peers do not collide
	uint32_t liveness_s; // no sign of life for so long though we send: ask; 0: never
	uint32_t retransmit_tries;
	uint32_t half_open_s; // an IKE SA not authenticated by then goes
};

// What strangers, and peers, may make the gateway spend.
enum config_cookies {
	CONFIG_COOKIES_AUTO, // by load
	CONFIG_COOKIES_ALWAYS,
	CONFIG_COOKIES_NEVER,
};
extern const char *const config_cookies_words[];
struct config_limits {
	enum config_cookies cookies;
	uint32_t cookie_threshold; // 0: by half_open_max, see config_cookie_threshold()
	uint32_t half_open_source_max; // of one source: an IPv4 address, an IPv6 /64
	uint32_t init_source_rate; // IKE_SA_INIT of one source a second
	uint32_t request_rate; // requests on one IKE SA a second; 0: no limit
	uint32_t ike_sas_max; // of one pair of identities
	uint32_t children_max; // child SAs of one IKE SA
};

// What links may take of multicast.
#define CONFIG_GROUP_SOURCES 16
struct config_multicast {
	uint32_t groups; // of one link
	uint32_t sources; // of one membership, at most CONFIG_GROUP_SOURCES
	uint32_t records; // of MLD and IGMP, a second and link, and as many at once
	uint32_t total; // memberships of all links
};

struct config {
	char path[256];
	struct config_dataplane dataplane;
	struct config_proposals ike;
	struct config_proposals esp;
	struct config_lifetimes life;
	uint32_t replay_window; // packets, power of two 64 to 4096
	bool fragmentation; // of IKE messages, RFC 7383
	uint32_t fragment_size; // IKE messages that need larger IP datagrams are sent in fragments
	bool force_encap; // gateway: behave as if a NAT were there (RFC 7296 section 2.23)
	char state_dir[200]; // lease database; "" is the runtime directory
	char keylog_dir[200]; // "" off
	uint32_t pool_n;
	struct config_pool *pool;
	uint32_t profile_n;
	struct config_profile *profile;
	struct config_certificates certificates;
	struct config_gateway gateway;
	struct config_multicast multicast;
	uint32_t connection_n;
	struct config_connection *connection;
	uint32_t half_open_max;
	struct config_limits limits;
};

// Half-open IKE SAs from which on cookies are demanded.
static inline uint32_t config_cookie_threshold(const struct config *config)
{
	const uint32_t part = config->half_open_max / 4;

	if (config->limits.cookie_threshold != 0)
		return config->limits.cookie_threshold;
	return part > 0 ? part : 1;
}

// One thing that is wrong: "FILE:LINE: what is wrong; what would be right".
#define CONFIG_ERRORS 32
struct config_errors {
	uint32_t n; // may exceed CONFIG_ERRORS: the rest was not kept
	char text[CONFIG_ERRORS][320];
};

// Reads and checks the file whole. NULL when anything is wrong, with all of it in `errors`.
struct config *config_load(const char *path, struct config_errors *errors);
// The same from a string, for tests and the fuzzer; `name` stands where the file name would.
struct config *config_parse(const char *text, const char *name, struct config_errors *errors);
void config_free(struct config *config); // wipes secrets; accepts NULL
// One more thing that is wrong, found by who looks into what was loaded; line 0: the file itself.
void config_errors_add(struct config_errors *errors, const char *name, int line, const char *format,
	...) __attribute__((format(printf, 4, 5)));

int config_id_parse(
	const char *text, struct config_id *id); // "name@host", "host", address, "keyid:hex"
const char *config_id_format(const struct config_id *id, char buf[300]);
bool config_id_equal(const struct config_id *a, const struct config_id *b);
bool config_id_match(const struct config_id *pattern, const struct config_id *id);

// The same octets and private key.
bool config_credential_equal(const struct config_credential *a, const struct config_credential *b);

// The same static leases in the same order.
bool config_static_equal(const struct config_pool *a, const struct config_pool *b);

// What `reload` has to do, in words and as bits (see config_diff.c for what is where).
#define CONFIG_RESTARTS 12
struct config_diff {
	bool dataplane; // needs a restart of the dataplane
	bool proposals, lifetimes, pools, profiles, certificates, peers, multicast, connections,
		other;
	uint32_t restart_n; // keys that only a restart can change, as the file names them
	const char *restart[CONFIG_RESTARTS];
};
void config_diff(const struct config *old, const struct config *new, struct config_diff *out);
// Would a connection of this name be another one?
bool config_same_connection(const struct config_connection *a, const struct config_connection *b);
