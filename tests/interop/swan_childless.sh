#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Childless initiation, RFC 6023: strongSwan that insists on it against our gateway; our client that asks
# for it against our gateway, with a link.
#
#	strongSwan, cpn-client ─────────────┐
#	our client, cpn-far ── cpn-router ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
swan_client alice@example.org alice-secret 192.0.2.2 192.0.2.1 | sed 's/^\(\t*\)mobike = no/&\n\1childless = force/' |
	swan_start alice cpn-client || fail "strongSwan does not start"
check "strongSwan is told to" grep -q 'childless = force' "$(swan_dir alice)/swanctl/swanctl.conf"
check "strongSwan connects" swan_initiate alice net
check "by an exchange of its own for the child SA" grep -q 'generating CREATE_CHILD_SA request 2' "$(swan_dir alice)/charon.log"
check "and none in IKE_AUTH" grep -q 'parsed IKE_AUTH response 1 \[ IDr AUTH CPRP([^)]*)[^]]*\]' "$(swan_dir alice)/charon.log"
check_not "not even a little" grep -q 'parsed IKE_AUTH response 1 .* TSi' "$(swan_dir alice)/charon.log"
pings_both cpn-client "$(swan_addresses alice | grep -m 1 '\.')" "$(swan_addresses alice | grep -m 1 ':')"
check "strongSwan rekeys the child SA" swan_ctl alice --rekey --child net
check "the gateway sees it" wait_for "$PATIENCE" rekeyed child 1

far_config gateway=192.0.2.1 childless=true
client_up --config "$WORK/client.conf" --namespace cpn-far
check "our client used an exchange of its own" grep -q 'CREATE_CHILD_SA response 2 { SA, Nr' "$RUN/logs/client-far-control.log"
pings_both cpn-far "$(interface_address cpn-far cpn0 4)" "$(interface_address cpn-far cpn0 6 2001:db8:1)"
