// SPDX-License-Identifier: BSD-3-Clause
// Every reason for which the dataplane may let a packet die: one list, which yields the counters,
// their names in the CLI and in telemetry, and the texts that explain them. Append where it fits;
// the numbers are not stable across versions, the names are.
#pragma once

#include <stdint.h>

#define DROP_REASONS(X)                                                                            \
	/* receiving */                                                                            \
	X(RUNT, "runt", "shorter than its headers say")                                            \
	X(NOT_IP, "not-ip", "neither IPv4, IPv6, ARP nor anything else we speak")                  \
	X(BAD_IP_HEADER, "bad-ip-header", "IP version, header length or checksum is wrong")        \
	X(NOT_OURS, "not-ours", "outer packet to an address that is not the gateway's")            \
	X(CLEAR_ON_OUTER, "clear-on-outer", "outer packet that is neither ESP, IKE, ND nor ICMP")  \
	X(BAD_UDP, "bad-udp", "UDP length or checksum is wrong")                                   \
	X(KEEPALIVE, "natt-keepalive", "NAT keepalive (RFC 3948), nothing to do")                  \
	X(HOST, "host", "copy of a packet that is the host kernel's (shared port)")                \
	X(ICMP_ERROR_IN, "icmp-error-in", "ICMP error from the outer network, not acted upon")     \
	X(NO_MBUF, "no-mbuf", "the packet buffer pool is empty")                                   \
	/* reassembly */                                                                           \
	X(FRAG_BAD, "fragment-bad", "fragment that overlaps, is too small or too long")            \
	X(FRAG_TIMEOUT, "fragment-timeout", "other fragments did not arrive in time")              \
	X(FRAG_TABLE_FULL, "fragment-table-full", "too many packets in reassembly")                \
	/* ESP, in */                                                                              \
	X(ESP_SHORT, "esp-short", "too short for ESP header, IV, trailer and ICV")                 \
	X(ESP_NO_SA, "esp-no-sa", "no SA has this SPI")                                            \
	X(ESP_REPLAY, "esp-replay", "sequence number seen before, or older than the window")       \
	X(ESP_ICV, "esp-icv", "integrity check failed")                                            \
	X(ESP_PADDING, "esp-padding", "padding bytes or length are wrong")                         \
	X(ESP_NEXT_HEADER, "esp-next-header", "next header is not IPv4 or IPv6")                   \
	X(ESP_DUMMY, "esp-dummy", "dummy packet (next header 59), dropped as it should be")        \
	X(ESP_LIFETIME_IN, "esp-lifetime-in", "the inbound SA has reached its hard lifetime")      \
	X(ESP_ECN, "esp-ecn", "outer CE on a packet that is not ECN-capable (RFC 6040)")           \
	X(SA_SELECTOR_IN, "sa-selector-in", "inner packet outside the SA's selectors")             \
	X(INGRESS_FILTER, "ingress-filter", "inner source is not one that the link was given")     \
	/* policy and routes */                                                                    \
	X(NO_POLICY, "no-policy", "no SA and no rule for this packet")                             \
	X(NO_ROUTE, "no-route", "no route to the destination")                                     \
	X(ROUTE_DISCARD, "route-discard", "the route says discard")                                \
	X(SCOPE, "scope", "link-local address would leave its link (RFC 4007)")                    \
	X(NO_GROUP, "no-group", "multicast group that nobody here joined")                         \
	X(HOP_LIMIT, "hop-limit", "hop limit or TTL ran out")                                      \
	X(TOO_BIG, "too-big", "larger than the path, sender told")                                 \
	X(LAN_BAD_RS, "lan-bad-rs", "malformed router solicitation on a LAN of the host")          \
	X(ICMP_LIMIT, "icmp-limit", "an ICMP error was not sent: rate limit")                      \
	/* ESP, out */                                                                             \
	X(SA_GONE, "sa-gone", "route or pool slot names an SA that is not there")                  \
	X(SA_SELECTOR_OUT, "sa-selector-out", "packet outside the selectors of its link's SAs")    \
	X(ESP_LIFETIME_OUT, "esp-lifetime-out", "the outbound SA has reached its hard lifetime")   \
	X(ESP_SEQ, "esp-sequence", "the sequence number would wrap")                               \
	X(CRYPTO, "crypto", "the crypto backend refused the packet")                               \
	/* sending */                                                                              \
	X(NEIGH_QUEUE_FULL, "neighbour-queue-full", "too many packets wait for a neighbour")       \
	X(NEIGH_FAILED, "neighbour-failed", "the neighbour did not answer")                        \
	X(TX_FULL, "tx-full", "the port took no more packets")                                     \
	X(NO_PORT, "no-port", "the port is gone or down")                                          \
	/* between threads and processes */                                                        \
	X(HANDOFF_FULL, "handoff-full", "the ring to the owning worker is full")                   \
	X(MAIN_FULL, "main-full", "the ring to the main thread is full")                           \
	X(PUNT_FULL, "punt-full", "the ring to control is full")                                   \
	X(PUNT_STRANGER, "punt-stranger", "IKE_SA_INIT while the ring to control is half full")    \
	X(PUNT_NO_CONTROL, "punt-no-control", "control is not there")                              \
	X(PUNT_LIMIT, "punt-limit", "more packets for control than allowed")                       \
	X(PUNT_LINK_LIMIT, "punt-link-limit", "more packets of one link for control than allowed") \
	X(COMMAND_BAD, "command-bad", "control asked for something impossible")

enum drop_reason {
#define X(id, name, text) DROP_##id,
	DROP_REASONS(X)
#undef X
	DROP_COUNT,
};

const char *drop_name(uint32_t reason); // "?" when out of range
const char *drop_text(uint32_t reason);
