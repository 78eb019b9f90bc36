/*
 * process_rig.h - the real sealdesk-keeper, started as the supervisor starts it: for tests and for the benchmark, which stand
 * where its peers do. What must not go wrong and does ends the program with the line it happened in.
 */
#ifndef SD_KEEPER_PROCESS_RIG_H
#define SD_KEEPER_PROCESS_RIG_H

#include "core/ipc/cards.h"
#include "core/ipc/keeper.h"
#include "crypt/seal.h"

#include <sys/types.h>

#define RIG_PERSON_PASSWORD "correct horse battery"
#define RIG_ROLE_UID 64603 /* whom the keeper becomes when this is run by root */

#define MUST(condition) rig_must((condition), #condition, __FILE__, __LINE__)
void rig_must(bool good, const char *what, const char *file, int line);
void rig_shell(const char *format, ...) SD_PRINTF(1, 2); /* must succeed */

struct process {
    const char *program;
    const char *settings; /* lines of configuration besides those that every run has; NULL: none */
    char dir[80];         /* the data directory: keeper/ is in it */
    pid_t pid;            /* 0: not running */
    int inspector;        /* the other end of inspect0, whom the keeper asks; -1: none */
    struct ipc_client *control, *edge, *clerk, *desk, *courier, *admin, *inspect;
    struct ipc_msg *msg; /* the last reply that was asked for with rig_msg() */
};

/* Makes an installation in a new folder below `base`, with DKIM keys of example.test. */
void process_make(struct process *p, const char *program, const char *base);
void process_start(struct process *p); /* with one honest client of each kind */
void process_stop(struct process *p);
void process_kill(struct process *p);
void process_remove(struct process *p); /* and its folder */
bool process_runs(struct process *p);
/* A channel of its own: our end. SD_ERR_PROTOCOL when the keeper wants no such peer. */
enum sd_err process_channel(struct process *p, uint32_t peer, int *ret_fd) SD_MUST_CHECK;
struct ipc_client *process_client(struct process *p, uint32_t peer);
/* A new channel to inspect0, in place of one that is lost: p->inspector. */
enum sd_err process_link_inspector(struct process *p) SD_MUST_CHECK;
/* What the supervisor hears: is it ready? */
bool process_ready(struct process *p);
long process_memory_kib(const struct process *p, const char *line); /* "VmRSS" or "VmHWM" of /proc */

struct deadline rig_soon(void);
struct ipc_msg **rig_fresh(struct process *p);

/* ---- letters, as an edge seals them ---- */

struct rig_intake {
    uint8_t id[16], key[32];
};
void rig_intake(struct process *p, struct rig_intake *ret);
struct rig_mail {
    uint8_t id[16], key[32];
    const char *queue, *from;
    uint8_t disposition, state, trust;
    uint16_t attachments;
    uint8_t inspected; /* the first byte of what the inspector's verdict is known by; 0: a card of before, which does not say */
    bool other_files;  /* not those that the verdict was about */
};
#define RIG_MAIL_DIGEST 9   /* the first byte of the digests of sources and attachments, before zeros */
#define RIG_OTHER_DIGEST 10 /* of other files */
void rig_file_key(const struct rig_mail *mail, uint16_t index, uint8_t ret[32]); /* of its attachment */
/* One item of keeper.adopt's list. */
void rig_put_mail(const struct rig_intake *intake, const struct rig_mail *mail, struct ipc_list *list, struct buf *raw);
/* Adopts one, and says which ticket it went to. */
void rig_adopt_mail(struct process *p, const struct rig_intake *intake, const struct rig_mail *mail, uint8_t ret_ticket[16]);
/*
 * What an inspector says, over its own channel: of an adopted letter, or, `stored` NULL, of one at the door that is known by
 * `inspected`. States: of the letter itself, then of each attachment.
 */
struct rig_findings {
    const struct rig_mail *stored;
    uint8_t inspected;
    uint8_t states[4];
    unsigned count;
};
void rig_tell_findings(struct process *p, const struct rig_findings *findings);

#endif
