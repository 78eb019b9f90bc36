/* long: a row for every operation. */
/*
 * What the log says: every operation of keeper.def, granted and refused, leaves the record its comment promises, by the right
 * actor, or is named here as one that leaves none. And rows of the database that were exchanged by hand open nothing.
 */
#include "core/codec.h"
#include "core/ipc/cards.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static struct rig_person agent, gone;
static struct rig_adopted mine, theirs, review;
static uint8_t my_object[16], their_object[16], unfit_object[16], warrant[16], strange[16] = {0xee}; /* the last: of nothing */
static char person_hex[33], stranger_hex[] = "00112233445566778899aabbccddeeff";

static uint8_t my_file[16], unfit_file[16], nothing[16], source_digest[32] = {RIG_SOURCE_DIGEST}, other_digest[32] = {5};

#define ID(bytes) span_of(bytes, 16)
#define TOKEN span_of(agent.token, 32)
#define NO_TOKEN SPAN("no session")
#define ORIGIN .origin = SPAN("192.0.2.1")
#define MESSAGE                                                                                                                \
    "From: support@example.test\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"                     \
    "Message-ID: <answer@example.test>\r\n\r\nHello\r\n"

static struct ipc_list one_verdict(const uint8_t digest[32], enum object_state state) {
    static struct buf raw = {.max = 1024};
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(256);
    struct ipc_list list = {0};
    struct cards_verdict_v1 verdict = {.digest = span_of(digest, 32), .state = (uint8_t)state};
    buf_free(&raw);
    assert_int_equal(cards_verdict_v1_encode(&card, &verdict), SD_OK);
    ipc_list_add(&list, &raw, buf_span(&card.body));
    return list;
}

/* One call with these fields. */
#define CALL(name, peer, op, ...)                                                                                              \
    static enum sd_err name(void) {                                                                                            \
        struct keeper_##op##_req req = {__VA_ARGS__};                                                                          \
        struct keeper_##op##_rep rep;                                                                                          \
        return RIG_CALL(&rig, peer, op, &req, &rep);                                                                           \
    }

static enum sd_err adopt(uint8_t number, const char *queue) {
    struct rig_letter letter = RIG_LETTER(number);
    struct rig_adopted adopted;
    letter.queue = queue;
    return rig_adopt_many(&rig, &letter, 1, &adopted);
}

static enum sd_err adopt_good(void) {
    return adopt(50, "support");
}

static enum sd_err adopt_bad(void) {
    return adopt(51, "no-such-queue");
}

static enum sd_err sign_in(const char *email, bool good) {
    char code[7];
    rig_code(&agent, code);
    uint32_t wait;
    unsigned outcome = rig_try(&rig, email, good ? RIG_PASSWORD : "wrong password here", code, "192.0.2.9", &wait);
    return outcome == SIGN_IN_THROTTLED ? SD_ERR_BUSY : outcome == SIGN_IN_OK ? SD_OK : SD_ERR_DENIED;
}

static enum sd_err sign_in_good(void) {
    rig_now_ms += 30000;
    return sign_in("agent@example.test", true);
}

static enum sd_err sign_in_wrong(void) {
    rig_now_ms += 600000;
    return sign_in("agent@example.test", false);
}

static enum sd_err sign_in_nobody(void) {
    return sign_in("nobody@example.test", false);
}

static enum sd_err heads(struct span token, const uint8_t *first, const uint8_t *second) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_open_heads_req req = {.token = token, ORIGIN};
    struct keeper_open_heads_rep rep;
    ipc_list_add(&req.objects, &raw, ID(first));
    ipc_list_add(&req.objects, &raw, ID(second));
    return RIG_CALL(&rig, RIG_DESK, open_heads, &req, &rep);
}

static enum sd_err heads_good(void) {
    return heads(TOKEN, my_object, my_object);
}

static enum sd_err heads_some(void) {
    return heads(TOKEN, my_object, their_object);
}

static enum sd_err heads_theirs(void) {
    return heads(TOKEN, their_object, strange);
}

static enum sd_err heads_nobody(void) {
    return heads(NO_TOKEN, my_object, my_object);
}

static enum sd_err reply(struct span token, const uint8_t *ticket, const char *message, const char *cc) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_reply_req req = {.token = token, ORIGIN, .ticket = ID(ticket), .message = span_cstr(message)};
    struct keeper_reply_rep rep;
    if (cc)
        ipc_list_add(&req.cc, &raw, span_cstr(cc));
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, reply, &req, &rep);
    if (err == SD_OK && rep.outcome == REPLY_SIGNED)
        memcpy(warrant, rep.warrant.p, 16);
    return err;
}

static enum sd_err reply_good(void) {
    return reply(TOKEN, mine.ticket, MESSAGE, "anna@customer.example"); /* in cc, but a participant anyway */
}

static enum sd_err reply_added(void) {
    rig.recipients[1] = "eve@elsewhere.example";
    enum sd_err err = reply(TOKEN, mine.ticket, MESSAGE, "eve@elsewhere.example");
    rig.recipients[1] = NULL;
    return err;
}

static enum sd_err reply_bad(void) {
    return reply(TOKEN, mine.ticket, "Bcc: x@y.example\r\n\r\n", NULL);
}

static enum sd_err reply_theirs(void) {
    return reply(TOKEN, theirs.ticket, MESSAGE, NULL);
}

static enum sd_err reply_nobody(void) {
    return reply(NO_TOKEN, mine.ticket, MESSAGE, NULL);
}

/* A day and a half later nothing names the first intake key any more. */
static enum sd_err destroy_old(void) {
    struct keeper_intake_key_rep key;
    struct keeper_intake_pending_rep rep;
    rig_now_ms += INT64_C(13) * 60 * 60 * 1000;
    assert_int_equal(RIG_CALL(&rig, RIG_EDGE, intake_key, &(struct keeper_intake_key_req){}, &key), SD_OK);
    memcpy(rig.key_id, key.id.p, 16);
    memcpy(rig.key, key.public_key.p, 32);
    struct keeper_intake_key_req has = {.holds = span_of(rig.key_id, 16)};
    assert_int_equal(RIG_CALL(&rig, RIG_EDGE, intake_key, &has, &key), SD_OK);
    rig_now_ms += INT64_C(13) * 60 * 60 * 1000;
    return RIG_CALL(&rig, RIG_CLERK, intake_pending, &(struct keeper_intake_pending_req){}, &rep);
}

CALL(intake_key, RIG_EDGE, intake_key)
CALL(pending, RIG_CLERK, intake_pending, .key_ids = {.count = 0})
CALL(session_good, RIG_DESK, session, .token = TOKEN, ORIGIN)
CALL(session_none, RIG_DESK, session, .token = NO_TOKEN, ORIGIN)
CALL(sign_out_good, RIG_DESK, sign_out, .token = span_of(gone.token, 32), ORIGIN)
CALL(open_good, RIG_DESK, open, .token = TOKEN, ORIGIN, .object = ID(my_object), .facet = FACET_TEXT)
CALL(open_theirs, RIG_DESK, open, .token = TOKEN, ORIGIN, .object = ID(their_object), .facet = FACET_TEXT)
CALL(open_nothing, RIG_DESK, open, .token = TOKEN, ORIGIN, .object = ID(strange), .facet = FACET_TEXT)
CALL(open_unfit, RIG_DESK, open, .token = TOKEN, ORIGIN, .object = ID(unfit_object), .facet = FACET_SOURCE)
CALL(open_odd, RIG_DESK, open, .token = TOKEN, ORIGIN, .object = ID(my_object), .facet = 200)
CALL(open_nobody, RIG_DESK, open, .token = NO_TOKEN, ORIGIN, .object = ID(my_object), .facet = FACET_TEXT)
CALL(token_good, RIG_DESK, reply_token, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket))
CALL(token_theirs, RIG_DESK, reply_token, .token = TOKEN, ORIGIN, .ticket = ID(theirs.ticket))
CALL(token_nobody, RIG_DESK, reply_token, .token = NO_TOKEN, ORIGIN, .ticket = ID(mine.ticket))
CALL(move_good, RIG_DESK, move, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .queue = SPAN("support"))
CALL(move_away, RIG_DESK, move, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .queue = SPAN("billing"))
CALL(move_theirs, RIG_DESK, move, .token = TOKEN, ORIGIN, .ticket = ID(theirs.ticket), .queue = SPAN("support"))
CALL(move_nobody, RIG_DESK, move, .token = NO_TOKEN, ORIGIN, .ticket = ID(mine.ticket), .queue = SPAN("support"))
CALL(act_list, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_LIST)
CALL(act_state, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_STATE,
     .detail = SPAN("pending"))
CALL(act_unfit, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_STATE,
     .detail = SPAN("quarantine"))
CALL(act_assign, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_ASSIGN,
     .detail = span_cstr(person_hex))
CALL(act_unassign, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_ASSIGN)
CALL(act_stranger, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_ASSIGN,
     .detail = span_cstr(stranger_hex))
CALL(act_malformed, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_STATE,
     .detail = SPAN("made \"up\""))
CALL(act_theirs, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(theirs.ticket), .action = ACTION_LIST)
CALL(act_nobody, RIG_DESK, act, .token = NO_TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_LIST)
CALL(history_good, RIG_DESK, history, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket))
CALL(history_theirs, RIG_DESK, history, .token = TOKEN, ORIGIN, .ticket = ID(theirs.ticket))
CALL(history_nobody, RIG_DESK, history, .token = NO_TOKEN, ORIGIN, .ticket = ID(mine.ticket))
CALL(person_good, RIG_DESK, person, .token = TOKEN, ORIGIN, .person = SPAN("agent@example.test"))
CALL(person_nobody, RIG_DESK, person, .token = NO_TOKEN, ORIGIN, .person = SPAN("agent@example.test"))
CALL(search_good, RIG_DESK, domain_tag, .token = TOKEN, ORIGIN, .domain = SPAN("Customer.example"))
CALL(search_odd, RIG_DESK, domain_tag, .token = TOKEN, ORIGIN, .domain = SPAN("a@customer.example"))
CALL(search_nobody, RIG_DESK, domain_tag, .token = NO_TOKEN, ORIGIN, .domain = SPAN("customer.example"))
CALL(redeem_good, RIG_COURIER, redeem, .warrant = ID(warrant))
CALL(redeem_none, RIG_COURIER, redeem, .warrant = ID(strange))
CALL(deferred, RIG_COURIER, delivered, .warrant = ID(warrant), .state = DELIVERY_DEFERRED, .status = SPAN("4.4.1"))
CALL(failed, RIG_COURIER, delivered, .warrant = ID(warrant), .state = DELIVERY_FAILED, .status = SPAN("<b>"))
CALL(sent, RIG_COURIER, delivered, .warrant = ID(warrant), .state = DELIVERY_SENT, .status = SPAN("2.0.0"),
     .tls = SPAN("TLSv1.3"), .last = true)
CALL(sent_none, RIG_COURIER, delivered, .warrant = ID(strange), .state = DELIVERY_SENT)
CALL(delivered_how, RIG_COURIER, delivered, .warrant = ID(warrant), .state = 99)
CALL(user_good, RIG_ADMIN, user_add, .email = SPAN("new@example.test"), .name = SPAN("New"), .role = SPAN("auditor"),
     .password = SPAN(RIG_PASSWORD))
CALL(user_bad, RIG_ADMIN, user_add, .email = SPAN("no address"), .name = SPAN("New"), .role = SPAN("auditor"),
     .password = SPAN(RIG_PASSWORD))
CALL(users, RIG_ADMIN, user_list, .after = SPAN(""))
CALL(log_list, RIG_ADMIN, audit_list, .from = 0)
CALL(log_more, RIG_ADMIN, audit_list, .from = 1) /* in the middle of it: not where the page before ended */
CALL(log_tail, RIG_ADMIN, audit_tail, .count = 3)
CALL(log_export, RIG_ADMIN, audit_export, .from = 0, .until = UINT64_MAX)
CALL(log_export_none, RIG_ADMIN, audit_export, .from = 100000, .until = UINT64_MAX)
CALL(log_checkpoint, RIG_CLERK, checkpoint)
CALL(log_checkpoint_now, RIG_ADMIN, checkpoint, .now = true)
CALL(log_checkpoint_clerk, RIG_CLERK, checkpoint, .now = true)
CALL(log_checkpoints, RIG_ADMIN, audit_checkpoints)
CALL(log_prove, RIG_ADMIN, audit_prove, .record = 2)
CALL(log_prove_none, RIG_ADMIN, audit_prove, .record = 100000)
CALL(log_continues_none, RIG_ADMIN, audit_continues, .earlier = SPAN("no checkpoint"))
CALL(log_query, RIG_DESK, audit_query, .token = TOKEN, ORIGIN)
CALL(log_query_nobody, RIG_DESK, audit_query, .token = NO_TOKEN, ORIGIN)
CALL(log_verify, RIG_ADMIN, audit_verify)
CALL(public_keys, RIG_ADMIN, public_keys)

/* ---- rights, machines, four eyes, alarms ---- */

#define LATER .expires_ms = rig_now_ms + 60000
#define REASON .reason = SPAN("It was asked for by telephone.")

static enum sd_err set_role(enum rig_peer peer, struct span token, const char *name) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(512);
    struct keeper_role_set_req req = {.token = token, ORIGIN, .name = span_cstr(name)};
    struct keeper_role_set_rep rep;
    assert_int_equal(
        cards_rule_v1_encode(&card, &(struct cards_rule_v1){.allow = true, .verbs = VERB_BIT(OPEN), .categories = 1}), SD_OK);
    ipc_list_add(&req.rules, &raw, buf_span(&card.body));
    return RIG_CALL(&rig, peer, role_set, &req, &rep);
}

static enum sd_err role_good(void) {
    return set_role(RIG_ADMIN, SPAN_NONE, "night-shift");
}

static enum sd_err role_bad(void) {
    return set_role(RIG_ADMIN, SPAN_NONE, "agent");
}

static enum sd_err role_mine(void) {
    return set_role(RIG_DESK, TOKEN, "night-shift");
}

static enum sd_err add_grant(enum rig_peer peer, struct span token, const char *person) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct keeper_grant_add_rep rep;
    assert_int_equal(cards_rule_v1_encode(&card, &(struct cards_rule_v1){.verbs = VERB_BIT(MOVE), .categories = 1}), SD_OK);
    struct keeper_grant_add_req req = {
        .token = token, ORIGIN, .person = span_cstr(person), .rule = buf_span(&card.body), REASON};
    return RIG_CALL(&rig, peer, grant_add, &req, &rep);
}

static enum sd_err grant_good(void) {
    return add_grant(RIG_ADMIN, SPAN_NONE, "gone@example.test");
}

static enum sd_err grant_bad(void) {
    return add_grant(RIG_ADMIN, SPAN_NONE, "nobody@example.test");
}

static enum sd_err grant_mine(void) {
    return add_grant(RIG_DESK, TOKEN, "gone@example.test");
}

CALL(role_remove, RIG_ADMIN, role_set, .name = SPAN("night-shift"), .remove = true)
CALL(roles, RIG_DESK, role_list, .token = TOKEN, ORIGIN)
CALL(grant_remove, RIG_ADMIN, grant_remove, .grant = 2)
CALL(grant_remove_mine, RIG_DESK, grant_remove, .token = TOKEN, ORIGIN, .grant = 2)
CALL(grants_own, RIG_DESK, grant_list, .token = TOKEN, ORIGIN)
CALL(grants_all, RIG_ADMIN, grant_list, .person = SPAN("*"))
CALL(grants_mine, RIG_DESK, grant_list, .token = TOKEN, ORIGIN, .person = SPAN("*"))
CALL(glass, RIG_DESK, break_glass, .token = TOKEN, ORIGIN, .queue = SPAN("billing"), REASON, .minutes = 5)
CALL(why, RIG_ADMIN, explain, .person = SPAN("agent@example.test"), .verb = VERB_OPEN, .queue = SPAN("support"))
CALL(why_other, RIG_DESK, explain, .token = TOKEN, ORIGIN, .person = SPAN("gone@example.test"), .verb = VERB_KEYS)
CALL(who_can, RIG_ADMIN, who_can, .verb = VERB_OPEN, .queue = SPAN("support"))
CALL(who_can_mine, RIG_DESK, who_can, .token = TOKEN, ORIGIN, .verb = VERB_OPEN, .queue = SPAN("support"))
CALL(api_token, RIG_DESK, token_make, .token = TOKEN, ORIGIN, .name = SPAN("crm"), .verbs = VERB_BIT(OPEN), LATER)
CALL(api_token_bad, RIG_DESK, token_make, .token = TOKEN, ORIGIN, .name = SPAN("crm"), LATER)
CALL(api_tokens_own, RIG_DESK, token_list, .token = TOKEN, ORIGIN)
CALL(api_tokens_all, RIG_ADMIN, token_list, .all = true)
CALL(api_tokens_mine, RIG_DESK, token_list, .token = TOKEN, ORIGIN, .all = true)
CALL(api_token_end, RIG_ADMIN, token_revoke, .id = ID(strange))
CALL(warrant_good, RIG_ADMIN, warrant_issue, .purpose = SPAN("export"), .queue = SPAN("support"), .uses = 1, LATER)
CALL(warrant_bad, RIG_ADMIN, warrant_issue, .purpose = SPAN("fun"), .queue = SPAN("support"), .uses = 1, LATER)
CALL(warrant_mine, RIG_DESK, warrant_issue, .token = TOKEN, ORIGIN, .purpose = SPAN("rescan"), .queue = SPAN("support"),
     .uses = 1, LATER)
CALL(warrants, RIG_ADMIN, warrant_list, .live = true)
CALL(warrants_mine, RIG_DESK, warrant_list, .token = TOKEN, ORIGIN)
CALL(warrant_end, RIG_ADMIN, warrant_revoke, .warrant = ID(strange))
CALL(warrant_use, RIG_CLERK, warrant_open, .warrant = ID(strange), .object = ID(my_object), .facet = FACET_TEXT)
CALL(warrant_policy_index, RIG_CLERK, warrant_by_policy, .purpose = SPAN("index"), .queue = SPAN("support"))
CALL(warrant_policy, RIG_CLERK, warrant_by_policy, .purpose = SPAN("rescan"), .queue = SPAN("support"))
CALL(asks, RIG_DESK, request_make, .token = TOKEN, ORIGIN, .verb = VERB_RESET, .object = ID(gone.id), REASON)
CALL(decides, RIG_DESK, request_decide, .token = TOKEN, ORIGIN, .request = ID(strange), .approve = true)
CALL(declines, RIG_DESK, request_decide, .token = TOKEN, ORIGIN, .request = ID(strange))
CALL(requests, RIG_DESK, request_list, .token = TOKEN, ORIGIN)
CALL(alarms, RIG_DESK, alarm_list, .token = TOKEN, ORIGIN)
CALL(alarm_none, RIG_DESK, alarm_seen, .token = TOKEN, ORIGIN, .alarm = 99)
CALL(classify, RIG_DESK, act, .token = TOKEN, ORIGIN, .ticket = ID(mine.ticket), .action = ACTION_CLASSIFY,
     .detail = SPAN("normal"))
CALL(destroy_mine, RIG_DESK, destroy, .token = TOKEN, ORIGIN, .object = ID(my_object))
CALL(destroy_nothing, RIG_DESK, destroy, .token = TOKEN, ORIGIN, .ticket = ID(strange))
CALL(destroy_nobody, RIG_DESK, destroy, .token = NO_TOKEN, ORIGIN, .object = ID(my_object))
CALL(destroy_root, RIG_ADMIN, destroy, .object = ID(my_object), .reason = SPAN("replay"))
CALL(destroy_clean, RIG_ADMIN, destroy, .object = ID(my_object), .reason = SPAN("it is not wanted"))
CALL(destroy_unsaid, RIG_ADMIN, destroy, .object = ID(unfit_object))
CALL(verdict_again, RIG_INSPECT, verdict, .object = ID(my_object), .letter = span_of(source_digest, 32),
     .verdicts = one_verdict(source_digest, OBJECT_SUSPICIOUS))
CALL(verdict_other, RIG_INSPECT, verdict, .object = ID(my_object), .letter = span_of(other_digest, 32),
     .verdicts = one_verdict(other_digest, OBJECT_CLEAN))
CALL(verdict_door, RIG_INSPECT, verdict, .object = ID(nothing), .letter = span_of(other_digest, 32),
     .verdicts = one_verdict(other_digest, OBJECT_CLEAN))
CALL(scanner_up, RIG_INSPECT, scanner, .configured = true, .up = true, .engine = SPAN("ClamAV 1/2/3"))
CALL(scanner_down, RIG_INSPECT, scanner, .configured = true, .problem = SPAN("no answer"))
CALL(scan_due, RIG_CLERK, scan_due)
CALL(custody_mine, RIG_DESK, custody, .token = TOKEN, ORIGIN, .object = ID(my_object))
CALL(custody_theirs, RIG_DESK, custody, .token = TOKEN, ORIGIN, .object = ID(their_object))
CALL(preview_letter, RIG_DESK, preview_wanted, .token = TOKEN, ORIGIN, .object = ID(my_object))
CALL(preview_nobody, RIG_DESK, preview_wanted, .token = NO_TOKEN, ORIGIN, .object = ID(my_object))
CALL(preview_file, RIG_DESK, preview_wanted, .token = TOKEN, ORIGIN, .object = ID(my_file))
CALL(preview_unfit, RIG_DESK, preview_wanted, .token = TOKEN, ORIGIN, .object = ID(unfit_file))
CALL(quarantine_root, RIG_ADMIN, quarantine_list)
CALL(quarantine_mine, RIG_DESK, quarantine_list, .token = TOKEN, ORIGIN)
CALL(release_mine, RIG_DESK, release, .token = TOKEN, ORIGIN, .object = ID(unfit_file), .reason = SPAN("I want it"))
CALL(release_nobody, RIG_DESK, release, .token = NO_TOKEN, ORIGIN, .object = ID(unfit_file), .reason = SPAN("I want it"))
CALL(release_unsaid, RIG_ADMIN, release, .object = ID(unfit_file))
CALL(release_root, RIG_ADMIN, release, .object = ID(unfit_file), .reason = SPAN("the sender was called"))
CALL(incidents_root, RIG_ADMIN, incident_list)
CALL(incidents_mine, RIG_DESK, incident_list, .token = TOKEN, ORIGIN)
CALL(incident_none, RIG_ADMIN, incident_close, .incident = 77, .note = SPAN("done"))
CALL(incident_mine, RIG_DESK, incident_close, .token = TOKEN, ORIGIN, .incident = 77)
CALL(destroy_what, RIG_DESK, destroy, .token = TOKEN, ORIGIN)
CALL(lock_state, RIG_DESK, state)
CALL(unlock_open, RIG_ADMIN, unlock, .passphrase = SPAN("whatever"))
CALL(keys_listed, RIG_ADMIN, key_list)
CALL(keys_vault, RIG_ADMIN, key_rotate, .kind = SPAN("vault"))
CALL(keys_root, RIG_ADMIN, key_rotate, .kind = SPAN("root"))
CALL(wrap_how, RIG_ADMIN, root_wrap, .how = 9)
CALL(backup_unset, RIG_ADMIN, backup_begin)
CALL(backup_none, RIG_ADMIN, backup_read, .id = ID(strange))
CALL(backup_noted, RIG_ADMIN, backup_note, .what = BACKUP_MADE, .detail = SPAN("bytes 7"))
CALL(restored_what, RIG_ADMIN, backup_note, .what = BACKUP_RESTORED)
CALL(drilled, RIG_ADMIN, backup_note, .what = BACKUP_DRILL_FAILED, .detail = SPAN("2 wrong"))
CALL(drill_odd, RIG_ADMIN, backup_note, .what = BACKUP_DRILL, .detail = SPAN("made\nup"))
CALL(drill_here, RIG_ADMIN, drill_open, .object = ID(my_object))
CALL(keys_moon, RIG_ADMIN, key_rotate, .kind = SPAN("moon"))

/* ---- people, and how they prove who they are ---- */

static struct rig_person chief, fresh; /* an administrator, somebody invited */
static struct rig_link fresh_link;

static enum sd_err outcome_of(unsigned outcome) {
    return outcome == SIGN_IN_OK ? SD_OK : SD_ERR_DENIED;
}

static enum sd_err chief_enters(void) {
    return outcome_of(rig_passkey_sign_in(&rig, &chief));
}

static enum sd_err chief_forged(void) {
    struct keeper_passkey_sign_in_req req = {ORIGIN, .challenge = SPAN("not ours"), .credential = SPAN("x")};
    struct keeper_passkey_sign_in_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, passkey_sign_in, &req, &rep);
    return err ? err : outcome_of(rep.outcome);
}

static enum sd_err ask_challenge(void) {
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    return rig_challenge(&rig, SPAN_NONE, CHALLENGE_SIGN_IN, VERB_NONE, SPAN_NONE, &challenge);
}

static enum sd_err offer_passkey(const char *code) {
    struct keeper_passkey_add_rep rep;
    struct test_passkey *passkey = rig_new_passkey(&rig);
    enum sd_err err = rig_offer_passkey(&rig, &agent, passkey, code, &rep);
    if (err == SD_OK && rep.problem.n == 0)
        agent.passkey = passkey;
    return err;
}

static enum sd_err passkey_good(void) {
    char code[7];
    rig_now_ms += 600000;
    rig_code(&agent, code);
    return offer_passkey(code);
}

static enum sd_err passkey_codeless(void) {
    return offer_passkey("");
}

static enum sd_err gesture_factors(void) {
    return rig_gesture(&rig, &agent, VERB_FACTORS, SPAN_NONE);
}

static enum sd_err passkeys(const char *whose) {
    struct keeper_passkey_list_req req = {.token = TOKEN, ORIGIN, .person = span_cstr(whose)};
    struct keeper_passkey_list_rep rep;
    return RIG_CALL(&rig, RIG_DESK, passkey_list, &req, &rep);
}

static enum sd_err passkeys_own(void) {
    return passkeys("");
}

static enum sd_err passkeys_theirs(void) {
    return passkeys(stranger_hex);
}

static enum sd_err passkey_gone(void) {
    struct keeper_passkey_remove_req req = {
        .token = TOKEN, ORIGIN, .passkey = span_of(agent.passkey->id, TEST_PASSKEY_ID_BYTES)};
    struct keeper_passkey_remove_rep rep;
    return RIG_CALL(&rig, RIG_DESK, passkey_remove, &req, &rep);
}

static enum sd_err invite_fresh(void) {
    struct keeper_person_invite_req req = {.email = SPAN("fresh@example.test"), .name = SPAN("Fresh"), .role = SPAN("agent")};
    struct keeper_person_invite_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_ADMIN, person_invite, &req, &rep);
    if (err == SD_OK && rep.link.n == 32) {
        memcpy(fresh_link.link, rep.link.p, 32);
        (void)snprintf(fresh_link.code, sizeof fresh_link.code, "%.*s", SPAN_FMT(rep.code));
    }
    return err;
}

static enum sd_err enrol_begin(const char *code) {
    struct keeper_enrol_start_req req = {.link = span_of(fresh_link.link, 32), .code = span_cstr(code), ORIGIN};
    struct keeper_enrol_start_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, enrol_start, &req, &rep);
    if (err == SD_OK && rep.outcome == ENROL_OK)
        rig_read_otpauth(rep.otpauth, fresh.totp);
    return err;
}

static enum sd_err enrol_wrong(void) {
    return enrol_begin("0000-0000");
}

static enum sd_err enrol_good(void) {
    return enrol_begin(fresh_link.code);
}

static enum sd_err enrol_end(const char *password) {
    char code[7];
    rig_code(&fresh, code);
    struct keeper_enrol_finish_req req = {.link = span_of(fresh_link.link, 32),
                                          .code = span_cstr(fresh_link.code),
                                          ORIGIN,
                                          .password = span_cstr(password),
                                          .totp = span_cstr(code)};
    struct keeper_enrol_finish_rep rep;
    return RIG_CALL(&rig, RIG_DESK, enrol_finish, &req, &rep);
}

static enum sd_err enrol_unfit(void) {
    return enrol_end("short");
}

static enum sd_err enrol_done(void) {
    return enrol_end(RIG_PASSWORD);
}

CALL(sessions_own, RIG_DESK, session_list, .token = TOKEN, ORIGIN)
CALL(sessions_all, RIG_DESK, session_list, .token = TOKEN, ORIGIN, .person = SPAN("*"))
CALL(sessions_root, RIG_ADMIN, session_list, .person = SPAN("*"))
CALL(end_theirs, RIG_DESK, session_end, .token = TOKEN, ORIGIN, .person = SPAN("gone@example.test"))
CALL(end_root, RIG_ADMIN, session_end, .person = SPAN("gone@example.test"))
CALL(step_nobody, RIG_DESK, step_up, .token = NO_TOKEN, ORIGIN, .verb = VERB_EXPORT)
CALL(step_code, RIG_DESK, step_up, .token = TOKEN, ORIGIN, .verb = VERB_EXPORT, .totp = SPAN("000000"))
CALL(recovery, RIG_DESK, recovery_make, .token = TOKEN, ORIGIN)
CALL(password_unfit, RIG_DESK, password_change, .token = TOKEN, ORIGIN, .old = SPAN(RIG_PASSWORD), .password = SPAN("short"))
CALL(password_wrong, RIG_DESK, password_change, .token = TOKEN, ORIGIN, .old = SPAN("x"), .password = SPAN(RIG_PASSWORD))
CALL(password_good, RIG_DESK, password_change, .token = TOKEN, ORIGIN, .old = SPAN(RIG_PASSWORD),
     .password = SPAN(RIG_PASSWORD))
CALL(password_nobody, RIG_DESK, password_change, .token = NO_TOKEN, ORIGIN)
CALL(invite_bad, RIG_ADMIN, person_invite, .email = SPAN("x"), .name = SPAN("X"), .role = SPAN("agent"))
CALL(invite_theirs, RIG_DESK, person_invite, .token = TOKEN, ORIGIN, .email = SPAN("x@example.test"), .name = SPAN("X"),
     .role = SPAN("agent"))
CALL(people_none, RIG_DESK, person_list, .token = TOKEN, ORIGIN)
CALL(people_all, RIG_DESK, person_list, .token = span_of(chief.token, 32), ORIGIN)
CALL(change_root, RIG_ADMIN, person_change, .person = SPAN("gone@example.test"), .what = PERSON_NAME, .value = SPAN("Gone"))
CALL(change_nobody, RIG_ADMIN, person_change, .person = SPAN("x@example.test"), .what = PERSON_SUSPEND)
CALL(change_theirs, RIG_DESK, person_change, .token = TOKEN, ORIGIN, .person = SPAN("gone@example.test"),
     .what = PERSON_SUSPEND)
CALL(change_bare, RIG_DESK, person_change, .token = span_of(chief.token, 32), ORIGIN, .person = SPAN("gone@example.test"),
     .what = PERSON_SUSPEND)
CALL(reset_theirs, RIG_DESK, factors_reset, .token = TOKEN, ORIGIN, .person = SPAN("gone@example.test"))
CALL(reset_alone, RIG_DESK, factors_reset, .token = span_of(chief.token, 32), ORIGIN, .person = SPAN("gone@example.test"))
CALL(reset_bare, RIG_ADMIN, factors_reset, .person = SPAN("gone@example.test"))

static const struct {
    const char *op;
    enum sd_err (*call)(void);
    enum sd_err status;
    const char *actor, *action, *outcome, *reason; /* action NULL: no record */
} table[] = {
    {"intake_key", intake_key, SD_OK, NULL, NULL, NULL, NULL},
    {"intake_pending", pending, SD_OK, NULL, NULL, NULL, NULL},
    {"adopt", adopt_good, SD_OK, "system", "received", "granted", "accept"},
    {"adopt", adopt_good, SD_OK, NULL, NULL, NULL, NULL}, /* again */
    {"adopt", adopt_bad, SD_OK, "system", "received", "refused", "unknown-queue"},
    {"sign_in", sign_in_good, SD_OK, "person", "sign-in", "granted", ""},
    {"sign_in", sign_in_wrong, SD_ERR_DENIED, "person", "sign-in", "refused", "failed"},
    {"sign_in", sign_in_nobody, SD_ERR_DENIED, "person", "sign-in", "refused", "failed"},
    {"sign_in", sign_in_nobody, SD_ERR_DENIED, "person", "sign-in", "refused", "failed"},
    {"sign_in", sign_in_nobody, SD_ERR_BUSY, "person", "sign-in", "refused", "throttled"},
    {"session", session_good, SD_OK, NULL, NULL, NULL, NULL},
    {"session", session_none, SD_ERR_DENIED, NULL, NULL, NULL, NULL},
    {"sign_out", sign_out_good, SD_OK, "person", "sign-out", "granted", ""},
    {"sign_out", sign_out_good, SD_ERR_DENIED, "person", "sign-out", "refused", "no-session"},
    {"open", open_good, SD_OK, "person", "open", "granted", "text"},
    {"open", open_theirs, SD_ERR_DENIED, "person", "open", "refused", "not-permitted text"},
    {"open", open_nothing, SD_ERR_DENIED, "person", "open", "refused", "not-permitted text"},
    {"open", open_unfit, SD_ERR_UNSUPPORTED, "person", "open", "refused", "not-fit source"},
    {"open", open_odd, SD_ERR_DENIED, "person", "open", "refused", "not-permitted unknown"},
    {"open", open_nobody, SD_ERR_DENIED, "person", "open", "refused", "no-session text"},
    {"open_heads", heads_good, SD_OK, "person", "list", "granted", ""},
    {"open_heads", heads_some, SD_OK, "person", "list", "granted", "not released: 1"},
    {"open_heads", heads_theirs, SD_OK, "person", "list", "refused", "not-permitted"},
    {"open_heads", heads_nobody, SD_ERR_DENIED, "person", "list", "refused", "no-session"},
    {"reply", reply_added, SD_OK, "person", "reply", "granted", "signed, people added by hand: 1"},
    {"reply", reply_good, SD_OK, "person", "reply", "granted", "signed"},
    {"reply", reply_bad, SD_OK, "person", "reply", "refused", "header-forbidden"},
    {"reply", reply_theirs, SD_ERR_DENIED, "person", "reply", "refused", "not-permitted"},
    {"reply", reply_nobody, SD_ERR_DENIED, "person", "reply", "refused", "no-session"},
    {"reply_token", token_good, SD_OK, "person", "reply-token", "granted", ""},
    {"reply_token", token_theirs, SD_ERR_DENIED, "person", "reply-token", "refused", "not-permitted"},
    {"reply_token", token_nobody, SD_ERR_DENIED, "person", "reply-token", "refused", "no-session"},
    {"move", move_good, SD_OK, "person", "move", "granted", "support"},
    {"move", move_away, SD_ERR_DENIED, "person", "move", "refused", "not-permitted"},
    {"move", move_theirs, SD_ERR_DENIED, "person", "move", "refused", "not-permitted"},
    {"move", move_nobody, SD_ERR_DENIED, "person", "move", "refused", "no-session"},
    {"act", act_list, SD_OK, "person", "list", "granted", ""},
    {"act", act_state, SD_OK, "person", "change-state", "granted", "pending"},
    {"act", act_unfit, SD_ERR_UNSUPPORTED, "person", "change-state", "refused", "not-fit"},
    {"act", act_assign, SD_OK, "person", "assign", "granted", person_hex},
    {"act", act_unassign, SD_OK, "person", "assign", "granted", ""},
    {"act", act_stranger, SD_ERR_NOTFOUND, "person", "assign", "refused", "no-such-person"},
    {"act", act_malformed, SD_ERR_PARSE, NULL, NULL, NULL, NULL},
    {"act", act_theirs, SD_ERR_DENIED, "person", "list", "refused", "not-permitted"},
    {"act", act_nobody, SD_ERR_DENIED, "person", "list", "refused", "no-session"},
    {"history", history_good, SD_OK, "person", "history", "granted", ""},
    {"history", history_theirs, SD_ERR_DENIED, "person", "history", "refused", "not-permitted"},
    {"history", history_nobody, SD_ERR_DENIED, "person", "history", "refused", "no-session"},
    {"person", person_good, SD_OK, NULL, NULL, NULL, NULL},
    {"person", person_nobody, SD_ERR_DENIED, NULL, NULL, NULL, NULL},
    {"domain_tag", search_good, SD_OK, "person", "search", "granted", ""},
    {"domain_tag", search_odd, SD_ERR_PARSE, NULL, NULL, NULL, NULL},
    {"domain_tag", search_nobody, SD_ERR_DENIED, "person", "search", "refused", "no-session"},
    {"redeem", redeem_good, SD_OK, "warrant", "redeem", "granted", ""},
    {"redeem", redeem_none, SD_ERR_DENIED, "warrant", "redeem", "refused", "no-warrant"},
    {"delivered", deferred, SD_OK, "warrant", "deferred", "failed", "in-clear 4.4.1"},
    {"delivered", failed, SD_OK, "warrant", "failed", "failed", "in-clear"}, /* what the server said stays out */
    {"delivered", sent, SD_OK, "warrant", "sent", "granted", "tls 2.0.0"},
    {"delivered", sent, SD_ERR_DENIED, "warrant", "sent", "refused", "warrant-over"},
    {"delivered", sent_none, SD_ERR_DENIED, "warrant", "sent", "refused", "no-warrant"},
    {"delivered", delivered_how, SD_ERR_PARSE, NULL, NULL, NULL, NULL},
    {"redeem", redeem_good, SD_ERR_DENIED, "warrant", "redeem", "refused", "warrant-over"},
    {"challenge", ask_challenge, SD_OK, NULL, NULL, NULL, NULL},
    {"passkey_sign_in", chief_enters, SD_OK, "person", "sign-in", "granted", "passkey"},
    {"passkey_sign_in", chief_forged, SD_ERR_DENIED, "person", "sign-in", "refused", "challenge"},
    {"passkey_add", passkey_codeless, SD_ERR_DENIED, "person", "passkey-add", "refused", "failed"},
    {"passkey_add", passkey_good, SD_OK, "person", "passkey-add", "granted", ""},
    {"passkey_list", passkeys_own, SD_OK, NULL, NULL, NULL, NULL},
    {"passkey_list", passkeys_theirs, SD_ERR_DENIED, "person", "list-passkeys", "refused", "not-permitted"},
    {"passkey_remove", passkey_gone, SD_ERR_GESTURE, "person", "passkey-remove", "refused", "step-up-required"},
    {"step_up", gesture_factors, SD_OK, "person", "step-up", "granted", "own-factors"},
    {"step_up", step_nobody, SD_ERR_DENIED, "person", "step-up", "refused", "no-session export"},
    {"step_up", step_code, SD_ERR_DENIED, "person", "step-up", "refused", "passkey-required export"},
    {"recovery_make", recovery, SD_OK, "person", "recovery-make", "granted", "stepped up"},
    {"recovery_make", recovery, SD_ERR_GESTURE, "person", "recovery-make", "refused", "step-up-required"},
    {"password_change", password_unfit, SD_OK, "person", "password-change", "failed", "unfit"},
    {"password_change", password_wrong, SD_OK, "person", "password-change", "refused", "failed"},
    {"password_change", password_good, SD_OK, "person", "password-change", "granted", ""},
    {"password_change", password_nobody, SD_ERR_DENIED, "person", "password-change", "refused", "no-session"},
    {"session_list", sessions_own, SD_OK, NULL, NULL, NULL, NULL},
    {"session_list", sessions_all, SD_ERR_DENIED, "person", "list-sessions", "refused", "not-permitted"},
    {"session_list", sessions_root, SD_OK, "root", "list-sessions", "granted", ""},
    {"session_end", end_theirs, SD_ERR_DENIED, "person", "session-end", "refused", "not-permitted all sessions"},
    {"session_end", end_root, SD_OK, "root", "session-end", "granted", "all sessions"},
    {"person_invite", invite_bad, SD_OK, "root", "invite", "failed", ""},
    {"person_invite", invite_theirs, SD_ERR_DENIED, "person", "invite", "refused", "not-permitted"},
    {"person_invite", invite_fresh, SD_OK, "root", "invite", "granted", "agent"},
    {"enrol_start", enrol_wrong, SD_OK, "person", "enrol-start", "refused", "failed"},
    {"enrol_start", enrol_good, SD_OK, "person", "enrol-start", "granted", ""},
    {"enrol_finish", enrol_unfit, SD_OK, "person", "enrol", "refused", "password"},
    {"enrol_finish", enrol_done, SD_OK, "person", "enrol", "granted", "password, one-time codes"},
    {"enrol_finish", enrol_done, SD_OK, "person", "enrol", "refused", "failed"},
    {"person_list", people_none, SD_ERR_DENIED, "person", "user-list", "refused", "not-permitted"},
    {"person_list", people_all, SD_OK, "person", "user-list", "granted", ""},
    {"person_change", change_root, SD_OK, "root", "person-change", "granted", "name"},
    {"person_change", change_nobody, SD_OK, "root", "person-change", "failed", "suspended"},
    {"person_change", change_theirs, SD_ERR_DENIED, "person", "person-change", "refused", "not-permitted"},
    {"person_change", change_bare, SD_ERR_GESTURE, "person", "person-change", "refused", "step-up-required"},
    {"factors_reset", reset_theirs, SD_ERR_DENIED, "person", "reset-factors", "refused", "not-permitted"},
    {"factors_reset", reset_alone, SD_ERR_APPROVAL, "person", "reset-factors", "refused", "approval-required"},
    {"factors_reset", reset_bare, SD_OK, "root", "reset-factors", "failed", ""},
    {"user_add", user_good, SD_OK, "root", "user-add", "granted", "auditor"},
    {"user_add", user_bad, SD_OK, "root", "user-add", "failed", ""},
    {"user_list", users, SD_OK, "root", "user-list", "granted", ""},
    {"audit_list", log_list, SD_OK, "root", "audit-list", "granted", ""},
    {"audit_list", log_more, SD_OK, "root", "audit-list", "granted", ""},
    {"audit_tail", log_tail, SD_OK, "root", "audit-tail", "granted", ""},
    {"audit_export", log_export, SD_OK, "root", "audit-export", "granted", ""},
    {"audit_export", log_export_none, SD_ERR_NOTFOUND, NULL, NULL, NULL, NULL},
    {"audit_prove", log_prove, SD_ERR_NOTFOUND, NULL, NULL, NULL, NULL}, /* there is no checkpoint yet */
    {"checkpoint", log_checkpoint, SD_OK, NULL, NULL, NULL, NULL},
    {"checkpoint", log_checkpoint_now, SD_OK, "root", "audit-checkpoint", "granted", ""},
    {"checkpoint", log_checkpoint_clerk, SD_OK, "system", "audit-checkpoint", "granted", ""},
    {"audit_checkpoints", log_checkpoints, SD_OK, NULL, NULL, NULL, NULL},
    {"audit_prove", log_prove, SD_OK, "root", "audit-prove", "granted", ""},
    {"audit_prove", log_prove_none, SD_ERR_NOTFOUND, NULL, NULL, NULL, NULL},
    {"audit_continues", log_continues_none, SD_OK, "root", "audit-prove", "failed", ""},
    {"audit_query", log_query, SD_ERR_DENIED, "person", "audit-query", "refused", "not-permitted"},
    {"audit_query", log_query_nobody, SD_ERR_DENIED, "person", "audit-query", "refused", "no-session"},
    {"audit_verify", log_verify, SD_OK, "root", "audit-verify", "granted", ""},
    {"public_keys", public_keys, SD_OK, NULL, NULL, NULL, NULL},
    {"act", classify, SD_OK, "person", "classify", "granted", "normal"},
    {"role_set", role_good, SD_OK, "root", "role-set", "granted", "night-shift"},
    {"role_set", role_bad, SD_OK, "root", "role-set", "failed", "agent"},
    {"role_set", role_mine, SD_ERR_DENIED, "person", "role-set", "refused", "not-permitted"},
    {"role_set", role_remove, SD_OK, "root", "role-remove", "granted", "night-shift"},
    {"role_list", roles, SD_OK, NULL, NULL, NULL, NULL},
    {"grant_add", grant_good, SD_OK, "root", "grant", "granted", "deny 2"},
    {"grant_add", grant_bad, SD_OK, "root", "grant", "failed", "deny"},
    {"grant_add", grant_mine, SD_ERR_DENIED, "person", "grant", "refused", "not-permitted"},
    {"grant_list", grants_own, SD_OK, NULL, NULL, NULL, NULL},
    {"grant_list", grants_all, SD_OK, "root", "list-grants", "granted", ""},
    {"grant_list", grants_mine, SD_ERR_DENIED, "person", "list-grants", "refused", "not-permitted"},
    {"grant_remove", grant_remove_mine, SD_ERR_DENIED, "person", "grant-remove", "refused", "not-permitted"},
    {"grant_remove", grant_remove, SD_OK, "root", "grant-remove", "granted", "2"},
    {"break_glass", glass, SD_ERR_GESTURE, "person", "break-glass", "refused", "step-up-required"},
    {"explain", why, SD_OK, "root", "explain", "granted", ""},
    {"explain", why_other, SD_ERR_DENIED, "person", "explain", "refused", "not-permitted"},
    {"who_can", who_can, SD_OK, "root", "who-can", "granted", "open"},
    {"who_can", who_can_mine, SD_ERR_DENIED, "person", "who-can", "refused", "not-permitted open"},
    {"token_make", api_token, SD_ERR_GESTURE, "person", "token-make", "refused", "step-up-required"},
    {"token_make", api_token_bad, SD_OK, "person", "token-make", "failed", ""},
    {"token_list", api_tokens_own, SD_OK, NULL, NULL, NULL, NULL},
    {"token_list", api_tokens_all, SD_OK, "root", "list-tokens", "granted", ""},
    {"token_list", api_tokens_mine, SD_ERR_DENIED, "person", "list-tokens", "refused", "not-permitted"},
    {"token_revoke", api_token_end, SD_ERR_DENIED, "root", "token-revoke", "refused", "not-permitted"},
    {"warrant_issue", warrant_good, SD_OK, "root", "warrant-issue", "granted", "export"},
    {"warrant_issue", warrant_bad, SD_OK, "root", "warrant-issue", "failed", "none"},
    {"warrant_issue", warrant_mine, SD_ERR_DENIED, "person", "warrant-issue", "refused", "not-permitted rescan"},
    {"warrant_list", warrants, SD_OK, "root", "list-warrants", "granted", ""},
    {"warrant_list", warrants_mine, SD_ERR_DENIED, "person", "list-warrants", "refused", "not-permitted"},
    {"warrant_revoke", warrant_end, SD_ERR_NOTFOUND, "root", "warrant-revoke", "refused", "no-warrant"},
    {"warrant_open", warrant_use, SD_ERR_DENIED, "warrant", "open", "refused", "no-warrant text"},
    {"warrant_by_policy", warrant_policy, SD_OK, "system", "warrant-issue", "granted", "policy rescan"},
    {"warrant_by_policy", warrant_policy_index, SD_ERR_DENIED, "system", "warrant-issue", "refused", "policy index"},
    {"request_make", asks, SD_ERR_DENIED, "person", "request", "refused", "not-permitted"},
    {"request_decide", decides, SD_ERR_DENIED, "person", "approve", "refused", "no-request"},
    {"request_decide", declines, SD_ERR_DENIED, "person", "decline", "refused", "no-request"},
    {"request_list", requests, SD_OK, NULL, NULL, NULL, NULL},
    {"alarm_list", alarms, SD_OK, NULL, NULL, NULL, NULL},
    {"alarm_seen", alarm_none, SD_ERR_DENIED, "person", "alarm-seen", "refused", "not-permitted"},
    {"destroy", destroy_mine, SD_ERR_DENIED, "person", "destroy", "refused", "not-permitted"},
    {"destroy", destroy_nothing, SD_ERR_DENIED, "person", "destroy", "refused", "not-permitted"},
    {"destroy", destroy_nobody, SD_ERR_DENIED, "person", "destroy", "refused", "no-session"},
    {"destroy", destroy_root, SD_ERR_DENIED, "root", "destroy", "refused", "not-restoring"},
    {"destroy", destroy_clean, SD_ERR_DENIED, "root", "destroy", "refused", "clean"},
    {"destroy", destroy_unsaid, SD_ERR_DENIED, "root", "destroy", "refused", "no-reason"},
    {"verdict", verdict_again, SD_OK, "system", "verdict", "granted", "suspicious"},
    {"verdict", verdict_other, SD_ERR_DENIED, "system", "verdict", "refused", "digest"},
    {"verdict", verdict_door, SD_OK, NULL, NULL, NULL, NULL},
    {"scanner", scanner_up, SD_OK, "system", "scanner", "granted", "up epoch 1"},
    {"scanner", scanner_up, SD_OK, NULL, NULL, NULL, NULL},
    {"scan_due", scan_due, SD_OK, NULL, NULL, NULL, NULL},
    {"scanner", scanner_down, SD_OK, "system", "scanner", "failed", "down"},
    {"custody", custody_mine, SD_OK, NULL, NULL, NULL, NULL},
    {"custody", custody_theirs, SD_ERR_DENIED, NULL, NULL, NULL, NULL},
    {"preview_wanted", preview_letter, SD_ERR_DENIED, "person", "preview", "refused", "not-permitted"},
    {"preview_wanted", preview_nobody, SD_ERR_DENIED, "person", "preview", "refused", "no-session"},
    {"preview_wanted", preview_file, SD_OK, "person", "preview", "granted", ""},
    {"preview_wanted", preview_unfit, SD_ERR_UNSUPPORTED, "person", "preview", "refused", "not-fit"},
    {"quarantine_list", quarantine_root, SD_OK, "root", "quarantine-list", "granted", ""},
    {"quarantine_list", quarantine_mine, SD_ERR_DENIED, "person", "quarantine-list", "refused", "not-permitted"},
    {"release", release_mine, SD_ERR_DENIED, "person", "release", "refused", "not-permitted"},
    {"release", release_nobody, SD_ERR_DENIED, "person", "release", "refused", "no-session"},
    {"release", release_unsaid, SD_OK, "root", "release", "failed", ""},
    {"release", release_root, SD_OK, "root", "release", "granted", "unscanned"},
    {"incident_list", incidents_root, SD_OK, "root", "incident-list", "granted", ""},
    {"incident_list", incidents_mine, SD_ERR_DENIED, "person", "incident-list", "refused", "not-permitted"},
    {"incident_close", incident_none, SD_ERR_NOTFOUND, "root", "incident-close", "refused", "no-incident"},
    {"incident_close", incident_mine, SD_ERR_DENIED, "person", "incident-close", "refused", "not-permitted"},
    {"destroy", destroy_what, SD_ERR_PARSE, NULL, NULL, NULL, NULL},
    {"state", lock_state, SD_OK, NULL, NULL, NULL, NULL},
    {"unlock", unlock_open, SD_OK, NULL, NULL, NULL, NULL},
    {"key_list", keys_listed, SD_OK, "root", "key-list", "granted", ""},
    {"key_rotate", keys_vault, SD_OK, "root", "key-rotate", "granted", "vault 2"},
    {"key_rotate", keys_root, SD_OK, "root", "key-rotate", "granted", "root 2"},
    {"root_wrap", wrap_how, SD_OK, "root", "root-wrap", "failed", "file"},
    {"backup_begin", backup_unset, SD_OK, "root", "backup-begin", "failed", ""},
    {"backup_read", backup_none, SD_ERR_NOTFOUND, NULL, NULL, NULL, NULL},
    {"backup_note", backup_noted, SD_OK, "root", "backup-made", "granted", "bytes 7"},
    {"backup_note", restored_what, SD_ERR_STALE, NULL, NULL, NULL, NULL},
    {"backup_note", drilled, SD_OK, "root", "drill", "failed", "2 wrong"},
    {"backup_note", drill_odd, SD_ERR_PARSE, NULL, NULL, NULL, NULL},
    {"drill_open", drill_here, SD_ERR_DENIED, "root", "drill-open", "refused", "not-restoring"},
    {"key_rotate", keys_moon, SD_OK, "root", "key-rotate", "failed", ""},
    {"intake_pending", destroy_old, SD_OK, "system", "destroy-intake-key", "granted", ""},
};

/* ---- the records of one call ---- */

struct seen {
    unsigned count;
    struct buf last;
};

static bool see(void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset, struct span record) {
    struct seen *seen = arg;
    seen->count++;
    buf_reset(&seen->last);
    buf_put(&seen->last, record);
    return true;
}

static bool says(const struct seen *seen, const char *key, const char *value) {
    char text[128];
    (void)snprintf(text, sizeof text, "\"%s\":\"%s\"", key, value);
    return span_search(buf_span(&seen->last), span_cstr(text)) < seen->last.n;
}

static void check_row(size_t i) {
    struct merkle_range before;
    struct seen seen = {.last = buf_new(8192)};
    audit_range(rig.k->audit, &before);
    enum sd_err status = table[i].call();
    assert_int_equal(audit_read((const char *)rig.k->log_dir.p, before.size, UINT64_MAX, see, &seen), SD_OK);
    bool good = status == table[i].status && seen.count == (table[i].action ? 1 : 0);
    if (good && table[i].action)
        good = says(&seen, "kind", table[i].actor) && says(&seen, "action", table[i].action) &&
               says(&seen, "outcome", table[i].outcome) && says(&seen, "reason", table[i].reason);
    if (!good)
        print_error("row %zu, %s: status %s, %u records, the last: %.*s\n", i, table[i].op, sd_err_name(status), seen.count,
                    SPAN_FMT(buf_span(&seen.last)));
    buf_free(&seen.last);
    assert_true(good);
}

static void every_operation(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(table); i++)
        check_row(i);
}

static void no_operation_is_forgotten(SD_UNUSED void **state) {
    for (size_t op = 0; op < keeper_op_count; op++) {
        bool there = false;
        for (size_t i = 0; i < SD_COUNT(table); i++)
            there |= strcmp(table[i].op, keeper_ops[op].name) == 0;
        if (!there)
            print_error("%s is not in the table\n", keeper_ops[op].name);
        assert_true(there);
    }
}

/* ---- people, in pages ---- */

static void people_in_pages(SD_UNUSED void **state) {
    struct keeper_user_list_rep rep;
    char after[321] = "", email[64];
    unsigned seen = 0, pages = 0;
    for (unsigned i = 0; i < 450; i++) {
        struct rig_person person;
        (void)snprintf(email, sizeof email, "colleague-%03u@example.test", i);
        rig_add(&rig, email, "agent", "support", &person);
    }
    do {
        struct keeper_user_list_req req = {.after = span_cstr(after)};
        assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_list, &req, &rep), SD_OK);
        seen += rep.people.count;
        pages++;
        (void)snprintf(after, sizeof after, "%.*s", SPAN_FMT(rep.next));
    } while (*after);
    assert_int_equal(seen, 450 + 5); /* and those that were there */
    assert_true(pages > 1);
}

/* ---- the database, changed by hand ---- */

static void by_hand(const char *sql) {
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/keeper.db", rig.dir);
    rig_crash(&rig);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rig_open(&rig);
}

/* What is sealed in a row opens in that row only: a second factor, a password, recipients of a warrant are not to be moved. */
static void exchanged_rows(SD_UNUSED void **state) {
    struct rig_person other;
    struct keeper_redeem_rep redeemed;
    rig_add(&rig, "other@example.test", "agent", "billing", &other);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    by_hand(
        "UPDATE person SET totp=(SELECT totp FROM person WHERE email='other@example.test') WHERE email='agent@example.test'");
    struct keeper_sign_in_req in = {
        .email = SPAN("agent@example.test"), .password = SPAN(RIG_PASSWORD), .totp = SPAN("000000"), ORIGIN};
    struct keeper_sign_in_rep out;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, sign_in, &in, &out), SD_ERR_FORGED);
    by_hand("UPDATE person SET password=(SELECT password FROM person WHERE email='agent@example.test') "
            "WHERE email='other@example.test'");
    in.email = SPAN("other@example.test");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, sign_in, &in, &out), SD_ERR_FORGED);

    by_hand("UPDATE passkey SET person=(SELECT id FROM person WHERE email='chief@example.test')");
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    assert_int_equal(rig_challenge(&rig, SPAN_NONE, CHALLENGE_SIGN_IN, VERB_NONE, SPAN_NONE, &challenge), SD_OK);
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_get(agent.passkey, buf_span(&challenge));
    struct keeper_passkey_sign_in_req enter = {ORIGIN,
                                               .challenge = buf_span(&challenge),
                                               .credential = span_of(agent.passkey->id, TEST_PASSKEY_ID_BYTES),
                                               .client_data = buf_span(&answer.client_data),
                                               .authenticator_data = buf_span(&answer.authenticator_data),
                                               .signature = buf_span(&answer.signature),
                                               .user = ID(chief.id)};
    struct keeper_passkey_sign_in_rep entered;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, passkey_sign_in, &enter, &entered), SD_ERR_FORGED);

    struct rig_letter anna = RIG_LETTER(60), bert = RIG_LETTER(61);
    bert.from = "bert@customer.example";
    rig_adopt(&rig, &anna, &mine);
    assert_int_equal(reply_good(), SD_OK);
    struct buf sql SD_CLEANUP(buf_free) = buf_new(512);
    buf_text(&sql, "UPDATE warrant SET recipients=(SELECT recipients FROM warrant WHERE id=x'");
    put_hex(&sql, ID(warrant));
    rig_adopt(&rig, &bert, &mine);
    rig.recipients[0] = "bert@customer.example";
    assert_int_equal(reply_good(), SD_OK);
    rig.recipients[0] = "anna@customer.example";
    buf_text(&sql, "') WHERE id=x'");
    put_hex(&sql, ID(warrant));
    buf_text(&sql, "'");
    buf_byte(&sql, 0);
    by_hand((const char *)sql.p);
    struct keeper_redeem_req redeem = {.warrant = ID(warrant)};
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, redeem, &redeem, &redeemed), SD_ERR_FORGED);
}

static int setup(SD_UNUSED void **state) {
    struct rig_letter a = RIG_LETTER(1), b = RIG_LETTER(2), c = RIG_LETTER(3), d = RIG_LETTER(4), e = RIG_LETTER(5);
    struct rig_adopted others;
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64);
    rig_new(&rig);
    rig.recipients[0] = "anna@customer.example";
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add(&rig, "gone@example.test", "agent", "support", &gone);
    rig_add(&rig, "chief@example.test", "admin", NULL, &chief);
    rig_enter(&rig, "chief@example.test", &chief);
    put_hex(&hex, ID(agent.id));
    memcpy(person_hex, hex.p, 32);
    b.queue = "billing";
    c.state = OBJECT_UNSCANNED;
    rig_adopt(&rig, &a, &mine);
    rig_adopt(&rig, &b, &theirs);
    rig_adopt(&rig, &c, &review);
    rig_object_id(&a, my_object);
    rig_object_id(&b, their_object);
    rig_object_id(&c, unfit_object);
    d.attachments = e.attachments = 1;
    rig_adopt(&rig, &d, &others);
    rig_find_clean(&rig, &d);
    rig_adopt(&rig, &e, &others);
    rig_object_id(&d, my_file);
    rig_file_id(my_file, 0, my_file);
    rig_object_id(&e, unfit_file);
    rig_file_id(unfit_file, 0, unfit_file);
    return rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent) == SIGN_IN_OK &&
                   rig_sign_in(&rig, "gone@example.test", RIG_PASSWORD, &gone) == SIGN_IN_OK
               ? 0
               : 1;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_operation_is_forgotten),
        cmocka_unit_test(every_operation),
        cmocka_unit_test(people_in_pages),
        cmocka_unit_test(exchanged_rows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
