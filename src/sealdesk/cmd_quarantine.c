/* sealdesk quarantine list|show|release|destroy: what is held, and why; letting it out, or destroying it. */
#include "sealdesk/access_cli.h"

#include "core/codec.h"
#include "sealdesk/print_json.h"
#include "store/message.h"

#include <string.h>

#define ID_BYTES 16
#define PREFIX_MIN 6  /* hexadecimal digits: fewer are a slip of the hand */
#define REASON_MIN 10 /* as the keeper has it: keeper/people.h */

/* ---- what is held, page by page ---- */

/* Called for each object that is held; not an error of its own: false ends the pass. */
typedef bool held_fn(void *ctx, struct ipc_list items);

static enum sd_err each_page(struct access_door *door, held_fn *take, void *ctx) {
    uint64_t before = 0;
    enum sd_err err = SD_OK;
    bool more = true;
    while (err == SD_OK && more) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_quarantine_list_rep rep = {0};
        struct keeper_quarantine_list_req req = {.before = before};
        err = keeper_quarantine_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        more = err == SD_OK && take(ctx, rep.items) && rep.next != 0;
        before = rep.next;
    }
    return err;
}

struct listing {
    bool json;
    uint64_t count;
};

static bool print_page(void *ctx, struct ipc_list items) {
    struct listing *listing = ctx;
    listing->count += items.count;
    print_lines(items, listing->json, print_held);
    return true;
}

static int list_held(struct access_door *door, const struct access_options *o) {
    struct listing listing = {.json = o->common.json};
    enum sd_err err = each_page(door, print_page, &listing);
    if (err == SD_OK && listing.count == 0 && !listing.json)
        (void)printf("nothing is held\n");
    return report_done("quarantine list", err, SPAN_NONE);
}

/* ---- ids: whole, or as far as only one thing that is held begins so ---- */

struct sought {
    struct span prefix;
    char id[2 * ID_BYTES + 1];     /* what was meant; empty: not found yet */
    char letter[2 * ID_BYTES + 1]; /* and the letter it came with */
    bool several;
};

static void consider(struct sought *sought, const char *id, const char *letter) {
    if (strlen(id) != 2 * ID_BYTES || !span_starts(span_cstr(id), sought->prefix) || strcmp(id, sought->id) == 0)
        return;
    sought->several |= sought->id[0] != 0;
    (void)snprintf(sought->id, sizeof sought->id, "%s", id);
    (void)snprintf(sought->letter, sizeof sought->letter, "%s", letter);
}

/* An object by its own id, or by its letter's: of a letter whose attachments are held, too. */
static bool seek_in(void *ctx, struct ipc_list items) {
    struct sought *sought = ctx;
    struct ipc_list_iter iter = ipc_list_start(items);
    struct span line;
    while (ipc_list_next(&iter, &line)) {
        json_t *item = json_loadb((const char *)line.p, line.n, 0, NULL);
        consider(sought, text_of(item, "id"), text_of(item, "letter"));
        consider(sought, text_of(item, "letter"), text_of(item, "letter"));
        json_decref(item);
    }
    return !sought->several;
}

static bool is_prefix(struct span text) {
    bool good = text.n >= PREFIX_MIN && text.n <= 2 * ID_BYTES;
    for (size_t i = 0; i < text.n && good; i++)
        good = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    return good;
}

struct held_id {
    uint8_t object[ID_BYTES], letter[ID_BYTES];
};

/* What is not held any more, or never was, is not in the keeper's list: show tells of it, too. An id that is no attachment's is
 * taken as a letter's. */
static void find_letter(struct access_door *door, struct held_id *id) {
    struct store *store = NULL;
    struct attachment_row row;
    struct object_id object;
    memcpy(object.b, id->object, ID_BYTES);
    memcpy(id->letter, id->object, ID_BYTES);
    if (access_store(door, &store) == SD_OK && attachment_get(store, &object, &row) == SD_OK)
        memcpy(id->letter, row.message.b, ID_BYTES);
    store_close(&store);
}

static int find_id(struct access_door *door, const char *text, struct held_id *ret) {
    char lower[2 * ID_BYTES + 1] = "";
    for (size_t i = 0; i < sizeof lower - 1 && text[i]; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]);
    struct sought sought = {.prefix = span_cstr(lower)};
    if (strlen(text) > 2 * ID_BYTES || !is_prefix(sought.prefix)) {
        (void)fprintf(stderr, "sealdesk: \"%s\" is no id: 32 hexadecimal digits, or the first of them, at least %d\n", text,
                      PREFIX_MIN);
        return EXIT_USAGE;
    }
    enum sd_err err = each_page(door, seek_in, &sought);
    if (err)
        return report_done("quarantine", err, SPAN_NONE);
    if (sought.several) {
        (void)fprintf(stderr, "sealdesk: more than one thing that is held begins with \"%s\": give more digits\n", text);
        return EXIT_NO;
    }
    bool whole = sought.prefix.n == 2 * ID_BYTES;
    const char *id = sought.id[0] ? sought.id : lower;
    if ((!sought.id[0] && !whole) || hex_to_bytes(span_cstr(id), ret->object, ID_BYTES) != SD_OK) {
        (void)fprintf(stderr, "sealdesk: nothing that is held begins with \"%s\" (sealdesk quarantine list)\n", text);
        return EXIT_NO;
    }
    if (hex_to_bytes(span_cstr(sought.letter), ret->letter, ID_BYTES) != SD_OK)
        find_letter(door, ret);
    return EXIT_YES;
}

/* ---- one of them ---- */

static int not_there(const char *command, enum sd_err err, const char *text) {
    if (err != SD_ERR_NOTFOUND)
        return report_done(command, err, SPAN_NONE);
    (void)fprintf(stderr, "sealdesk %s: there is no message or attachment %s\n", command, text);
    return EXIT_NO;
}

static int show(struct access_door *door, const struct access_options *o, const struct held_id *id) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_custody_rep rep = {0};
    struct keeper_custody_req req = {.object = span_of(id->letter, ID_BYTES)};
    enum sd_err err = keeper_custody_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK)
        print_lines(rep.items, o->common.json, print_custody);
    return not_there("quarantine show", err, o->words[0]);
}

static int release(struct access_door *door, const struct access_options *o, const struct held_id *id) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_release_rep rep = {0};
    struct keeper_release_req req = {.object = span_of(id->object, ID_BYTES), .reason = span_cstr(o->reason)};
    enum sd_err err = keeper_release_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK && rep.problem.n)
        return report_done("quarantine release", err, rep.problem);
    if (err == SD_OK && !o->common.json)
        (void)printf("released\n");
    return not_there("quarantine release", err, o->words[0]);
}

/* The letter goes with its attachment: its source has it inside. */
static int destroy(struct access_door *door, const struct access_options *o, const struct held_id *id) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_destroy_rep rep = {0};
    struct keeper_destroy_req req = {.object = span_of(id->object, ID_BYTES), .reason = span_cstr(o->break_glass)};
    enum sd_err err = keeper_destroy_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_ERR_DENIED) {
        (void)fprintf(stderr,
                      "sealdesk quarantine destroy: refused: from here only what is held can be destroyed; all else at the "
                      "desk, by two people\n");
        return EXIT_NOT_ALLOWED;
    }
    if (err == SD_OK && rep.destroyed == 0)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        (void)printf(o->common.json ? "{\"destroyed\":%u}\n"
                                    : "destroyed: %u objects, the message and all that came with it; "
                                      "everybody is told\n",
                     rep.destroyed);
    return not_there("quarantine destroy", err, o->words[0]);
}

/* ---- the line ---- */

static const struct verb_word {
    const char *word;
    int (*act)(struct access_door *door, const struct access_options *o, const struct held_id *id);
} acts[] = {{"show", show}, {"release", release}, {"destroy", destroy}};

static const struct verb_word *find_act(const char *word) {
    for (size_t i = 0; i < SD_COUNT(acts); i++)
        if (strcmp(acts[i].word, word) == 0)
            return &acts[i];
    return NULL;
}

static bool says_why(const char *text, size_t least, const char *option) {
    if (text && span_trim(span_cstr(text)).n >= least)
        return true;
    (void)fprintf(stderr, "sealdesk quarantine: say why (%s), in at least %zu characters: it is on the record\n", option,
                  least);
    return false;
}

static bool good_line(const struct verb_word *act, const struct access_options *o) {
    if (o->word_count != 1)
        return false;
    if (act->act == release)
        return says_why(o->reason, 1, "--reason");
    return act->act != destroy || says_why(o->break_glass, REASON_MIN, "--break-glass");
}

static int act_on(struct access_door *door, const struct verb_word *act, const struct access_options *o) {
    struct held_id id;
    int status = find_id(door, o->words[0], &id);
    return status ? status : act->act(door, o, &id);
}

int cmd_quarantine(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    const struct verb_word *act = find_act(word);
    bool list = strcmp(word, "list") == 0;
    if ((!list && !act) || !access_parse(argc, argv, true, &o) || (list ? o.word_count != 0 : !good_line(act, &o)))
        return usage_of("quarantine");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? list_held(&door, &o) : act_on(&door, act, &o);
    access_close(&door);
    return status;
}
