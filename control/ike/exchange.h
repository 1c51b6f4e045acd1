// SPDX-License-Identifier: BSD-3-Clause
// Messages of an IKE SA that are protected by SK: in to the tasks, out from the tasks, sent again.
// RFC 7296 sections 2.1 to 2.3, 2.21. One thread per core.
#pragma once

#include "ike_core.h"

struct ike_sa;
struct ike_msg;

// The IKE SA that a message is for, by the SPI that we chose. NULL: nobody's.
struct ike_sa *exchange_sa(struct ike *ike, const struct ike_header *header);
// A datagram whose header is good, of any exchange but IKE_SA_INIT.
void exchange_receive(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_header *header);
// Starts waiting tasks as the window allows.
void exchange_run(struct ike_sa *sa);
// What is due is sent again; the last time it was, the peer is dead.
void exchange_retransmit(struct ike_sa *sa);
// Sends bytes by the IKE SA's path, or to where `to` came from.
void exchange_send(struct ike_sa *sa, const struct ike_datagram *to, const void *bytes, size_t len);
// A lone notify in the clear with the request's SPIs and id.
bool exchange_answer_clear(struct ike *ike, const struct ike_datagram *to,
	const struct ike_header *request, uint16_t notify, const void *data, size_t len);
// The same as far as strangers are answered, RFC 7296 sections 1.5 and 2.21.4. false: not sent, they
// have had enough answers for the moment.
bool exchange_answer_stranger(struct ike *ike, const struct ike_datagram *to,
	const struct ike_header *request, uint16_t notify, const void *data, size_t len);
// The request for which AFTER_WAIT was said is answered now, or waits again.
void exchange_resume(struct ike_sa *sa);
