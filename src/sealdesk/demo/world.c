#include "sealdesk/demo/demo.h"

#include "auth/auth.h"
#include "core/codec.h"
#include "crypt/tls.h"
#include "mail/build.h"

#include <time.h>

/* Addresses and names of RFC 2606: they exist nowhere. */
const char *const demo_domain_names[DEMO_DOMAINS] = {"customer.example", "bank.example", "mailing.example",
                                                     "northwind-sh0p.example", "cust0mer.example"};

#define SELECTOR "demo"

static enum sd_err put_key(struct demo_world *world, enum demo_domain domain) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(2048);
    struct buf p SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = sign_generate(SIGN_RSA_SHA256, 2048, &private, &public);
    if (err == SD_OK)
        err = signer_new(SIGN_RSA_SHA256, &private, &world->signers[domain]);
    if (err)
        return err;
    put_base64(&p, buf_span(&public));
    buf_printf(&world->zone, SELECTOR "._domainkey.%s. 3600 IN TXT \"v=DKIM1; k=rsa; p=%.*s\" \"%.*s\"\n",
               demo_domain_names[domain], SPAN_FMT(span_sub(buf_span(&p), 0, 200)), SPAN_FMT(span_from(buf_span(&p), 200)));
    return buf_err(&p);
}

static void put_domain(struct buf *zone, const char *name, const char *spf, const char *dmarc) {
    buf_printf(zone, "%s. 3600 IN A 127.0.0.1\n%s. 3600 IN MX 10 mx.%s.\nmx.%s. 3600 IN A 127.0.0.1\n", name, name, name, name);
    if (spf)
        buf_printf(zone, "%s. 3600 IN TXT \"%s\"\n", name, spf);
    if (dmarc)
        buf_printf(zone, "_dmarc.%s. 3600 IN TXT \"%s\"\n", name, dmarc);
}

enum sd_err demo_world_new(struct demo_world *ret) {
    struct demo_world world = {.zone = buf_new(65536), .certificate = buf_new(65536), .key = buf_new(65536)};
    put_domain(&world.zone, demo_domain_names[GENUINE], "v=spf1 ip4:127.0.0.1 -all", "v=DMARC1; p=reject");
    put_domain(&world.zone, demo_domain_names[FORGED], "v=spf1 -all", "v=DMARC1; p=reject");
    put_domain(&world.zone, demo_domain_names[UNALIGNED], "v=spf1 ~all", "v=DMARC1; p=reject");
    put_domain(&world.zone, demo_domain_names[LOOKALIKE], "v=spf1 ip4:127.0.0.1 -all", NULL);
    put_domain(&world.zone, demo_domain_names[IMITATOR], "v=spf1 ip4:127.0.0.1 -all", NULL);
    enum sd_err err = SD_OK;
    for (unsigned i = 0; i < DEMO_DOMAINS && err == SD_OK; i++)
        err = put_key(&world, (enum demo_domain)i);
    if (err == SD_OK)
        err = tls_self_signed(SPAN("mx.customer.example"), &world.certificate, &world.key);
    if (err == SD_OK)
        err = buf_err(&world.zone);
    if (err)
        demo_world_free(&world);
    else
        *ret = world;
    return err;
}

void demo_world_free(struct demo_world *world) {
    buf_free(&world->zone);
    buf_free(&world->certificate);
    buf_free(&world->key);
    for (size_t i = 0; i < DEMO_DOMAINS; i++)
        signer_free(&world->signers[i]);
}

static struct mail_address address(const char *name, const char *text) {
    struct span whole = span_cstr(text);
    size_t at = span_find(whole, '@');
    return (struct mail_address){span_cstr(name), span_sub(whole, 0, at), span_from(whole, at + 1), whole};
}

static const char multipart[] =
    "From: Robin Meyer <robin@customer.example>\r\nTo: support@northwind-shop.example\r\nSubject: %s\r\n"
    "Date: %s\r\nMessage-ID: <%.*s@customer.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"next\"\r\n\r\n"
    "--next\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the file.\r\n"
    "--next\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=\"%s\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\n";

enum sd_err demo_letter_with_file(const struct demo_world *world, const char *subject, const struct demo_file *file,
                                  struct buf *ret) {
    char date[64];
    uint8_t random[12];
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64), message SD_CLEANUP(buf_free) = buf_new(65536);
    time_t now = (time_t)(clock_unix_ms() / 1000);
    struct tm utc;
    random_bytes(random, sizeof random);
    put_hex(&hex, span_of(random, sizeof random));
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &utc));
    buf_printf(&message, multipart, subject, date, SPAN_FMT(buf_span(&hex)), file->type, file->name);
    put_base64(&message, file->content); /* short: one line */
    buf_text(&message, "\r\n--next--\r\n");
    struct dkim_sign_key key = {span_cstr(demo_domain_names[GENUINE]), SPAN(SELECTOR), world->signers[GENUINE], false};
    enum sd_err err = buf_err(&message);
    err = err ? err : dkim_sign(buf_span(&message), &key, clock_unix_ms(), ret);
    if (err)
        return err;
    buf_put(ret, buf_span(&message));
    return buf_err(ret);
}

enum sd_err demo_letter(const struct demo_world *world, enum demo_domain from, const char *name, const char *to,
                        const char *subject, const char *text, bool sign, struct buf *ret) {
    char sender[200], id[200];
    uint8_t random[12];
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64);
    struct buf message SD_CLEANUP(buf_free) = buf_new(65536);
    random_bytes(random, sizeof random);
    put_hex(&hex, span_of(random, sizeof random));
    (void)snprintf(sender, sizeof sender, "robin@%s", demo_domain_names[from]);
    (void)snprintf(id, sizeof id, "%.*s@%s", SPAN_FMT(buf_span(&hex)), demo_domain_names[from]);
    struct mail_address recipient = address("", to);
    struct mail_draft draft = {.from = address(name, sender),
                               .to = &recipient,
                               .to_count = 1,
                               .subject = span_cstr(subject),
                               .message_id = span_cstr(id),
                               .text = span_cstr(text),
                               .date_unix_ms = clock_unix_ms()};
    enum sd_err err = mail_build(&draft, &message);
    struct dkim_sign_key key = {span_cstr(demo_domain_names[from]), SPAN(SELECTOR), world->signers[from], false};
    if (err == SD_OK && sign)
        err = dkim_sign(buf_span(&message), &key, draft.date_unix_ms, ret);
    if (err)
        return err;
    buf_put(ret, buf_span(&message));
    return buf_err(ret);
}
