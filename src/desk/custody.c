#include "desk/custody.h"
#include "core/ipc/keeper.h"
#include "desk/problem.h"

/* ---- what the keeper says ---- */

static enum object_state state_of(struct span word) {
    static const enum object_state states[] = {
#define X(name, text) OBJECT_##name,
        OBJECT_STATE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < SD_COUNT(states); i++)
        if (span_eq(word, span_cstr(object_state_text(states[i]))))
            return states[i];
    return OBJECT_UNSCANNED;
}

static unsigned finding_of(struct span word) {
    unsigned finding = 0;
    while (finding < FINDING_COUNT && !span_eq(word, span_cstr(finding_text(finding))))
        finding++;
    return finding;
}

static uint64_t mask_of(const struct json_in *words) {
    uint64_t mask = 0;
    for (size_t i = 0; in_kind(words) == IN_LIST && i < in_count(words); i++) {
        unsigned finding = finding_of(in_text(in_item(words, i)));
        mask |= finding < FINDING_COUNT ? UINT64_C(1) << finding : 0;
    }
    return mask;
}

static struct span copy(struct arena *arena, const struct json_in *object, const char *name) {
    return arena_span(arena, in_text(in_member(object, name)));
}

static enum sd_err read_item(struct arena *arena, struct span json, struct custody_item *ret) {
    struct json_in *item SD_CLEANUP(in_free) = NULL;
    enum sd_err err = in_read(json, &item);
    if (err == SD_OK)
        err = id_from_text(in_text(in_member(item, "id")), &ret->id);
    if (err)
        return err;
    const struct json_in *released = in_member(item, "released");
    ret->state = state_of(in_text(in_member(item, "state")));
    ret->findings = mask_of(in_member(item, "findings"));
    ret->signature = copy(arena, item, "signature");
    ret->engine = copy(arena, item, "engine");
    ret->scanned_at = copy(arena, item, "scanned_at");
    ret->released = in_kind(released) == IN_OBJECT;
    ret->released_by = copy(arena, released, "by");
    ret->released_name = copy(arena, released, "name");
    ret->released_at = copy(arena, released, "at");
    ret->openable = in_true(in_member(item, "openable"));
    ret->previewable = in_true(in_member(item, "previewable"));
    return arena_err(arena);
}

/* Of what the keeper does not speak (an answer of ours, a letter from before there were verdicts) nothing is known. */
static bool says_nothing(enum sd_err err) {
    return err == SD_ERR_NOTFOUND || err == SD_ERR_UNSUPPORTED;
}

enum sd_err custody_ask(struct desk *desk, struct exchange *x, const struct object_id *letter, struct custody *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_custody_req req = {.token = x->session.token, .origin = x->request->client, .object = object_id_span(letter)};
    struct keeper_custody_rep rep;
    *ret = (struct custody){0};
    enum sd_err err = keeper_custody_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return says_nothing(err) ? SD_OK : err;
    struct ipc_list_iter iter = ipc_list_start(rep.items);
    struct span json;
    ret->items = arena_array(x->arena, rep.items.count, sizeof *ret->items);
    while (ret->items && ipc_list_next(&iter, &json))
        if (read_item(x->arena, json, &ret->items[ret->count]) == SD_OK)
            ret->count++;
    return arena_err(x->arena);
}

struct custody_item custody_of(const struct custody *custody, const struct object_id *object) {
    for (size_t i = 0; i < custody->count; i++)
        if (span_eq(object_id_span(&custody->items[i].id), object_id_span(object)))
            return custody->items[i];
    return (struct custody_item){.id = *object, .state = OBJECT_UNSCANNED};
}

/* ---- as JSON ---- */

static void put_finding(struct json_out *j, struct span word, const char *sentence) {
    json_begin_object(j, NULL);
    json_text(j, "id", word);
    json_cstr(j, "sentence", sentence);
    json_end(j);
}

void put_findings(struct json_out *j, uint64_t findings) {
    json_begin_array(j, "findings");
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (findings >> i & 1)
            put_finding(j, span_cstr(finding_text(i)), finding_sentence(i));
    json_end(j);
}

void put_finding_words(struct json_out *j, const struct json_in *words) {
    json_begin_array(j, "findings");
    for (size_t i = 0; in_kind(words) == IN_LIST && i < in_count(words); i++) {
        unsigned finding = finding_of(in_text(in_item(words, i)));
        put_finding(j, in_text(in_item(words, i)), finding < FINDING_COUNT ? finding_sentence(finding) : "");
    }
    json_end(j);
}

static void put_text_or_null(struct json_out *j, const char *key, struct span text) {
    if (text.n)
        json_text(j, key, text);
    else
        json_put_null(j, key);
}

static void put_released(struct json_out *j, const struct custody_item *item) {
    if (!item->released) {
        json_put_null(j, "released");
        return;
    }
    json_begin_object(j, "released");
    json_text(j, "by", item->released_by);
    json_text(j, "name", item->released_name);
    put_text_or_null(j, "at", item->released_at);
    json_end(j);
}

void put_custody(struct json_out *j, const struct custody_item *item) {
    json_cstr(j, "state", object_state_text(item->state));
    put_findings(j, item->findings);
    json_text(j, "signature", item->signature);
    json_text(j, "engine", item->engine);
    put_text_or_null(j, "scanned_at", item->scanned_at);
    put_released(j, item);
    json_bool(j, "openable", item->openable);
    json_bool(j, "previewable", item->previewable);
}

/* ---- as a refusal ---- */

/* What the state means for whoever wanted in, and what they can do. */
static const char *state_sentence(enum object_state state) {
    switch (state) {
    case OBJECT_CLEAN:
        return "Nothing was found in it, but by the rules of this desk it stays closed until its ticket is taken out of "
               "Review.";
    case OBJECT_SUSPICIOUS:
        return "It is suspicious. Whoever really needs it asks a person with the right for its release.";
    case OBJECT_MALICIOUS:
        return "It is malicious. It is of use to those who examine such things alone; they ask for its release.";
    case OBJECT_ENCRYPTED:
        return "It is encrypted, so nobody could look into it. Ask its sender what it is, then a person with the right for its "
               "release.";
    case OBJECT_UNSCANNABLE:
        return "It could not be looked into to its end. Ask a person with the right for its release.";
    case OBJECT_UNSCANNED:
    default:
        return "It is not scanned yet. Wait: that is tried again by itself.";
    }
}

static const char *subject_of(enum wanted_part wanted) {
    static const char *const subjects[] = {[WANTED_MESSAGE] = "This message is held and cannot be opened.",
                                           [WANTED_SOURCE] = "The source of this message is closed.",
                                           [WANTED_FILE] = "The original of this attachment is closed.",
                                           [WANTED_PREVIEW] = "This attachment is not shown."};
    return subjects[wanted];
}

/* A scanner that was never set up does not come by itself. */
static const char *advice_of(const struct custody_item *item, enum wanted_part wanted) {
    if (wanted == WANTED_MESSAGE)
        return "It is in quarantine: a person with the right can release it.";
    if (item->state == OBJECT_UNSCANNED && item->findings & FINDING_BIT(NO_SCANNER))
        return "It is not scanned, because no virus scanner is configured (scan.clamd): an administrator sets one up.";
    return state_sentence(item->state);
}

static struct span unfit_sentence(const struct custody_item *item, enum wanted_part wanted, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096);
    buf_printf(&text, "%s %s", subject_of(wanted), advice_of(item, wanted));
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (item->findings >> i & 1 && i != FINDING_NO_SCANNER)
            buf_printf(&text, " %s", finding_sentence(i));
    if (wanted == WANTED_FILE && item->previewable)
        buf_text(&text, " Pictures of its pages can be looked at without opening it.");
    return arena_span(arena, buf_span(&text));
}

enum sd_err respond_unfit(struct desk *desk, struct exchange *x, const struct object_id *letter, const struct object_id *object,
                          enum wanted_part wanted) {
    struct custody custody;
    enum sd_err err = custody_ask(desk, x, letter, &custody);
    if (err)
        return err;
    struct custody_item item = custody_of(&custody, object);
    bool waits = item.state == OBJECT_UNSCANNED && wanted != WANTED_MESSAGE;
    struct span sentence = unfit_sentence(&item, wanted, x->arena);
    respond_problem(x, waits ? PROBLEM_UNSCANNED : PROBLEM_NOT_FIT, sentence);
    return SD_OK;
}
