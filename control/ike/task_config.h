// SPDX-License-Identifier: BSD-3-Clause
// Configuration payloads in IKE_AUTH, and whether a later request is about the link: RFC 7296
// section 2.19, RFC 5739 sections 4 and 5. One thread per core.
#pragma once

#include "ike_core.h"
#include "ike_payload.h"

struct ike_sa;

// Client: appends CP(CFG_REQUEST) when there is something to ask for; fills the selectors to propose.
void task_config_request(
	struct ike_sa *sa, struct ike_builder *b, struct ts_list *local, struct ts_list *remote);
// Client: the gateway's CFG_REPLY. NULL, or what is wrong with it.
const char *task_config_accept(struct ike_sa *sa, const struct ike_msg *msg);

// Gateway: asks the link layer, appends CP(CFG_REPLY) and remembers link and selectors. 0, or the
// notify to answer with. *asked: there was a configuration payload.
uint16_t task_config_attach(
	struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b, bool *asked);

// Client: what a response says of RFC 8983's address families, with an error or without.
void task_config_note_families(struct ike_sa *sa, const struct ike_msg *msg);

// P5, the draft's appendix A.4. Client: appends CP(CFG_REQUEST) { INTERNAL_IP6_ADDRESS2(addr) }.
void task_config_ask_address(const struct inet_addr *addr, struct ike_builder *b);
// Client: the reply to that. NULL, or what is wrong with it; `local` as narrowed.
const char *task_config_accept_address(const struct ike_sa *sa, const struct ike_msg *msg,
	const struct ts_list *local, struct cp_attrs *cp);

// What a CREATE_CHILD_SA request is about, RFC 5739 section 4.3.
enum config_about {
	ABOUT_LINK, // it names our link, or there is none that it would have to name
	ABOUT_PHYSICAL, // it names none though there is one: the interface that IKE goes over
	ABOUT_NOTHING, // it names a link that is not this IKE SA's
};
enum config_about task_config_about(struct ike_sa *sa, const struct ike_msg *msg);
// Either: appends N(LINK_ID) to a CREATE_CHILD_SA request when the child SA is of an RFC 5739 link.
void task_config_link_id(const struct ike_sa *sa, bool of_link, struct ike_builder *b);
// Gateway: a configuration payload in CREATE_CHILD_SA: asks the link layer, appends CP(CFG_REPLY),
// puts what this child SA may cover in the lists. 0 (also when there is none), or the notify.
uint16_t task_config_extend(struct ike_sa *sa, enum config_about about, const struct ike_msg *msg,
	struct ike_builder *b, struct ts_list *local, struct ts_list *remote);
