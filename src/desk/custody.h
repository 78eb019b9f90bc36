/*
 * custody.h - what the keeper says about a letter and its attachments: state, what was found, who released it. Its word alone
 * counts; what it did not name is unscanned, and neither opened nor shown.
 */
#ifndef SD_DESK_CUSTODY_H
#define SD_DESK_CUSTODY_H

#include "core/json_out.h"
#include "desk/desk.h"
#include "desk/input.h"

struct custody_item {
    struct object_id id;
    enum object_state state;
    uint64_t findings; /* bits 1 << enum finding */
    struct span signature, engine, scanned_at;
    bool released;
    struct span released_by, released_name, released_at;
    bool openable, previewable;
};

struct custody {
    struct custody_item *items;
    size_t count;
};

/*
 * Of a letter, by its id; in the exchange's arena. The keeper's message is gone by then, so nothing borrows from it.
 * SD_ERR_DENIED: it is not this person's. A letter of which the keeper knows nothing has no items.
 */
enum sd_err custody_ask(struct desk *desk, struct exchange *x, const struct object_id *letter,
                        struct custody *ret) SD_MUST_CHECK;

/* The item of one object; one that opens nothing when there is none. */
struct custody_item custody_of(const struct custody *custody, const struct object_id *object);

/* The members "state", "findings" … "previewable" of the object that is being written. */
void put_custody(struct json_out *j, const struct custody_item *item);
/* "findings": [{"id","sentence"}], of a mask; or of the keeper's list of words, where unknown ones have no sentence. */
void put_findings(struct json_out *j, uint64_t findings);
void put_finding_words(struct json_out *j, const struct json_in *words);

/* What somebody wanted of an object that the keeper did not give out. */
enum wanted_part { WANTED_MESSAGE, WANTED_SOURCE, WANTED_FILE, WANTED_PREVIEW };
/*
 * The answer to SD_ERR_UNSUPPORTED of keeper.open: 409, in what state the object is, and what can be done. letter: the object
 * itself, or the letter that an attachment is of.
 */
enum sd_err respond_unfit(struct desk *desk, struct exchange *x, const struct object_id *letter, const struct object_id *object,
                          enum wanted_part wanted) SD_MUST_CHECK;

#endif
