/*
 * test_rig.h - the real inspector behind its real dispatcher, with a scripted DNS: for tests and the fuzz target. What a peer
 * sends goes through a channel, as in the running system.
 */
#ifndef SD_INSPECT_TEST_RIG_H
#define SD_INSPECT_TEST_RIG_H

#include "auth/dns_script.h"
#include "inspect/inspect.h"

struct rig {
    struct inspector inspector; /* of mx.sealdesk.example, own domain sealdesk.example */
    struct dns_script *script;
    struct config *config;
};

void rig_start(struct rig *rig, const char *zone); /* lines of dns_script_load */
void rig_stop(struct rig *rig);

/* One message of a peer. SD_OK: there is an answer, whose status says what became of it; SD_ERR_PROTOCOL: the peer is dropped.
 */
enum sd_err rig_serve(struct rig *rig, uint32_t peer, uint16_t op, const struct ipc_out *out,
                      struct ipc_msg **ret_answer) SD_MUST_CHECK;

/* A letter from 192.0.2.1, HELO mx.customer.example, MAIL FROM:<kim@customer.example>. *ret is valid as long as *ret_answer. */
enum sd_err rig_judge(struct rig *rig, struct span letter, struct ipc_msg **ret_answer,
                      struct inspect_judge_rep *ret) SD_MUST_CHECK;
enum sd_err rig_examine(struct rig *rig, struct span message, struct ipc_msg **ret_answer,
                        struct inspect_examine_rep *ret) SD_MUST_CHECK;

#endif
