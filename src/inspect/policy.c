/* The administrator's settings about senders, read once at start. */
#include "inspect/inspect.h"

#include "auth/idn.h"
#include "core/log.h"

struct list {
    struct span *items;
    size_t count;
};

static enum sd_err cannot_read(const char *key, struct span wrong) {
    log_error("inspect.policy", "key=%s length=%zu error=cannot-be-read", key, wrong.n);
    return SD_ERR_CONFIG;
}

/* As domains are compared: an own domain written "Acme.example." or with umlauts must not go unguarded. */
static struct span comparable(struct span entry, struct arena *arena) {
    struct span ascii;
    return idn_to_ascii(entry, arena, &ascii) == SD_OK ? ascii : lower_case(entry, arena);
}

/* Comma-separated, comparable, without empty entries. */
static enum sd_err read_list(const struct config *config, const char *key, struct arena *arena, struct list *ret) {
    struct span_split split = span_split_start(span_cstr(config_text(config, key)));
    struct span part;
    struct list list = {.items = arena_array(arena, POLICY_LIST_MAX, sizeof(struct span))};
    if (!list.items)
        return SD_ERR_NOMEM;
    while (span_split_next(&split, ',', &part)) {
        part = span_trim(part);
        if (part.n && list.count == POLICY_LIST_MAX)
            return cannot_read(key, part);
        if (part.n)
            list.items[list.count++] = comparable(part, arena);
    }
    *ret = list;
    return arena_err(arena);
}

static enum sd_err read_lists(const struct config *config, struct arena *arena, struct auth_policy *p) {
    const struct {
        const char *key;
        const struct span **items;
        size_t *count;
    } lists[] = {
        {"main.domains", &p->own_domains, &p->own_domain_count},
        {"trust.protected_domains", &p->protected_domains, &p->protected_domain_count},
        {"trust.trusted_sealers", &p->trusted_sealers, &p->trusted_sealer_count},
        {"trust.forwarders", &p->forwarders, &p->forwarder_count},
        {"trust.refused_senders", &p->refused_senders, &p->refused_sender_count},
    };
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(lists) && err == SD_OK; i++) {
        struct list list = {0};
        err = read_list(config, lists[i].key, arena, &list);
        *lists[i].items = list.items;
        *lists[i].count = list.count;
    }
    return err;
}

/* "Jane Boss <jane@acme.example>" or "Acme Billing" */
static struct protected_name read_name(struct span text, struct arena *arena) {
    size_t open = span_find(text, '<');
    struct span address = span_from(text, open + 1);
    address = span_sub(address, 0, span_find(address, '>'));
    return (struct protected_name){span_trim(span_sub(text, 0, open)), lower_case(span_trim(address), arena)};
}

static enum sd_err read_names(const struct config *config, struct arena *arena, struct auth_policy *p) {
    const char *key = "trust.protected_names";
    struct span_split split = span_split_start(span_cstr(config_text(config, key)));
    struct protected_name *names = arena_array(arena, POLICY_LIST_MAX, sizeof *names);
    struct span part;
    size_t n = 0;
    if (!names)
        return SD_ERR_NOMEM;
    while (span_split_next(&split, ',', &part)) {
        if (span_trim(part).n == 0)
            continue;
        if (n == POLICY_LIST_MAX)
            return cannot_read(key, part);
        names[n++] = read_name(span_trim(part), arena);
    }
    p->protected_names = names;
    p->protected_name_count = n;
    return arena_err(arena);
}

static enum sd_err read_networks(const struct config *config, struct arena *arena, struct auth_policy *p) {
    const char *key = "upstream.addresses";
    struct list texts = {0};
    enum sd_err err = read_list(config, key, arena, &texts);
    struct network *networks = err ? NULL : arena_array(arena, texts.count + 1, sizeof *networks);
    if (!networks)
        return err ? err : SD_ERR_NOMEM;
    for (size_t i = 0; i < texts.count; i++)
        if (network_parse(texts.items[i], &networks[i]) != SD_OK)
            return cannot_read(key, texts.items[i]);
    p->upstream_addresses = networks;
    p->upstream_address_count = texts.count;
    p->upstream_id = span_cstr(config_text(config, "upstream.id"));
    return SD_OK;
}

enum sd_err policy_read(const struct config *config, struct arena *arena, struct auth_policy *ret) {
    const char *hostname = config_text(config, "main.hostname");
    struct span wrong;
    struct auth_policy p = {.authserv_id = *hostname ? span_cstr(hostname) : SPAN("localhost"),
                            .flag_at = (uint32_t)config_int(config, "trust.flag_at"),
                            .review_at = (uint32_t)config_int(config, "trust.review_at"),
                            .psl_org_domain = config_bool(config, "inspect.public_suffix")};
    enum sd_err err = read_lists(config, arena, &p);
    err = err ? err : read_names(config, arena, &p);
    err = err ? err : read_networks(config, arena, &p);
    if (err == SD_OK && policy_weights(span_cstr(config_text(config, "trust.weights")), p.weights, &wrong) != SD_OK)
        err = cannot_read("trust.weights", wrong);
    err = err ? err : auth_policy_prepare(&p, arena);
    if (err == SD_OK)
        *ret = p;
    return err;
}
