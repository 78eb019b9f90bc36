/*
 * rights.h - who may do what, and what is fit to be opened; decided on facts of the keeper's own database. No I/O. Every
 * verdict's zero denies.
 *
 * A right is verb × queue × category. Rules allow or deny; a rule that denies wins over all that allow; what no rule allows is
 * denied. Rules come from the built-in role (on the person's own queues), from roles of one's own, and from grants to one
 * person.
 */
#ifndef SD_KEEPER_RIGHTS_H
#define SD_KEEPER_RIGHTS_H

#include "core/ipc/states.h"
#include "crypt/seal.h"
#include "keeper/gates.h"

enum right { RIGHT_DENIED = 0, RIGHT_UNFIT = 1, RIGHT_GRANTED = 2 };

/* What an object is; zero is none. Stored. */
enum object_kind { OBJECT_NONE = 0, OBJECT_LETTER = 1, OBJECT_FILE = 2, OBJECT_ANSWER = 3 };
const char *object_kind_text(enum object_kind kind);
const char *disposition_word(unsigned disposition); /* auth's own text function would bring its libraries along */

/* ---- rules ---- */

#define QUEUE_NAME_MAX 64
#define ROLE_NAME_MAX 32

enum rule_source { RULE_BUILT_IN, RULE_ROLE, RULE_GRANT };
struct rule {
    bool allow;
    enum rule_source source;
    uint32_t verbs;     /* bits of enum verb */
    uint8_t categories; /* bits of enum category */
    bool everywhere;    /* else `queue` alone */
    uint8_t queue_bytes;
    uint8_t queue[QUEUE_NAME_MAX];
    int64_t from_ms, until_ms; /* until 0: for good */
    int64_t number;            /* RULE_GRANT */
    char role[ROLE_NAME_MAX + 1];
};

struct wanted {
    enum verb verb;
    struct span queue; /* of verbs with SCOPE_QUEUE */
    enum category category;
};

/* Does the rule speak of what is wanted, now? */
bool rule_applies(const struct rule *rule, const struct wanted *wanted, int64_t now_ms);
/* The verdict, and the rule that decided it (NULL: none allows). */
enum right rights_judge(const struct rule *rules, size_t count, const struct wanted *wanted, int64_t now_ms,
                        const struct rule **ret_rule);
/* What the rules allow on some queue or at all: bits of enum verb. Denials of everything count, others do not. */
uint32_t rights_verbs(const struct rule *rules, size_t count, int64_t now_ms);

/* What a built-in role may: on its person's queues, on all queues, in the installation. */
struct role_facts {
    uint32_t own_queues, all_queues, system;
    uint8_t categories; /* of both kinds of queues */
};
struct role_facts role_facts(enum person_role role);

/* Nobody both administers people and destroys mail or sets policy alone: whoever may both needs a second person for either. */
bool rights_conflict(uint32_t verbs);
uint32_t rights_conflicting(void); /* the verbs of which that is said */

/* ---- objects ---- */

struct object_facts {
    enum object_kind kind;
    enum object_state state;
    enum disposition disposition;
    enum trust_level trust; /* of the letter; files have their letter's */
    bool has_files;         /* a letter with attachments: its source has them in it */
    bool decided;           /* a person has taken its ticket out of Review since it came */
    bool destroyed;
    bool released;        /* by hand, since the last time that something worse was found in it */
    bool letter_released; /* of files: the letter that it came with */
    bool show_suspicious; /* the administrator lets pictures be seen of what is suspicious (preview.suspicious) */
};

/* The gate before attachments: what a person decided on or released by hand has passed it. */
enum gate_verdict right_attachments(const struct gates *gates, const struct object_facts *object);
/*
 * Is this facet fit to be opened at all? Files and their letter's source are only when they are clean or were released;
 * pictures of a file besides when it is suspicious and the administrator lets that be.
 */
enum right right_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet);
/* May the ticket be put into this state? Nothing leaves or enters quarantine by hand. */
enum right right_state(enum ticket_state from, enum ticket_state to);
/* May an answer leave? Not from review, spam and quarantine: a person decides on the ticket first. */
enum right right_answer(enum ticket_state state);
/* What opening a facet is called: reading, or getting the original. */
enum verb facet_verb(unsigned facet);

#endif
