#include "sealdesk/demo/demo.h"

#include "auth/auth.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPANY "northwind-shop.example"
#define SUBJECT "Order 20417 has not arrived"
#define IMITATION "Order 20417: new address"
#define CLAIM "Re: " SUBJECT ", my new address"
#define CLAIM_SENDER "robin@mailing.example"
#define STEP_MS 15000

const char demo_password[] = "a long demo password, not for real";

bool demo_say(char *detail, bool good, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, DETAIL_BYTES, format, args);
    va_end(args);
    return good;
}

/* ---- the company ---- */

static bool init_company(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    char *argv[] = {d->program,
                    "init",
                    d->dir,
                    "--hostname",
                    "mail." COMPANY,
                    "--domain",
                    COMPANY,
                    "--queue",
                    "support=support@" COMPANY,
                    "--queue",
                    "billing=billing@" COMPANY,
                    NULL};
    int status = demo_run(argv, &out);
    struct span_split split = span_split_start(buf_span(&out));
    struct span line;
    unsigned records = 0;
    while (span_split_next(&split, '\n', &line))
        if (span_search(line, SPAN(". 3600 IN ")) < line.n) {
            buf_put(&d->world.zone, line);
            buf_byte(&d->world.zone, '\n');
            records++;
        }
    return demo_say(detail, status == 0 && records >= 4, "sealdesk init: exit %d, %u DNS records to publish", status, records);
}

static bool add_people(struct demo *d, char *detail) {
    char password[PATH_BYTES + 16];
    (void)snprintf(password, sizeof password, "%s/password", d->dir);
    if (demo_write_file(password, span_cstr(demo_password)) != SD_OK)
        return demo_say(detail, false, "cannot write %s", password);
    unsigned added = 0;
    for (size_t i = 0; i < DEMO_PEOPLE; i++) {
        struct demo_person *p = &d->people[i];
        struct buf out SD_CLEANUP(buf_free) = buf_new(4096);
        char *argv[] = {d->program,
                        "user",
                        "add",
                        "-c",
                        d->conf,
                        "--email",
                        (char *)(uintptr_t)p->email,
                        "--name",
                        (char *)(uintptr_t)p->name,
                        "--role",
                        (char *)(uintptr_t)p->role,
                        "--password-file",
                        password,
                        p->queue ? "--queue" : NULL,
                        (char *)(uintptr_t)p->queue,
                        NULL};
        if (demo_run(argv, &out) == 0)
            added++;
        (void)snprintf(p->otpauth, sizeof p->otpauth, "%.*s", SPAN_FMT(span_trim(buf_span(&out))));
    }
    (void)unlink(password);
    return demo_say(detail, added == DEMO_PEOPLE, "%u people, each with a password and an authenticator", added);
}

static bool write_world(struct demo *d) {
    char path[PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/demo.zone", d->dir);
    enum sd_err err = demo_write_file(path, buf_span(&d->world.zone));
    (void)snprintf(path, sizeof path, "%s/demo.crt", d->dir);
    if (err == SD_OK)
        err = demo_write_file(path, buf_span(&d->world.certificate));
    (void)snprintf(path, sizeof path, "%s/demo.key", d->dir);
    if (err == SD_OK)
        err = demo_write_file(path, buf_span(&d->world.key));
    return err == SD_OK;
}

static void spawn_desk(struct demo *d) {
    char log[PATH_BYTES + 16], options[9][PATH_BYTES + 64];
    char *argv[24] = {d->program, "run", "-c", d->conf};
    size_t n = 4;
    (void)snprintf(log, sizeof log, "%s/demo.log", d->dir);
    (void)snprintf(options[0], sizeof options[0], "smtp.listen=127.0.0.1:%u", d->smtp_port);
    (void)snprintf(options[1], sizeof options[1], "desk.listen=127.0.0.1:%u", d->desk_port);
    (void)snprintf(options[2], sizeof options[2], "dns.local_data=%s/demo.zone", d->dir);
    (void)snprintf(options[3], sizeof options[3], "courier.port=%u", d->receiver_port);
    (void)snprintf(options[4], sizeof options[4], "smtp.tls_cert=%s/demo.crt", d->dir);
    (void)snprintf(options[5], sizeof options[5], "smtp.tls_key=%s/demo.key", d->dir);
    (void)snprintf(options[6], sizeof options[6], "courier.tls_ca=%s/demo.crt", d->dir);
    if (d->scanner_pid > 0) {
        (void)snprintf(options[7], sizeof options[7], "scan.clamd=unix:%s/scanner/clamd.sock", d->dir);
        (void)snprintf(options[8], sizeof options[8], "scan.signatures=%s/scanner/signatures", d->dir);
    }
    for (size_t i = 0; i < (d->scanner_pid > 0 ? 9 : 7); i++) {
        argv[n++] = "-o";
        argv[n++] = options[i];
    }
    d->run_pid = demo_spawn(argv, log);
}

static bool is_ready(struct demo *d) {
    struct demo_api *api = NULL;
    json_t *json = NULL;
    long status = 0;
    if (demo_api_new(d->base_url, &api) != SD_OK)
        return false;
    enum sd_err err = demo_api_call(api, "GET", "/readyz", NULL, &status, &json);
    json_decref(json);
    demo_api_free(&api);
    return err == SD_OK && status == 200;
}

static bool start_desk(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    struct deadline deadline = deadline_in_ms(STEP_MS);
    char *argv[] = {d->program, "status", "-c", d->conf, "--json", NULL};
    if (!write_world(d))
        return demo_say(detail, false, "cannot write into %s", d->dir);
    spawn_desk(d);
    while (!is_ready(d) || demo_run(argv, &out) != 0) {
        buf_reset(&out);
        if (deadline_passed(deadline) || demo_ended(&d->run_pid))
            return demo_say(detail, false, "not ready; %s/demo.log says why", d->dir);
        (void)usleep(50000);
    }
    json_t *status = json_loadb((const char *)out.p, out.n, 0, NULL);
    size_t roles = json_array_size(json_object_get(status, "roles"));
    json_decref(status);
    return demo_say(detail, roles >= 7, "%zu processes, each confined to its own job", roles);
}

/* ---- mail comes in ---- */

static bool send_from(struct demo *d, enum demo_domain domain, const char *name, const char *subject, const char *text,
                      bool sign, char *reply, size_t reply_bytes) {
    char from[200], helo[200];
    struct buf letter SD_CLEANUP(buf_free) = buf_new(65536);
    (void)snprintf(from, sizeof from, "robin@%s", demo_domain_names[domain]);
    (void)snprintf(helo, sizeof helo, "mx.%s", demo_domain_names[domain]);
    reply[0] = 0;
    return demo_letter(&d->world, domain, name, "support@" COMPANY, subject, text, sign, &letter) == SD_OK &&
           demo_send(d->smtp_port, helo, from, "support@" COMPANY, buf_span(&letter), reply, reply_bytes) == SD_OK;
}

static bool genuine_mail(struct demo *d, char *detail) {
    char reply[300];
    bool sent = send_from(d, GENUINE, "Robin Meyer", SUBJECT,
                          "Good morning,\n\norder 20417 should have been here on Monday. Where is it?\n\nRobin Meyer\n", true,
                          reply, sizeof reply);
    return demo_say(detail, sent && reply[0] == '2', "DKIM-signed, from customer.example: %s", reply);
}

static bool forged_mail(struct demo *d, char *detail) {
    char reply[300];
    bool sent = send_from(d, FORGED, "Your Bank", "Your account", "Please confirm your password.\n", false, reply,
                          sizeof reply);
    return demo_say(detail, sent && strncmp(reply, "550", 3) == 0 && strstr(reply, "5.7.") != NULL,
                    "p=reject, SPF -all, no signature: %s", reply);
}

static bool unaligned_mail(struct demo *d, char *detail) {
    char reply[300];
    bool sent = send_from(d, UNALIGNED, "Mailing list", "Forwarded question", "This was forwarded and lost its signature.\n",
                          false, reply, sizeof reply);
    return demo_say(detail, sent && reply[0] == '2', "fails DMARC only: %s", reply);
}

static bool lookalike_mail(struct demo *d, char *detail) {
    char reply[300];
    bool sent = send_from(d, LOOKALIKE, "Northwind Support", "Internal: update the bank details",
                          "Please use the new account from now on.\n", true, reply, sizeof reply);
    return demo_say(detail, sent && reply[0] == '2', "from %s, genuinely signed: %s", demo_domain_names[LOOKALIKE], reply);
}

/* ---- an agent works ---- */

static bool sign_in_agent(struct demo *d, char *detail) {
    long status = 0;
    char code[7];
    demo_code(&d->people[0], code);
    memcpy(d->people[0].spent, code, sizeof code);
    if (demo_api_new(d->base_url, &d->agent) != SD_OK ||
        demo_api_sign_in(d->agent, d->people[0].email, demo_password, code, &status) != SD_OK)
        return demo_say(detail, false, "no answer from the desk");
    return demo_say(detail, status == 201, "%s, password and TOTP: HTTP %ld", d->people[0].name, status);
}

/* The listed ticket with this subject; NULL when it is not there. Borrowed from *ret_list. */
static json_t *find_ticket(struct demo *d, const char *subject, json_t **ret_list) {
    long status = 0;
    size_t i;
    json_t *item;
    if (demo_api_call(d->agent, "GET", "/api/v1/tickets?limit=100", NULL, &status, ret_list) != SD_OK)
        return NULL;
    json_array_foreach(json_object_get(*ret_list, "items"), i, item) {
        const char *text = json_string_value(json_object_get(item, "subject"));
        if (text && strcmp(text, subject) == 0)
            return item;
    }
    return NULL;
}

static json_t *wait_ticket(struct demo *d, const char *subject, json_t **ret_list) {
    struct deadline deadline = deadline_in_ms(STEP_MS);
    for (;;) {
        json_t *item = find_ticket(d, subject, ret_list);
        if (item || deadline_passed(deadline))
            return item;
        json_decref(*ret_list);
        *ret_list = NULL;
        (void)usleep(100000);
    }
}

const char *demo_text(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool list_tickets(struct demo *d, char *detail) {
    json_t *list = NULL;
    json_t *item = wait_ticket(d, SUBJECT, &list);
    json_t *trust = json_object_get(item, "trust");
    (void)snprintf(d->ticket, sizeof d->ticket, "%s", demo_text(item, "id"));
    bool good = item && strcmp(demo_text(trust, "level"), "verified") == 0 &&
                strcmp(demo_text(trust, "domain"), "customer.example") == 0;
    (void)demo_say(detail, good, "ticket %lld, %s, \"%s\"", json_integer_value(json_object_get(item, "number")),
                   demo_text(item, "state"), demo_text(trust, "sentence"));
    json_decref(list);
    return good;
}

static bool held_for_review(struct demo *d, char *detail) {
    json_t *list = NULL;
    json_t *item = wait_ticket(d, "Forwarded question", &list);
    bool good = item && strcmp(demo_text(item, "state"), "review") == 0;
    (void)demo_say(detail, good, "state %s, \"%s\"", demo_text(item, "state"),
                   demo_text(json_object_get(item, "trust"), "sentence"));
    json_decref(list);
    return good;
}

static json_t *get(struct demo_api *api, long *status, const char *format, const char *id) {
    char path[200];
    json_t *json = NULL;
    (void)snprintf(path, sizeof path, format, id);
    return demo_api_call(api, "GET", path, NULL, status, &json) == SD_OK ? json : NULL;
}

json_t *demo_open_first(struct demo *d, const char *subject) {
    json_t *list = NULL;
    long status = 0;
    json_t *item = wait_ticket(d, subject, &list);
    json_t *ticket = item ? get(d->agent, &status, "/api/v1/tickets/%s", demo_text(item, "id")) : NULL;
    json_t *first = json_array_get(json_object_get(ticket, "messages"), 0);
    json_t *message = first ? get(d->agent, &status, "/api/v1/messages/%s", demo_text(first, "id")) : NULL;
    json_decref(ticket);
    json_decref(list);
    return message;
}

/* What the opened message's trust says of this signal; NULL when it was not found in it. Borrowed. */
static const char *signal_sentence(json_t *message, const char *id) {
    size_t i;
    json_t *signal;
    json_array_foreach(json_object_get(json_object_get(message, "trust"), "signals"), i, signal) {
        if (strcmp(demo_text(signal, "id"), id) == 0)
            return demo_text(signal, "sentence");
    }
    return NULL;
}

static bool lookalike_flagged(struct demo *d, char *detail) {
    json_t *message = demo_open_first(d, "Internal: update the bank details");
    const char *sentence = signal_sentence(message, "lookalike-own");
    bool good = sentence && strcmp(demo_text(message, "disposition"), "flag") == 0;
    (void)demo_say(detail, good, "lookalike-own: %s", sentence ? sentence : "not found");
    json_decref(message);
    return good;
}

static bool first_contact(struct demo *d, char *detail) {
    json_t *message = demo_open_first(d, SUBJECT);
    bool good = signal_sentence(message, "first-contact") != NULL;
    (void)demo_say(detail, good, "the trust line: \"%s\"", demo_text(json_object_get(message, "trust"), "line"));
    json_decref(message);
    return good;
}

/* Signed by its own domain, which is not the customer's: only who remembers the customer can tell. */
static bool imitator_flagged(struct demo *d, char *detail) {
    char reply[300];
    if (!send_from(d, IMITATOR, "Robin Meyer", IMITATION, "Please send order 20417 to my new address.\n", true, reply,
                   sizeof reply) ||
        reply[0] != '2')
        return demo_say(detail, false, "not taken: %s", reply);
    json_t *message = demo_open_first(d, IMITATION);
    const char *sentence = signal_sentence(message, "lookalike-known");
    bool good = sentence && strcmp(demo_text(message, "disposition"), "flag") == 0;
    (void)demo_say(detail, good, "\"%s\", but: %s", demo_text(json_object_get(message, "trust"), "sentence"),
                   sentence ? sentence : "no signal lookalike-known");
    json_decref(message);
    return good;
}

static bool read_mail(struct demo *d, char *detail) {
    long status = 0;
    json_t *ticket = get(d->agent, &status, "/api/v1/tickets/%s", d->ticket);
    (void)snprintf(d->message, sizeof d->message, "%s",
                   demo_text(json_array_get(json_object_get(ticket, "messages"), 0), "id"));
    json_t *message = get(d->agent, &status, "/api/v1/messages/%s", d->message);
    const char *text = demo_text(message, "text");
    bool good = strstr(text, "order 20417") != NULL;
    (void)demo_say(detail, good, "%s reads \"%.40s…\"", d->people[0].name,
                   strchr(text, '\n') ? strstr(text, "order") ? strstr(text, "order") : text : text);
    for (char *c = detail; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    json_decref(message);
    json_decref(ticket);
    return good;
}

static bool other_agent_refused(struct demo *d, char *detail) {
    long in = 0, ticket = 0, message = 0;
    char code[7];
    demo_code(&d->people[1], code);
    memcpy(d->people[1].spent, code, sizeof code);
    if (demo_api_new(d->base_url, &d->other) != SD_OK ||
        demo_api_sign_in(d->other, d->people[1].email, demo_password, code, &in) != SD_OK)
        return demo_say(detail, false, "no answer from the desk");
    json_decref(get(d->other, &ticket, "/api/v1/tickets/%s", d->ticket));
    json_decref(get(d->other, &message, "/api/v1/messages/%s", d->message));
    return demo_say(detail, in == 201 && ticket == 404 && message == 404,
                    "%s (billing) signs in (HTTP %ld) and finds nothing: HTTP %ld, %ld", d->people[1].name, in, ticket,
                    message);
}

static bool answer_mail(struct demo *d, char *detail) {
    char path[200];
    long status = 0;
    json_t *json = NULL;
    (void)snprintf(path, sizeof path, "/api/v1/tickets/%s/replies", d->ticket);
    enum sd_err err = demo_api_call(d->agent, "POST", path,
                                    json_pack("{s:s}", "text",
                                              "Dear Robin Meyer,\n\nyour parcel left us on Friday and arrives tomorrow.\n\n"
                                              "Northwind Shop\n"),
                                    &status, &json);
    bool good = err == SD_OK && status == 202;
    (void)demo_say(detail, good, "HTTP %ld, delivery %s", status, demo_text(json_object_get(json, "delivery"), "state"));
    json_decref(json);
    return good;
}

/* ---- the answer leaves ---- */

/* The same zone that the desk's dns process serves, as a script for the verifier. */
static enum sd_err zone_script(struct span zone, struct dns_script **ret) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(2 * zone.n + 16);
    struct span_split split = span_split_start(zone);
    struct span line;
    while (span_split_next(&split, '\n', &line)) {
        size_t at = span_search(line, SPAN(". 3600 IN "));
        if (at == line.n)
            continue;
        buf_put(&lines, span_sub(line, 0, at));
        buf_byte(&lines, ' ');
        buf_put(&lines, span_from(line, at + 10));
        buf_byte(&lines, '\n');
    }
    enum sd_err err = buf_err(&lines) ? buf_err(&lines) : dns_script_new(ret);
    return err ? err : dns_script_load(*ret, buf_span(&lines));
}

static unsigned good_signatures(struct demo *d, struct span message, unsigned *ret_all) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(16 * 1024 * 1024);
    struct dns_script *script = NULL;
    struct mail_message parsed;
    const struct dkim_verdict *verdicts = NULL;
    size_t count = 0;
    unsigned good = 0;
    if (!arena || zone_script(buf_span(&d->world.zone), &script) != SD_OK || mail_parse(message, arena, &parsed) != SD_OK)
        return 0;
    struct dns_source source = dns_script_source(script);
    if (dkim_verify(&parsed, clock_unix_ms(), &source, deadline_in_ms(STEP_MS), arena, &verdicts, &count) != SD_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        good += verdicts[i].result == AUTH_PASS && span_eq(verdicts[i].domain, SPAN(COMPANY));
    *ret_all = (unsigned)count;
    dns_script_free(&script);
    return good;
}

/* The address in a field of the header; empty when it is not there. */
static void keep_address(struct span message, struct span field, char *to, size_t max) {
    struct span_split split = span_split_start(span_sub(message, 0, span_search(message, SPAN("\r\n\r\n"))));
    struct span line;
    to[0] = 0;
    while (span_split_next(&split, '\n', &line)) {
        if (!span_istarts(line, field))
            continue;
        size_t open = span_find(line, '<');
        struct span text = open < line.n ? span_from(line, open + 1) : span_from(line, field.n);
        (void)snprintf(to, max, "%.*s", SPAN_FMT(span_trim(span_sub(text, 0, span_find(text, '>')))));
    }
}

static bool answer_arrives(struct demo *d, char *detail) {
    struct demo_delivery delivery;
    unsigned all = 0;
    if (demo_receiver_wait(d->receiver, deadline_in_ms(STEP_MS), &delivery) != SD_OK)
        return demo_say(detail, false, "nothing arrived at mx.customer.example");
    unsigned good = good_signatures(d, buf_span(&delivery.message), &all);
    bool right = delivery.tls && all > 0 && good == all;
    (void)demo_say(detail, right, "over STARTTLS (%s), %u of %u DKIM signatures of " COMPANY " verify",
                   delivery.tls ? delivery.tls_version : "none", good, all);
    keep_address(buf_span(&delivery.message), SPAN("Reply-To:"), d->reply_to, sizeof d->reply_to);
    buf_free(&delivery.message);
    return right;
}

static bool delivery_shown(struct demo *d, char *detail) {
    struct deadline deadline = deadline_in_ms(STEP_MS);
    for (;;) {
        long status = 0;
        json_t *ticket = get(d->agent, &status, "/api/v1/tickets/%s", d->ticket);
        json_t *last = json_array_get(json_object_get(ticket, "messages"),
                                      json_array_size(json_object_get(ticket, "messages")) - 1);
        bool sent = strcmp(demo_text(json_object_get(last, "delivery"), "state"), "sent") == 0;
        (void)demo_say(detail, sent, "the ticket shows: %s", demo_text(json_object_get(last, "delivery"), "state"));
        json_decref(ticket);
        if (sent || deadline_passed(deadline))
            return sent;
        (void)usleep(100000);
    }
}

/* ---- somebody else claims to be the customer ---- */

/* To the ticket's own address, in the customer's name, from a server that is not the customer's. */
static enum sd_err send_claim(struct demo *d, char *reply, size_t reply_bytes) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(65536);
    char path[PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/claim.eml", d->dir);
    reply[0] = 0;
    enum sd_err err = demo_letter(&d->world, GENUINE, "Robin Meyer", d->reply_to, CLAIM,
                                  "Please send everything to my new address.\n", false, &letter);
    if (err == SD_OK)
        err = demo_write_file(path, buf_span(&letter)); /* verify judges it again */
    return err ? err
               : demo_send(d->smtp_port, "mx.mailing.example", CLAIM_SENDER, d->reply_to, buf_span(&letter), reply,
                           reply_bytes);
}

static bool claim_held(struct demo *d, char *detail) {
    char reply[300];
    if (send_claim(d, reply, sizeof reply) != SD_OK || reply[0] != '2')
        return demo_say(detail, false, "not taken: %s", reply);
    json_t *list = NULL;
    long status = 0;
    json_t *item = wait_ticket(d, CLAIM, &list);
    json_t *ticket = get(d->agent, &status, "/api/v1/tickets/%s", d->ticket);
    size_t messages = json_array_size(json_object_get(ticket, "messages"));
    bool good = item && strcmp(demo_text(item, "state"), "review") == 0 && messages == 2;
    (void)demo_say(detail, good, "a ticket of its own, state %s; the customer's ticket has %zu messages as before",
                   demo_text(item, "state"), messages);
    json_decref(ticket);
    json_decref(list);
    return good;
}

static bool verify_claim(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    char zone[PATH_BYTES + 32], path[PATH_BYTES + 16];
    (void)snprintf(zone, sizeof zone, "dns.local_data=%s/demo.zone", d->dir);
    (void)snprintf(path, sizeof path, "%s/claim.eml", d->dir);
    char *argv[] = {d->program,           "verify", "-c",         d->conf, "-o", zone, "--ip", "127.0.0.1", "--helo",
                    "mx.mailing.example", "--from", CLAIM_SENDER, path,    NULL};
    int status = demo_run(argv, &out);
    json_t *verdict = json_loadb((const char *)out.p, out.n, 0, NULL);
    bool good = status == 0 && strcmp(demo_text(verdict, "disposition"), "review") == 0;
    (void)demo_say(detail, good, "sealdesk verify: %s, \"%s\"", demo_text(verdict, "disposition"),
                   demo_text(json_object_get(verdict, "trust"), "sentence"));
    json_decref(verdict);
    return good;
}

/* ---- the log proves it ---- */

static bool list_audit(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(8 * 1024 * 1024);
    char *argv[] = {d->program, "audit", "list", "-c", d->conf, "--json", NULL};
    int status = demo_run(argv, &out);
    struct span_split split = span_split_start(buf_span(&out));
    struct span line;
    unsigned records = 0, opens = 0, refusals = 0;
    while (span_split_next(&split, '\n', &line)) {
        json_t *record = json_loadb((const char *)line.p, line.n, 0, NULL);
        if (!record)
            continue;
        records++;
        opens += strcmp(demo_text(record, "action"), "open") == 0 && strcmp(demo_text(record, "outcome"), "granted") == 0;
        refusals += strcmp(demo_text(record, "outcome"), "refused") == 0;
        json_decref(record);
    }
    return demo_say(detail, status == 0 && opens > 0 && refusals > 0, "%u records: %u opens granted, %u refused", records,
                    opens, refusals);
}

static bool verify_audit(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    char *argv[] = {d->program, "audit", "verify", "-c", d->conf, NULL};
    int status = demo_run(argv, &out);
    size_t n = out.n ? out.n - 1 : 0; /* without the line's end, and of a root its beginning */
    return demo_say(detail, status == 0, "%.*s%s", (int)(status == 0 && n > 48 ? n - 48 : n), (const char *)out.p,
                    status == 0 ? "…" : "");
}

const struct demo_chapter demo_story[] = {
    {"init", "A company is set up", init_company},
    {"people", "Two agents, a security officer, an administrator", add_people},
    {"scanner", "A virus scanner starts", demo_scanner},
    {"start", "Sealdesk starts", start_desk},
    {"genuine", "A customer's genuine mail is accepted", genuine_mail},
    {"forged", "A forged mail is refused", forged_mail},
    {"unaligned", "A mail that only fails DMARC is accepted", unaligned_mail},
    {"lookalike", "A mail from a look-alike domain is accepted", lookalike_mail},
    {"sign-in", "An agent signs in", sign_in_agent},
    {"ticket", "The genuine mail is a ticket, with its trust line", list_tickets},
    {"first-contact", "It is known to be a first letter", first_contact},
    {"review", "The unverifiable mail waits in Review", held_for_review},
    {"flag", "The look-alike is flagged", lookalike_flagged},
    {"imitator", "Who imitates the customer is flagged", imitator_flagged},
    {"read", "The agent reads the genuine mail", read_mail},
    {"refuse", "An agent of another queue sees nothing of it", other_agent_refused},
    {"attachment", "A scanned attachment is opened", demo_attachment},
    {"disguised", "A program that is called an invoice stays closed", demo_disguised},
    {"virus", "A virus is quarantined", demo_virus},
    {"answer", "The agent answers", answer_mail},
    {"delivered", "The answer arrives, encrypted and signed", answer_arrives},
    {"shown", "The ticket shows the delivery", delivery_shown},
    {"claim", "A forged answer of the customer stays outside", claim_held},
    {"verify", "The same letter, judged again by hand", verify_claim},
    {"audit-list", "The log says who did what", list_audit},
    {"audit-verify", "The log is proved whole", verify_audit},
    {"who-can", "The rules say who may read that mail, and why", demo_who_can},
    {"step-up", "What lets much out needs a gesture with a passkey", demo_step_up},
    {"auditor", "An auditor checks the log with a program of its own", demo_verify_export},
    {"forged-log", "A forged log does not pass", demo_forge_export},
};
const size_t demo_story_length = SD_COUNT(demo_story);
