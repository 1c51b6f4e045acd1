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

// Either: appends N(LINK_ID) to a CREATE_CHILD_SA request when the child SA is of an RFC 5739 link.
void task_config_link_id(const struct ike_sa *sa, bool of_link, struct ike_builder *b);
// Either: a CREATE_CHILD_SA request names our link, or there is none that it would have to name.
// false: it is about the physical interface, where nobody is allowed a child SA.
bool task_config_about_link(struct ike_sa *sa, const struct ike_msg *msg);
