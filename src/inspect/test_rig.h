/*
 * test_rig.h - the real inspector behind its real dispatcher, with a scripted DNS: for tests and the fuzz target. What a peer
 * sends goes through a channel, as in the running system.
 */
#ifndef SD_INSPECT_TEST_RIG_H
#define SD_INSPECT_TEST_RIG_H

#include "auth/dns_script.h"
#include "inspect/inspect.h"

#define RIG_VERDICTS_MAX 201
/* A keeper that takes what it is told and keeps the last of it. */
struct rig_keeper {
    struct ipc_client *client;
    unsigned long thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    enum sd_err answers; /* with this status */
    unsigned verdicts;   /* how often it was told */
    atomic_uint scanners;
    uint8_t object[16], letter[32];
    char engine[129];
    size_t count;
    struct {
        uint8_t digest[32];
        uint8_t state;
        uint64_t findings;
        char signature[129];
    } found[RIG_VERDICTS_MAX];
    bool configured, up;
    char scanner_engine[129], problem[257];
};

struct rig {
    struct inspector inspector; /* of mx.sealdesk.example, own domain sealdesk.example */
    struct dns_script *script;
    struct config *config;
    struct rig_keeper *keeper; /* NULL: none */
};

void rig_start(struct rig *rig, const char *zone); /* lines of dns_script_load */
/* With a keeper, children that find a script in files beginning with SCRIPT and break on CRASH and HANG, and lines of the
 * section scan besides ("scan.clamd=…\n"), over those that scan for nothing. */
void rig_start_scanning(struct rig *rig, const char *zone, const char *lines);
/* The same with what children really do. */
void rig_start_looking(struct rig *rig, const char *zone, const char *lines);
/* Runs the thread that asks how the scanner is. */
void rig_watch_scanner(struct rig *rig);
void rig_stop(struct rig *rig);

/* One message of a peer. SD_OK: there is an answer, whose status says what became of it; SD_ERR_PROTOCOL: the peer is dropped.
 */
enum sd_err rig_serve(struct rig *rig, uint32_t peer, uint16_t op, const struct ipc_out *out,
                      struct ipc_msg **ret_answer) SD_MUST_CHECK;

/* A letter from 192.0.2.1, HELO mx.customer.example, MAIL FROM:<kim@customer.example>. *ret is valid as long as *ret_answer. */
enum sd_err rig_judge(struct rig *rig, struct span letter, struct ipc_msg **ret_answer,
                      struct inspect_judge_rep *ret) SD_MUST_CHECK;
enum sd_err rig_scan(struct rig *rig, const uint8_t object[16], struct span source, struct ipc_msg **ret_answer,
                     struct inspect_scan_rep *ret) SD_MUST_CHECK;
enum sd_err rig_learn(struct rig *rig, bool spam, struct span source, struct ipc_msg **ret_answer,
                      struct inspect_learn_rep *ret) SD_MUST_CHECK;
enum sd_err rig_examine(struct rig *rig, struct span message, struct ipc_msg **ret_answer,
                        struct inspect_examine_rep *ret) SD_MUST_CHECK;

#endif
