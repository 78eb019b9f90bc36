/*
 * rights.h - who may do what, and what is fit to be opened; decided on facts of the keeper's own database. No I/O. Every
 * verdict's zero denies.
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

struct object_facts {
    enum object_kind kind;
    enum object_state state;
    enum disposition disposition;
    enum trust_level trust; /* of the letter; files have their letter's */
    bool has_files;         /* a letter with attachments: its source has them in it */
    bool decided;           /* a person has taken its ticket out of Review since it came */
};

/* List, open, act and answer: only agents and supervisors have content by their role, and only on their queues. */
enum right right_ticket(enum person_role role, bool has_queue);
/* Find messages by their sender's domain: only who may see tickets. To others the hash would say whether a domain has written.
 */
enum right right_search(enum person_role role);
/* The gate before attachments: what a person decided on by hand has passed it. */
enum gate_verdict right_attachments(const struct gates *gates, const struct object_facts *object);
/* Is this facet fit to be opened at all? */
enum right right_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet);
/* May the ticket be put into this state? Nothing leaves or enters quarantine by hand. */
enum right right_state(enum ticket_state from, enum ticket_state to);
/* May an answer leave? Not from review, spam and quarantine: a person decides on the ticket first. */
enum right right_answer(enum ticket_state state);

#endif
