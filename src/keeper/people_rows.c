/* people_rows.c - rows of people, for all operations that make or end some. */
#include "core/codec.h"
#include "keeper/enrolment.h"
#include "keeper/passkey.h"
#include "keeper/people.h"
#include "keeper/recovery.h"

#include <string.h>

enum sd_err person_named(struct keeper *k, struct span text, struct person *ret) {
    uint8_t id[ID_BYTES];
    struct person person = {0};
    bool by_id = hex_to_bytes(text, id, sizeof id) == SD_OK;
    enum sd_err err = by_id ? person_by_id(k, span_of(id, sizeof id), &person) : person_by_email(k, text, &person);
    if (err)
        return err;
    person.there = person.there && person.role != ROLE_NOBODY;
    *ret = person;
    return SD_OK;
}

/* ---- somebody new ---- */

bool is_person_name(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return span_trim(s).n > 0;
}

const char *queues_problem(struct keeper *k, struct ipc_list queues, enum sd_err *ret_err) {
    struct ipc_list_iter iter = ipc_list_start(queues);
    struct queue_row row;
    struct span name;
    while (*ret_err == SD_OK && ipc_list_next(&iter, &name)) {
        *ret_err = queue_find(k, name, &row);
        if (*ret_err == SD_OK && (!row.there || !row.active))
            return "There is no such queue.";
    }
    return NULL;
}

enum sd_err person_new_problem(struct keeper *k, struct person_new *person, const char **ret_problem) {
    enum sd_err err = SD_OK;
    *ret_problem = NULL;
    if (!is_address(person->email))
        *ret_problem = "This is not an e-mail address.";
    else if (!is_person_name(person->name))
        *ret_problem = "The name is empty or has control characters.";
    else if (!person_role_from(person->role_text, &person->role) || person->role == ROLE_NOBODY)
        *ret_problem = "The role is none of agent, supervisor, security, privacy, admin, auditor.";
    else
        *ret_problem = queues_problem(k, person->queues, &err);
    if (err || *ret_problem)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ID_BY_EMAIL);
    query_text(&q, person->email);
    if (query_row(&q))
        *ret_problem = "There is already a person with this address.";
    return query_end(&q);
}

enum sd_err person_wrap_factors(struct keeper *k, struct span id, const struct person_factors *factors, struct buf *password,
                                struct buf *totp) {
    enum sd_err err = SD_OK;
    if (factors->password.n)
        err = vault_wrap(&k->vault, "person.password", id, factors->password, password);
    if (err == SD_OK && factors->totp)
        err = vault_wrap(&k->vault, "person.totp", id, secret_span(factors->totp), totp);
    return err;
}

enum sd_err person_insert(struct keeper *k, const struct person_new *person, struct span id, enum person_state state,
                          const struct person_factors *factors) {
    struct buf password SD_CLEANUP(buf_free) = buf_new(1024), totp SD_CLEANUP(buf_free) = buf_new(256);
    enum sd_err err = person_wrap_factors(k, id, factors, &password, &totp);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ADD);
    query_blob(&q, id);
    query_text(&q, person->email);
    query_text(&q, span_trim(person->name));
    query_int(&q, person->role);
    query_blob(&q, buf_span(&password));
    query_blob(&q, buf_span(&totp));
    query_int(&q, k->spec.now_ms());
    query_int(&q, state);
    err = query_run(&q);
    return err ? err : person_set_queues(k, id, person->queues);
}

static enum sd_err run_on(struct keeper *k, enum db_sql sql, struct span person) {
    struct query q = db_query(k->db, sql);
    query_blob(&q, person);
    return query_run(&q);
}

enum sd_err person_set_queues(struct keeper *k, struct span id, struct ipc_list queues) {
    struct ipc_list_iter iter = ipc_list_start(queues);
    struct span queue;
    enum sd_err err = run_on(k, SQL_PERSON_QUEUES_END, id);
    while (err == SD_OK && ipc_list_next(&iter, &queue)) {
        struct query q = db_query(k->db, SQL_PERSON_QUEUE_ADD);
        query_blob(&q, id);
        query_text(&q, queue);
        err = query_run(&q);
    }
    return err;
}

const char *password_unfit(const struct keeper *k, struct span password, struct span email, struct span name) {
    struct span context[1 + DOMAINS_MAX] = {name};
    for (size_t i = 0; i < k->domain_count; i++)
        context[1 + i] = buf_span(&k->domains[i]);
    return password_problem_for(password, email, context, 1 + k->domain_count);
}

/* A space or a sign in the address is percent-encoded. */
void put_otpauth(struct buf *to, struct span email, const struct secret *totp) {
    buf_text(to, "otpauth://totp/Sealdesk:");
    for (size_t i = 0; i < email.n; i++) {
        uint8_t c = email.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("@.-_~", c, 5);
        if (plain)
            buf_byte(to, c);
        else
            buf_printf(to, "%%%02X", c);
    }
    buf_text(to, "?secret=");
    put_base32(to, secret_span(totp));
    buf_printf(to, "&issuer=Sealdesk&algorithm=SHA1&digits=%d&period=%d", TOTP_DIGITS, TOTP_STEP_S);
}

/* ---- ending ---- */

enum sd_err tokens_revoke(struct keeper *k, struct span person) {
    struct query q = db_query(k->db, SQL_TOKEN_END_PERSON);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, person);
    return query_run(&q);
}

enum sd_err person_shut_out(struct keeper *k, struct span person) {
    uint32_t ended = 0;
    enum sd_err err = session_end_all(k, person, NULL, &ended);
    if (err == SD_OK)
        err = tokens_revoke(k, person);
    return err ? err : enrolment_forget(k, person);
}

enum sd_err person_drop_factors(struct keeper *k, struct span person) {
    enum sd_err err = run_on(k, SQL_PERSON_NO_FACTORS, person);
    if (err == SD_OK)
        err = recovery_forget(k, person);
    return err ? err : passkey_remove_all(k, person);
}

/* ---- administrators, root ---- */

enum sd_err admins_count(struct keeper *k, struct span except, struct admin_numbers *ret) {
    struct query q = db_query(k->db, SQL_PERSON_COUNT_ROLE);
    struct admin_numbers numbers = {0};
    query_int(&q, ROLE_ADMIN);
    query_blob(&q, except);
    if (query_row(&q))
        numbers = (struct admin_numbers){(unsigned)query_get_int(&q, 0), (unsigned)query_get_int(&q, 1)};
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = numbers;
    return err;
}

bool is_reason(struct span reason) {
    return span_trim(reason).n >= PEOPLE_REASON_MIN;
}

enum sd_err is_break_glass(struct keeper *k, const struct asker *asker, enum person_role role, bool *ret) {
    struct admin_numbers numbers = {0};
    *ret = false;
    if (!asker->root || role != ROLE_ADMIN)
        return SD_OK;
    enum sd_err err = admins_count(k, SPAN_NONE, &numbers);
    if (err == SD_OK)
        *ret = numbers.active > 0;
    return err;
}

enum sd_err break_glass_raise(struct keeper *k, enum alarm_kind kind, struct span person, struct span reason,
                              uint8_t ret_note[ID_BYTES], struct records *records) {
    enum sd_err err = note_add(k, reason, ret_note);
    struct alarm_new alarm = {.kind = kind, .person = person, .note = span_of(ret_note, ID_BYTES)};
    return err ? err : alarm_raise(k, &alarm, records);
}
