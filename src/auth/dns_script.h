/*
 * dns_script.h - a dns_source that answers from a small table: for tests, fuzzing and the corpus runner. No network.
 *
 * Lines: "name TYPE rdata", "#" comments. TYPE is A, AAAA, MX ("10 host"), TXT ("one" "two", or one bare string to the end of
 * the line), PTR, NS, CNAME; "name SERVFAIL" and "name TIMEOUT" fail every question for that name whose type has no record
 * there.
 * "*.name" is a wildcard (RFC 4592). A name with names below it exists (RFC 8020).
 */
#ifndef SD_AUTH_DNS_SCRIPT_H
#define SD_AUTH_DNS_SCRIPT_H

#include "auth/dns.h"

struct dns_script;

enum sd_err dns_script_new(struct dns_script **ret) SD_MUST_CHECK;
void dns_script_free(struct dns_script **script);

/* SD_ERR_PARSE names no line: tests write their own tables. */
enum sd_err dns_script_load(struct dns_script *script, struct span lines) SD_MUST_CHECK;
enum sd_err dns_script_add(struct dns_script *script, struct span name, enum dns_type type, struct span rdata) SD_MUST_CHECK;
enum sd_err dns_script_add_txt(struct dns_script *script, struct span name, const struct span *strings,
                               size_t count) SD_MUST_CHECK;
/* rdata in text: an address, a name, "10 host". */
enum sd_err dns_script_add_text(struct dns_script *script, struct span name, enum dns_type type,
                                struct span text) SD_MUST_CHECK;
enum sd_err dns_script_add_failure(struct dns_script *script, struct span name) SD_MUST_CHECK;

struct dns_source dns_script_source(struct dns_script *script);
/* How many questions were asked, and how many of their tickets have not been waited for. */
size_t dns_script_asked(const struct dns_script *script);
size_t dns_script_open(const struct dns_script *script);
bool dns_script_was_asked(const struct dns_script *script, struct span name, enum dns_type type);

#endif
