/*
 * person_change.c - suspending, removing, and what somebody may: by those who administer people, or by root. Nobody does it to
 * themselves, the last administrator stays, and nobody comes out of it who both administers people and destroys mail or sets
 * policy.
 */
#include "core/codec.h"
#include "keeper/enrolment.h"
#include "keeper/enrolment_code.h"
#include "keeper/people.h"
#include "keeper/rule_json.h"

struct change {
    const struct keeper_person_change_req *req;
    struct asker asker;
    struct person person;
    enum person_role role; /* PERSON_ROLE: the new one; else as it is */
    struct leaf leaf;
    struct records records;
    struct buf words, code;
    struct enrolment_made made;
    uint8_t note[ID_BYTES];
    bool break_glass;
    const char *problem;
};

static void change_free(struct change *c) {
    asker_free(&c->asker);
    person_free(&c->person);
    records_free(&c->records);
    buf_free(&c->words);
    buf_free(&c->code);
    explicit_bzero(c->made.link, sizeof c->made.link);
}

static const char *what_text(unsigned what) {
    static const char *const words[] = {"",       "suspended", "resumed",   "removed",      "role",
                                        "queues", "name",      "own roles", "invited again"};
    return what < SD_COUNT(words) ? words[what] : "";
}

/* ---- what is refused before anything is done ---- */

static bool is_oneself(const struct change *c) {
    return !c->asker.root && span_eq(span_of(c->asker.who.person, ID_BYTES), span_of(c->person.id, ID_BYTES));
}

static const char *state_problem(const struct change *c) {
    enum person_state state = c->person.state;
    if (c->req->what == PERSON_SUSPEND && state == PERSON_INVITED)
        return "This person has not enrolled yet: remove them.";
    if (c->req->what == PERSON_SUSPEND && state == PERSON_SUSPENDED)
        return "This person is suspended already.";
    if (c->req->what == PERSON_RESUME && state != PERSON_SUSPENDED)
        return "This person is not suspended.";
    if (c->req->what == PERSON_INVITE && state != PERSON_INVITED) /* or one person alone could take over an account */
        return "This person has enrolled. To give them a new start with their factors takes a reset, and two people.";
    return NULL;
}

static enum sd_err roles_problem(struct keeper *k, struct ipc_list roles, const char **problem) {
    struct ipc_list_iter iter = ipc_list_start(roles);
    struct span name;
    enum sd_err err = SD_OK;
    while (err == SD_OK && !*problem && ipc_list_next(&iter, &name)) {
        struct query q = db_query(k->db, SQL_ROLE_HAS);
        query_text(&q, name);
        if (!query_row(&q))
            *problem = "There is no such role.";
        err = query_end(&q);
    }
    return err;
}

static enum sd_err value_problem(struct keeper *k, struct change *c, const char **problem) {
    enum sd_err err = SD_OK;
    switch (c->req->what) {
    case PERSON_ROLE:
        if (!person_role_from(c->req->value, &c->role) || c->role == ROLE_NOBODY)
            *problem = "The role is none of agent, supervisor, security, privacy, admin, auditor.";
        return SD_OK;
    case PERSON_QUEUES:
        *problem = queues_problem(k, c->req->queues, &err);
        return err;
    case PERSON_NAME:
        if (!is_person_name(c->req->value))
            *problem = "The name is empty or has control characters.";
        return SD_OK;
    case PERSON_ROLES:
        return roles_problem(k, c->req->queues, problem);
    default:
        return SD_OK;
    }
}

/* The last administrator who can sign in stays one. */
static enum sd_err admin_problem(struct keeper *k, const struct change *c, const char **problem) {
    struct admin_numbers others = {0};
    uint8_t what = c->req->what;
    bool goes = what == PERSON_SUSPEND || what == PERSON_REMOVE || (what == PERSON_ROLE && c->role != ROLE_ADMIN);
    if (!goes || c->person.role != ROLE_ADMIN || c->person.state != PERSON_ACTIVE)
        return SD_OK;
    enum sd_err err = admins_count(k, span_of(c->person.id, ID_BYTES), &others);
    if (err == SD_OK && others.able == 0)
        *problem = "This is the last administrator. Make another one first.";
    return err;
}

static enum sd_err break_glass_problem(struct keeper *k, struct change *c, const char **problem) {
    uint8_t what = c->req->what;
    if (what != PERSON_ROLE && what != PERSON_RESUME && what != PERSON_INVITE)
        return SD_OK;
    enum sd_err err = is_break_glass(k, &c->asker, c->role, &c->break_glass);
    if (err == SD_OK && c->break_glass && !is_reason(c->req->reason))
        *problem = PROBLEM_BREAK_GLASS;
    return err;
}

static enum sd_err find_problem(struct keeper *k, struct change *c) {
    c->role = c->person.role;
    if (!c->person.there)
        c->problem = "There is no such person.";
    else if (is_oneself(c) && c->req->what != PERSON_NAME)
        c->problem = "Nobody does this to themselves. Ask somebody else.";
    else
        c->problem = state_problem(c);
    enum sd_err err = c->problem ? SD_OK : value_problem(k, c, &c->problem);
    if (err == SD_OK && !c->problem)
        err = admin_problem(k, c, &c->problem);
    if (err == SD_OK && !c->problem)
        err = break_glass_problem(k, c, &c->problem);
    return err;
}

/* ---- doing it, within a transaction ---- */

static enum sd_err set_int(struct keeper *k, enum db_sql sql, int64_t value, struct span id) {
    struct query q = db_query(k->db, sql);
    query_int(&q, value);
    query_blob(&q, id);
    return query_run(&q);
}

static enum sd_err run_on(struct keeper *k, enum db_sql sql, struct span id) {
    struct query q = db_query(k->db, sql);
    query_blob(&q, id);
    return query_run(&q);
}

/* The id stays, for the log. What stands where the address was is none, and is never looked for. */
static enum sd_err erase(struct keeper *k, struct span id) {
    struct buf nobody SD_CLEANUP(buf_free) = buf_new(64);
    buf_text(&nobody, "removed:");
    put_hex(&nobody, id);
    enum sd_err err = person_shut_out(k, id);
    if (err == SD_OK)
        err = person_drop_factors(k, id);
    if (err == SD_OK)
        err = run_on(k, SQL_PERSON_QUEUES_END, id);
    if (err == SD_OK)
        err = run_on(k, SQL_PERSON_ROLES_END, id);
    if (err == SD_OK)
        err = run_on(k, SQL_PERSON_RULES_END, id);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ERASE);
    query_text(&q, buf_span(&nobody));
    query_blob(&q, id);
    return query_run(&q);
}

static enum sd_err set_roles(struct keeper *k, struct span id, struct ipc_list roles) {
    struct ipc_list_iter iter = ipc_list_start(roles);
    struct span name;
    enum sd_err err = run_on(k, SQL_PERSON_ROLES_END, id);
    while (err == SD_OK && ipc_list_next(&iter, &name)) {
        struct query q = db_query(k->db, SQL_PERSON_ROLE_ADD);
        query_blob(&q, id);
        query_text(&q, name);
        err = query_run(&q);
    }
    return err;
}

static enum sd_err invite_again(struct keeper *k, struct change *c) {
    struct sha256 code;
    enum sd_err err = enrolment_code_make(k, &c->code, &code);
    return err ? err : enrolment_make(k, span_of(c->person.id, ID_BYTES), &code, &c->made);
}

static enum sd_err apply(struct keeper *k, struct change *c) {
    struct span id = span_of(c->person.id, ID_BYTES);
    enum sd_err err;
    switch (c->req->what) {
    case PERSON_SUSPEND:
        err = person_shut_out(k, id);
        return err ? err : set_int(k, SQL_PERSON_SET_STATE, PERSON_SUSPENDED, id);
    case PERSON_RESUME:
        return set_int(k, SQL_PERSON_SET_STATE, PERSON_ACTIVE, id);
    case PERSON_REMOVE:
        return erase(k, id);
    case PERSON_ROLE:
        return set_int(k, SQL_PERSON_SET_ROLE, c->role, id);
    case PERSON_QUEUES:
        return person_set_queues(k, id, c->req->queues);
    case PERSON_NAME: {
        struct query q = db_query(k->db, SQL_PERSON_SET_NAME);
        query_text(&q, span_trim(c->req->value));
        query_blob(&q, id);
        return query_run(&q);
    }
    case PERSON_ROLES:
        return set_roles(k, id, c->req->queues);
    default:
        return invite_again(k, c);
    }
}

/* The separation of duties, over what the person may from now on. */
static enum sd_err conflict_problem(struct keeper *k, struct change *c) {
    bool conflict = false;
    uint8_t what = c->req->what;
    if (what != PERSON_ROLE && what != PERSON_QUEUES && what != PERSON_ROLES && what != PERSON_RESUME)
        return SD_OK;
    enum sd_err err = person_conflicts(k, span_of(c->person.id, ID_BYTES), &conflict);
    if (err == SD_OK && conflict)
        c->problem = PROBLEM_CONFLICT;
    return err;
}

static void set_words(struct change *c, const struct permission *permission) {
    if (c->req->what == PERSON_ROLE)
        buf_text(&c->words, person_role_text(c->role));
    if (permission->by_totp)
        buf_text(&c->words, c->words.n ? " with a one-time code" : "with a one-time code");
    c->leaf.outcome = OUTCOME_GRANTED;
    c->leaf.reason = what_text(c->req->what);
    c->leaf.detail = buf_span(&c->words);
}

static enum sd_err keep_reason(struct keeper *k, struct change *c) {
    enum sd_err err = SD_OK;
    if (c->break_glass)
        err = break_glass_raise(k, ALARM_ADMIN_MADE, span_of(c->person.id, ID_BYTES), c->req->reason, c->note, &c->records);
    else if (c->req->reason.n)
        err = note_add(k, c->req->reason, c->note);
    if (c->req->reason.n)
        c->leaf.note = span_of(c->note, ID_BYTES);
    return err;
}

static enum sd_err change(struct keeper *k, struct change *c, struct permission *permission) {
    struct demand demand = {.verb = VERB_PEOPLE, .object = span_of(c->person.id, ID_BYTES)};
    enum sd_err err = asker_permit(k, &c->asker, &demand, permission);
    if (err || permission->status)
        return err;
    err = apply(k, c);
    if (err == SD_OK)
        err = conflict_problem(k, c);
    if (err || c->problem)
        return err;
    set_words(c, permission);
    err = keep_reason(k, c);
    if (err == SD_OK)
        records_add_changed(&c->records, &c->leaf);
    return err ? err : c->records.err;
}

/* ---- the answer ---- */

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, struct change *c) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    c->leaf.outcome = OUTCOME_FAILED;
    c->leaf.reason = what_text(c->req->what);
    enum sd_err err = keeper_person_change_rep_encode(&out,
                                                      &(struct keeper_person_change_rep){.problem = span_cstr(c->problem)});
    return err ? err : answer_recorded(k, call, &out, &c->leaf);
}

static enum sd_err answer_done(struct ipc_call *call, struct change *c) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_person_change_rep rep = {0};
    if (c->req->what == PERSON_INVITE)
        rep = (struct keeper_person_change_rep){
            .link = span_of(c->made.link, ENROL_LINK_BYTES), .code = buf_span(&c->code), .expires_ms = c->made.expires_ms};
    enum sd_err err = keeper_person_change_rep_encode(&out, &rep);
    return err ? err : records_send(&c->records, call, SD_OK, &out);
}

/* What is refused in the middle is undone, the gesture with it. */
static enum sd_err change_or_refuse(struct keeper *k, struct ipc_call *call, struct change *c) {
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = change(k, c, &permission);
    bool undo = err == SD_OK && (permission.status || c->problem);
    if (undo)
        db_rollback(k->db);
    else
        err = db_end(k->db, err);
    rules_forget(k);
    if (undo)
        return c->problem ? answer_problem(k, call, c) : refuse_permission(k, call, &permission, &c->leaf);
    return err ? err : answer_done(call, c);
}

enum sd_err keeper_on_person_change(void *ctx, struct ipc_call *call, const struct keeper_person_change_req *req) {
    struct keeper *k = ctx;
    struct change c SD_CLEANUP(change_free) = {.req = req, .words = buf_new(128), .code = buf_new(32)};
    bool may = false;
    records_start(&c.records, k);
    if (!*what_text(req->what))
        return SD_ERR_PARSE;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &c.asker);
    if (err == SD_OK)
        err = person_named(k, req->person, &c.person);
    if (err == SD_OK)
        err = asker_may(k, &c.asker, VERB_PEOPLE, &may);
    if (err == SD_OK && may)
        err = find_problem(k, &c);
    if (err)
        return err;
    c.leaf = asker_leaf(&c.asker, req->origin, "person-change");
    c.leaf.object = "person";
    c.leaf.object_id = c.person.there ? span_of(c.person.id, ID_BYTES) : SPAN_NONE;
    return c.problem ? answer_problem(k, call, &c) : change_or_refuse(k, call, &c);
}
