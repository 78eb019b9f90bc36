/* letter.h - one letter on its way into the keeper: the card opened (letter_card.c), its ticket found or made
 * (letter_ticket.c), its rows written and the answer given (adopt.c). */
#ifndef SD_KEEPER_LETTER_H
#define SD_KEEPER_LETTER_H

#include "core/ipc/cards.h"
#include "keeper/contacts.h"
#include "keeper/handlers.h"
#include "keeper/threading.h"
#include "keeper/verdict.h"

/* What was found in it at the door (letter_scan.c). */
struct letter_scan {
    bool told;                                    /* an inspector told the keeper of this letter */
    struct object_found found[VERDICT_PARTS_MAX]; /* of the letter itself, then of each attachment */
    uint8_t states[VERDICT_PARTS_MAX];            /* as answered: the worst of all, then each attachment's */
    uint16_t count;
    int64_t due_ms;
};

struct letter {
    struct cards_intake_header_v1 header;
    struct cards_adoption_v3 card;
    struct buf plain; /* what card points into */
    enum adopt_outcome outcome;
    const char *reason; /* why refused */
    /* What is made of it. The standing's disposition is the edge's, or a stricter one. */
    struct standing standing;
    struct contact_letter said;
    struct contact contact;
    uint64_t found;   /* signals of the keeper's */
    const char *shut; /* the gate that made the disposition stricter; NULL: none did */
    struct letter_facts facts;
    struct sha256 sender; /* as participants are kept */
    struct part part;     /* theirs in the ticket that it joins */
    uint8_t ticket[ID_BYTES];
    bool has_ticket, new_ticket;
    enum ticket_state ticket_state;
    struct letter_scan scan;
};

enum adopt_outcome letter_refuse(struct letter *letter, const char *reason);
/* Header and card in order, the card authentic, its facts consistent: else the letter is refused. Errors are ours. */
enum sd_err letter_open(struct keeper *k, const struct cards_adopt_v1 *record, struct letter *letter) SD_MUST_CHECK;
/* Who sent it, and what that weighs: fills in standing and contact. */
enum sd_err letter_recognise(struct keeper *k, struct letter *letter) SD_MUST_CHECK;
/* One more signal, weighed. */
void letter_signal(struct keeper *k, struct letter *letter, uint64_t signal);
/* The ticket that it joins or opens, with its row written. */
enum sd_err letter_settle_ticket(struct keeper *k, struct letter *letter) SD_MUST_CHECK;
/* By what later letters and answers find the ticket, and who takes part in it. */
enum sd_err letter_remember(struct keeper *k, const struct letter *letter) SD_MUST_CHECK;
/* What an inspector found in it, and in each attachment: what nobody told of is unscanned. */
enum sd_err letter_scan(struct keeper *k, struct letter *letter) SD_MUST_CHECK;
/* The states of a letter that was adopted before. */
enum sd_err letter_scan_again(struct keeper *k, struct letter *letter, const struct object_row *row) SD_MUST_CHECK;

#endif
